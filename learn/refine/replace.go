package refine

import (
	"fmt"
	"slices"

	"lathe/learn"
)

// maxChain bounds the steps that a strategy may take the place of.
const maxChain = 8

// replace puts a strategy in the place of a chain of steps that covers the same
// ground: each intent of the chain is one of the strategy's, and both end with
// the same. The chain's steps must have been measured, and the strategy must be
// better: the success rate of tasks with it at worst above that of tasks with
// the chain's steps at best, or no worse and done in less than half the time.
// That a step fails does not count here: a test may do so for good reason.
func (p *proposer) replace(s *learn.ProvenStrategy) bool {
	steps := s.TemplatePlanFragment.Tasks
	if p.k.Intent == nil || len(steps) == 0 || slices.ContainsFunc(steps, func(t learn.PlanTask) bool { return command(t) == "" }) {
		return false
	}
	var intents []learn.Intent
	for _, t := range steps {
		intents = append(intents, p.k.Intent(t.ToolName, t.Arguments))
	}
	for _, chain := range p.chains() {
		for from := range chain {
			if p.exchange(s, intents, chain[from:]) {
				return true
			}
		}
	}
	return false
}

// chains are the longest runs of steps that only wait for the one before, and
// are only waited for by the one behind; indices into the plan.
func (p *proposer) chains() [][]int {
	waiting := map[string][]string{}
	for _, id := range sorted(p.plan.Dependencies) {
		for _, n := range p.plan.Dependencies[id] {
			waiting[n] = append(waiting[n], id)
		}
	}
	follows := func(id string) bool {
		needs := p.plan.Dependencies[id]
		return len(needs) == 1 && len(waiting[needs[0]]) == 1
	}
	var out [][]int
	for i, t := range p.plan.Tasks {
		if follows(t.ID) {
			continue // within a chain that begins elsewhere
		}
		chain := []int{i}
		for at := t.ID; len(chain) < maxChain && len(waiting[at]) == 1 && follows(waiting[at][0]); {
			at = waiting[at][0]
			chain = append(chain, p.file.task(at))
		}
		out = append(out, chain)
	}
	return out
}

// exchange replaces the beginning of a chain that covers a strategy's ground.
func (p *proposer) exchange(s *learn.ProvenStrategy, intents []learn.Intent, chain []int) bool {
	last := -1
	for k, i := range chain {
		in := p.k.Intent(p.plan.Tasks[i].ToolName, p.plan.Tasks[i].Arguments)
		if !slices.Contains(intents, in) {
			break
		}
		if in == intents[len(intents)-1] {
			last = k
		}
	}
	if last < 0 {
		return false
	}
	chain = chain[:last+1]
	why, better := p.better(s, chain)
	if !better {
		return false
	}
	ops := p.swap(s, intents, chain)
	if ops == nil {
		return false
	}
	m := p.because(s, learn.ReplaceFragment)
	m.TargetStep, m.Rationale = p.plan.Tasks[chain[0]].ID, why
	return p.add(m, s.StrategyID, ops...)
}

// better compares a strategy with what was measured of a chain.
func (p *proposer) better(s *learn.ProvenStrategy, chain []int) (why string, ok bool) {
	best, ms := learn.Interval{High: 1}, 0.0
	for k, i := range chain {
		t := p.plan.Tasks[i]
		facts, measured := p.k.Steps[t.ID]
		if !measured || facts.Tasks < minRuns || p.spare(t.ID) {
			return "", false
		}
		// Tasks with all of the steps are among those with each of them.
		if in := wilson(facts.GoodTasks, facts.Tasks); k == 0 || in.High < best.High {
			best = in
		}
		ms += facts.MeanMS
	}
	name := learn.Shown(s.Name, 80)
	theirs := s.AveragePerformanceMetrics.DurationMS
	switch {
	case s.SuccessInterval.Low > best.High:
		return fmt.Sprintf("%q covers the same ground and %.0f %% of %d tasks with it succeeded (%s); of the tasks with these steps %s did",
			name, 100*s.SuccessRate, s.Support, span(s.SuccessInterval), span(best)), true
	case s.SuccessInterval.Low >= best.Low && theirs > 0 && 2*theirs < ms:
		return fmt.Sprintf("%q covers the same ground in %.1f s instead of %.1f s, and %.0f %% of %d tasks with it succeeded",
			name, theirs/1000, ms/1000, 100*s.SuccessRate, s.Support), true
	}
	return "", false
}

// swap makes the operations: steps of one intent keep their place and id, those
// that the strategy lacks go, those that the plan lacks come. It is nil when a
// parameter stays open, a step is there already, or one that would go holds
// more than its call.
func (p *proposer) swap(s *learn.ProvenStrategy, intents []learn.Intent, chain []int) []op {
	steps := s.TemplatePlanFragment.Tasks
	kept, values := p.pair(steps, intents, chain)
	ids := make([]string, len(steps))
	var ops []op
	differs := false
	for k, step := range steps {
		line := filled(command(step), values)
		if line == "" {
			return nil
		}
		i := kept[k]
		if i < 0 {
			t := shellTask(step.ToolName, line)
			t.ID = stepID("strategy", t)
			if p.has(step.ToolName, line) {
				return nil
			}
			ids[k] = t.ID
			ops = append(ops, op{Op: "add", Path: "/tasks/-", Value: t})
			differs = true
			continue
		}
		ids[k] = p.plan.Tasks[i].ID
		path, same := p.at(i)
		now, ok := p.unchanged(path + "/arguments/command")
		if !ok || p.plan.Tasks[i].ToolName != step.ToolName {
			return nil
		}
		ops = append(ops, same, now)
		if now.Value != line {
			ops = append(ops, op{Op: "replace", Path: now.Path, Value: line})
			differs = true
		}
	}
	gone := slices.DeleteFunc(slices.Clone(chain), func(i int) bool { return slices.Contains(kept, i) })
	if !differs && len(gone) == 0 {
		return nil
	}
	ops = append(ops, p.rewire(ids, chain, gone)...)
	for _, i := range slices.Backward(slices.Sorted(slices.Values(gone))) {
		if !p.bare(i) {
			return nil
		}
		path, same := p.at(i)
		ops = append(ops, same, op{Op: "remove", Path: path})
	}
	return ops
}

// pair gives each step of a strategy the chain's step with its intent, in
// order, or -1, and the values of the parameters that this binds. The last
// steps belong together, since others wait for them.
func (p *proposer) pair(steps []learn.PlanTask, intents []learn.Intent, chain []int) (kept []int, values map[string]string) {
	values = map[string]string{}
	from := 0
	for k := range steps {
		at := -1
		if k == len(steps)-1 {
			at = len(chain) - 1
		} else {
			for c := from; c < len(chain)-1 && at < 0; c++ {
				t := p.plan.Tasks[chain[c]]
				if p.k.Intent(t.ToolName, t.Arguments) == intents[k] {
					at = c
				}
			}
		}
		if at < 0 {
			kept = append(kept, -1)
			continue
		}
		from = at + 1
		kept = append(kept, chain[at])
		if v, ok := bind(command(steps[k]), command(p.plan.Tasks[chain[at]]), values); ok {
			values = v
		}
	}
	return kept, values
}

// rewire makes the steps wait for each other in the strategy's order, the first
// for what the chain waited for.
func (p *proposer) rewire(ids []string, chain, gone []int) []op {
	before := p.plan.Dependencies[p.plan.Tasks[chain[0]].ID]
	var ops []op
	for k, id := range ids {
		needs := before
		if k > 0 {
			needs = []string{ids[k-1]}
		}
		now := p.plan.Dependencies[id]
		path := "/dependencies/" + escape(id)
		test, there := p.unchanged(path)
		switch {
		case slices.Equal(now, needs):
		case there && len(needs) == 0:
			ops = append(ops, test, op{Op: "remove", Path: path})
		case there:
			ops = append(ops, test, op{Op: "replace", Path: path, Value: needs})
		default:
			ops = append(ops, op{Op: "add", Path: path, Value: needs})
		}
	}
	for _, i := range gone {
		path := "/dependencies/" + escape(p.plan.Tasks[i].ID)
		if test, there := p.unchanged(path); there {
			ops = append(ops, test, op{Op: "remove", Path: path})
		}
	}
	return ops
}

// bare reports whether a step is nothing but its call, so that nothing else is
// lost with it.
func (p *proposer) bare(i int) bool {
	n := p.file.find(fmt.Sprintf("/tasks/%d", i))
	for _, m := range n.members {
		if !slices.Contains([]string{"id", "tool_name", "arguments", "priority"}, m.name) {
			return false
		}
	}
	return true
}
