package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/action"
)

// stream feeds a Diagnoser sessions call by call.
type stream struct {
	t testing.TB
	d *Diagnoser
	n int
}

func (s *stream) call(session, command string, sigs ...learn.ErrorSignature) string {
	s.n++
	params, err := json.Marshal(map[string]string{"command": command})
	if err != nil {
		s.t.Fatal(err)
	}
	ev := &learn.ActionOutcome{ID: learn.UUIDv8(session, fmt.Sprint(s.n)), SessionID: session, ProjectID: "p", ToolName: "bash", ToolParameters: params,
		Timestamp: time.Date(2026, 1, 1, 0, s.n, 0, 0, time.UTC), Status: learn.StatusSuccess}
	if len(sigs) > 0 {
		ev.Status = learn.StatusFailure
	}
	if err := s.d.Apply(&learn.Observation{Record: learn.Record{Action: ev}, Action: action.Parse(ev), Signatures: sigs}, nil); err != nil {
		s.t.Fatal(err)
	}
	return ev.ID
}

var installIt = learn.RemedyOffer{RemedyID: "r", Kind: "inserted_actions", Description: "Install it.", Confidence: 0.7,
	Actions: []learn.RemedyAction{{ToolName: "bash", Intent: learn.IntentInstall, Command: "pip install {module}"}}}

func offering(o learn.RemedyOffer) RemedySource {
	return RemedyFunc(func(RemedyQuery) []learn.RemedyOffer { return []learn.RemedyOffer{o} })
}

func confidenceOf(t *testing.T, d *Diagnoser) float64 {
	t.Helper()
	r := d.Diagnose(context.Background(), request(missing("yaml")))
	return r.ConfidenceScore
}

// The confidence of reports follows how often what they offered was what
// resolved the failure.
func TestConfidenceIsLearned(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fix      string
		low, hig float64
	}{
		{"always right", "pip install yaml", 0.8, 1},
		{"always wrong", "git checkout -- src", 0, 0.2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := New(Options{Remedies: offering(installIt), Patterns: patterns})
			before := confidenceOf(t, d)
			s := &stream{t: t, d: d}
			for i := range 60 {
				session := fmt.Sprint("s", i)
				s.call(session, "pytest -q", missing("yaml"))
				s.call(session, "cat setup.py")
				s.call(session, tt.fix)
				s.call(session, "pytest -q")
			}
			if got := confidenceOf(t, d); got < tt.low || got > tt.hig {
				t.Errorf("confidence %.2f after sixty resolutions, %.2f before; want %g to %g", got, before, tt.low, tt.hig)
			}
			k := d.Reliability()[learn.MethodRecovery]
			if k.N() != 60 {
				t.Errorf("%d claims were judged, want 60", k.N())
			}
		})
	}
}

// A file of tests that is run by itself passes without running one: it judges
// nothing, and what comes after it does.
func TestRunningTheTestFileItselfJudgesNothing(t *testing.T) {
	d := New(Options{Remedies: offering(installIt), Patterns: patterns})
	s := &stream{t: t, d: d}
	s.call("a", "python -m pytest tests/test_x.py", missing("yaml"))
	s.call("a", "python tests/test_x.py")
	if n := d.e.kept[learn.MethodRecovery].N(); n != 0 {
		t.Fatalf("%d claims were judged by a run of no test", n)
	}
	s.call("a", "pip install yaml")
	s.call("a", "python -m pytest tests/test_x.py")
	if all := d.e.kept[learn.MethodRecovery].Total(); all.N != 1 || all.Right != 1 {
		t.Errorf("%d of %d claims were right, want the one", all.Right, all.N)
	}
}

func TestHistoryIsCounted(t *testing.T) {
	d := New(Options{Remedies: RemedyFunc(nothing), Patterns: patterns})
	s := &stream{t: t, d: d}
	s.call("a", "pytest", missing("yaml"))
	s.call("a", "pytest", missing("yaml"))
	s.call("b", "pytest", missing("yaml"))
	r := d.Diagnose(context.Background(), request(missing("yaml")))
	if r.History == nil || r.History.TimesHere != 3 || r.History.SessionsHere != 2 || r.History.TimesElsewhere != 0 {
		t.Errorf("history %+v; want 3 times in 2 sessions here", r.History)
	}
	other := request(missing("yaml"))
	other.Event.ProjectID = "another"
	if r = d.Diagnose(context.Background(), other); r.History.TimesHere != 0 || r.History.TimesElsewhere != 3 || r.History.OtherProjects != 1 {
		t.Errorf("history %+v; want 3 times in 1 other project", r.History)
	}
}

func TestCodeGraphIsToldOfOrMissed(t *testing.T) {
	r := request(missing("yaml"))
	r.Deep = true
	if got := explained(t, RemedyFunc(nothing), r); got.Code == nil || got.Code.State != learn.CodeAbsent || got.Code.Why == "" {
		t.Errorf("without a code graph the report says %+v", got.Code)
	}
	if got := explained(t, RemedyFunc(nothing), request(missing("yaml"))); got.Code != nil {
		t.Errorf("a quick report holds %+v", got.Code)
	}
}

// graphOf is a CodeSource that knows one file.
type graphOf string

func (g graphOf) CodeContext(_ context.Context, project, folder string, q learn.CodeQuery) learn.CodeContext {
	if len(q.Entities) == 0 || project != "p" || folder != "/work" {
		return learn.CodeContext{State: learn.CodeAbsent, Why: "wrong question"}
	}
	return learn.CodeContext{State: learn.CodeReady, Touched: []learn.TouchedCode{{CodeEntity: learn.CodeEntity{Kind: learn.CodeFile, Name: string(g), File: string(g)},
		Reason: "the error came up in it", Imports: []string{"shop.price"}}}}
}

// A change of what the failing code imports weighs more than one of what it
// does not.
func TestCodeGraphLeadsToTheCulprit(t *testing.T) {
	r := request(learn.ErrorSignature{ID: "s-at", PatternID: "python/other", Name: "assertion failed in Python", File: "tests/test_order.py",
		Entities: []learn.Entity{{Kind: "file", Name: "tests/test_order.py"}}})
	r.Event.ContextSnapshot.CWD = "/work"
	r.Action = learn.Action{Tool: "bash", Intent: learn.IntentTest, Command: "pytest -q", Skeleton: "pytest -q"}
	edit := func(id, file string) learn.Step {
		return learn.Step{EventID: id, Tool: "edit", Intent: learn.IntentEdit, Target: file, Status: learn.StatusSuccess}
	}
	r.History = []learn.Step{{EventID: "ok", Tool: "bash", Intent: learn.IntentTest, Command: "pytest -q", Skeleton: "pytest -q", Status: learn.StatusSuccess},
		edit("e1", "src/shop/price.py"), edit("e2", "src/shop/label.py")}
	r.Deep = true
	d := New(Options{Remedies: RemedyFunc(nothing), Patterns: patterns, Code: graphOf("tests/test_order.py")})
	got := d.Diagnose(context.Background(), r)
	if got.CulpritAction != "e1" || got.CulpritStep != 2 || got.FailedStep != 4 || got.Code.State != learn.CodeReady {
		t.Errorf("culprit %s, step %d of %d: %s", got.CulpritAction, got.CulpritStep, got.FailedStep, got.CulpritReason)
	}
	if f := Facts(&got); len(f) == 0 || !strings.Contains(strings.Join(f, " "), "shop.price") {
		t.Errorf("facts %q", f)
	}
	without := explained(t, RemedyFunc(nothing), r)
	if without.CulpritAction != "e2" {
		t.Errorf("without a code graph %s is blamed, want the latest change", without.CulpritAction)
	}
}

func TestSnapshotIsTheWholeState(t *testing.T) {
	d := New(Options{Remedies: offering(installIt), Patterns: patterns})
	s := &stream{t: t, d: d}
	for i := range 20 {
		s.call(fmt.Sprint("s", i%7), "pytest -q", missing("yaml"))
		s.call(fmt.Sprint("s", i%5), "pip install yaml")
		s.call(fmt.Sprint("s", i%3), "pytest -q")
	}
	raw, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back := New(Options{Remedies: offering(installIt), Patterns: patterns})
	if err := back.Restore(raw); err != nil {
		t.Fatal(err)
	}
	again, err := back.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(raw) {
		t.Errorf("restored %s\nwant %s", again, raw)
	}
	if !reflect.DeepEqual(d.Reliability(), back.Reliability()) {
		t.Error("the reliability was not restored")
	}
	for _, bad := range []string{"", "{}", `{"version":1,"scales":{"stars":{}}}`} {
		if err := back.Restore([]byte(bad)); err == nil {
			t.Errorf("%q was restored", bad)
		}
	}
}

func TestExperienceIsBounded(t *testing.T) {
	d := New(Options{Remedies: RemedyFunc(nothing), Patterns: patterns})
	s := &stream{t: t, d: d}
	for i := range maxSessions + 50 {
		for range 3 {
			s.call(fmt.Sprint("s", i), "pytest -q", missing("yaml"), missing(fmt.Sprint("m", i)))
		}
	}
	for range 2 * maxSteps {
		s.call("long", "pytest -q", missing(fmt.Sprint("l", s.n)))
	}
	long := d.e.sessions["p\x00long"]
	if len(d.e.sessions) > maxSessions || len(long.Steps) > maxSteps || len(long.Open) > maxOpen {
		t.Errorf("%d sessions, %d steps, %d open", len(d.e.sessions), len(long.Steps), len(long.Open))
	}
}

func BenchmarkApply(b *testing.B) {
	d := New(Options{Remedies: offering(installIt), Patterns: patterns})
	s := &stream{t: b, d: d}
	for b.Loop() {
		s.call(fmt.Sprint("s", s.n/100), "pytest -q", missing("yaml"))
		s.call(fmt.Sprint("s", s.n/100), "sed -i s/a/b/ src/x.py && pytest -q tests")
	}
}
