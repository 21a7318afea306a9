package learn

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestUUIDv8(t *testing.T) {
	a, b := UUIDv8("ab", "c"), UUIDv8("a", "bc")
	if a == b {
		t.Error("parts run into each other")
	}
	if a != UUIDv8("ab", "c") {
		t.Error("the same parts give another id")
	}
	// Version and variant as RFC 9562 places them.
	if !ValidID(a) || a[14] != '8' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("%s is no UUIDv8", a)
	}
	for _, bad := range []string{"", "x", strings.ToUpper(a), a + "0", a[:35], strings.Replace(a, "-", "_", 1)} {
		if ValidID(bad) {
			t.Errorf("%q is taken for an id", bad)
		}
	}
}

func TestIdentityOfACallDoesNotDependOnItsDoor(t *testing.T) {
	if id := InProject("p", EventID("s", "c")); !ValidID(id) || id == InProject("q", EventID("s", "c")) || id != InProject("p", EventID("s", "c")) {
		t.Error("an id in one project is an id in another, or none")
	}
	if EventID("s", "c") == EventID("s", "d") || EventID("s", "c") == PositionID("s", "c", 0) {
		t.Error("different calls share an id")
	}
}

func TestCommand(t *testing.T) {
	for params, want := range map[string]string{
		`{"command":"ls -l"}`:                  "ls -l",
		`{"cmd":"make"}`:                       "make",
		`{"command":["bash","-lc","a && b"]}`:  "a && b",
		`{"command":["grep","two words","f"]}`: "grep 'two words' f",
		`{"command":["echo","it's"]}`:          `echo 'it'\''s'`,
		`{"command":7}`:                        "",
		`{"path":"x"}`:                         "",
		`[]`:                                   "",
		``:                                     "",
		`{"command":`:                          "",
	} {
		a := ActionOutcome{ToolParameters: json.RawMessage(params)}
		if got := a.Command(); got != want {
			t.Errorf("%s: %q, want %q", params, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for want, o := range map[string]ToolOutput{
		"":        {},
		"a":       {Stdout: "a"},
		"a\nb\nc": {Stdout: "a", Stderr: "b", Content: "c"},
		"b":       {Stderr: "b"},
	} {
		if got := o.Text(); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
}

func TestAnInterruptedCallDidNotFail(t *testing.T) {
	for s, want := range map[Status]bool{StatusSuccess: false, StatusFailure: true, StatusTimeout: true, StatusInterrupted: false} {
		if s.Failed() != want {
			t.Errorf("%s: Failed() = %v", s, s.Failed())
		}
	}
}

func TestEntryIsItsContent(t *testing.T) {
	at := time.Unix(1, 0)
	a, err := NewEntry(EntryReport, "o", "p", at, map[string]int{"x": 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := NewEntry(EntryReport, "o", "p", at.Add(time.Hour), map[string]int{"x": 1}, []string{"e"})
	c, _ := NewEntry(EntryReport, "o", "p", at, map[string]int{"x": 2}, nil)
	if a.ID != b.ID || a.ID == c.ID {
		t.Errorf("ids %s %s %s: the first two say the same, the third does not", a.ID, b.ID, c.ID)
	}
	if _, err := NewEntry(EntryReport, "o", "p", at, func() {}, nil); err == nil {
		t.Error("a body that is not JSON was taken")
	}
}

// TestSigningBytes: no two decisions that differ in a field sign the same.
func TestSigningBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 12, -1)
		draw := func(name string) Decision {
			return Decision{DecisionID: text.Draw(t, name), ObjectID: text.Draw(t, name), ContentHash: text.Draw(t, name),
				Verdict: Verdict(text.Draw(t, name)), Reason: text.Draw(t, name), Reviewer: text.Draw(t, name), Nonce: text.Draw(t, name)}
		}
		a, b := draw("a"), draw("b")
		same := a.DecisionID == b.DecisionID && a.ObjectID == b.ObjectID && a.ContentHash == b.ContentHash && a.Verdict == b.Verdict &&
			a.Reason == b.Reason && a.Reviewer == b.Reviewer && a.Nonce == b.Nonce
		if (string(a.SigningBytes()) == string(b.SigningBytes())) != same {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}

func TestRecordKnowsItsIdentity(t *testing.T) {
	for want, r := range map[string]Record{
		"a|p": {Action: &ActionOutcome{ID: "a", ProjectID: "p"}},
		"t|q": {Task: &TaskRecord{ID: "t", ProjectID: "q"}},
		"|":   {},
	} {
		if got := r.ID() + "|" + r.Project(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLikely(t *testing.T) {
	for _, c := range []struct {
		task  Task
		least float64
		want  Outcome
	}{
		{Task{Outcome: OutcomeSuccess, OutcomeConfidence: 0.8}, 0.7, OutcomeSuccess},
		{Task{Outcome: OutcomeSuccess, OutcomeConfidence: 0.8}, 0.9, OutcomeUnknown},
		{Task{Outcome: OutcomeUnknown, OutcomeLeaning: OutcomeFailure, OutcomeConfidence: 0.6}, 0.5, OutcomeFailure},
		{Task{Outcome: OutcomeUnknown, OutcomeLeaning: OutcomeFailure, OutcomeConfidence: 0.6}, 0.7, OutcomeUnknown},
		{Task{Outcome: OutcomeUnknown}, 0, OutcomeUnknown},
		{Task{}, 0, OutcomeUnknown},
	} {
		if got := c.task.Likely(c.least); got != c.want {
			t.Errorf("%s leaning %q at %.1f, least %.1f: %s, want %s", c.task.Outcome, c.task.OutcomeLeaning, c.task.OutcomeConfidence, c.least, got, c.want)
		}
	}
}
