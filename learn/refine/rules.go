package refine

import (
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// failure makes the proposals that one report gives reason for.
func (p *proposer) failure(i int, f *Failure) {
	r := &f.Report
	base := learn.PlanModificationProposal{
		TargetStep: p.plan.Tasks[i].ID, SourceReportID: r.ReportID, ConfidenceScore: r.ConfidenceScore,
		Evidence: slices.Clone(r.Evidence),
	}
	p.retry(i, r, base)
	p.precondition(i, r, base)
	p.expected(i, r, base)
	if len(r.Remedies) > 0 {
		p.remedy(i, &r.Remedies[0], base)
	}
}

func cause(r *learn.FailureAnalysisReport) string {
	if r.ErrorPattern != nil {
		return r.ErrorPattern.Name
	}
	return "an unnamed error"
}

// retry is proposed for transient patterns only: trying a syntax error again
// gives a syntax error.
func (p *proposer) retry(i int, r *learn.FailureAnalysisReport, m learn.PlanModificationProposal) {
	if r.ErrorPattern == nil || !r.ErrorPattern.Transient {
		return
	}
	path, same := p.at(i)
	now := p.plan.Tasks[i].Retry
	want := learn.Retry{MaxAttempts: 3, BackoffMS: 1000}
	if now != nil {
		want = *now
		if len(now.Patterns) == 0 { // retries whatever happens
			return
		}
	}
	if !slices.Contains(want.Patterns, r.ErrorPattern.ID) {
		want.Patterns = append(slices.Clone(want.Patterns), r.ErrorPattern.ID)
		slices.Sort(want.Patterns)
	}
	m.Type, m.Risk = learn.AddRetry, "low"
	m.Rationale = fmt.Sprintf("step %s failed with %s, which passes by itself: try again up to %d times", m.TargetStep, cause(r), want.MaxAttempts)
	p.add(m, same, op{"test", path + "/retry", orNull(now)}, op{"add", path + "/retry", want})
}

// orNull is nil for a nil pointer, so that JSON says null.
func orNull[T any](v *T) any {
	if v == nil {
		return nil
	}
	return plainValue(v)
}

// precondition checks before the step for what it missed. The captured value
// is compared by the planner's own check, never run, and must be plain.
func (p *proposer) precondition(i int, r *learn.FailureAnalysisReport, m learn.PlanModificationProposal) {
	if len(r.Signatures) == 0 || r.ErrorPattern == nil || r.ErrorPattern.Transient {
		return
	}
	kinds := []struct{ capture, kind string }{
		{"module", "module_importable"}, {"command", "program_available"}, {"program", "program_available"},
		{"path", "file_exists"}, {"file", "file_exists"}, {"port", "port_open"},
	}
	missing := strings.Contains(r.ErrorPattern.ID, "not-found") || strings.Contains(r.ErrorPattern.ID, "no-such") ||
		strings.Contains(r.ErrorPattern.ID, "refused") || strings.Contains(r.ErrorPattern.ID, "missing")
	for _, c := range kinds {
		v := r.Signatures[0].Captures[c.capture]
		if !missing || !plain(v) {
			continue
		}
		now := p.plan.Tasks[i].Preconditions
		want := learn.Precondition{Kind: c.kind, Argument: v}
		if slices.Contains(now, want) {
			return
		}
		path, same := p.at(i)
		m.Type, m.Risk = learn.AddPrecondition, "low"
		m.Rationale = fmt.Sprintf("step %s failed with %s: check %s %q first", m.TargetStep, cause(r), c.kind, v)
		p.add(m, same, op{"test", path + "/preconditions", listOrNull(now)},
			op{"add", path + "/preconditions", append(slices.Clone(now), want)})
		return
	}
}

func listOrNull[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func plain(v string) bool {
	return v != "" && len(v) <= 200 && v[0] != '-' &&
		strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:+=-") == ""
}

// expected makes a shell step that failed say what success is, so that a
// failure is seen where it happens.
func (p *proposer) expected(i int, r *learn.FailureAnalysisReport, m learn.PlanModificationProposal) {
	t := p.plan.Tasks[i]
	if t.ExpectedOutput != nil || command(t) == "" {
		return
	}
	zero := 0
	path, same := p.at(i)
	m.Type, m.Risk = learn.SetExpectedOutput, "low"
	m.ConfidenceScore *= 0.8
	m.Rationale = fmt.Sprintf("step %s failed with %s: expect exit code 0 before going on", m.TargetStep, cause(r))
	p.add(m, same, op{"test", path + "/expected_output", nil},
		op{"add", path + "/expected_output", learn.ExpectedOutput{ExitCode: &zero}})
}

// remedy builds what fixed the failure into the plan: what was done first
// becomes a step before, another command a fallback, another argument a change
// of the arguments. Edits are the agent's own work and no part of a template.
func (p *proposer) remedy(i int, r *learn.RemedyOffer, m learn.PlanModificationProposal) {
	if len(r.Actions) == 0 || slices.ContainsFunc(r.Actions, func(a learn.RemedyAction) bool { return !complete(a.Command) }) {
		return
	}
	m.ConfidenceScore = min(m.ConfidenceScore, r.Confidence)
	m.Evidence = slices.Clone(r.Evidence)
	m.Risk = risk(r.Actions)
	worked := fmt.Sprintf("worked in %d sessions", r.Support)
	switch r.Kind {
	case "inserted_actions":
		p.before(i, r, m, worked)
	case "changed_command":
		p.fallback(i, r, m, worked)
	case "changed_parameter":
		path, same := p.at(i)
		now := command(p.plan.Tasks[i])
		if lookup(plainValue(p.plan.Tasks[i].Arguments), "/command") != now {
			return // the command stands elsewhere
		}
		m.Type = learn.AdjustParameters
		m.Rationale = fmt.Sprintf("step %s failed so before; other arguments %s", m.TargetStep, worked)
		p.add(m, same, op{"test", path + "/arguments/command", now}, op{"replace", path + "/arguments/command", r.Actions[0].Command})
	}
}

// risk is the worst of the actions.
func risk(actions []learn.RemedyAction) string {
	out := "low"
	for _, a := range actions {
		switch a.Intent {
		case learn.IntentDelete, learn.IntentNetwork, learn.IntentVCS:
			return "high"
		case learn.IntentInstall, learn.IntentCreate, learn.IntentEdit, learn.IntentRun, learn.IntentOther:
			out = "medium"
		}
	}
	return out
}

// before puts the remedy's actions as steps before the failing one.
func (p *proposer) before(i int, r *learn.RemedyOffer, m learn.PlanModificationProposal, worked string) {
	step := p.plan.Tasks[i].ID
	_, same := p.at(i)
	ops := []op{same}
	needs := slices.Clone(p.plan.Dependencies[step])
	ops = append(ops, op{"test", "/dependencies/" + escape(step), listOrNull(needs)})
	previous := slices.Clone(needs)
	for _, a := range r.Actions {
		if p.has(a.ToolName, a.Command) {
			return // the plan does it already, and it failed all the same
		}
		t := shellTask(a.ToolName, a.Command)
		t.ID = stepID(step+"-prepare", t)
		ops = append(ops, op{"add", "/tasks/-", t})
		if len(previous) > 0 {
			ops = append(ops, op{"add", "/dependencies/" + escape(t.ID), previous})
		}
		previous = []string{t.ID}
	}
	ops = append(ops, op{"add", "/dependencies/" + escape(step), append(needs, previous...)})
	m.Type = learn.AddFragment
	m.Rationale = fmt.Sprintf("step %s failed so before; doing `%s` first %s", step, r.Actions[0].Command, worked)
	p.add(m, ops...)
}

// fallback adds the command that worked instead, for when the step fails.
func (p *proposer) fallback(i int, r *learn.RemedyOffer, m learn.PlanModificationProposal, worked string) {
	a := r.Actions[0]
	if p.has(a.ToolName, a.Command) {
		return
	}
	step := p.plan.Tasks[i]
	path, same := p.at(i)
	t := shellTask(a.ToolName, a.Command)
	t.ID = stepID(step.ID+"-fallback", t)
	ops := []op{same, {"test", path + "/fallback", listOrNull(step.Fallback)}, {"add", "/tasks/-", t}}
	if needs := p.plan.Dependencies[step.ID]; len(needs) > 0 {
		ops = append(ops, op{"add", "/dependencies/" + escape(t.ID), needs})
	}
	ops = append(ops, op{"add", path + "/fallback", append(slices.Clone(step.Fallback), t.ID)})
	m.Type = learn.AddFallback
	m.Rationale = fmt.Sprintf("step %s failed so before; `%s` instead %s", step.ID, a.Command, worked)
	p.add(m, ops...)
}
