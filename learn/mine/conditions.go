package mine

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"lathe/learn"
)

const (
	minLift       = 1.5 // the feature's share among tasks with the strategy, against all
	minLiftTasks  = 3   // with both
	maxConditions = 8
	// liftLevel is the p-value of Fisher's test that a feature must reach; some
	// hundred are looked at, and conditions are hints, no claims.
	liftLevel = 0.001
)

type feature struct{ kind, value string }

// features are what a task was about, as far as it was known before the work
// was done: no step that is part of it, but errors met before the first edit.
func (t *taskSeq) features() []feature {
	var out []feature
	add := func(kind, value string) {
		if f := (feature{kind, value}); value != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	add("project", t.ProjectID)
	add("problem_type", t.ProblemType)
	add("language", t.Language)
	for _, term := range t.Terms {
		add("term", term)
	}
	first, _ := t.edits()
	for i := range t.Steps {
		s := &t.Steps[i]
		if s.Target != "" {
			add("file", path.Base(s.Target))
		}
		if first < 0 || i < first {
			add("error", s.Signature)
		}
	}
	return out
}

// conditions are the features with the highest lift among the tasks with the
// strategy; at least half of these have them. Problems are the kinds of problem
// of at least a quarter of them.
func (w *window) conditions(in bits) (found []learn.Condition, problems []string) {
	with, all, projects := map[feature]int{}, map[feature]int{}, map[feature][]string{}
	own := w.project(in)
	n, total := 0, w.len()
	w.all(func(slot int, t *taskSeq) {
		has := in.has(slot)
		if has {
			n++
		}
		for _, x := range t.features() {
			all[x]++
			if has {
				with[x]++
			}
			if p := projects[x]; has && len(p) < 2 && !slices.Contains(p, t.ProjectID) {
				projects[x] = append(p, t.ProjectID)
			}
		}
	})
	for x, k := range with {
		if own == "" && len(projects[x]) < 2 { // what only one project knows stays there
			continue
		}
		lift := float64(k) / float64(n) / (float64(all[x]) / float64(total))
		t := table{k, n - k, all[x] - k, total - n - (all[x] - k)}
		if 2*k >= n && k >= minLiftTasks && lift >= minLift && t.fisher() <= liftLevel {
			found = append(found, learn.Condition{Feature: x.kind, Value: x.value, With: k, Support: n, All: all[x], Tasks: total, Lift: lift})
		}
		if x.kind == "problem_type" && 4*k >= n {
			problems = append(problems, x.value)
		}
	}
	slices.Sort(problems)
	slices.SortFunc(found, func(a, b learn.Condition) int {
		return cmp.Or(cmp.Compare(b.Lift, a.Lift), cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Value, b.Value))
	})
	return found[:min(len(found), maxConditions)], problems
}

func sayCondition(c learn.Condition) string {
	return fmt.Sprintf("%s: %s (%d of the %d tasks with it, %d of all %d; lift %.1f)", c.Feature, c.Value, c.With, c.Support, c.All, c.Tasks, c.Lift)
}
