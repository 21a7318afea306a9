package verify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/verify"
)

// unrecorded lists the readers that no recording of the real tool backs, and
// why. They are written from what their manuals publish and tested on that in
// TestUnrecorded.
func unrecorded() map[string]string {
	return map[string]string{
		"nextest": "no package of it was at hand when the others were recorded",
	}
}

// TestEveryToolRecorded: of every tool that Read knows, a good and a bad run
// are among the recordings, or else the tool is listed as unrecorded. With -v
// it prints the table.
func TestEveryToolRecorded(t *testing.T) {
	good, bad := make(map[string]int), make(map[string]int)
	for _, line := range readWant(t) {
		for v := range strings.SplitSeq(line, "; ") {
			tool, verdict := wantTool(v)
			switch verdict {
			case "OK":
				good[tool]++
			case "bad":
				bad[tool]++
			}
		}
	}
	for _, tool := range verify.Tools() {
		why, listed := unrecorded()[tool]
		t.Logf("%-14s good %3d  bad %3d  %s", tool, good[tool], bad[tool], why)
		switch {
		case listed && good[tool]+bad[tool] > 0:
			t.Errorf("%s is recorded; take it from the list of the unrecorded", tool)
		case !listed && (good[tool] == 0 || bad[tool] == 0) && !onlyFails(tool):
			t.Errorf("%s: %d good and %d bad recordings", tool, good[tool], bad[tool])
		}
	}
}

// onlyFails names the readers that never give a good verdict of their own.
func onlyFails(tool string) bool { return tool == "tox" }

// wantTool takes "test go test OK 1/0/0/0 ..." apart.
func wantTool(v string) (tool, verdict string) {
	words := strings.Fields(v)
	for i, w := range words {
		if i > 1 && (w == "OK" || w == "bad") {
			tool = strings.Join(words[1:i], " ")
			switch {
			case strings.HasSuffix(tool, " install"):
				return "npm install", w
			case tool == "cmake configure":
				return "cmake", w
			case tool == "clippy":
				return "cargo build", w
			case strings.HasPrefix(tool, "npm ") || strings.HasPrefix(tool, "yarn ") || strings.HasPrefix(tool, "pnpm "):
				return "npm", w
			}
			return tool, w
		}
	}
	return "", ""
}

// TestUnrecorded reads what manuals publish of the tools and of the versions
// that could not be recorded.
func TestUnrecorded(t *testing.T) {
	for _, c := range []struct {
		name, command string
		code          int
		output        string
		want          string
	}{
		{"nextest pass", "cargo nextest run", 0, "    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.02s\n    Starting 3 tests across 2 binaries (1 test skipped)\n        PASS [   0.004s] crate tests::a\n        PASS [   0.004s] crate tests::b\n        PASS [   0.004s] crate tests::c\n------------\n     Summary [   0.012s] 3 tests run: 3 passed, 1 skipped\n", "test nextest OK 3/0/0/1"},
		{"nextest fail", "cargo nextest run", 100, "        PASS [   0.004s] crate tests::a\n        FAIL [   0.004s] (2/3) crate tests::b\n     TIMEOUT [   5.004s] crate::api tests::c\n     Summary [   0.012s] 3 tests run: 1 passed (1 slow), 1 failed, 1 timed out, 2 skipped\n        FAIL [   0.004s] (2/3) crate tests::b\nerror: test run failed\n", "test nextest bad 1/2/0/2 crate tests::b, crate::api tests::c"},
		{"nextest early", "cargo nextest run", 100, "     Summary [   0.012s] 2/5 tests run: 1 passed, 1 failed, 0 skipped\nerror: test run failed\n", "test nextest bad 1/1/0/0"},
		{"nextest none", "cargo nextest run absent", 4, "     Summary [   0.000s] 0 tests run: 0 passed, 4 skipped\nerror: no tests to run\n", "test nextest bad 0/0/0/4"},
		{"nextest broken", "cargo nextest run", 101, "error[E0308]: mismatched types\nerror: could not compile `crate` (lib) due to 1 previous error\n", "test nextest bad 0/0/1/0"},
		{"nextest cut", "cargo nextest run | head -3", 0, "        PASS [   0.004s] crate tests::a\n        PASS [   0.004s] crate tests::b\n", ""},
		{"ruff pass", "ruff check .", 0, "All checks passed!\n", "lint ruff OK 0/0/0/0"},
		{"ruff fail", "ruff check .", 1, "app.py:1:8: F401 [*] `os` imported but unused\napp.py:3:1: E402 Module level import not at top of file\nFound 2 errors.\n[*] 1 fixable with the `--fix` option.\n", "lint ruff bad 0/2/0/0 app.py:1 F401, app.py:3 E402"},
		{"ruff full", "uv run ruff check", 1, "F401 [*] `os` imported but unused\n --> app.py:1:8\n  |\n1 | import os\n  |        ^^\n  |\n\nFound 1 error.\n[*] 1 fixable with the `--fix` option.\n", "lint ruff bad 0/1/0/0 app.py:1 F401"},
		{"ruff fixed", "ruff check --fix .", 0, "Found 2 errors (2 fixed, 0 remaining).\n", "lint ruff OK 0/0/0/0"},
		{"ruff tail", "ruff check . | tail -2", 0, "Found 3 errors.\n[*] 1 fixable with the `--fix` option.\n", "lint ruff bad 0/3/0/0"},
		{"tox 4 fail", "tox", 1, "  py311: OK (2.31=setup[1.02]+cmd[1.29] seconds)\n  lint: FAIL code 1 (0.52=setup[0.01]+cmd[0.51] seconds)\n  evaluation failed :( (2.90 seconds)\n", "test tox bad 1/1/0/0 lint"},
		{"surefire 3", "mvn test", 1, "[INFO] Running app.CalcTest\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.03 s <<< FAILURE! -- in app.CalcTest\n[ERROR] app.CalcTest.wrong -- Time elapsed: 0.004 s <<< FAILURE!\n[INFO] Results:\n[ERROR] Failures: \n[ERROR]   CalcTest.wrong:9 expected: <4> but was: <3>\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0\n[INFO] BUILD FAILURE\n", "test maven bad 1/1/0/0 app.CalcTest.wrong"},
		{"gradle 8 pass", "./gradlew test", 0, "> Task :compileJava UP-TO-DATE\n> Task :app:test\n> Task :lib:test UP-TO-DATE\n> Task :empty:test NO-SOURCE\n\nBUILD SUCCESSFUL in 3s\n5 actionable tasks: 1 executed, 4 up-to-date\n", "test gradle OK 2/0/0/0"},
		{"gradle 8 fail", "./gradlew build", 1, "> Task :app:test FAILED\n\nCalcTest > wrong() FAILED\n    org.opentest4j.AssertionFailedError at CalcTest.java:9\n\n3 tests completed, 1 failed\n\nFAILURE: Build failed with an exception.\n\n* What went wrong:\nExecution failed for task ':app:test'.\n> There were failing tests. See the report at: file:///x/index.html\n\nBUILD FAILED in 3s\n", "test gradle bad 2/1/0/0 CalcTest > wrong()"},
		{"buildkit 0.12", "docker build .", 1, "#7 [3/3] RUN make\n#7 0.213 make: *** [Makefile:2: all] Error 1\n#7 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n------\n > [3/3] RUN make:\n0.213 make: *** [Makefile:2: all] Error 1\n------\nERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n", "build docker build bad 0/0/1/0 RUN make"},
		{"test-unit", "ruby test/all.rb", 1, "4 tests, 3 assertions, 1 failures, 1 errors, 0 pendings, 1 omissions, 0 notifications\n", "test minitest bad 1/1/1/1"},
		{"phpunit 10", "vendor/bin/phpunit", 0, "OK, but there were issues!\nTests: 5, Assertions: 5, Warnings: 1, PHPUnit Deprecations: 2.\n", "test phpunit OK 5/0/0/0"},
		{"golangci 1", "golangci-lint run", 1, "main.go:6:11: Error return value of `os.Remove` is not checked (errcheck)\n\tos.Remove(\"x\")\n\t         ^\n", "lint golangci-lint bad 0/1/0/0 main.go:6 errcheck"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := shellEvent(c.command, c.code, c.output)
			if got := strings.Join(briefs(verify.Read(ev, learn.Action{Tool: "bash", Command: c.command})), "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestVersions: what the recordings were made with is told.
func TestVersions(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "versions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var tools []string
	for line := range strings.Lines(string(raw)) {
		tool, version, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || tool == "" || version == "" {
			t.Errorf("%q is no tool and version", line)
		}
		tools = append(tools, tool)
	}
	if !slices.IsSorted(tools) || len(tools) < 40 {
		t.Errorf("%d tools, sorted %v: re-record with testdata/record.sh", len(tools), slices.IsSorted(tools))
	}
}

// TestReadCut: cut to its first or last lines or filtered through grep, an
// output never gives a good verdict where the whole is bad.
func TestReadCut(t *testing.T) {
	for name, line := range readWant(t) {
		if strings.Contains(line, " OK ") || !strings.Contains(line, " bad ") {
			continue
		}
		ev := recording(t, filepath.Join("testdata", name+".txt"))
		if strings.ContainsAny(ev.Command(), "|;") {
			continue
		}
		lines := strings.SplitAfter(ev.ToolOutput.Stdout, "\n")
		for n := range len(lines) {
			checkCut(t, name, fmt.Sprintf("%s 2>&1 | head -%d", ev.Command(), n), lines[:n])
			checkCut(t, name, fmt.Sprintf("%s 2>&1 | tail -%d", ev.Command(), n), lines[len(lines)-n:])
		}
	}
}

func checkCut(t *testing.T, name, command string, lines []string) {
	t.Helper()
	cut := shellEvent(command, 0, strings.Join(lines, ""))
	for _, v := range verify.Read(cut, learn.Action{Tool: "bash", Command: command}) {
		if v.OK && !strings.HasSuffix(v.Tool, " install") && v.Tool != "cmake configure" {
			t.Errorf("%s: %q reads as %s", name, command, brief(v))
		}
	}
}
