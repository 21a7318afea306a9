package refine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lathe/learn"
)

// strategy brings a proven strategy into the plan: in the place of steps that
// cover the same ground, or by adding the steps that are missing. Parameters
// are filled from the steps that are there, or the strategy is passed over.
func (p *proposer) strategy(s *learn.ProvenStrategy) {
	if p.replace(s) {
		return
	}
	steps := s.TemplatePlanFragment.Tasks
	place, values := p.align(steps)
	if place == nil {
		return
	}
	ops, first := p.weave(steps, place, values)
	if first == "" {
		return
	}
	m := p.because(s, learn.AddFragment)
	m.Rationale = fmt.Sprintf("`%s` belongs to %q, with which %.0f %% of %d tasks succeeded (odds ratio %.1f)",
		shown(first), learn.Shown(s.Name, 80), 100*s.SuccessRate, s.Support, s.Contrast)
	p.add(m, s.StrategyID, ops...)
}

func (p *proposer) because(s *learn.ProvenStrategy, t learn.ModificationType) learn.PlanModificationProposal {
	return learn.PlanModificationProposal{Type: t, SourceStrategyID: s.StrategyID, Evidence: slices.Clone(s.Evidence),
		ConfidenceScore: s.SuccessInterval.Low, Risk: "medium", Support: s.Support}
}

// align finds the strategy's steps in the plan, in order: place[k] is the
// index of step k, or -1. It returns nil when no command is there, or all are.
// A step without a command, like an edit, is found by its tool.
func (p *proposer) align(steps []learn.PlanTask) (place []int, values map[string]string) {
	values = map[string]string{}
	from, found, commands := 0, 0, 0
	for _, s := range steps {
		at := -1
		for i := from; i < len(p.plan.Tasks) && at < 0; i++ {
			t := p.plan.Tasks[i]
			if t.ToolName != s.ToolName || (command(t) == "") != (command(s) == "") {
				continue
			}
			if command(s) == "" {
				at = i
			} else if v, ok := bind(command(s), command(t), values); ok {
				at, values = i, v
				commands++
			}
		}
		if at >= 0 {
			from, found = at+1, found+1
		}
		place = append(place, at)
	}
	if commands == 0 || found == len(steps) {
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
		name, ok := parameter(a[i])
		if !ok || i == 0 || out[name] != "" && out[name] != b[i] {
			return nil, false
		}
		out[name] = b[i]
	}
	return out, true
}

func parameter(word string) (name string, ok bool) {
	name, opened := strings.CutPrefix(word, "{")
	name, closed := strings.CutSuffix(name, "}")
	return name, opened && closed && name != ""
}

// filled is a template with its parameters, or "" while one is open.
func filled(template string, values map[string]string) string {
	words := strings.Fields(template)
	for i, w := range words {
		if name, ok := parameter(w); ok && values[name] != "" {
			words[i] = values[name]
		}
	}
	line := strings.Join(words, " ")
	if !complete(line) {
		return ""
	}
	return line
}

// weave makes the operations that put the missing steps between their
// neighbours. It returns no first command when a parameter stays open.
func (p *proposer) weave(steps []learn.PlanTask, place []int, values map[string]string) (ops []op, first string) {
	previous, fresh := "", false
	for k, s := range steps {
		if place[k] >= 0 {
			id := p.plan.Tasks[place[k]].ID
			if fresh {
				_, same := p.at(place[k])
				ops = append(append(ops, same), p.needs(id, previous)...)
			}
			previous, fresh = id, false
			continue
		}
		line := filled(command(s), values)
		if line == "" || p.has(s.ToolName, line) {
			return nil, ""
		}
		t := shellTask(s.ToolName, line)
		t.ID = stepID("strategy", t)
		ops = append(ops, op{Op: "add", Path: "/tasks/-", Value: t})
		if previous != "" {
			ops = append(ops, op{Op: "add", Path: "/dependencies/" + escape(t.ID), Value: []string{previous}})
		}
		if first == "" {
			first = line
		}
		previous, fresh = t.ID, true
	}
	return ops, first
}
