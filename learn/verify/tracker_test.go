package verify_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/verify"
)

// stream builds observations one after the other and applies them.
type stream struct {
	t       *testing.T
	tracker *verify.Tracker
	now     time.Time
	n       int
	entries []learn.LedgerEntry
}

func newStream(t *testing.T, o verify.TrackerOptions) *stream {
	return &stream{t: t, tracker: verify.NewTracker(o), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (s *stream) apply(o *learn.Observation) *learn.Task {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	if err := s.tracker.Apply(o, func(e learn.LedgerEntry) { s.entries = append(s.entries, e) }); err != nil {
		s.t.Fatal(err)
	}
	return o.Finished
}

func (s *stream) record(task string, r learn.TaskRecord) *learn.Task {
	s.n++
	r.ID, r.TaskID, r.ProjectID, r.Timestamp = fmt.Sprintf("r%d", s.n), task, "p", s.now
	if r.SessionID == "" {
		r.SessionID = "s-" + task
	}
	return s.apply(&learn.Observation{Record: learn.Record{Task: &r}})
}

// act applies a step written as a word: "edit", "read", "test+", "test-",
// "test0" (nothing collected), "build+", "lint-", ...
func (s *stream) act(task, word string) *learn.Task {
	s.n++
	ev := &learn.ActionOutcome{
		ID: fmt.Sprintf("e%d", s.n), TaskID: task, SessionID: "s-" + task, ProjectID: "p",
		Timestamp: s.now, ToolName: "bash", Status: learn.StatusSuccess,
	}
	o := &learn.Observation{Record: learn.Record{Action: ev}, Verifications: []learn.Verification{}}
	kind := strings.TrimRight(word, "+-0")
	o.Action = learn.Action{Tool: "bash", Intent: learn.Intent(kind), Command: word}
	switch word[len(word)-1] {
	case '+':
		o.Verifications = []learn.Verification{{Kind: learn.VerificationKind(kind), Tool: "t", Passed: 1, OK: true}}
	case '-':
		o.Verifications = []learn.Verification{{Kind: learn.VerificationKind(kind), Tool: "t", Failed: 1}}
	case '0':
		o.Verifications = []learn.Verification{{Kind: learn.VerificationKind(kind), Tool: "t"}}
	}
	return s.apply(o)
}

func (s *stream) lastEntry() learn.Task {
	s.t.Helper()
	if len(s.entries) == 0 {
		s.t.Fatal("nothing was emitted")
	}
	var task learn.Task
	if err := json.Unmarshal(s.entries[len(s.entries)-1].Body, &task); err != nil {
		s.t.Fatal(err)
	}
	return task
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		steps, finish string // finish: kind=outcome
		want          learn.Outcome
		reason        string
	}{
		{"edit test+", "", "success", "The last test after the last edit (t) passed: 1 passed."},
		{"test+", "", "unknown", "The last test of a task without edits (t) passed: 1 passed, but no change was seen that it could verify, which is too weak to decide; it leans to success."},
		{"edit test- edit test+", "", "success", "passed"},
		{"edit test+ test-", "", "failure", "failed: 1 failed, 0 errors, 0 passed, and it had passed before."},
		{"edit test-", "", "failure", "The last test after the last edit (t) failed: 1 failed"},
		{"test+ edit", "", "unknown", "The last test came before the last edit, so nothing verified the final state."},
		{"test- edit build+", "", "unknown", "last test came before"},
		{"test+ edit build-", "", "failure", "The last build"},
		{"edit build+", "", "unknown", "passed: 1 passed, but nothing was tested, which is too weak to decide; it leans to success."},
		{"edit build+ lint-", "", "unknown", "it leans to failure"},
		{"edit lint-", "", "unknown", "The last lint"},
		{"edit typecheck-", "", "failure", "The last typecheck"},
		{"edit test+ test0", "", "success", "The last test"},
		{"edit test0", "", "unknown", "No test, build or check gave a verdict."},
		{"edit read", "", "unknown", "No test"},
		{"edit test+", "benchmark=failure", "failure", "The benchmark's verdict says failure."},
		{"edit test-", "user_feedback=success", "success", "The user's feedback says success."},
		{"edit test-", "self_reported=success", "failure", "The last test"},
		{"edit", "self_reported=success", "unknown", "Only the agent itself says success; no test, build or check gave a verdict, which is too weak to decide; it leans to success."},
		{"edit", "=failure", "failure", "Only the agent itself says failure; no test, build or check gave a verdict."},
		{"edit", "benchmark=unknown", "unknown", "No test"},
	} {
		t.Run(c.steps+" "+c.finish, func(t *testing.T) {
			s := newStream(t, verify.TrackerOptions{})
			s.record("t1", learn.TaskRecord{Phase: learn.TaskStart, Prompt: "fix the crash"})
			for word := range strings.FieldsSeq(c.steps) {
				s.act("t1", word)
			}
			kind, outcome, _ := strings.Cut(c.finish, "=")
			got := s.record("t1", learn.TaskRecord{
				Phase: learn.TaskFinish, Outcome: learn.Outcome(outcome), OutcomeKind: learn.VerificationKind(kind),
			})
			if got == nil {
				t.Fatal("a finish record set no Finished")
			}
			if got.Outcome != c.want || !strings.Contains(got.OutcomeReason, c.reason) {
				t.Errorf("outcome %s: %s\n want %s: %s", got.Outcome, got.OutcomeReason, c.want, c.reason)
			}
			if got.ProblemType != "bugfix" || len(got.Steps) != len(strings.Fields(c.steps)) {
				t.Errorf("problem type %q, %d steps", got.ProblemType, len(got.Steps))
			}
			if e := s.entries[0]; e.Kind != learn.EntryTask || e.ObjectID != "t1" || len(s.entries) != 1 {
				t.Errorf("emitted %d entries, the first %s %s", len(s.entries), e.Kind, e.ObjectID)
			}
		})
	}
}

func TestFeedbackRevises(t *testing.T) {
	s := newStream(t, verify.TrackerOptions{})
	s.act("t1", "test+")
	s.record("t1", learn.TaskRecord{Phase: learn.TaskFinish})
	got := s.record("t1", learn.TaskRecord{Phase: learn.TaskFeedback, Outcome: learn.OutcomeFailure, OutcomeKind: learn.VerifyUserFeedback})
	if got != nil {
		t.Error("feedback set Finished: learners would count the task twice")
	}
	if task := s.lastEntry(); len(s.entries) != 2 || task.Outcome != learn.OutcomeFailure || len(task.Steps) != 1 {
		t.Errorf("%d entries, outcome %s with %d steps; want 2, failure, 1", len(s.entries), task.Outcome, len(task.Steps))
	}
	s.record("other", learn.TaskRecord{Phase: learn.TaskFeedback, Outcome: learn.OutcomeFailure})
	if c := s.tracker.Counters(); c.FeedbackLost != 1 || c.Revised != 1 || c.Finished != 1 {
		t.Errorf("counters %+v", c)
	}
}

func TestSessionStartsAnotherTask(t *testing.T) {
	s := newStream(t, verify.TrackerOptions{})
	s.record("t1", learn.TaskRecord{Phase: learn.TaskStart, SessionID: "s"})
	got := s.record("t2", learn.TaskRecord{Phase: learn.TaskStart, SessionID: "s"})
	if got == nil || got.TaskID != "t1" || !strings.Contains(got.OutcomeReason, "its session started another task") {
		t.Fatalf("finished %+v, want t1", got)
	}
	if s.tracker.History("p", "t2") == nil || s.tracker.History("q", "t2") != nil || s.tracker.History("p", "t1") != nil {
		t.Error("History should know the open task only")
	}
}

func TestIdleByEventTime(t *testing.T) {
	s := newStream(t, verify.TrackerOptions{IdleAfter: time.Hour})
	s.act("t1", "edit")
	if got := s.act("t2", "edit"); got != nil {
		t.Fatalf("%s ended early", got.TaskID)
	}
	s.now = s.now.Add(2 * time.Hour)
	if got := s.act("t2", "edit"); got == nil || got.TaskID != "t1" {
		t.Fatalf("finished %+v, want t1", got)
	}
	if got := s.act("t1", "test+"); got != nil { // it goes on
		t.Fatalf("%s ended", got.TaskID)
	}
	got := s.record("t1", learn.TaskRecord{Phase: learn.TaskFinish})
	if got == nil || len(got.Steps) != 2 || got.Outcome != learn.OutcomeSuccess {
		t.Fatalf("finished %+v, want both steps and success", got)
	}
}

func TestBounds(t *testing.T) {
	s := newStream(t, verify.TrackerOptions{MaxOpen: 3, MaxSteps: 4, MaxFinished: 2})
	for i := range 10 {
		s.act("t0", fmt.Sprintf("read%d", i))
	}
	if h := s.tracker.History("p", "t0"); len(h) != 4 || h[0].Command != "read6" || h[3].Command != "read9" {
		t.Errorf("history %+v, want the last four in order", h)
	}
	for i := 1; i <= 6; i++ {
		got := s.act(fmt.Sprintf("t%d", i), "read")
		if want := i >= 3; (got != nil) != want || want && got.TaskID != fmt.Sprintf("t%d", i-3) {
			t.Errorf("opening t%d ended %+v", i, got)
		}
	}
	if c := s.tracker.Counters(); c.Evicted != 4 || c.StepsDropped != 6 {
		t.Errorf("counters %+v, want 4 evicted and 6 steps dropped", c)
	}
}

// TestSnapshot: a tracker restored at any point goes on as the original does.
func TestSnapshot(t *testing.T) {
	words := strings.Fields("read edit test- edit test+ lint+ build-")
	for at := range 12 {
		a, b := newStream(t, verify.TrackerOptions{MaxSteps: 3}), newStream(t, verify.TrackerOptions{MaxSteps: 3})
		for i := range 12 {
			for _, s := range []*stream{a, b} {
				s.act(fmt.Sprintf("t%d", i%3), words[i%len(words)])
			}
			if i == at {
				raw, err := a.tracker.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				a.tracker = verify.NewTracker(verify.TrackerOptions{MaxSteps: 3})
				if err := a.tracker.Restore(raw); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, task := range []string{"t0", "t1", "t2"} {
			x := a.record(task, learn.TaskRecord{Phase: learn.TaskFinish})
			y := b.record(task, learn.TaskRecord{Phase: learn.TaskFinish})
			if fmt.Sprintf("%+v", x) != fmt.Sprintf("%+v", y) {
				t.Fatalf("restored after %d: %+v\n original %+v", at, x, y)
			}
		}
	}
	for _, bad := range []string{"", "{}", `{"version":1}`, `{"version":2,"open":[null]}`, `{"version":2,"open":[{"Key":"k","Head":3}]}`} {
		if err := verify.NewTracker(verify.TrackerOptions{}).Restore([]byte(bad)); err == nil {
			t.Errorf("snapshot %q was accepted", bad)
		}
	}
}

func TestProblemType(t *testing.T) {
	for prompt, want := range map[string]string{
		"Fix the crash in the parser when the file is empty": "bugfix",
		"Implement a --json option for the list command":     "feature",
		"Refactor the storage layer: split the big file":     "refactor",
		"Write tests for the tokenizer":                      "test",
		"Update the README and fix a typo in the docs":       "docs",
		"hello": "other",
		"":      "other",
	} {
		if got := verify.ProblemType(prompt); got != want {
			t.Errorf("%q is %s, want %s", prompt, got, want)
		}
	}
}
