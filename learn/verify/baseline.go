package verify

import (
	"path"
	"strings"
)

const maxBaseline = 256 // names and scopes of a baseline that are kept

// noteBaseline remembers what failed and what passed while none of the task's
// changes to existing files was in effect: before the first, or taken back.
func (tk *task) noteBaseline(c check) {
	if c.Own || !conclusive(c) || !tk.pristine() {
		return
	}
	if tk.Baseline == nil {
		tk.Baseline, tk.BaselineBad = make(map[string]bool), make(map[string]int)
	}
	if len(tk.Baseline) < maxBaseline {
		for _, name := range c.FailingNames {
			tk.Baseline[name] = true
		}
	}
	if len(tk.BaselineBad) < maxBaseline {
		tk.BaselineBad[c.Scope] = c.Failed + c.Errors
	}
}

// pristine reports whether the work tree's existing files are as the task
// found them.
func (tk *task) pristine() bool {
	if tk.OtherEdit.Order > 0 && !tk.OtherEdit.Clean {
		return false
	}
	for file, e := range tk.Files {
		if !e.Clean && !tk.Created[file] {
			return false
		}
	}
	return true
}

// wasBad reports whether all that a run found wrong had been wrong before the
// task changed anything.
func (tk *task) wasBad(c check) bool {
	if c.Passed == 0 || len(c.FailingNames) == 0 {
		return false
	}
	for _, name := range c.FailingNames {
		if !tk.Baseline[name] {
			return false
		}
	}
	bad := c.Failed + c.Errors
	before, measured := tk.BaselineBad[c.Scope]
	return measured && bad <= before || bad <= len(c.FailingNames)
}

// passedBefore reports whether the same tests passed earlier in the task.
func (tk *task) passedBefore(c check) bool {
	for _, e := range tk.Checks {
		if e.Order < c.Order && e.Kind == c.Kind && e.OK && e.Scope == c.Scope {
			return true
		}
	}
	return false
}

// failedAtFirst reports whether the same tests failed before the task changed
// anything.
func (tk *task) failedAtFirst(c check) bool { return tk.BaselineBad[c.Scope] > 0 }

// keptTests reports whether a run was of test files that the task added to the
// project and left there.
func (tk *task) keptTests(c check) bool {
	for _, t := range c.Targets {
		for made := range tk.Created {
			if isTestFile(made) && strings.Contains(made, "/") && sameFile(made, t) {
				return true
			}
		}
	}
	return false
}

// ownRuns remembers how the scripts ended that the task wrote to try things.
func (tk *task) ownRuns(invs []invocation, failed bool, now edit) {
	for i := range invs {
		inv := &invs[i]
		bad, known := failed, len(invs) == 1
		if inv.exitKnown {
			bad, known = inv.exit != 0, true
		}
		if !known || !tk.isOwn(inv.program) || !isSource(inv.program) {
			continue
		}
		if tk.Runs == nil {
			tk.Runs = make(map[string]edit)
		}
		if _, seen := tk.Runs[inv.program]; !seen && len(tk.Runs) >= maxScripts {
			continue
		}
		now.Clean = !bad
		tk.Runs[inv.program] = now
	}
}

// failingScript is the last run of a script of the task's own that failed after
// the last edit, and was not deleted as useless before it was mended.
func (tk *task) failingScript() (edit, bool) {
	edited := tk.lastEdit().Order
	var found edit
	for name, run := range tk.Runs {
		if !run.Clean && run.Order >= edited && run.Order > found.Order && path.Base(name) == name {
			found = run
		}
	}
	return found, found.Order > 0
}
