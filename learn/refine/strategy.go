package refine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lathe/learn"
)

// strategy adds the steps that a proven strategy has and the plan lacks. The
// plan must have at least one of its steps; parameters of the missing ones are
// filled from those that are there, or the strategy is passed over.
func (p *proposer) strategy(s *learn.ProvenStrategy) {
	steps := s.TemplatePlanFragment.Tasks
	place, values := p.align(steps)
	if place == nil {
		return
	}
	ops, first := p.weave(steps, place, values)
	if first == "" {
		return
	}
	p.add(learn.PlanModificationProposal{
		Type: learn.AddFragment, SourceStrategyID: s.StrategyID, Evidence: slices.Clone(s.Evidence),
		ConfidenceScore: s.SuccessInterval.Low, Risk: "medium",
		Rationale: fmt.Sprintf("`%s` belongs to %q, with which %.0f %% of %d tasks succeeded (odds ratio %.1f)",
			first, s.Name, 100*s.SuccessRate, s.Support, s.Contrast),
	}, ops...)
}

// align finds the strategy's steps in the plan, in order: place[k] is the
// index of step k, or -1. It returns nil when none is there, or all are.
func (p *proposer) align(steps []learn.PlanTask) (place []int, values map[string]string) {
	values = map[string]string{}
	from, found := 0, 0
	for _, s := range steps {
		at := -1
		for i := from; i < len(p.plan.Tasks) && at < 0; i++ {
			t := p.plan.Tasks[i]
			if t.ToolName != s.ToolName || command(t) == "" {
				continue
			}
			if v, ok := bind(command(s), command(t), values); ok {
				at, values = i, v
			}
		}
		if at >= 0 {
			from, found = at+1, found+1
		}
		place = append(place, at)
	}
	if found == 0 || found == len(steps) {
		return nil, nil
	}
	return place, values
}

// bind matches a command with a template word by word, consistently with what
// is bound already.
func bind(template, command string, known map[string]string) (map[string]string, bool) {
	a, b := strings.Fields(template), strings.Fields(command)
	if len(a) == 0 || len(a) != len(b) {
		return nil, false
	}
	out := maps.Clone(known)
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		name, ok := strings.CutPrefix(a[i], "{")
		name, closed := strings.CutSuffix(name, "}")
		if !ok || !closed || i == 0 || out[name] != "" && out[name] != b[i] {
			return nil, false
		}
		out[name] = b[i]
	}
	return out, true
}

// weave makes the operations that put the missing steps between their
// neighbours. It returns no first command when a parameter stays open.
func (p *proposer) weave(steps []learn.PlanTask, place []int, values map[string]string) (ops []op, first string) {
	previous, fresh := "", false
	for k, s := range steps {
		if place[k] >= 0 {
			id := p.plan.Tasks[place[k]].ID
			if fresh {
				needs := p.plan.Dependencies[id]
				_, same := p.at(place[k])
				ops = append(ops, same, op{"test", "/dependencies/" + escape(id), listOrNull(needs)},
					op{"add", "/dependencies/" + escape(id), append(slices.Clone(needs), previous)})
			}
			previous, fresh = id, false
			continue
		}
		line := command(s)
		for name, v := range values {
			line = strings.ReplaceAll(line, "{"+name+"}", v)
		}
		if !complete(line) || p.has(s.ToolName, line) {
			return nil, ""
		}
		t := shellTask(s.ToolName, line)
		t.ID = stepID("strategy", t)
		ops = append(ops, op{"add", "/tasks/-", t})
		if previous != "" {
			ops = append(ops, op{"add", "/dependencies/" + escape(t.ID), []string{previous}})
		}
		if first == "" {
			first = line
		}
		previous, fresh = t.ID, true
	}
	return ops, first
}
