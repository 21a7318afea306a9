package recall

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/recall/recalltest"
)

// strategyOf makes a proven strategy of steps, in plain words.
func strategyOf(id, project, name string, at time.Time, low float64, steps ...string) learn.ProvenStrategy {
	s := learn.ProvenStrategy{StrategyID: id, ProjectID: project, Name: name, SuccessRate: min(1, low+0.1), BaselineRate: 0.3, Strata: 1,
		SuccessInterval: learn.Interval{Low: low, High: 1, Level: 0.95}, Contrast: 5, Support: 30, LastConfirmed: at, State: learn.StateConfirmed}
	for i, step := range steps {
		raw, _ := json.Marshal(map[string]string{"command": step}) // strings always can be
		s.TemplatePlanFragment.Tasks = append(s.TemplatePlanFragment.Tasks, learn.PlanTask{ID: fmt.Sprint("s", i+1), ToolName: "bash", Arguments: raw})
	}
	return s
}

func told(t *testing.T, m *Memory, kind learn.EntryKind, id, project string, at time.Time, body any) {
	t.Helper()
	e, err := learn.NewEntry(kind, id, project, at, body, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(e); err != nil {
		t.Fatal(err)
	}
}

// asked is a task of a project with a workspace in Go.
func asked(project, prompt string, steps ...Step) Task {
	return Task{Project: project, Text: prompt, Problem: "bugfix", Errors: map[string]bool{}, Planned: steps,
		Languages: map[string]bool{"go": true}, Uses: func(a string) bool { return a == "" || a == "go" || a == "make" }}
}

func inPython(t Task) Task {
	t.Languages = map[string]bool{"py": true}
	return t
}

func unmeasured(string) *learn.Interval { return nil }

func strategies(t *testing.T, m *Memory, task Task, n int, effect func(string) *learn.Interval) []Strategy {
	t.Helper()
	out, err := m.Ask(task).Strategies(n, effect)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func pitfalls(t *testing.T, m *Memory, task Task, n int) []Pitfall {
	t.Helper()
	out, err := m.Ask(task).Pitfalls(n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStrategiesThatFit: what is recalled, and in which order.
func TestStrategiesThatFit(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	m := New()
	add := func(s learn.ProvenStrategy) { told(t, m, learn.EntryStrategy, s.StrategyID, s.ProjectID, now, s) }
	add(strategyOf("own", "p", "run the parser tests before the commit", now, 0.8, "go vet ./...", "go test ./parser"))
	add(strategyOf("old", "p", "old habit", now.AddDate(-3, 0, 0), 0.8, "make old"))
	add(strategyOf("weak", "p", "weak", now, 0.31, "make weak"))
	add(strategyOf("theirs", "q", "parser tests of another project", now, 0.99, "go test ./parser"))
	add(strategyOf("common", "", "check everything", now, 0.7, "make check"))
	add(strategyOf("foreign", "", "mvn first", now, 0.9, "mvn verify"))
	python := strategyOf("python", "", "lint with python", now, 0.9, "make lint")
	python.ApplicabilityConditions = []string{"language: py (lift 3.0)"}
	add(python)
	retired := strategyOf("retired", "p", "parser tests, retired", now, 0.9, "go test ./parser")
	retired.State = learn.StateRetired
	add(retired)
	add(strategyOf("later", "p", "retired later", now, 0.9, "make later"))
	told(t, m, learn.EntryState, "later", "p", now, learn.StateChange{ObjectID: "later", From: learn.StateConfirmed, To: learn.StateSuperseded})

	ids := func(task Task, effect func(string) *learn.Interval) (out []string) {
		for _, s := range strategies(t, m, task, 10, effect) {
			out = append(out, s.StrategyID)
			if len(s.Match.Contributions) == 0 || len(s.Match.Why) == 0 {
				t.Errorf("%s is given without a reason", s.StrategyID)
			}
		}
		return out
	}
	harms := func(id string) *learn.Interval {
		if id != "own" {
			return nil
		}
		return &learn.Interval{Low: -0.3, High: -0.1}
	}
	for _, c := range []struct {
		name   string
		task   Task
		effect func(string) *learn.Interval
		want   string
	}{
		{"the project's own first", asked("p", "fix the parser tests"), unmeasured, "own common"},
		{"of an unknown project nothing", Task{Project: "new", Uses: func(string) bool { return false }}, unmeasured, ""},
		{"what harms is kept away", asked("p", "fix the parser tests"), harms, "common"},
		{"where its condition holds", inPython(asked("p", "fix the parser tests")), unmeasured, "own python common"},
	} {
		if got := strings.Join(ids(c.task, c.effect), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	begun := strategies(t, m, asked("p", "x", StepOf("bash", json.RawMessage(`{"command":"go vet ./cmd"}`))), 1, unmeasured)
	if len(begun) != 1 || begun[0].Match.Contributions["plan"] != weightPlan/2 || !strings.Contains(strings.Join(begun[0].Match.Why, ";"), "go vet is there, go test comes next") {
		t.Errorf("a plan that has the first step: %+v", begun)
	}
}

// TestPitfallsThatFit: errors of the project with what fixed them, and never
// those of another.
func TestPitfallsThatFit(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	m := New()
	report := func(id, project, sig, cause string) {
		told(t, m, learn.EntryReport, id, project, now, learn.FailureAnalysisReport{ReportID: id, ProjectID: project, RootCause: cause, Timestamp: now,
			ConfidenceScore: 0.8, Signatures: []learn.ErrorSignature{{ID: sig, Name: "name of " + sig}}})
	}
	for i := range 8 {
		report(fmt.Sprint("often", i), "p", "often", "the schema was not migrated")
	}
	report("once", "p", "once", "a cosmic ray")
	report("secret", "q", "secret", "the schema was not migrated at the bank")
	told(t, m, learn.EntryRemedy, "r1", "", now, learn.Remedy{RemedyID: "r1", SignatureID: "often", Description: "run make migrate", Support: 5, Successes: 9, Failures: 1, LastSeen: now})
	told(t, m, learn.EntryRemedy, "r2", "q", now, learn.Remedy{RemedyID: "r2", SignatureID: "often", ProjectID: "q", Description: "theirs", Support: 9, Successes: 30, LastSeen: now})
	got := pitfalls(t, m, asked("p", "migrate the schema"), 10)
	if len(got) != 1 || got[0].Signature != "often" || got[0].Count != 8 || got[0].Remedy == nil || got[0].Remedy.RemedyID != "r1" {
		t.Fatalf("%+v", got)
	}
	f := asked("p", "something else")
	f.Errors["once"] = true
	if got := pitfalls(t, m, f, 10); len(got) != 2 {
		t.Errorf("an error of this session is not told: %+v", got)
	}
}

// TestKnownItem: among two thousand objects, the words of one find it.
func TestKnownItem(t *testing.T) {
	entries, err := recalltest.New(5).Entries(0, 2000)
	if err != nil {
		t.Fatal(err)
	}
	m := New()
	var strategies []learn.ProvenStrategy
	for _, e := range entries {
		if err := m.Apply(e); err != nil {
			t.Fatal(err)
		}
		var s learn.ProvenStrategy
		if e.Kind == learn.EntryStrategy {
			if err := json.Unmarshal(e.Body, &s); err != nil {
				t.Fatal(err)
			}
			strategies = append(strategies, s)
		}
	}
	found := 0
	for _, s := range strategies {
		q := m.Ask(asked(s.ProjectID, s.Name+" "+strings.Join(strings.Fields(s.Description)[3:9], " ")))
		q.weigh()
		list := m.words.find(s.ProjectID, classStrategy, q.words, 3)
		if slices.ContainsFunc(list, func(c *card) bool { return c.id == s.StrategyID }) {
			found++
		}
		for _, c := range list {
			if c.project != s.ProjectID && c.project != "" {
				t.Fatalf("a query of %s found what belongs to %s", s.ProjectID, c.project)
			}
		}
	}
	if found*100 < 95*len(strategies) {
		t.Errorf("%d of %d strategies were among the first three for their own words", found, len(strategies))
	}
}

// TestLexiconForgets: what is told anew or taken out is not found any more.
func TestLexiconForgets(t *testing.T) {
	m := New()
	now := time.Unix(1_700_000_000, 0)
	for round := range 3000 {
		told(t, m, learn.EntryStrategy, "one", "p", now, strategyOf("one", "p", fmt.Sprint("word", round), now, 0.8, "make x"))
	}
	if n := m.words.live(); n != 1 || len(m.words.slots) > 2100 || len(m.best["p"]) != 1 {
		t.Errorf("%d cards in %d slots, %d listed: one was told again and again", n, len(m.words.slots), len(m.best["p"]))
	}
	if got := m.words.find("p", classStrategy, []uint32{hashWord("word7")}, 3); len(got) != 0 {
		t.Errorf("found by a former word: %+v", got)
	}
}
