package refine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"lathe/learn"
)

// maxTasks bounds a plan; beyond it is a mistake or an attack.
const maxTasks = 10000

// Validate reports everything that is wrong with a plan: ids that are empty or
// double, dependencies and fallbacks on unknown tasks, cycles, unknown
// priorities, arguments that are no JSON object, tools that hasTool does not
// know (nil knows all).
func Validate(g learn.TaskGraph, hasTool func(name string) bool) error {
	if len(g.Tasks) > maxTasks {
		return fmt.Errorf("plan %q has %d tasks; at most %d are allowed: split it", g.Name, len(g.Tasks), maxTasks)
	}
	ids := map[string]bool{}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, t := range g.Tasks {
		switch {
		case t.ID == "":
			bad("task %d has no id", i+1)
		case ids[t.ID]:
			bad("task id %q is there twice", t.ID)
		}
		ids[t.ID] = true
		checkTask(&t, hasTool, bad)
	}
	for _, t := range g.Tasks {
		for _, f := range t.Fallback {
			if !ids[f] || f == t.ID {
				bad("task %q falls back on %q, which is no other task", t.ID, f)
			}
		}
	}
	for id, needs := range g.Dependencies {
		if !ids[id] {
			bad("dependencies name task %q, which does not exist", id)
		}
		for _, n := range needs {
			if !ids[n] {
				bad("task %q depends on %q, which does not exist", id, n)
			}
		}
	}
	if cycle := findCycle(g); cycle != nil {
		bad("tasks depend on each other in a circle: %q", cycle)
	}
	slices.SortFunc(errs, func(a, b error) int { return bytes.Compare([]byte(a.Error()), []byte(b.Error())) })
	return errors.Join(errs...)
}

func checkTask(t *learn.PlanTask, hasTool func(string) bool, bad func(string, ...any)) {
	switch t.Priority {
	case "", "high", "normal", "background":
	default:
		bad("task %q has priority %q: use high, normal or background", t.ID, t.Priority)
	}
	if t.ToolName == "" {
		bad("task %q has no tool_name", t.ID)
	} else if hasTool != nil && !hasTool(t.ToolName) {
		bad("task %q uses tool %q, which does not exist here", t.ID, t.ToolName)
	}
	var object map[string]json.RawMessage
	if len(t.Arguments) > 0 && json.Unmarshal(t.Arguments, &object) != nil {
		bad("task %q has arguments that are no JSON object", t.ID)
	}
	if t.Retry != nil && (t.Retry.MaxAttempts < 1 || t.Retry.BackoffMS < 0) {
		bad("task %q retries %d times after %d ms: use at least one attempt and no negative wait", t.ID, t.Retry.MaxAttempts, t.Retry.BackoffMS)
	}
}

// findCycle returns the ids of a cycle, or nil. It walks without recursion, so
// that a long chain costs no stack.
func findCycle(g learn.TaskGraph) []string {
	missing := map[string]int{} // dependencies not yet met
	waiting := map[string][]string{}
	for id, needs := range g.Dependencies {
		missing[id] += len(needs)
		for _, n := range needs {
			waiting[n] = append(waiting[n], id)
		}
	}
	var ready []string
	for n := range waiting {
		if missing[n] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, id := range waiting[n] {
			if missing[id]--; missing[id] == 0 {
				ready = append(ready, id)
			}
		}
	}
	var cycle []string
	for id, n := range missing {
		if n > 0 {
			cycle = append(cycle, id)
		}
	}
	slices.Sort(cycle)
	return cycle
}
