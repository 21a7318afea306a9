package verify

import (
	"strings"

	"lathe/learn"
)

// reader reads one tool's output. It returns nil for what is no verdict of
// that tool. inv is nil when another program (make, npm, a script) ran the
// tool, so that the shape alone must convince.
type reader struct {
	tool string
	runs func(inv *invocation) bool
	read func(out *output, inv *invocation) []learn.Verification
	// marks are strings one of which is in every output that read takes when
	// inv is nil: a search for them is much cheaper than reading.
	marks []string
	// within are tools whose output this one repeats or sums up; what they
	// printed is not counted a second time.
	within []string
}

// Tools names every tool whose output Read understands, as in
// Verification.Tool, in the order in which they are asked.
func Tools() []string {
	var names []string
	for _, rs := range [][]reader{table.tools, table.formats, table.launchers} {
		for _, r := range rs {
			names = append(names, r.tool)
		}
	}
	return names
}

// readerTable holds every reader.
type readerTable struct {
	tests, tools       []reader // of tools' own output: of test runners, of those and others
	formats, launchers []reader
}

// table is made once and never changed.
var table = func() *readerTable {
	tests := testReaders()
	return &readerTable{tests: tests, tools: append(tests[:len(tests):len(tests)], checkReaders()...), formats: formats(), launchers: launchers()}
}()

func testReaders() []reader {
	return []reader{
		{"tox", runsProgram("tox"), readTox, []string{" summary ___", "congratulations :)", "evaluation failed :("}, []string{"pytest", "unittest", "django"}},
		{"pytest", runsPytest, readPytest, []string{" passed", " failed", " error", "no tests ran", " skipped", " xfailed", " deselected"}, nil},
		{"django", runsDjango, readDjango, []string{"Ran "}, nil},
		{"unittest", runsUnittest, readUnittest, []string{"Ran "}, nil},
		{"gotestsum", runsProgram("gotestsum"), readGotestsum, []string{"DONE "}, []string{"go test"}},
		{"go test", runsGoTest, readGoTest, []string{"ok  \t", "FAIL\t", "--- FAIL", "?   \t", "{\"Time\"", "{\"Action\""}, nil},
		{"jest", runsProgram("jest"), readJest, []string{"Tests:", "numTotalTests"}, nil},
		{"vitest", runsProgram("vitest"), readVitest, []string{"Test Files  "}, nil},
		{"mocha", runsProgram("mocha", "_mocha"), readMocha, []string{" passing", " failing", " pending"}, nil},
		{"node:test", runsNodeTest, readNodeTest, []string{"duration_ms "}, nil},
		{"nextest", runsNextest, readNextest, []string{" tests run: ", " test run: "}, nil},
		{"cargo test", runsCargo("test", "t"), readCargoTest, []string{"test result: ", "error: test failed"}, nil},
		{"maven", runsProgram("mvn", "mvnw", "mvnd"), readMaven, []string{"Tests run:", "BUILD SUCCESS", "BUILD FAILURE"}, nil},
		{"gradle", runsProgram("gradle", "gradlew"), readGradle, []string{"BUILD SUCCESSFUL", "BUILD FAILED"}, nil},
		{"junit", runsJUnit, readJUnitConsole, []string{"OK (", "Tests run: ", " tests successful"}, nil},
		{"ctest", runsProgram("ctest"), readCTest, []string{"% tests passed", "No tests were found!!!"}, []string{"googletest", "tap"}},
		{"googletest", runsNothing, readGoogleTest, []string{"[==========]", "[  PASSED  ]", "[  FAILED  ]"}, nil},
		{"rspec", runsProgram("rspec"), readRSpec, []string{" examples, ", " example, "}, nil},
		{"minitest", runsNothing, readMinitest, []string{" assertions, "}, nil},
		{"phpunit", runsProgram("phpunit", "pest", "paratest"), readPHPUnit, []string{"Assertions: ", "OK (", "No tests executed!"}, nil},
		{"prove", runsProgram("prove"), readProve, []string{"Result: "}, []string{"tap"}},
		{"bats", runsProgram("bats"), readBats, []string{" tests, ", " test, "}, nil},
	}
}

func checkReaders() []reader {
	return []reader{
		{"go build", runsGo("build", "install"), readGoBuild(learn.VerifyBuild, "go build"), nil, nil},
		{"cargo build", runsCargo("build", "b", "check", "c", "clippy"), readCargoBuild, []string{"could not compile", " Finished "}, nil},
		{"javac", runsJavac, readJavac, []string{": error: "}, nil},
		{"gcc", runsCompiler, readCompiler, []string{"error: ", "ld returned", "linker command failed", "undefined"}, nil},
		{"mypy", runsProgram("mypy", "dmypy"), readMypy, []string{"no issues found in ", "Found "}, nil},
		{"pyright", runsProgram("pyright", "basedpyright"), readPyright, []string{" warnings", "generalDiagnostics"}, nil},
		{"tsc", runsProgram("tsc", "vue-tsc"), readTsc, []string{"error TS"}, nil},
		{"flake8", runsProgram("flake8", "pycodestyle", "pyflakes"), readFlake8, []string{": E", ": W", ": F", ": C", ": B", ": D", ": N"}, nil},
		{"ruff", runsRuff, readRuff, []string{"All checks passed!", "Found "}, nil},
		{"pylint", runsProgram("pylint"), readPylint, []string{"Your code has been rated at"}, nil},
		{"eslint", runsProgram("eslint"), readESLint, []string{"✖ "}, nil},
		{"golangci-lint", runsProgram("golangci-lint"), readGolangci, []string{" issues:", " issues."}, nil},
		{"go vet", runsGo("vet"), readGoBuild(learn.VerifyLint, "go vet"), nil, nil},
		{"docker build", runsDockerBuild, readDockerBuild, []string{"Successfully built ", "failed to solve", "exporting to image", "returned a non-zero code"}, nil},
		{"npm install", runsInstall, readInstall, nil, nil},
	}
}

// formats returns the readers of report formats that many tools write. They
// are asked when no tool's own output was found.
func formats() []reader {
	return []reader{
		{"JUnit XML", runsNothing, readJUnitXML, []string{"<testsuite"}, nil},
		{"TAP", runsNothing, readTAP, []string{"1.."}, nil},
		{"SARIF", runsNothing, readSARIF, []string{"\"runs\""}, nil},
		{"plain", runsNothing, readPlain, []string{" passed", " failed", " ok", " passing", " failure", " error", " succeeded"}, nil},
	}
}

// launchers are programs that only run other tools. They are asked when
// nothing that those printed was read.
func launchers() []reader {
	return []reader{
		{"cmake", runsProgram("cmake"), readCMake, nil, nil},
		{"ninja", runsProgram("ninja"), readCMake, nil, nil},
		{"make", runsProgram("make", "gmake"), readMake, nil, nil},
		{"npm", runsScript, readScript, nil, nil},
	}
}

// runsNothing is for tools that have no command of their own: a test binary,
// a script with a test library.
func runsNothing(*invocation) bool { return false }

func runsProgram(names ...string) func(*invocation) bool {
	return func(inv *invocation) bool {
		for _, n := range names {
			if inv.program == n {
				return true
			}
		}
		return false
	}
}

// delegates says which tools' output a program may print, or nil when the
// program runs no tools.
func delegates(inv *invocation, act learn.Action) func(tool string) bool {
	any := func(string) bool { return true }
	switch inv.program {
	case "make", "gmake", "npm", "yarn", "pnpm", "bun", "tox", "nox", "just", "task", "ninja", "cmake", "meson", "bazel", "invoke",
		"rake", "hatch", "pre-commit", "composer", "docker", "podman", "act", "mvn", "gradle", "prove", "rails", "mage":
		return any
	case "node", "deno", "tsx", "ts-node":
		return oneOf("jest", "vitest", "mocha", "node:test")
	case "ruby":
		return oneOf("minitest", "rspec")
	case "php":
		return oneOf("phpunit")
	case "java":
		return oneOf("junit")
	case "perl":
		return oneOf() // TAP alone
	}
	switch {
	case isPython(inv.program), strings.HasSuffix(inv.program, ".py"):
		return oneOf("pytest", "unittest", "django")
	case strings.HasSuffix(inv.program, ".sh"), inv.program == "bash", inv.program == "sh":
		return any
	case strings.HasSuffix(inv.program, ".rb"):
		return oneOf("minitest", "rspec")
	case strings.HasSuffix(inv.program, ".js"), strings.HasSuffix(inv.program, ".mjs"), strings.HasSuffix(inv.program, ".ts"):
		return oneOf("jest", "vitest", "mocha", "node:test")
	case inv.byPath:
		return any // a test binary, a project's own runner
	}
	if act.Intent == learn.IntentTest && inv.program == act.Program && !isTool(inv) {
		return any
	}
	return nil
}

// isTool reports whether a program is one that has a reader of its own.
func isTool(inv *invocation) bool {
	for i := range table.tools {
		if table.tools[i].runs(inv) {
			return true
		}
	}
	return false
}

// showsReport reports whether an invocation prints a file that holds a report
// some earlier run wrote.
func showsReport(inv *invocation) bool {
	switch inv.program {
	case "cat", "bat", "less", "more", "head", "tail", "sed", "xmllint", "type":
	default:
		return false
	}
	for _, a := range inv.args {
		if isReport(a) {
			return true
		}
	}
	return false
}

// isReport tells by its name whether a file may hold a test or lint report.
func isReport(file string) bool {
	file = strings.ToLower(file)
	return strings.HasSuffix(file, ".xml") || strings.HasSuffix(file, ".sarif") || strings.HasSuffix(file, ".tap") || strings.HasSuffix(file, ".sarif.json")
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
