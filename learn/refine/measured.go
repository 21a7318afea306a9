package refine

import (
	"fmt"
	"slices"

	"lathe/learn"
)

// Bounds of what is concluded from rates.
const (
	minRuns      = 10 // measured runs of a step
	minRunsMet   = 3  // distinct sessions among them
	slowFactor   = 2  // times the other step's mean duration
	minGoodShare = 0.8
)

// measured makes the proposals that a step's measured rates give reason for.
func (p *proposer) measured(i int, facts StepFacts) {
	p.expectedOutput(i, facts)
	p.priority(i, facts)
}

// expectedOutput holds a step to its output when its exit code does not tell:
// runs that a verification calls bad ended as successes, or no run has an exit
// code. Where those bad runs had an exit code, that is what is expected.
func (p *proposer) expectedOutput(i int, facts StepFacts) {
	t := p.plan.Tasks[i]
	m := learn.PlanModificationProposal{
		Type: learn.SetExpectedOutput, TargetStep: t.ID, Risk: "low", Support: facts.Runs, Evidence: slices.Clone(facts.Evidence)}
	if facts.Ignored > 0 && facts.Ignored == facts.Masked {
		if t.ExpectedOutput != nil && t.ExpectedOutput.ExitCode != nil {
			return
		}
		m.ConfidenceScore = wilson(facts.Runs-facts.Failures, facts.Runs-facts.Failures).Low
		m.Rationale = fmt.Sprintf("%d of %d runs of step %s ended with another exit code than 0, and were bad, but passed for successes: expect exit code 0",
			facts.Ignored, facts.Runs, t.ID)
		p.expect(i, "exit_code", 0, m)
		return
	}
	if facts.Masked == 0 && !(facts.Codeless && facts.Failures > 0) || facts.Pattern == "" || t.ExpectedOutput != nil && t.ExpectedOutput.Pattern != "" {
		return
	}
	good := facts.Runs - facts.Failures
	m.ConfidenceScore = wilson(good, good).Low // every good run met it: the chance that the next one does, at worst
	why := fmt.Sprintf("%d of %d runs of step %s were bad and ended as successes all the same", facts.Masked, facts.Runs, t.ID)
	if facts.Masked == 0 {
		why = fmt.Sprintf("step %s has no exit code, and %d of %d runs were bad", t.ID, facts.Failures, facts.Runs)
	}
	m.Rationale = fmt.Sprintf("%s; all %d good ones, and none of the bad ones, printed %s", why, good, facts.Pattern)
	p.expect(i, "pattern", facts.Pattern, m)
}

// expect sets one field of a step's expected output.
func (p *proposer) expect(i int, field string, value any, m learn.PlanModificationProposal) {
	path, same := p.at(i)
	path += "/expected_output"
	o := op{Op: "add", Path: path, Value: map[string]any{field: value}}
	if p.plan.Tasks[i].ExpectedOutput != nil {
		o = op{Op: "add", Path: path + "/" + field, Value: value}
	}
	p.add(m, fmt.Sprint(field, " ", value), same, o)
}

// priority lets what fails most go first, so that the failure is known before
// the rest is done, and what is slow and hardly ever fails go last. It compares
// a step with those that it need not wait for and that need not wait for it;
// with others their order is given. The intervals of the two rates must be
// apart.
func (p *proposer) priority(i int, facts StepFacts) {
	t := p.plan.Tasks[i]
	own := facts.Success()
	if facts.Runs < minRuns || facts.Sessions < minRunsMet {
		return
	}
	for j, o := range p.plan.Tasks {
		other, ok := p.k.Steps[o.ID]
		if j == i || !ok || other.Runs < minRuns || other.Sessions < minRunsMet || p.waits(t.ID, o.ID) || p.waits(o.ID, t.ID) || p.spare(o.ID) || p.spare(t.ID) {
			continue
		}
		theirs := other.Success()
		m := learn.PlanModificationProposal{Type: learn.AdjustPriority, TargetStep: t.ID, Risk: "low", Support: facts.Runs, Evidence: slices.Clone(facts.Evidence)}
		switch {
		case own.High < theirs.Low && t.Priority != "high":
			m.ConfidenceScore = 1 - own.High
			m.Rationale = fmt.Sprintf("step %s failed in %d of %d runs (it succeeds in %s), step %s in %d of %d (%s): run %s early, so that its failure is known before the rest is done",
				t.ID, facts.Failures, facts.Runs, span(own), o.ID, other.Failures, other.Runs, span(theirs), t.ID)
			p.setPriority(i, "high", m)
			return
		case own.Low > theirs.High && own.Low >= minGoodShare && t.Priority != "background" && t.Priority != "high" &&
			facts.MeanMS > slowFactor*other.MeanMS && other.MeanMS > 0 && p.last(t.ID):
			m.ConfidenceScore = own.Low
			m.Rationale = fmt.Sprintf("step %s succeeds in %s of runs and takes %.1f s; step %s, which fails more often, takes %.1f s: do %s in the background",
				t.ID, span(own), facts.MeanMS/1000, o.ID, other.MeanMS/1000, t.ID)
			p.setPriority(i, "background", m)
			return
		}
	}
}

func (p *proposer) setPriority(i int, want string, m learn.PlanModificationProposal) {
	path, same := p.at(i)
	if now, there := p.unchanged(path + "/priority"); there {
		p.add(m, want, same, now, op{Op: "replace", Path: now.Path, Value: want})
		return
	}
	p.add(m, want, same, op{Op: "add", Path: path + "/priority", Value: want})
}

// waits reports whether step a must wait for step b, directly or not.
func (p *proposer) waits(a, b string) bool {
	seen, todo := map[string]bool{}, []string{a}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range p.plan.Dependencies[at] {
			if n == b {
				return true
			}
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return false
}

// last reports whether no step waits for this one.
func (p *proposer) last(id string) bool {
	for _, needs := range p.plan.Dependencies {
		if slices.Contains(needs, id) {
			return false
		}
	}
	return true
}

// spare reports whether a step is only there as another's fallback.
func (p *proposer) spare(id string) bool {
	return slices.ContainsFunc(p.plan.Tasks, func(t learn.PlanTask) bool { return slices.Contains(t.Fallback, id) })
}
