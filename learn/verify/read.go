package verify

import (
	"strings"

	"lathe/learn"
)

// output is what a reader sees: all lines of one recorded call.
type output struct {
	text  string // of them all, without escape sequences
	lines []string
	blank bool // nothing but white space was printed
	// by is the program whose output is read by its shape, when the tool's
	// own call is not to be seen.
	by *invocation
	// table is for the reader of a tool that runs others.
	table *readerTable
}

// Read gives the verifications that the call ev printed, in the order of the
// readers and then of the output, each with ev's ID. act is ev's parsed
// action. The result is nil when nothing was verified; a verification that is
// not OK and counts nothing passed, failed or in error (no test collected) is
// inconclusive. Read is pure, bounded in time and memory by the output's
// first and last 256 KiB, and safe on hostile input.
func Read(ev *learn.ActionOutcome, act learn.Action) []learn.Verification {
	if ev == nil {
		return nil
	}
	command := act.Command
	if command == "" {
		command = ev.Command()
	}
	if act.Tool == "" {
		act.Tool = ev.ToolName
	}
	var found []learn.Verification
	if ev.Source == learn.SourceLSP && ev.ToolName == editorDiagnostics {
		found = readEditor(ev)
	} else if command == "" {
		found = readStructured(ev, act)
	} else {
		found = readShell(ev, act, command)
	}
	if ev.Status == learn.StatusTimeout || ev.Status == learn.StatusInterrupted {
		found = failuresOnly(found)
	}
	for i := range found {
		found[i].EventID = ev.ID
	}
	return found
}

func readShell(ev *learn.ActionOutcome, act learn.Action, command string) []learn.Verification {
	if harmless(&act, command) {
		return nil
	}
	code, known := exitCode(ev)
	invs := invocations(command, code, known, ev.ToolOutput.Text())
	if len(invs) == 0 || !worthReading(invs, act) {
		return nil
	}
	out := newOutput(ev.ToolOutput.Text())
	found := readDirect(table.tools, out, invs)
	if len(found) == 0 {
		found = readDelegated(out, invs, act)
	}
	if len(found) == 0 {
		found = readFormats(out, invs, act)
	}
	if len(found) == 0 {
		found = readDirect(table.launchers, out, invs)
	}
	return found
}

// worthReading reports whether any program of a command line can have printed
// a verdict, so that the output of all others is not even split into lines.
func worthReading(invs []invocation, act learn.Action) bool {
	for i := range invs {
		inv := &invs[i]
		if delegates(inv, act) != nil || showsReport(inv) {
			return true
		}
	}
	for i := range invs {
		if isTool(&invs[i]) {
			return true
		}
		for j := range table.launchers {
			if table.launchers[j].runs(&invs[i]) {
				return true
			}
		}
	}
	return false
}

// harmless reports whether a command line runs only programs that look around
// or move files, so that it need not be parsed.
func harmless(act *learn.Action, command string) bool {
	for _, p := range act.Programs {
		switch p {
		case "cat", "head", "tail", "sed":
			if strings.Contains(command, ".xml") || strings.Contains(command, ".sarif") || strings.Contains(command, ".tap") {
				return false
			}
		case "grep", "egrep", "rg", "ls", "cd", "find", "wc", "sort", "uniq", "awk", "cut", "tr", "echo", "printf", "pwd", "which", "git", "tree", "nl",
			"mkdir", "rm", "cp", "mv", "touch", "diff", "chmod", "export", "true", "stat", "file", "basename", "dirname", "date", "tee", "less":
		default:
			return false
		}
	}
	return len(act.Programs) > 0
}

// readStructured reads what a tool that is no shell printed: a tool that runs
// tests, builds or checks, by its output's shape; a file that was read, only
// as a report.
func readStructured(ev *learn.ActionOutcome, act learn.Action) []learn.Verification {
	switch act.Intent {
	case learn.IntentTest, learn.IntentBuild, learn.IntentLint, learn.IntentTypecheck:
		out := newOutput(ev.ToolOutput.Text())
		if found := readShape(out.table.tools, out, func(string) bool { return true }); len(found) > 0 {
			return found
		}
		return readShape(table.formats, out, formatsFor(act))
	case learn.IntentRead:
		if isReport(act.Target) {
			return readShape(table.formats, newOutput(ev.ToolOutput.Text()), formatsFor(act))
		}
	}
	return nil
}

// readDirect asks the readers whose tool the command names.
func readDirect(rs []reader, out *output, invs []invocation) []learn.Verification {
	var found []learn.Verification
	var covered []string
	for _, r := range rs {
		for i := range invs {
			if !r.runs(&invs[i]) || oneOf(covered...)(r.tool) {
				continue
			}
			// One tool run several times prints several summaries: the
			// reader sees them all at once. The last run's code is given.
			if vs := r.read(out, lastRun(invs, r)); len(vs) > 0 {
				found, covered = append(found, vs...), append(covered, r.within...)
			}
			break
		}
	}
	return found
}

func lastRun(invs []invocation, r reader) *invocation {
	for i := len(invs) - 1; i >= 0; i-- {
		if r.runs(&invs[i]) {
			inv := invs[i]
			// Silence speaks for all runs only if all of it can be seen.
			for j := range i {
				if r.runs(&invs[j]) {
					inv.seen = max(inv.seen, invs[j].seen)
					if !invs[j].exitKnown || invs[j].exit != 0 {
						inv.exitKnown = false
					}
				}
			}
			return &inv
		}
	}
	return nil
}

// readDelegated asks by shape alone when a script or build tool was run that
// may have run anything.
func readDelegated(out *output, invs []invocation, act learn.Action) []learn.Verification {
	for i := range invs { // the least visible of them may hide failures
		if delegates(&invs[i], act) != nil && (out.by == nil || invs[i].seen >= out.by.seen) {
			out.by = &invs[i]
		}
	}
	for i := range invs {
		tools := delegates(&invs[i], act)
		if tools == nil {
			continue
		}
		if found := readShape(table.tools, out, tools); len(found) > 0 {
			return found
		}
	}
	return nil
}

// readFormats reads a report in a format that many tools write: printed by a
// tool that was asked for it, or shown from the file that it was written to.
func readFormats(out *output, invs []invocation, act learn.Action) []learn.Verification {
	out.by = nil
	for i := range invs {
		inv := &invs[i]
		reported := showsReport(inv) || delegates(inv, act) != nil || isTool(inv)
		// Where a report is printed, what another program hides does not matter.
		if reported && (out.by == nil || inv.seen < out.by.seen) {
			out.by = inv
		}
	}
	if out.by == nil {
		return nil
	}
	found := readShape(table.formats, out, formatsFor(act))
	if out.by.seen != full && len(found) > 0 && found[0].Tool != "plain" {
		found = failuresOnly(found) // a whole document may be out of sight
	}
	return found
}

// formatsFor leaves plain closing lines to calls that are for testing.
func formatsFor(act learn.Action) func(tool string) bool {
	return func(tool string) bool { return tool != "plain" || act.Intent == learn.IntentTest }
}

// readShape asks the readers of the tools for which wanted is true by shape
// alone.
func readShape(rs []reader, out *output, wanted func(tool string) bool) []learn.Verification {
	var found []learn.Verification
	var covered []string
	for _, r := range rs {
		if !wanted(r.tool) || oneOf(covered...)(r.tool) || !out.hasAny(r.marks) {
			continue
		}
		if vs := r.read(out, nil); len(vs) > 0 {
			found, covered = append(found, vs...), append(covered, r.within...)
		}
	}
	return found
}

// failuresOnly keeps what an interrupted call had already shown to be bad.
func failuresOnly(vs []learn.Verification) []learn.Verification {
	var kept []learn.Verification
	for _, v := range vs {
		if !v.OK && v.Failed+v.Errors > 0 {
			kept = append(kept, v)
		}
	}
	return kept
}

// exitCode is the call's exit code, or what its status says about it.
func exitCode(ev *learn.ActionOutcome) (code int, known bool) {
	if ev.ToolOutput.ExitCode != nil {
		return *ev.ToolOutput.ExitCode, true
	}
	switch ev.Status {
	case learn.StatusSuccess:
		return 0, true
	case learn.StatusFailure:
		return 1, true
	}
	return 0, false
}

func newOutput(text string) *output {
	lines, text := splitOutput(text)
	return &output{text: text, lines: lines, blank: blank(lines), table: table}
}

func (out *output) hasAny(marks []string) bool {
	for _, m := range marks {
		if strings.Contains(out.text, m) {
			return true
		}
	}
	return false
}

func blank(lines []string) bool {
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			return false
		}
	}
	return true
}

// conclude sets OK: a test run is good when something passed and nothing
// failed.
func conclude(v learn.Verification) learn.Verification {
	v.OK = v.Passed > 0 && v.Failed == 0 && v.Errors == 0
	return v
}

// partial reports whether failures may be out of sight, so that a good verdict
// in what is shown proves nothing: the output was cut at its end or filtered,
// and no exit code says that all was well. A filter through which a failure,
// looking like bad, would be seen is no hindrance.
func (out *output) partial(inv *invocation, bad string) bool {
	if inv == nil {
		inv = out.by
	}
	if inv == nil || (inv.exitKnown && inv.exit == 0) {
		return false
	}
	if inv.through.without != nil && inv.through.without.MatchString(bad) {
		return true
	}
	if inv.seen < headed {
		return false
	}
	return inv.seen != filtered || inv.through.grep == nil || !inv.through.grep.MatchString(bad)
}

// wholly gives v unless it is good but partial.
func (out *output) wholly(v learn.Verification, inv *invocation, bad string) []learn.Verification {
	if v.OK && out.partial(inv, bad) {
		return nil
	}
	return []learn.Verification{v}
}
