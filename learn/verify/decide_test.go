package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// session plays calls of a shell, each "command => exit code => output", as
// the pipeline would see them, and ends the task.
func session(t *testing.T, tracker *verify.Tracker, id, prompt string, calls []string) *learn.Task {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	drop := func(learn.LedgerEntry) {}
	apply := func(o *learn.Observation) *learn.Task {
		t.Helper()
		if err := tracker.Apply(o, drop); err != nil {
			t.Fatal(err)
		}
		return o.Finished
	}
	apply(&learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{
		ID: id + "-start", TaskID: id, SessionID: id, ProjectID: "p", Phase: learn.TaskStart, Timestamp: at, Prompt: prompt,
	}}})
	for i, call := range calls {
		command, rest, _ := strings.Cut(call, " => ")
		code, output, _ := strings.Cut(rest, " => ")
		n := 0
		if code != "" {
			fmt.Sscan(code, &n)
		}
		ev := shellEvent(strings.ReplaceAll(command, "\\n", "\n"), n, strings.ReplaceAll(output, "\\n", "\n"))
		ev.ID, ev.TaskID, ev.SessionID, ev.ProjectID, ev.Timestamp = fmt.Sprintf("%s-%d", id, i+1), id, id, "p", at.Add(time.Duration(i)*time.Second)
		apply(&learn.Observation{Record: learn.Record{Action: ev}, Action: action.Parse(ev)})
	}
	return apply(&learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{
		ID: id + "-end", TaskID: id, SessionID: id, ProjectID: "p", Phase: learn.TaskFinish, Timestamp: at.Add(time.Hour),
	}}})
}

const (
	edit    = "sed -i s/a/b/ lib/card.py"
	good    = "pytest tests/test_card.py => 0 => ===== 5 passed in 0.1s ====="
	oneBad  = "pytest tests/test_card.py => 1 => FAILED tests/test_card.py::test_a - no\\n===== 1 failed, 4 passed in 0.1s ====="
	allBad  = "pytest tests/test_card.py => 1 => FAILED tests/test_card.py::test_a - no\\n===== 1 failed in 0.1s ====="
	other   = "pytest tests/test_deck.py => 0 => ===== 7 passed in 0.1s ====="
	script  = "cat > try.py <<'EOF'\\nimport lib.card\\nprint(lib.card.f())\\nEOF"
	patcher = "cat > fix.py <<'EOF'\\np = 'lib/card.py'\\ns = open(p).read()\\nwith open(p, 'w') as f:\\n    f.write(s)\\nEOF"
)

// TestDecideSessions: what tools said is worth what it rests on.
func TestDecideSessions(t *testing.T) {
	for _, c := range []struct {
		name     string
		calls    []string
		outcome  learn.Outcome
		leaning  learn.Outcome
		basis    string
		evidence string // number of the event that decided, 0 for none
	}{
		{"tests pass", []string{edit, good}, "success", "", "tests", "2"},
		{"failed at first, passes now", []string{oneBad, edit, good}, "success", "", "tests_fixed", "3"},
		{"test added to the project's", []string{edit, "sed -i s/x/y/ tests/test_card.py", good}, "success", "", "tests_extended", "3"},
		{"test file added and kept", []string{edit, "cat > tests/test_new.py <<'EOF'\\ndef test_x(): pass\\nEOF", "pytest tests/test_new.py => 0 => ===== 1 passed in 0.1s =====", good}, "success", "", "tests_extended", "4"},
		{"own test alone", []string{edit, "cat > test_fix.py <<'EOF'\\ndef test_x(): pass\\nEOF", "pytest test_fix.py => 0 => ===== 1 passed in 0.1s ====="}, "unknown", "success", "own_tests", "3"},
		{"edited afterwards", []string{edit, good, edit}, "unknown", "", "stale", "3"},
		{"edited by a script afterwards", []string{edit, patcher, good, "python fix.py"}, "unknown", "", "stale", "4"},
		{"edited by a script before", []string{patcher, "python fix.py", good}, "success", "", "tests", "3"},
		{"scratch made and run afterwards", []string{edit, good, script, "python try.py => 0 => 1"}, "success", "", "tests", "2"},
		{"own check fails", []string{edit, script, good, "python try.py => 1 => Traceback"}, "unknown", "success", "contradicted", "3"},
		{"own check mended", []string{edit, script, good, "python try.py => 1 => Traceback", "python try.py => 0 => 1"}, "success", "", "tests", "3"},
		{"failure of before", []string{oneBad, edit, oneBad}, "success", "", "tests", "3"},
		{"failure of before, seen by stash", []string{edit, "git stash", oneBad, "git stash pop", oneBad}, "success", "", "tests", "5"},
		{"stash leaves the last test standing", []string{edit, good, "git stash", oneBad, "git stash pop"}, "success", "", "tests_fixed", "2"},
		{"more failures than before", []string{oneBad, edit, "pytest tests/test_card.py => 1 => FAILED tests/test_card.py::test_a - no\\nFAILED tests/test_card.py::test_b - no\\n===== 2 failed, 3 passed in 0.1s ====="}, "unknown", "failure", "partly_failed", "3"},
		{"regression", []string{good, edit, oneBad}, "failure", "", "regression", "3"},
		{"some fail, nothing seen before", []string{edit, oneBad}, "unknown", "failure", "partly_failed", "2"},
		{"all fail", []string{edit, allBad}, "failure", "", "tests_failed", "2"},
		{"one scope good, the other bad", []string{good, other, edit, oneBad, other}, "failure", "", "regression", "4"},
		{"only errors", []string{edit, "pytest tests/test_card.py => 2 => ERROR tests/test_card.py\\n===== 1 error in 0.1s ====="}, "unknown", "failure", "tests_not_run", "2"},
		{"taken back", []string{edit, good, "git checkout lib/card.py"}, "unknown", "", "stale", "3"},
		{"tests taken back", []string{edit, "sed -i s/x/y/ tests/test_card.py", good, "git checkout tests/test_card.py"}, "success", "", "tests", "3"},
		{"other language", []string{"sed -i s/a/b/ web/src/card.ts", good}, "unknown", "success", "unrelated_tests", "2"},
		{"no edit", []string{good}, "unknown", "success", "tests_no_edit", "1"},
		{"build alone", []string{"sed -i s/a/b/ main.go", "go build ./... => 0 => "}, "unknown", "success", "build", "2"},
		{"does not compile", []string{"sed -i s/a/b/ main.go", "go build ./... => 1 => ./main.go:3:5: undefined: x"}, "failure", "", "build_failed", "2"},
		{"dependencies alone", []string{"sed -i s/a/b/ index.js", "npm install => 0 => added 3 packages in 1s"}, "unknown", "", "none", "0"},
		{"report of a run", []string{edit, "make check => 0 => ", "cat report.xml => 0 => <testsuite><testcase name='a'/></testsuite>"}, "success", "", "tests", "3"},
		{"report of before", []string{"make check => 0 => ", edit, "cat report.xml => 0 => <testsuite><testcase name='a'/></testsuite>"}, "unknown", "", "stale", "2"},
		{"unknown runner", []string{edit, "bin/test lib => 0 => == tests finished: 3 passed, in 0.1 seconds =="}, "unknown", "success", "unknown_runner", "2"},
		{"cut off", []string{edit, "pytest tests/test_card.py | head -2 => 0 => === test session starts ===\\ncollected 5 items"}, "unknown", "", "none", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := session(t, verify.NewTracker(verify.TrackerOptions{}), "t", "fix the crash", c.calls)
			if task.Outcome != c.outcome || task.OutcomeLeaning != c.leaning || task.OutcomeBasis != c.basis {
				t.Errorf("%s, leaning %q, basis %s: %s\nwant %s, leaning %q, basis %s", task.Outcome, task.OutcomeLeaning, task.OutcomeBasis, task.OutcomeReason, c.outcome, c.leaning, c.basis)
			}
			if c.evidence == "0" && len(task.OutcomeEvidence) > 0 || c.evidence != "0" && !slices.Contains(task.OutcomeEvidence, "t-"+c.evidence) {
				t.Errorf("evidence %v, want event %s", task.OutcomeEvidence, c.evidence)
			}
			if task.OutcomeReason == "" || !strings.HasSuffix(task.OutcomeReason, ".") {
				t.Errorf("reason %q", task.OutcomeReason)
			}
			if decided := task.Outcome != learn.OutcomeUnknown; decided && task.OutcomeConfidence < 0.7 {
				t.Errorf("confidence %g", task.OutcomeConfidence)
			}
		})
	}
}

// TestConfidenceFollowsVerdicts: where tests that pass turn out to mean little,
// they stop to decide; taking a verdict back undoes it.
func TestConfidenceFollowsVerdicts(t *testing.T) {
	tracker := verify.NewTracker(verify.TrackerOptions{})
	tell := func(id string, outcome learn.Outcome) {
		err := tracker.Apply(&learn.Observation{Record: learn.Record{Task: &learn.TaskRecord{
			ID: "v-" + id + string(outcome), TaskID: id, SessionID: id, ProjectID: "p", Phase: learn.TaskFeedback, Outcome: outcome, OutcomeKind: learn.VerifyUserFeedback,
		}}}, func(learn.LedgerEntry) {})
		if err != nil {
			t.Fatal(err)
		}
	}
	calls := []string{edit, good}
	first := session(t, tracker, "t0", "fix it", calls)
	for i := range 6 {
		id := fmt.Sprintf("t%d", i)
		if i > 0 {
			session(t, tracker, id, "fix it", calls)
		}
		tell(id, learn.OutcomeFailure)
	}
	doubted := session(t, tracker, "doubted", "fix it", calls)
	if first.Outcome != learn.OutcomeSuccess || doubted.Outcome != learn.OutcomeUnknown || doubted.OutcomeConfidence >= first.OutcomeConfidence {
		t.Errorf("first %s (%.2f), after six refutations %s (%.2f)", first.Outcome, first.OutcomeConfidence, doubted.Outcome, doubted.OutcomeConfidence)
	}
	for i := range 6 {
		tell(fmt.Sprintf("t%d", i), learn.OutcomeSuccess)
	}
	if again := session(t, tracker, "again", "fix it", calls); again.OutcomeConfidence <= first.OutcomeConfidence || again.Outcome != learn.OutcomeSuccess {
		t.Errorf("after six confirmations %s (%.2f), before any %.2f", again.Outcome, again.OutcomeConfidence, first.OutcomeConfidence)
	}
}

// TestLeastConfidence: consumers choose how strict outcomes are.
func TestLeastConfidence(t *testing.T) {
	for least, want := range map[float64]learn.Outcome{-1: learn.OutcomeSuccess, 0: learn.OutcomeUnknown, 0.95: learn.OutcomeUnknown} {
		task := session(t, verify.NewTracker(verify.TrackerOptions{LeastConfidence: least}), "t", "fix it", []string{"sed -i s/a/b/ main.go", "go build ./... => 0 => "})
		if task.Outcome != want {
			t.Errorf("at %g a build alone is %s, want %s", least, task.Outcome, want)
		}
	}
}
