package toolforge

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// addRemedy replaces what is known of a remedy.
func (s *state) addRemedy(r learn.Remedy) {
	c := &candidate{Kind: "remedy", Key: "remedy\x00" + r.RemedyID, Project: r.ProjectID, Mixed: r.ProjectID == "",
		Description: clip(r.Description, 512), Stages: len(r.Actions), Steps: len(r.Actions), More: r.Support,
		Calls: r.Support * len(r.Actions), Evidence: r.Evidence[:min(len(r.Evidence), maxEvidence)], Last: r.LastSeen}
	var commands []string
	for _, a := range r.Actions {
		c.Skeletons = append(c.Skeletons, clip(cmp.Or(a.Command, a.ToolName), 512))
		commands = append(commands, a.Command)
	}
	if !slices.Contains(commands, "") {
		c.Examples = []learn.ToolExample{{Command: clip(strings.Join(commands, " && "), maxCommand)}}
	}
	s.Candidates[c.Key] = c
}

// addRequest replaces what is known of a request. One without a name is known
// by what it does.
func (s *state) addRequest(project, name, description, example string, at time.Time) string {
	id := learn.UUIDv8("opportunity", "request\x00"+project+"\x00"+cmp.Or(name, example, description))
	c := &candidate{Kind: "request", Key: requestKey(id), Project: project, Name: name,
		Description: description, Stages: 1, Steps: 1, Last: at, Skeletons: []string{}}
	if example != "" {
		c.Skeletons = []string{example}
		c.Examples = []learn.ToolExample{{Command: example}}
	}
	s.Candidates[c.Key] = c
	return c.Key
}

// requestKey is the key of a request by its opportunity's id, which the ledger
// brings back.
func requestKey(id string) string { return "request\x00" + id }

// identity is the id of a candidate's opportunity.
func (c *candidate) identity() string {
	if id, ok := strings.CutPrefix(c.Key, requestKey("")); ok && c.Kind == "request" {
		return id
	}
	return learn.UUIDv8("opportunity", c.Key)
}

// restoreRequest brings back a request that the ledger holds, unless a later one
// of the same name is known.
func (s *state) restoreRequest(o learn.ToolOpportunity) {
	key := requestKey(o.OpportunityID)
	if c := s.Candidates[key]; c != nil && c.Last.After(o.Timestamp) {
		return
	}
	c := &candidate{Kind: "request", Key: key, Project: o.ProjectID, Name: o.Name, Description: clip(o.Description, 512), Stages: 1, Steps: 1,
		Last: o.Timestamp, Skeletons: append([]string{}, o.Skeletons...)}
	for _, e := range o.Examples {
		c.Examples = append(c.Examples, learn.ToolExample{Command: clip(e.Command, maxCommand)})
	}
	s.Candidates[key] = c
	s.Emitted[o.OpportunityID] = max(o.Calls, 1)
}
