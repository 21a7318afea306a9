package verify_test

import (
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// TestWrappers: the exit code belongs to the program that the shell takes it
// from, and what a pipe hides is not taken for good.
func TestWrappers(t *testing.T) {
	const failed = "lib/a.py:1:1: F401 'os' imported but unused\n"
	for _, c := range []struct {
		command string
		code    int
		output  string
		want    string
	}{
		{"go build ./...; echo $?", 0, "0\n", "build go build OK 0/0/0/0"},
		{"go build ./...; echo $?", 0, "1\n", ""},
		{"go build ./...; echo \"exit: $?\"", 0, "./a.go:3:5: undefined: x\nexit: 1\n", "build go build bad 0/0/1/0 ./a.go:3"},
		{"go build ./...; echo \"exit: ${?}\"", 0, "exit: 0\n", "build go build OK 0/0/0/0"},
		{"go build ./...; echo $?; ls", 0, "0\na.go\n", ""},
		{"go build ./... 2>&1 | tail -5; echo ${PIPESTATUS[0]}", 0, "0\n", "build go build OK 0/0/0/0"},
		{"go build ./... 2>&1 | tail -5; echo $?", 0, "0\n", ""},
		{"go build ./... 2>&1 | tail -5", 0, "", "build go build OK 0/0/0/0"},
		{"go build ./... 2>&1 | tail -1", 0, "", ""},
		{"go build ./... 2>&1 | grep -c error", 0, "0\n", ""},
		{"go build ./... >/dev/null 2>&1", 1, "", ""},
		{"go build ./... && echo built", 0, "built\n", "build go build OK 0/0/0/0"},
		{"go build ./... || echo FAILED", 0, "FAILED\n", ""},
		{"go build ./... | tee build.log", 0, "", "build go build OK 0/0/0/0"},
		{"set -o pipefail; go build ./... | cat -n", 0, "", "build go build OK 0/0/0/0"},
		{"! go build ./...", 0, "", ""},
		{"! go build ./...", 1, "", "build go build OK 0/0/0/0"},
		{"cd lib && flake8 a.py && echo ok", 0, "ok\n", "lint flake8 OK 0/0/0/0"},
		{"flake8 a.py; true", 0, failed, "lint flake8 bad 0/1/0/0 lib/a.py:1 F401"},
		{"flake8 a.py || true", 0, "", "lint flake8 OK 0/0/0/0"},
		{"flake8 a.py | wc -l", 0, "0\n", ""},
		{"timeout 60 env A=1 nice -n 5 python3 -m flake8 a.py", 0, "", "lint flake8 OK 0/0/0/0"},
		{"bash -c 'cd x && flake8 a.py'", 0, "", "lint flake8 OK 0/0/0/0"},
		{"pytest -q | grep passed", 0, "3 passed in 0.1s\n", "test pytest OK 3/0/0/0"},
		{"pytest -q | grep failed", 1, "", ""},
		{"go test ./... | grep -v FAIL", 0, "ok  \tm/a\t0.1s\n", ""},
		{"go test ./... | grep -v 'no test files'", 0, "ok  \tm/a\t0.1s\n", "test go test OK 1/0/0/0"},
		{"go test ./... | grep ok", 0, "ok  \tm/a\t0.1s\n", ""},
		{"go test ./... | grep -E '^(ok|FAIL)'", 0, "ok  \tm/a\t0.1s\n", "test go test OK 1/0/0/0"},
		{"pytest -q > log.txt; tail -1 log.txt", 0, "3 passed in 0.1s\n", "test pytest OK 3/0/0/0"},
		{"docker run --rm app pytest -q", 0, "3 passed in 0.1s\n", "test pytest OK 3/0/0/0"},
		{"bundle exec rspec", 0, "3 examples, 0 failures\n", "test rspec OK 3/0/0/0"},
		{"php vendor/bin/phpunit", 0, "OK (2 tests, 2 assertions)\n", "test phpunit OK 2/0/0/0"},
	} {
		ev := shellEvent(c.command, c.code, c.output)
		if got := strings.Join(briefs(verify.Read(ev, action.Parse(ev))), "; "); got != c.want {
			t.Errorf("%s (exit %d), printed %q\ngot  %s\nwant %s", c.command, c.code, c.output, got, c.want)
		}
	}
}

// TestStructured: tools that are no shell are read by what they are for.
func TestStructured(t *testing.T) {
	for _, c := range []struct {
		act    learn.Action
		output string
		want   string
	}{
		{learn.Action{Tool: "run_tests", Intent: learn.IntentTest}, "==== 1 failed, 2 passed in 0.1s ====", "test pytest bad 2/1/0/0"},
		{learn.Action{Tool: "build", Intent: learn.IntentBuild}, "a.c:3:5: error: expected ';'\n", "build gcc bad 0/0/1/0 a.c:3"},
		{learn.Action{Tool: "Read", Intent: learn.IntentRead, Target: "out/report.xml"}, "<testsuite><testcase name='a'/></testsuite>", "test JUnit XML OK 1/0/0/0"},
		{learn.Action{Tool: "Read", Intent: learn.IntentRead, Target: "notes.txt"}, "==== 2 passed in 0.1s ====", ""},
		{learn.Action{Tool: "search", Intent: learn.IntentSearch}, "==== 2 passed in 0.1s ====", ""},
	} {
		ev := &learn.ActionOutcome{ID: "e", ToolName: c.act.Tool, ToolOutput: learn.ToolOutput{Stdout: c.output}, Status: learn.StatusSuccess}
		if got := strings.Join(briefs(verify.Read(ev, c.act)), "; "); got != c.want {
			t.Errorf("%s on %q: %s, want %s", c.act.Tool, c.output, got, c.want)
		}
	}
}
