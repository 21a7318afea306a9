package refine

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// Failure is a report about a step of a plan. StepID names the step; when it
// is empty the step is found by tool and command.
type Failure struct {
	Report   learn.FailureAnalysisReport
	StepID   string
	ToolName string
	Command  string
}

// Knowledge is what Propose draws on.
type Knowledge struct {
	ProjectID string
	Template  string // name or path of the plan template, for the diff
	Failures  []Failure
	// Strategies that apply; those with nothing to add are passed over.
	Strategies []learn.ProvenStrategy
	// Rejected reports whether a person rejected the proposal already and no
	// new evidence came since. Nil: none was.
	Rejected func(learn.PlanModificationProposal) bool
	// MinConfidence is the least confidence of a report to act on; 0 is 0.3.
	MinConfidence float64
}

// Propose makes the proposals that fit the plan, the surest first. Each stands
// alone: it was made against the plan as given. An invalid plan gets none.
func Propose(plan learn.TaskGraph, k Knowledge) []learn.PlanModificationProposal {
	if Validate(plan, nil) != nil {
		return nil
	}
	if k.MinConfidence == 0 {
		k.MinConfidence = 0.3
	}
	p := proposer{plan: plan, k: &k, seen: map[string]bool{}}
	for i := range k.Failures {
		f := &k.Failures[i]
		if at := p.find(f); at >= 0 && f.Report.ConfidenceScore >= k.MinConfidence {
			p.failure(at, f)
		}
	}
	for i := range k.Strategies {
		p.strategy(&k.Strategies[i])
	}
	slices.SortStableFunc(p.out, func(a, b learn.PlanModificationProposal) int {
		return cmp.Compare(b.ConfidenceScore, a.ConfidenceScore)
	})
	return p.out
}

type proposer struct {
	plan learn.TaskGraph
	k    *Knowledge
	seen map[string]bool
	out  []learn.PlanModificationProposal
}

// find returns the index of the step that a failure is about, or -1.
func (p *proposer) find(f *Failure) int {
	return slices.IndexFunc(p.plan.Tasks, func(t learn.PlanTask) bool {
		if f.StepID != "" {
			return t.ID == f.StepID
		}
		return t.ToolName == f.ToolName && f.Command != "" && command(t) == f.Command
	})
}

// command is the command line of a shell step, or "".
func command(t learn.PlanTask) string {
	return (&learn.ActionOutcome{ToolParameters: t.Arguments}).Command()
}

// add completes a proposal and keeps it when it changes the plan, leaves it
// valid, and was neither made before nor rejected.
func (p *proposer) add(m learn.PlanModificationProposal, ops ...op) {
	for i := range ops {
		ops[i].Value = plainValue(ops[i].Value)
	}
	raw, err := json.Marshal(ops)
	if err != nil {
		return
	}
	after, changed, err := apply(p.plan, raw)
	if err != nil || !changed {
		return
	}
	m.Modifications, m.ProjectID, m.TargetPlanTemplate = raw, p.k.ProjectID, p.k.Template
	if m.Diff, err = diff(cmp.Or(p.k.Template, p.plan.Name, "plan"), p.plan, after); err != nil {
		return
	}
	m.ProposalID = learn.UUIDv8("proposal", m.TargetPlanTemplate, string(m.Type), m.TargetStep, string(raw))
	m.ContentHash = learn.ContentHash([]byte(m.TargetPlanTemplate + "\x00" + string(m.Type) + "\x00" + string(raw)))
	if p.seen[m.ProposalID] || p.k.Rejected != nil && p.k.Rejected(m) {
		return
	}
	p.seen[m.ProposalID] = true
	p.out = append(p.out, m)
}

// at is the pointer to a step, and the test that it is still the same one.
func (p *proposer) at(i int) (string, op) {
	path := "/tasks/" + strconv.Itoa(i)
	return path, op{"test", path + "/id", p.plan.Tasks[i].ID}
}

// stepID names an added step by what it runs, so that proposing again names it
// the same, and other steps differently.
func stepID(base string, t learn.PlanTask) string {
	return base + "-" + learn.UUIDv8("plan step", t.ToolName, command(t))[:8]
}

// has reports whether the plan runs a command already.
func (p *proposer) has(tool, line string) bool {
	return slices.ContainsFunc(p.plan.Tasks, func(t learn.PlanTask) bool { return t.ToolName == tool && command(t) == line })
}

// complete reports whether a template has no open parameter.
func complete(command string) bool {
	return command != "" && !strings.ContainsAny(command, "{}")
}

func shellTask(tool, line string) learn.PlanTask {
	raw, err := json.Marshal(map[string]string{"command": line})
	if err != nil { // a string always marshals
		raw = nil
	}
	return learn.PlanTask{ToolName: tool, Arguments: raw}
}
