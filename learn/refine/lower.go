package refine

import (
	"fmt"
	"slices"

	"lathe/learn"
)

// Lower writes a plan with tasks and dependencies alone. Preconditions become
// check steps before, by the shell tool that the plan itself uses, and fail
// the plan there; fallback steps are left out, for a plain planner would run
// them whether they are needed or not. The notes say what was lost.
func Lower(plan learn.TaskGraph) (learn.TaskGraph, []string) {
	out := learn.TaskGraph{Name: plan.Name, Dependencies: map[string][]string{}}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	shell := ""
	only := map[string]bool{} // steps that are there as a fallback
	for _, t := range plan.Tasks {
		if shell == "" && command(t) != "" {
			shell = t.ToolName
		}
		for _, f := range t.Fallback {
			only[f] = true
			note("step %s: fallback %s left out: run it by hand when %s fails", t.ID, f, t.ID)
		}
	}
	for _, t := range plan.Tasks {
		if only[t.ID] {
			continue
		}
		needs := slices.DeleteFunc(slices.Clone(plan.Dependencies[t.ID]), func(id string) bool { return only[id] })
		for _, c := range t.Preconditions {
			line := check(c)
			if line == "" || shell == "" {
				note("step %s: precondition %s %q left out: no check for it here", t.ID, c.Kind, c.Argument)
				continue
			}
			step := shellTask(shell, line)
			step.ID = stepID(t.ID+"-check", step)
			if slices.ContainsFunc(out.Tasks, func(o learn.PlanTask) bool { return o.ID == step.ID }) {
				continue
			}
			if len(needs) > 0 {
				out.Dependencies[step.ID] = slices.Clone(needs)
			}
			out.Tasks = append(out.Tasks, step)
			needs = append(needs, step.ID)
		}
		if t.Retry != nil {
			note("step %s: retry (%d attempts) left out", t.ID, t.Retry.MaxAttempts)
		}
		if t.ExpectedOutput != nil {
			note("step %s: expected output left out", t.ID)
		}
		out.Tasks = append(out.Tasks, learn.PlanTask{ID: t.ID, ToolName: t.ToolName, Arguments: t.Arguments, Priority: t.Priority})
		if len(needs) > 0 {
			out.Dependencies[t.ID] = needs
		}
	}
	return out, notes
}

// check is a command that fails unless the precondition holds, or "" for a
// kind without one and for an argument that cannot stand in a command.
func check(c learn.Precondition) string {
	if !plain(c.Argument) {
		return ""
	}
	switch c.Kind {
	case "file_exists":
		return "test -e " + c.Argument
	case "program_available":
		return "command -v " + c.Argument
	case "module_importable":
		return `python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("` + c.Argument + `") is None)'`
	case "port_open":
		return "bash -c 'exec 3<>/dev/tcp/localhost/" + c.Argument + "'"
	}
	return ""
}
