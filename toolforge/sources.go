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

func (s *state) addRequest(project, name, description, example string, at time.Time) string {
	c := &candidate{Kind: "request", Key: "request\x00" + project + "\x00" + name, Project: project, Name: name,
		Description: description, Stages: 1, Steps: 1, Last: at, Skeletons: []string{}}
	if example != "" {
		c.Skeletons = []string{example}
		c.Examples = []learn.ToolExample{{Command: example}}
	}
	s.Candidates[c.Key] = c
	return c.Key
}
