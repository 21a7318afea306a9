package verify

import (
	"strings"

	"lathe/learn"
)

// output is what a reader sees: all lines of one recorded call.
type output struct {
	lines []string
	blank bool // nothing but white space was printed
}

// reader reads one tool's output. It returns nil for what is no verdict of
// that tool. inv is nil when another program (make, npm, a script) ran the
// tool, so that the shape alone must convince.
type reader struct {
	tool string
	runs func(inv *invocation) bool
	read func(out *output, inv *invocation) []learn.Verification
}

// readers returns every reader; test runners come first. The function instead
// of a variable keeps the package free of state.
func readers() []reader {
	return []reader{
		{"pytest", runsPytest, readPytest},
		{"django", runsDjango, readDjango},
		{"unittest", runsUnittest, readUnittest},
		{"go test", runsGo("test"), readGoTest},
		{"jest", runsProgram("jest"), readJest},
		{"vitest", runsProgram("vitest"), readVitest},
		{"mocha", runsProgram("mocha", "_mocha"), readMocha},
		{"node:test", runsNodeTest, readNodeTest},
		{"cargo test", runsCargo("test", "t"), readCargoTest},
		{"go build", runsGo("build", "install"), readGoBuild(learn.VerifyBuild, "go build")},
		{"cargo build", runsCargo("build", "b", "check", "c", "clippy"), readCargoBuild},
		{"gcc", runsCompiler, readCompiler},
		{"mypy", runsProgram("mypy", "dmypy"), readMypy},
		{"tsc", runsProgram("tsc"), readTsc},
		{"flake8", runsProgram("flake8", "pycodestyle", "pyflakes"), readFlake8},
		{"ruff", runsRuff, readRuff},
		{"pylint", runsProgram("pylint"), readPylint},
		{"eslint", runsProgram("eslint"), readESLint},
		{"go vet", runsGo("vet"), readGoBuild(learn.VerifyLint, "go vet")},
	}
}

// launchers are programs that only run other tools. They are asked when
// nothing that those printed was read.
func launchers() []reader {
	return []reader{
		{"make", runsProgram("make", "gmake"), readMake},
		{"npm", runsScript, readScript},
	}
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
	code, known := exitCode(ev)
	invs := invocations(command, code, known)
	if len(invs) == 0 {
		return nil
	}
	lines := splitOutput(ev.ToolOutput.Text())
	out := &output{lines: lines, blank: blank(lines)}
	if act.Tool == "" {
		act.Tool = ev.ToolName
	}
	found := readDirect(readers(), out, invs)
	if len(found) == 0 {
		found = readDelegated(out, invs, act)
	}
	if len(found) == 0 {
		found = readDirect(launchers(), out, invs)
	}
	if ev.Status == learn.StatusTimeout || ev.Status == learn.StatusInterrupted {
		found = failuresOnly(found)
	}
	for i := range found {
		found[i].EventID = ev.ID
	}
	return found
}

// readDirect asks the readers whose tool the command names.
func readDirect(rs []reader, out *output, invs []invocation) []learn.Verification {
	var found []learn.Verification
	for _, r := range rs {
		for i := range invs {
			if !r.runs(&invs[i]) {
				continue
			}
			// One tool run several times prints several summaries: the
			// reader sees them all at once. The last run's code is given.
			last := lastRun(invs, r)
			found = append(found, r.read(out, last)...)
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
	for i := range invs {
		tools := delegates(&invs[i], act)
		if tools == nil {
			continue
		}
		var found []learn.Verification
		for _, r := range readers() {
			if tools(r.tool) {
				found = append(found, r.read(out, nil)...)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// delegates says which tools' output a program may print, or nil when the
// program runs no tools.
func delegates(inv *invocation, act learn.Action) func(tool string) bool {
	any := func(string) bool { return true }
	switch inv.program {
	case "make", "gmake", "npm", "yarn", "pnpm", "bun", "tox", "nox", "just", "task", "ninja", "invoke", "rake", "hatch", "pre-commit", "docker":
		return any
	case "node", "deno", "tsx", "ts-node":
		return oneOf("jest", "vitest", "mocha", "node:test")
	}
	switch {
	case isPython(inv.program), strings.HasSuffix(inv.program, ".py"):
		return oneOf("pytest", "unittest", "django")
	case strings.HasSuffix(inv.program, ".sh"), inv.program == "bash", inv.program == "sh":
		return any
	case strings.HasSuffix(inv.program, ".js"), strings.HasSuffix(inv.program, ".mjs"), strings.HasSuffix(inv.program, ".ts"):
		return oneOf("jest", "vitest", "mocha", "node:test")
	}
	if act.Intent == learn.IntentTest && inv.program == act.Program {
		return any
	}
	return nil
}

func oneOf(tools ...string) func(string) bool {
	return func(tool string) bool {
		for _, t := range tools {
			if t == tool {
				return true
			}
		}
		return false
	}
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
