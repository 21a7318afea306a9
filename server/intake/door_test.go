package intake

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lathe/learn"
	"lathe/server/redact"
)

var now = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

func door(t testing.TB) *Door { return doorAt(t, now) }

func doorAt(t testing.TB, now time.Time) *Door {
	t.Helper()
	r, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	return NewDoor(r, Limits{Now: func() time.Time { return now }})
}

// call is an event that is admitted as it is, changed by f.
func call(f func(*learn.ActionOutcome)) learn.Record {
	a := &learn.ActionOutcome{ProjectID: "p", SessionID: "s", ToolName: "bash", ToolParameters: json.RawMessage(`{"command":"ls"}`)}
	f(a)
	return learn.Record{Action: a}
}

func note(f func(*learn.TaskRecord)) learn.Record {
	r := &learn.TaskRecord{ProjectID: "p", TaskID: "t", Phase: learn.TaskStart}
	f(r)
	return learn.Record{Task: r}
}

func TestDoorRefuses(t *testing.T) {
	both := call(func(*learn.ActionOutcome) {})
	both.Task = &learn.TaskRecord{}
	tests := []struct {
		name string
		rec  learn.Record
		want string // within the reason
	}{
		{"empty", learn.Record{}, "set action or task"},
		{"both", both, "send two records"},
		{"no project", call(func(a *learn.ActionOutcome) { a.ProjectID = "" }), "project_id is missing"},
		{"no session", call(func(a *learn.ActionOutcome) { a.SessionID = "" }), "session_id is missing"},
		{"no tool", call(func(a *learn.ActionOutcome) { a.ToolName = "" }), "tool_name is missing"},
		{"long tool", call(func(a *learn.ActionOutcome) { a.ToolName = strings.Repeat("x", 10_000) }), "has 10000 bytes, at most 256"},
		{"tool with newline", call(func(a *learn.ActionOutcome) { a.ToolName = "a\nb" }), "control characters"},
		{"long id", call(func(a *learn.ActionOutcome) { a.CallID = strings.Repeat("x", 513) }), "call_id has 513 bytes"},
		{"odd id", call(func(a *learn.ActionOutcome) { a.TaskID = "a\x00b" }), "task_id"},
		{"id not UTF-8", call(func(a *learn.ActionOutcome) { a.AgentID = "\xff" }), "agent_id"},
		{"status", call(func(a *learn.ActionOutcome) { a.Status = "ok" }), `status "ok" is unknown: use one of success`},
		{"source", call(func(a *learn.ActionOutcome) { a.Source = "x" }), "source"},
		{"action type", call(func(a *learn.ActionOutcome) { a.ActionType = "x" }), "action_type"},
		{"parameters", call(func(a *learn.ActionOutcome) { a.ToolParameters = json.RawMessage(`{"a":`) }), "not valid JSON"},
		{"deep parameters", call(func(a *learn.ActionOutcome) {
			a.ToolParameters = json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))
		}), "nest 5000 levels deep, at most 64"},
		{"future", call(func(a *learn.ActionOutcome) { a.Timestamp = now.AddDate(1, 0, 0) }), "in the future"},
		{"past", call(func(a *learn.ActionOutcome) { a.Timestamp = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) }), "RFC 3339"},
		{"task without id", note(func(r *learn.TaskRecord) { r.TaskID = "" }), "task_id is missing"},
		{"phase", note(func(r *learn.TaskRecord) { r.Phase = "middle" }), "phase"},
		{"outcome", note(func(r *learn.TaskRecord) { r.Outcome = "fine" }), "outcome"},
		{"outcome kind", note(func(r *learn.TaskRecord) { r.OutcomeKind = "x" }), "outcome_kind"},
	}
	d := door(t)
	good := call(func(*learn.ActionOutcome) {})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			admitted, origin, rejected := d.Admit([]learn.Record{tt.rec, good})
			if len(admitted) != 1 || len(origin) != 1 || origin[0] != 1 {
				t.Errorf("admitted %d, origin %v: the good record alone is expected", len(admitted), origin)
			}
			if len(rejected) != 1 || rejected[0].Index != 0 || !strings.Contains(rejected[0].Reason, tt.want) || len(rejected[0].Reason) > 400 {
				t.Errorf("rejected %+v, want a short reason with %q", rejected, tt.want)
			}
		})
	}
}

// admitOne passes one record that must be admitted.
func admitOne(t testing.TB, d *Door, rec learn.Record) learn.Record {
	t.Helper()
	admitted, _, rejected := d.Admit([]learn.Record{rec})
	if len(rejected) > 0 {
		t.Fatalf("rejected: %s", rejected[0].Reason)
	}
	return admitted[0]
}

func TestDoorCompletes(t *testing.T) {
	d := door(t)
	one := 1
	a := admitOne(t, d, call(func(a *learn.ActionOutcome) {
		a.ToolOutput.ExitCode = &one
		a.ResourceMetrics = learn.ResourceMetrics{DurationMS: math.NaN(), CPUUsagePercent: math.Inf(1), MemoryUsageMB: -1, TokenCountIn: -5, TokenCountOut: 7}
	})).Action
	if a.Status != learn.StatusFailure || a.Source != learn.SourceReport || a.ActionType != learn.ToolCall || !a.Timestamp.Equal(now) || !learn.ValidID(a.ID) {
		t.Errorf("got %+v", a)
	}
	if a.ResourceMetrics != (learn.ResourceMetrics{TokenCountOut: 7}) {
		t.Errorf("metrics %+v", a.ResourceMetrics)
	}
	zone := time.FixedZone("x", 7200)
	if a := admitOne(t, d, call(func(a *learn.ActionOutcome) { a.Timestamp = now.In(zone) })).Action; a.Timestamp.Location() != time.UTC {
		t.Errorf("timestamp %v is not UTC", a.Timestamp)
	}
	if r := admitOne(t, d, note(func(r *learn.TaskRecord) { r.Phase = learn.TaskFinish })).Task; r.Outcome != learn.OutcomeUnknown || !learn.ValidID(r.ID) {
		t.Errorf("task %+v", r)
	}
}

func TestDoorIdentity(t *testing.T) {
	d := door(t)
	id := func(f func(*learn.ActionOutcome)) string { return admitOne(t, d, call(f)).ID() }
	given := learn.UUIDv8("x")
	if got := id(func(a *learn.ActionOutcome) { a.ID, a.CallID = given, "c" }); got != learn.EventID("s", "c") {
		t.Error("the call id decides, not what the sender claims")
	}
	if got := id(func(a *learn.ActionOutcome) { a.ID = given }); got != given {
		t.Error("a given id stays where there is no call id")
	}
	same := func(a *learn.ActionOutcome) { a.Timestamp = now }
	other := func(a *learn.ActionOutcome) { a.Timestamp = now; a.ToolOutput.Stdout = "x" }
	if id(same) != id(same) || id(same) == id(other) {
		t.Error("without ids the content decides")
	}
	later := doorAt(t, now.Add(time.Second))
	if admitOne(t, d, call(func(*learn.ActionOutcome) {})).ID() == admitOne(t, later, call(func(*learn.ActionOutcome) {})).ID() {
		t.Error("the same call made again a second later, without ids and times, is another event")
	}
	again := admitOne(t, d, admitOne(t, d, call(same)))
	if again.ID() != id(same) {
		t.Error("a second door gives another id")
	}
	feedback := func(s string) learn.Record {
		return note(func(r *learn.TaskRecord) { r.Phase, r.Feedback = learn.TaskFeedback, s })
	}
	if a, b := admitOne(t, d, feedback("good")).ID(), admitOne(t, d, feedback("bad")).ID(); a == b {
		t.Error("two judgements have one id")
	}
}

func TestDoorCutsAndRedacts(t *testing.T) {
	d := door(t)
	secret := "hunt" + "er2!x"
	long := strings.Repeat("é line\n", 1<<20)
	rec := call(func(a *learn.ActionOutcome) {
		a.ToolOutput = learn.ToolOutput{Stdout: "start passwd=" + secret + "\n" + long + "the end", Stderr: "bad \xff byte"}
		a.ToolParameters = json.RawMessage(fmt.Sprintf(`{"content":%q,"path":"/x"}`, long))
		a.ContextSnapshot.Environment = map[string]string{"DB_PASSWORD": "correcthorse", "LANG": "C"}
		a.ContextSnapshot.ActiveFiles = make([]string, 1000)
		a.ErrorDetails = &learn.ErrorDetails{Message: "passwd=" + secret}
	})
	before, err := json.Marshal(rec)
	must(t, err)
	a := admitOne(t, d, rec).Action
	out := a.ToolOutput
	if len(out.Stdout) > 128<<10 || !utf8.ValidString(out.Stdout) || !strings.HasPrefix(out.Stdout, "start passwd=[redacted:") || !strings.HasSuffix(out.Stdout, "the end") {
		t.Errorf("stdout has %d bytes: %q...", len(out.Stdout), out.Stdout[:60])
	}
	if !strings.Contains(out.Stdout, "[lathe: cut ") {
		t.Error("the cut is not marked")
	}
	if out.Stderr != "bad \uFFFD byte" {
		t.Errorf("stderr %q", out.Stderr)
	}
	if len(a.ToolParameters) > 128<<10 || !json.Valid(a.ToolParameters) || !strings.Contains(string(a.ToolParameters), `"path":"/x"`) {
		t.Errorf("parameters: %d bytes", len(a.ToolParameters))
	}
	if a.ContextSnapshot.Environment["DB_PASSWORD"] == "correcthorse" || len(a.ContextSnapshot.ActiveFiles) != 256 {
		t.Errorf("context %v, %d files", a.ContextSnapshot.Environment, len(a.ContextSnapshot.ActiveFiles))
	}
	after, err := json.Marshal(rec)
	must(t, err)
	if string(before) != string(after) {
		t.Error("the caller's record was changed")
	}
	if again := admitOne(t, d, learn.Record{Action: a}).Action; !reflect.DeepEqual(again, a) {
		t.Error("admitting twice changes the record")
	}
}

// A secret that stands where the cut falls must not survive in part.
func TestNoHalfSecret(t *testing.T) {
	d := door(t)
	token := "ghp" + "_" + "q7Zk2vX9mB4tR8wL5nH3pY6cD1fG0jK2aS4e"
	for at := 78_500; at < 78_700; at += 7 {
		text := strings.Repeat("x", at) + " " + token + " " + strings.Repeat("y", 200_000)
		got := admitOne(t, d, call(func(a *learn.ActionOutcome) { a.ToolOutput.Stdout = text })).Action.ToolOutput.Stdout
		if strings.Contains(got, token[:12]) {
			t.Fatalf("at %d a part of the token is left", at)
		}
	}
}

func TestCut(t *testing.T) {
	for _, n := range []int{0, 10, 64, 65, 100, 1000} {
		for _, s := range []string{"", "abc", strings.Repeat("é", 300), strings.Repeat("日本", 500) + "\xff"} {
			got := Cut(s, n)
			if !utf8.ValidString(got) {
				t.Errorf("Cut(%d bytes, %d) is not UTF-8", len(s), n)
			}
			if len(repair(s)) <= n && got != repair(s) {
				t.Errorf("Cut(%q, %d) = %q", s, n, got)
			}
			if len(got) > max(n, markRoom) {
				t.Errorf("Cut(%d bytes, %d) has %d bytes", len(s), n, len(got))
			}
			var gone int
			if _, mark, ok := strings.Cut(got, "[lathe: cut "); ok {
				_, err := fmt.Sscanf(mark, "%d bytes", &gone)
				must(t, err)
				rest := len(got) - len(fmt.Sprintf("\n[lathe: cut %d bytes here]\n", gone))
				if rest+gone != len(repair(s)) {
					t.Errorf("Cut(%d bytes, %d): %d kept and %d gone", len(s), n, rest, gone)
				}
			}
		}
	}
}

func TestCutJSON(t *testing.T) {
	long := strings.Repeat("a\\n\\u00e9", 5000)
	for _, doc := range []string{
		`{"a":"` + long + `","b":1}`,
		`["` + strings.Repeat(`abc","`, 5000) + `x"]`,
		`[` + strings.Repeat(`1,`, 9999) + `1]`,
		"{\"a\":\"\xff\"}",
	} {
		got := CutJSON(json.RawMessage(doc), 2000)
		if len(got) > 2000 || !json.Valid(got) || !utf8.Valid(got) {
			t.Errorf("%.20s...: %d bytes, valid %v", doc, len(got), json.Valid(got))
		}
		if len(doc) > 2000 && !strings.Contains(string(got), "lathe") {
			t.Errorf("%.20s...: the cut is not marked: %.80s", doc, got)
		}
	}
}

func FuzzDoor(f *testing.F) {
	d := door(f)
	for _, s := range []string{`{"action":{"project_id":"p","session_id":"s","tool_name":"t"}}`, `{"task":{"task_id":"t","project_id":"p","phase":"start","prompt":"x"}}`,
		`{"action":{"project_id":"p","session_id":"s","tool_name":"t","tool_parameters":{"password":"abcdefgh"},"timestamp":"2026-01-01T00:00:00Z"}}`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var rec learn.Record
		if json.Unmarshal(doc, &rec) != nil {
			return
		}
		admitted, _, rejected := d.Admit([]learn.Record{rec})
		if len(admitted)+len(rejected) != 1 {
			t.Fatal("a record is neither admitted nor rejected, or both")
		}
		if len(admitted) == 0 {
			return
		}
		stored, err := json.Marshal(admitted[0])
		if err != nil || len(stored) > 8<<20 {
			t.Fatalf("cannot be stored: %d bytes, %v", len(stored), err)
		}
		if again := admitOne(t, d, admitted[0]); again.ID() != admitted[0].ID() {
			t.Fatal("a second door gives another id")
		}
	})
}
