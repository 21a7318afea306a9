package refine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"lathe/learn"
)

// maxTasks bounds a plan; beyond it is a mistake or an attack.
const maxTasks = 10000

// fault is one thing that is wrong with a plan, and where.
type fault struct {
	pointer string
	what    string // with what to do
}

// Validate reports everything that is wrong with a plan: ids that are empty or
// double, dependencies and fallbacks on unknown tasks, cycles, unknown
// priorities, arguments that are no JSON object, tools that hasTool does not
// know (nil knows all).
func Validate(g learn.TaskGraph, hasTool func(name string) bool) error {
	var errs []error
	for _, f := range check(g, hasTool) {
		errs = append(errs, errors.New(f.what))
	}
	return errors.Join(errs...)
}

// check finds the faults of a plan, in the order of the plan.
func check(g learn.TaskGraph, hasTool func(name string) bool) []fault {
	c := checker{ids: map[string]bool{}}
	if len(g.Tasks) > maxTasks {
		c.bad("/tasks", "plan %q has %d tasks; at most %d are allowed: split it", g.Name, len(g.Tasks), maxTasks)
		return c.faults
	}
	for i := range g.Tasks {
		c.task("/tasks/"+strconv.Itoa(i), &g.Tasks[i], hasTool)
	}
	for i, t := range g.Tasks {
		for j, f := range t.Fallback {
			if !c.ids[f] || f == t.ID {
				c.bad(fmt.Sprintf("/tasks/%d/fallback/%d", i, j), "task %q falls back on %q, which is no other task: add that task, or take it out of fallback", t.ID, f)
			}
		}
	}
	for _, id := range sorted(g.Dependencies) {
		at := "/dependencies/" + escape(id)
		if !c.ids[id] {
			c.bad(at, "dependencies name task %q, which does not exist: add that task, or remove this entry", id)
		}
		for j, n := range g.Dependencies[id] {
			if !c.ids[n] {
				c.bad(at+"/"+strconv.Itoa(j), "task %q depends on %q, which does not exist: add that task, or remove the dependency", id, n)
			}
		}
	}
	if cycle := findCycle(g); cycle != nil {
		c.bad("/dependencies/"+escape(cycle[0]), "tasks depend on each other in a circle, %q: remove one of these dependencies", cycle)
	}
	return c.faults
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type checker struct {
	ids    map[string]bool
	faults []fault
}

func (c *checker) bad(pointer, format string, args ...any) {
	c.faults = append(c.faults, fault{pointer, fmt.Sprintf(format, args...)})
}

func (c *checker) task(at string, t *learn.PlanTask, hasTool func(string) bool) {
	switch {
	case t.ID == "":
		c.bad(at, "a task has no id: give it one that no other has")
	case c.ids[t.ID]:
		c.bad(at+"/id", "task id %q is there twice: rename one", t.ID)
	}
	c.ids[t.ID] = true
	switch t.Priority {
	case "", "high", "normal", "background":
	default:
		c.bad(at+"/priority", "task %q has priority %q: use high, normal or background", t.ID, t.Priority)
	}
	if t.ToolName == "" {
		c.bad(at, "task %q has no tool_name: say which tool it calls", t.ID)
	} else if hasTool != nil && !hasTool(t.ToolName) {
		c.bad(at+"/tool_name", "task %q uses tool %q, which does not exist here: choose one that does", t.ID, t.ToolName)
	}
	var object map[string]json.RawMessage
	if len(t.Arguments) > 0 && json.Unmarshal(t.Arguments, &object) != nil {
		c.bad(at+"/arguments", "task %q has arguments that are no JSON object: write {\"name\": value}", t.ID)
	}
	if t.Retry != nil && (t.Retry.MaxAttempts < 1 || t.Retry.BackoffMS < 0) {
		c.bad(at+"/retry", "task %q retries %d times after %d ms: use at least one attempt and no negative wait", t.ID, t.Retry.MaxAttempts, t.Retry.BackoffMS)
	}
}

// findCycle returns the ids of one cycle, from its smallest, or nil. It walks
// without recursion, so that a long chain costs no stack.
func findCycle(g learn.TaskGraph) []string {
	const (
		fresh = iota
		open
		closed
	)
	state := map[string]int{}
	for _, root := range sorted(g.Dependencies) {
		path, next := []string{root}, []int{0}
		if state[root] != fresh {
			continue
		}
		state[root] = open
		for len(path) > 0 {
			at := len(path) - 1
			needs := g.Dependencies[path[at]]
			if next[at] == len(needs) {
				state[path[at]] = closed
				path, next = path[:at], next[:at]
				continue
			}
			n := needs[next[at]]
			next[at]++
			switch state[n] {
			case open:
				cycle := path[slices.Index(path, n):]
				least := slices.Index(cycle, slices.MinFunc(cycle, cmp.Compare))
				return slices.Concat(cycle[least:], cycle[:least])
			case fresh:
				state[n] = open
				path, next = append(path, n), append(next, 0)
			}
		}
	}
	return nil
}
