package refine

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// Failure is a report about a step of a plan.
type Failure struct {
	Report learn.FailureAnalysisReport
	StepID string
	// Level says how well the failed call fits the step. Of one that only had
	// the step's form, what names its arguments is not taken over.
	Level   Level
	Command string // of the failed call
	// FailedRun says how often the step failed so; without it, once.
	FailedRun
}

// Knowledge is what Propose draws on.
type Knowledge struct {
	ProjectID string
	Workspace string // the template's workspace on this machine, or ""
	Template  string // path of the plan template in its workspace, or its name
	Failures  []Failure
	Steps     map[string]StepFacts // by step id
	// Strategies that apply; those with nothing to add are passed over.
	Strategies []learn.ProvenStrategy
	// Intent says what a call is for. Nil: no strategy takes the place of steps.
	Intent func(tool string, arguments json.RawMessage) learn.Intent
	// HasTool reports whether a tool that the plan does not use exists here.
	// Nil: all do.
	HasTool func(name string) bool
	// Withheld reports whether the proposal was decided on already and no new
	// evidence came since (see NewEvidence). Nil: none was.
	Withheld func(learn.PlanModificationProposal) bool
	// MinConfidence is the least confidence of a report to act on; 0 is 0.3.
	MinConfidence float64
}

// Bounds of new evidence.
const (
	newSupport      = 3   // more sessions, tasks or runs than before
	newSupportShare = 0.5 // and this share more
)

// NewEvidence reports whether there is enough that a person who decided on then
// did not see for asking again. The evidence of a proposal is its Support: the
// distinct sessions in which the failure happened or the remedy worked, the
// tasks of a strategy, or the measured runs. It is new when Support grew by at
// least 3, and by at least half of what it was. What the proposal says, how sure
// it is, and that time went by are no evidence.
func NewEvidence(then, now learn.PlanModificationProposal) bool {
	more := now.Support - then.Support
	return more >= newSupport && float64(more) >= newSupportShare*float64(then.Support)
}

// Propose makes the proposals that fit the plan, the surest first. Each stands
// alone: it was made against the plan as given.
func Propose(f *File, k Knowledge) []learn.PlanModificationProposal {
	if k.MinConfidence == 0 {
		k.MinConfidence = 0.3
	}
	p := proposer{file: f, plan: f.Plan, k: &k, seen: map[string]bool{}}
	for i := range k.Failures {
		fail := &k.Failures[i]
		at := f.task(fail.StepID)
		if at < 0 || fail.Report.ConfidenceScore < k.MinConfidence ||
			fail.Level == LevelCommand && fail.Command != command(p.plan.Tasks[at]) { // the step has changed
			continue
		}
		p.failure(at, fail)
	}
	for i := range p.plan.Tasks {
		if facts, ok := k.Steps[p.plan.Tasks[i].ID]; ok {
			p.measured(i, facts)
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
	withheld bool // whether the last change was one that people decided on
	file     *File
	plan     learn.TaskGraph
	k        *Knowledge
	seen     map[string]bool
	out      []learn.PlanModificationProposal
}

// command is the command line of a shell step, or "".
func command(t learn.PlanTask) string {
	return (&learn.ActionOutcome{ToolParameters: t.Arguments}).Command()
}

// add completes a proposal and keeps it when it changes the plan, leaves it
// valid, and was neither made nor decided on before.
//
// What names the change among those of its type and step, so that the same one
// is known again however the plan is written and whatever stands beside it.
func (p *proposer) add(m learn.PlanModificationProposal, what string, ops ...op) bool {
	ops = p.room(ops)
	for i := range ops {
		ops[i].Value = plainValue(ops[i].Value)
	}
	raw, err := json.Marshal(ops)
	if err != nil {
		return false
	}
	after, changed, err := p.file.Patched(raw)
	if err != nil || !changed || newTools(p.plan, after.Plan, p.k.HasTool) != nil {
		return false
	}
	m.Modifications, m.ProjectID, m.Workspace, m.TargetPlanTemplate = raw, p.k.ProjectID, p.k.Workspace, p.k.Template
	if m.Diff, err = Diff(cmp.Or(p.k.Template, p.plan.Name, "plan"), p.file.text, after.text); err != nil {
		return false
	}
	m.BaseHash = p.file.Hash()
	m.ProposalID = learn.UUIDv8("proposal", m.ProjectID, m.Workspace, m.TargetPlanTemplate, string(m.Type), m.TargetStep, what)
	m.ContentHash = ContentHash(m)
	if p.seen[m.ProposalID] {
		return false
	}
	if p.k.Withheld != nil && p.k.Withheld(m) {
		p.withheld = true
		return false
	}
	p.seen[m.ProposalID] = true
	p.out = append(p.out, m)
	return true
}

// ContentHash is what a reviewer signs: which file of which workspace, as it was
// when the change was proposed, and what becomes of it.
func ContentHash(m learn.PlanModificationProposal) string {
	parts, err := json.Marshal([]string{m.ProjectID, m.Workspace, m.TargetPlanTemplate, m.BaseHash, string(m.Type), string(m.Modifications)})
	if err != nil { // strings always marshal
		return ""
	}
	return learn.ContentHash(parts)
}

// room adds what the operations need and the plan lacks: an object for
// dependencies.
func (p *proposer) room(ops []op) []op {
	for _, o := range ops {
		if strings.HasPrefix(o.Path, "/dependencies/") && p.file.root.get("dependencies") == nil {
			return append([]op{{Op: "add", Path: "/dependencies", Value: map[string]any{}}}, ops...)
		}
	}
	return ops
}

// at is the pointer to a step, and the test that it is still the same one.
func (p *proposer) at(i int) (string, op) {
	path := "/tasks/" + strconv.Itoa(i)
	return path, op{Op: "test", Path: path + "/id", Value: p.plan.Tasks[i].ID}
}

// appended adds a value to the list at path, which is begun when it is missing.
func (p *proposer) appended(path string, v any) op {
	if n := p.file.find(path); n != nil && n.kind == '[' {
		return op{Op: "add", Path: path + "/-", Value: v}
	}
	return op{Op: "add", Path: path, Value: []any{v}}
}

// needs makes a step wait for others too.
func (p *proposer) needs(id string, others ...string) []op {
	path := "/dependencies/" + escape(id)
	if p.file.find(path) == nil {
		return []op{{Op: "add", Path: path, Value: others}}
	}
	var ops []op
	for _, o := range others {
		ops = append(ops, op{Op: "add", Path: path + "/-", Value: o})
	}
	return ops
}

// unchanged tests a value that is to be changed.
func (p *proposer) unchanged(path string) (op, bool) {
	n := p.file.find(path)
	if n == nil {
		return op{}, false
	}
	return op{Op: "test", Path: path, Value: decodeNode(p.file.text, n)}, true
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
