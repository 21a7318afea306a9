package refine

import (
	"fmt"

	"lathe/learn"
)

// Applied says of one proposal what Refine did with it.
type Applied struct {
	ProposalID string                 `json:"proposal_id"`
	Type       learn.ModificationType `json:"type"`
	Changed    bool                   `json:"changed"`
	Line       string                 `json:"line"` // one line for a reader
	Evidence   []string               `json:"evidence,omitempty"`
}

// Refine applies approved proposals to a plan, in order. A proposal that is
// already in the plan changes nothing; one that no longer fits, or would make
// the plan invalid, or brings a tool that hasTool does not know (nil knows all)
// is left out; Line says why.
func Refine(f *File, proposals []learn.PlanModificationProposal, hasTool func(string) bool) (*File, []Applied) {
	var log []Applied
	for _, p := range proposals {
		a := Applied{ProposalID: p.ProposalID, Type: p.Type, Evidence: p.Evidence}
		next, changed, err := f.Patched(p.Modifications)
		if err == nil {
			err = newTools(f.Plan, next.Plan, hasTool)
		}
		switch {
		case err != nil:
			a.Line = fmt.Sprintf("left out %s: %v", p.Type, err)
		case !changed:
			a.Line = fmt.Sprintf("%s is in the plan already", p.Type)
		default:
			f, a.Changed, a.Line = next, true, fmt.Sprintf("%s: %s", p.Type, p.Rationale)
		}
		log = append(log, a)
	}
	return f, log
}

// newTools refuses tools that the plan did not use and that are not known.
func newTools(before, after learn.TaskGraph, hasTool func(string) bool) error {
	if hasTool == nil {
		return nil
	}
	used := map[string]bool{}
	for _, t := range before.Tasks {
		used[t.ToolName] = true
	}
	return Validate(after, func(name string) bool { return used[name] || hasTool(name) })
}
