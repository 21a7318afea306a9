package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// commands has one for each reader, so that each gets to see hostile output.
func commands() []string {
	return []string{
		"tox", "pytest", "tests/runtests.py", "python -m unittest", "nose2", "gotestsum", "go test ./...", "go test -json ./...", "npx jest", "npx vitest", "npx mocha",
		"node --test", "cargo nextest run", "cargo test", "mvn test", "gradle test", "java org.junit.runner.JUnitCore A", "ctest", "./unit_tests", "rspec", "ruby test.rb", "phpunit",
		"prove t", "bats x.bats", "go build ./...", "cargo build", "cargo clippy", "javac A.java", "gcc a.c", "mypy .", "pyright", "tsc", "flake8", "ruff check", "pylint x",
		"eslint .", "golangci-lint run", "go vet ./...", "docker build .", "npm install", "cat report.xml", "cat report.sarif", "cat out.tap", "cmake --build b", "ninja", "make test", "npm run build",
	}
}

// TestHostile: outputs made to be slow or to mislead take no reader long (the
// test's own time limit is what would tell) and never read as a success that
// tested nothing.
func TestHostile(t *testing.T) {
	const size = 16 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	outputs := []string{
		fill("["), fill("{"), fill("[{\"a\":"), fill("<testsuite "), fill("<testsuite><testcase>"), fill("<testsuites>\n"), fill("ok 1\n"), fill("1..1\n"), fill("not ok 1 - x\n"),
		fill("    "), fill("\r"), fill("\x1b["), fill("\x1b]"), fill("= "), fill("1 passed, "), fill("1 passed in 1s\n"), fill("Tests run: 1, Failures: 0, Errors: 0, Skipped: 0\n"),
		fill("FAILED a::b - "), fill("a::b FAILED\n"), fill("----- Captured stdout call -----\n"), fill("a:1:1: E999 "), fill("a.go:1:1: "), fill("x > y > "), fill("./a.rs:1:1: error\n"),
		fill("\"runs\""), fill("\"numTotalTests\"\n{"), fill("\"errorCount\"[\n"), fill("[==========] 1 test from 1 test suite ran.\n"), fill("[  PASSED  ] 0 tests.\n"),
		fill("#1 ERROR: "), fill("Ran 1 test in 1s\nOK\n"), fill("--- PASS: A (0.00s)\n"), fill("test result: ok. 0 passed; 0 failed; 0 ignored; \n"), fill("0 errors, 0 warnings, 0 informations\n"),
		fill("99999999999999999999 passed in 1s\n"), fill("é✖ "), fill("\xff\xfe"), fill("\x00"),
	}
	for _, command := range commands() {
		for i, output := range outputs {
			ev := shellEvent(command, i%2, output)
			for _, v := range verify.Read(ev, action.Parse(ev)) {
				if problem := nonsense(v); problem != "" {
					t.Errorf("%s on %q: %s: %s", command, output[:min(len(output), 40)], problem, brief(v))
				}
			}
		}
	}
}

// nonsense says what cannot be true of a verification.
func nonsense(v learn.Verification) string {
	switch {
	case v.Passed < 0 || v.Failed < 0 || v.Errors < 0 || v.Skipped < 0:
		return "negative"
	case v.Tool == "" || v.Kind == "":
		return "nameless"
	case v.OK && (v.Failed > 0 || v.Errors > 0):
		return "good with failures"
	case v.OK && v.Kind == learn.VerifyTest && v.Passed == 0:
		return "good without a test"
	case len(v.FailingNames) > 50:
		return fmt.Sprintf("%d failing names", len(v.FailingNames))
	}
	for _, n := range v.FailingNames {
		if len(n) > 320 || n == "" {
			return fmt.Sprintf("a name of %d bytes", len(n))
		}
	}
	return ""
}

// FuzzSession: whatever a task's calls are, its outcome has a reason and a
// basis, and enough confidence.
func FuzzSession(f *testing.F) {
	f.Add(strings.Join([]string{edit, good, oneBad, script, patcher, "git stash", other, "git stash pop"}, "\n---\n"))
	f.Add("git checkout .\n---\nrm -rf a\n---\npytest a => 1 => 1 failed in 1s")
	f.Fuzz(func(t *testing.T, text string) {
		calls := strings.Split(text, "\n---\n")
		task := session(t, verify.NewTracker(verify.TrackerOptions{}), "t", "fix it", calls[:min(len(calls), 40)])
		if task == nil || task.OutcomeReason == "" || task.OutcomeBasis == "" {
			t.Fatalf("no reason: %+v", task)
		}
		if task.Outcome != learn.OutcomeUnknown && (task.OutcomeConfidence < 0.7 || len(task.OutcomeEvidence) == 0) {
			t.Fatalf("%s with confidence %g on %v", task.Outcome, task.OutcomeConfidence, task.OutcomeEvidence)
		}
	})
}
