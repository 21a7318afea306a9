package refine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// Lower writes a plan for planners that know only tasks and dependencies.
// Preconditions become check steps before, by the shell tool that the plan
// itself uses, and fail the plan there; fallback steps are left out, for a plain
// planner would run them whether they are needed or not. The notes say what was
// lost. Fields that Lathe does not know stay.
func Lower(f *File) (*File, []string, error) {
	l := lowering{plan: f.Plan, needs: map[string]any{}, spare: map[string]bool{}}
	tree, _ := decodeNode(f.text, f.root).(map[string]any)
	for _, t := range l.plan.Tasks {
		if l.shell == "" && command(t) != "" {
			l.shell = t.ToolName
		}
		for _, spare := range t.Fallback {
			l.spare[spare] = true
			l.note("step %s: fallback %s left out: run it by hand when %s fails", t.ID, spare, t.ID)
		}
	}
	raw, _ := tree["tasks"].([]any)
	for i, t := range raw {
		if fields, ok := t.(map[string]any); ok && !l.spare[l.plan.Tasks[i].ID] {
			l.task(&l.plan.Tasks[i], fields)
		}
	}
	tree["tasks"], tree["dependencies"] = l.tasks, l.needs
	e := newSplicer(f.text, f.root)
	e.set(f.root, tree)
	out, err := Parse(f.Name, e.done())
	if err != nil {
		return nil, nil, fmt.Errorf("lower plan %q: %w", f.Name, err)
	}
	return out, l.notes, nil
}

type lowering struct {
	plan  learn.TaskGraph
	shell string          // the plan's own
	spare map[string]bool // steps that are there as a fallback
	tasks []any
	needs map[string]any
	notes []string
}

func (l *lowering) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

func (l *lowering) task(t *learn.PlanTask, fields map[string]any) {
	needs := slices.DeleteFunc(slices.Clone(l.plan.Dependencies[t.ID]), func(id string) bool { return l.spare[id] })
	for _, c := range t.Preconditions {
		line := checkFor(c)
		if line == "" || l.shell == "" {
			l.note("step %s: precondition %s %q left out: no check for it here", t.ID, c.Kind, c.Argument)
			continue
		}
		step := shellTask(l.shell, line)
		step.ID = stepID(t.ID+"-check", step)
		if slices.ContainsFunc(l.plan.Tasks, func(o learn.PlanTask) bool { return o.ID == step.ID }) || l.needs[step.ID] != nil {
			continue
		}
		l.wait(step.ID, needs)
		l.tasks = append(l.tasks, plainValue(step))
		needs = append(needs, step.ID)
	}
	if t.Retry != nil {
		l.note("step %s: retry (%d attempts) left out", t.ID, t.Retry.MaxAttempts)
	}
	if t.ExpectedOutput != nil {
		l.note("step %s: expected output left out", t.ID)
	}
	for _, name := range []string{"preconditions", "retry", "fallback", "expected_output"} {
		delete(fields, name)
	}
	l.tasks = append(l.tasks, fields)
	if _, there := l.plan.Dependencies[t.ID]; there || len(needs) > 0 {
		l.wait(t.ID, needs)
	}
}

func (l *lowering) wait(id string, needs []string) {
	list := []any{}
	for _, n := range needs {
		list = append(list, n)
	}
	l.needs[id] = list
}

// checkFor is a command that fails unless the precondition holds, or "" for a
// kind without one and for an argument that cannot stand in a command.
func checkFor(c learn.Precondition) string {
	if !plain(c.Argument) {
		return ""
	}
	switch c.Kind {
	case "file_exists":
		return "test -e " + c.Argument
	case "program_available":
		return "command -v " + c.Argument
	case "module_importable":
		// Of a.b only a is looked for: find_spec would import a, that is, run it,
		// and the name may be one that a tool printed.
		top, _, _ := strings.Cut(c.Argument, ".")
		if top == "" {
			return ""
		}
		return `python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("` + top + `") is None)'`
	case "port_open":
		return "bash -c 'exec 3<>/dev/tcp/localhost/" + c.Argument + "'"
	}
	return ""
}

// JSON is the plan as JSON, without what only its form says.
func (f *File) JSON() (json.RawMessage, error) {
	return json.Marshal(decodeNode(f.text, f.root))
}
