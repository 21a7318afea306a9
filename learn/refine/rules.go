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
		Evidence: slices.Clone(r.Evidence), Support: max(1, f.Sessions),
	}
	if f.Level == LevelForm {
		base.ConfidenceScore *= 0.8
	}
	p.retry(i, r, base)
	otherwise := false
	if len(r.Remedies) > 0 && (f.Level != LevelForm || !borrows(&r.Remedies[0], f.Command, command(p.plan.Tasks[i]))) {
		p.remedy(i, f, base)
		otherwise = r.Remedies[0].Kind == "changed_command" || r.Remedies[0].Kind == "changed_parameter"
	}
	// What was fixed by another call was not fixed by having what was missing.
	if f.Level != LevelForm && !otherwise {
		p.precondition(i, r, base)
	}
}

// common reports whether a failure is frequent enough for the plan to do more
// at every run: a tenth of the measured runs.
func (f *Failure) common(facts StepFacts) bool {
	return facts.Runs == 0 || 10*f.Runs >= facts.Runs
}

// borrows reports whether a remedy names an argument of the failed call that
// the step does not have: it was made for that call.
func borrows(r *learn.RemedyOffer, failed, step string) bool {
	own := strings.Fields(step)
	for _, a := range r.Actions {
		for _, w := range strings.Fields(a.Command) {
			if slices.Contains(strings.Fields(failed), w) && !slices.Contains(own, w) {
				return true
			}
		}
	}
	return false
}

func cause(r *learn.FailureAnalysisReport) string {
	if r.ErrorPattern != nil {
		return r.ErrorPattern.Name
	}
	return "an unnamed error"
}

// inSessions is a number of sessions in words.
func inSessions(n int) string {
	if n == 1 {
		return "in 1 session"
	}
	return fmt.Sprintf("in %d sessions", n)
}

// retry is proposed for transient patterns only: trying a syntax error again
// gives a syntax error.
func (p *proposer) retry(i int, r *learn.FailureAnalysisReport, m learn.PlanModificationProposal) {
	if r.ErrorPattern == nil || !r.ErrorPattern.Transient {
		return
	}
	path, same := p.at(i)
	now := p.plan.Tasks[i].Retry
	m.Type, m.Risk = learn.AddRetry, "low"
	attempts := 3
	ops := []op{same, {Op: "add", Path: path + "/retry", Value: learn.Retry{MaxAttempts: attempts, BackoffMS: 1000, Patterns: []string{r.ErrorPattern.ID}}}}
	if now != nil {
		if len(now.Patterns) == 0 || slices.Contains(now.Patterns, r.ErrorPattern.ID) { // tried again already
			return
		}
		attempts = now.MaxAttempts
		ops = []op{same, p.appended(path+"/retry/patterns", r.ErrorPattern.ID)}
	}
	m.Rationale = fmt.Sprintf("step %s failed with %s %s, which passes by itself: try again up to %d times", m.TargetStep, cause(r), inSessions(m.Support), attempts)
	p.add(m, r.ErrorPattern.ID, ops...)
}

// precondition checks before the step for what it missed. The captured value
// is compared by the planner's own check, never run, and must be plain.
func (p *proposer) precondition(i int, r *learn.FailureAnalysisReport, m learn.PlanModificationProposal) {
	if len(r.Signatures) == 0 || r.ErrorPattern == nil || r.ErrorPattern.Transient {
		return
	}
	missing := strings.Contains(r.ErrorPattern.ID, "not-found") || strings.Contains(r.ErrorPattern.ID, "no-such") ||
		strings.Contains(r.ErrorPattern.ID, "refused") || strings.Contains(r.ErrorPattern.ID, "missing")
	want, ok := p.missing(i, r)
	if !missing || !ok || slices.Contains(p.plan.Tasks[i].Preconditions, want) {
		return
	}
	path, same := p.at(i)
	// What it looks for has a name that a tool printed: a person looks at it. That
	// it was missing is sure; that just this will be missing again is known from
	// the sessions that missed it, and one that does not.
	m.Type, m.Risk = learn.AddPrecondition, "medium"
	m.ConfidenceScore *= float64(m.Support) / float64(m.Support+1)
	m.Rationale = fmt.Sprintf("step %s failed with %s %s: check %s %q first", m.TargetStep, cause(r), inSessions(m.Support), want.Kind, want.Argument)
	p.add(m, want.Kind+" "+want.Argument, same, p.appended(path+"/preconditions", want))
}

// missing is what a failure says was not there, as something to check: a Python
// module, an npm package, a program, a port, or a file that the step names
// itself (of others it is not known from where they are looked for).
func (p *proposer) missing(i int, r *learn.FailureAnalysisReport) (learn.Precondition, bool) {
	captures := r.Signatures[0].Captures
	language, _, _ := strings.Cut(r.ErrorPattern.ID, "/")
	for _, c := range []struct{ capture, kind string }{
		{"module", "module_importable"}, {"command", "program_available"}, {"program", "program_available"},
		{"path", "file_exists"}, {"file", "file_exists"}, {"port", "port_open"},
	} {
		v := captures[c.capture]
		if !plain(v) {
			continue
		}
		switch {
		case c.capture == "module" && language == "javascript" && v[0] != '.' && v[0] != '/':
			return learn.Precondition{Kind: "file_exists", Argument: "node_modules/" + v}, true
		case c.capture == "module" && language != "python":
			continue
		case c.kind == "file_exists" && !strings.Contains(string(p.plan.Tasks[i].Arguments), v):
			continue
		}
		return learn.Precondition{Kind: c.kind, Argument: v}, true
	}
	return learn.Precondition{}, false
}

func plain(v string) bool {
	return v != "" && len(v) <= 200 && v[0] != '-' &&
		strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:+=-") == ""
}

// remedy builds what fixed the failure into the plan: what was done first
// becomes a step before, another command a fallback, other arguments a change
// of the arguments. Edits are the agent's own work and no part of a template.
func (p *proposer) remedy(i int, f *Failure, m learn.PlanModificationProposal) {
	r := &f.Report.Remedies[0]
	m.ConfidenceScore = min(m.ConfidenceScore, r.Confidence)
	m.Evidence = slices.Clone(r.Evidence)
	m.Risk, m.Support = risk(r.Actions), r.Support
	if len(r.Actions) == 1 && r.Kind == "changed_parameter" && r.Actions[0].Command == "" {
		p.parameters(i, &r.Actions[0], m)
		return
	}
	if len(r.Actions) == 0 || slices.ContainsFunc(r.Actions, func(a learn.RemedyAction) bool { return !complete(a.Command) }) {
		return
	}
	worked := "worked " + inSessions(r.Support)
	switch r.Kind {
	case "inserted_actions":
		if f.common(p.k.Steps[m.TargetStep]) {
			p.before(i, r, m, worked)
		}
	case "changed_command":
		if !p.instead(i, f, m, worked) {
			p.fallback(i, r, m, worked)
		}
	case "changed_parameter":
		m.Type = learn.AdjustParameters
		m.Rationale = fmt.Sprintf("step %s failed with %s before; other arguments %s", m.TargetStep, cause(&f.Report), worked)
		p.line(i, r.Actions[0].Command, m)
	}
}

// line changes the command line of a step, and nothing else of it.
func (p *proposer) line(i int, line string, m learn.PlanModificationProposal) bool {
	path, same := p.at(i)
	now, ok := p.unchanged(path + "/arguments/command")
	if !ok || now.Value != command(p.plan.Tasks[i]) {
		return false // the command stands elsewhere
	}
	return p.add(m, line, same, now, op{Op: "replace", Path: now.Path, Value: line})
}

// parameters changes the named arguments of a structured tool's step.
func (p *proposer) parameters(i int, a *learn.RemedyAction, m learn.PlanModificationProposal) {
	t := p.plan.Tasks[i]
	if a.ToolName != t.ToolName || len(a.Parameters) == 0 || p.file.find(fmt.Sprintf("/tasks/%d/arguments", i)) == nil {
		return
	}
	path, same := p.at(i)
	ops := []op{same}
	var names []string
	for _, name := range sorted(a.Parameters) {
		v := plainValue(a.Parameters[name])
		if text, isText := v.(string); isText && (strings.ContainsAny(text, "{}") || len(text) > 200) {
			return // open, or too long to be a setting
		}
		at := path + "/arguments/" + escape(name)
		now, there := p.unchanged(at)
		switch {
		case !there:
			ops = append(ops, op{Op: "add", Path: at, Value: v})
		case equal(now.Value, v):
			continue
		default:
			ops = append(ops, now, op{Op: "replace", Path: at, Value: v})
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return
	}
	m.Type = learn.AdjustParameters
	m.Rationale = fmt.Sprintf("step %s failed so before; another %s worked %s", t.ID, strings.Join(names, " and "), inSessions(m.Support))
	p.add(m, quote(plainValue(a.Parameters)), ops...)
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
	previous := slices.Clone(p.plan.Dependencies[step])
	var lines []string
	for _, a := range r.Actions {
		if p.has(a.ToolName, a.Command) {
			return // the plan does it already, and it failed all the same
		}
		t := shellTask(a.ToolName, a.Command)
		t.ID = stepID(step+"-prepare", t)
		ops = append(ops, op{Op: "add", Path: "/tasks/-", Value: t})
		if len(previous) > 0 {
			ops = append(ops, p.needs(t.ID, previous...)...)
		}
		previous = []string{t.ID}
		lines = append(lines, a.Command)
	}
	ops = append(ops, p.needs(step, previous...)...)
	m.Type = learn.AddFragment
	m.Rationale = fmt.Sprintf("step %s failed so before; doing `%s` first %s", step, shown(r.Actions[0].Command), worked)
	p.add(m, strings.Join(lines, "\x00"), ops...)
}

// instead puts the command that worked in the step's place, when the step fares
// measurably worse: the share of its runs without this failure at best is below
// the remedy's success rate at worst. Other failures are not counted against it:
// a test that fails may have found something.
func (p *proposer) instead(i int, f *Failure, m learn.PlanModificationProposal, worked string) bool {
	t, r := p.plan.Tasks[i], &f.Report.Remedies[0]
	facts, measured := p.k.Steps[t.ID]
	a := r.Actions[0]
	theirs := wilson(int(r.Successes), int(r.Successes+r.Failures))
	own := wilson(facts.Runs-f.Runs, facts.Runs)
	if !measured || len(r.Actions) != 1 || a.ToolName != t.ToolName || own.High >= theirs.Low || p.has(a.ToolName, a.Command) {
		return false
	}
	m.Type = learn.ReplaceFragment
	m.Risk = worse(m.Risk, "medium") // the step is not even tried any more
	m.Rationale = fmt.Sprintf("step %s failed with %s in %d of %d runs, so at best %s get past it; `%s` instead %s (%s)", t.ID, cause(&f.Report),
		f.Runs, facts.Runs, span(own), shown(a.Command), worked, span(theirs))
	p.withheld = false
	// What a person declined as this is not offered again as less.
	return p.line(i, a.Command, m) || p.withheld
}

func span(i learn.Interval) string { return fmt.Sprintf("%.0f to %.0f %%", 100*i.Low, 100*i.High) }

// worse is the higher of two risks.
func worse(a, b string) string {
	order := []string{"low", "medium", "high"}
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// shown is a command as a line of a rationale has it.
func shown(command string) string { return learn.Shown(strings.ReplaceAll(command, "`", "'"), 120) }

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
	ops := []op{same, {Op: "add", Path: "/tasks/-", Value: t}}
	if needs := p.plan.Dependencies[step.ID]; len(needs) > 0 {
		ops = append(ops, p.needs(t.ID, needs...)...)
	}
	ops = append(ops, p.appended(path+"/fallback", t.ID))
	m.Type = learn.AddFallback
	m.Rationale = fmt.Sprintf("step %s failed so before; `%s` instead %s", step.ID, shown(a.Command), worked)
	p.add(m, a.Command, ops...)
}
