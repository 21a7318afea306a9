package mine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lathe/learn"
)

// course is a stream of tasks of one project; those with, a share, have the
// steps "prepare", "ship", and succeed at the first rate, others at the second.
func course(from, n int, at time.Time, step time.Duration, share, with, without float64) []*learn.Task {
	var out []*learn.Task
	rng := rand.New(rand.NewPCG(uint64(from), uint64(n)))
	for i := from; i < from+n; i++ {
		t := &learn.Task{TaskID: fmt.Sprint("t", i), ProjectID: "p", SessionID: fmt.Sprint("s", i), ProblemType: "bugfix",
			Finished: at.Add(time.Duration(i-from) * step), Outcome: learn.OutcomeFailure}
		names, chance := []string{fmt.Sprint("other", rng.IntN(3)), fmt.Sprint("noise", rng.IntN(4))}, without
		if rng.Float64() < share {
			names, chance = append(names, "prepare", "ship"), with
		}
		if rng.Float64() < chance {
			t.Outcome = learn.OutcomeSuccess
		}
		for j, name := range names {
			t.Steps = append(t.Steps, learn.Step{EventID: fmt.Sprintf("e%d-%d", i, j), Tool: "bash", Intent: learn.Intent(name), Skeleton: name, Command: name})
		}
		out = append(out, t)
	}
	return out
}

func statesOf(t *testing.T, entries []learn.LedgerEntry) (out []learn.State) {
	t.Helper()
	for _, e := range of(learn.EntryState, entries) {
		var s learn.StateChange
		if err := json.Unmarshal(e.Body, &s); err != nil {
			t.Fatal(err)
		}
		if s.Reason == "" || len(s.Numbers) == 0 || s.From == s.To || s.ObjectID != e.ObjectID {
			t.Errorf("change %+v", s)
		}
		out = append(out, s.To)
	}
	return out
}

func TestLifeOfAStrategy(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	begin := course(0, 300, start, time.Hour, 0.5, 0.9, 0.2)
	for _, c := range []struct {
		name string
		then []*learn.Task
		want learn.State
	}{
		{"goes on", course(300, 100, start.AddDate(0, 1, 0), time.Hour, 0.5, 0.9, 0.2), learn.StateConfirmed},
		{"turns", course(300, 200, start.AddDate(0, 1, 0), time.Hour, 0.5, 0.2, 0.9), learn.StateRetired},
		{"is not seen for a year", course(300, 60, start.AddDate(1, 8, 0), time.Hour, 0, 0.9, 0.2), learn.StateDecayed},
		{"is not seen for years", course(300, 60, start.AddDate(9, 0, 0), time.Hour, 0, 0.9, 0.2), learn.StateRetired},
	} {
		m := New(Options{})
		if got := statesOf(t, feed(t, m, begin)); len(got) == 0 || got[0] != learn.StateConfirmed || len(m.Strategies()) != 1 {
			t.Fatalf("at first: %v, %d strategies", got, len(m.Strategies()))
		}
		id := m.Strategies()[0].StrategyID
		entries := feed(t, m, c.then)
		i := slices.IndexFunc(m.Lives(), func(s learn.ProvenStrategy) bool { return s.StrategyID == id })
		got := m.Lives()[i]
		if got.State != c.want || got.History[len(got.History)-1].To != c.want || got.StateReason == "" {
			t.Errorf("%s: state %v (%v), want %v; %s", c.name, got.State, statesOf(t, entries), c.want, got.StateReason)
		}
		served := slices.ContainsFunc(m.Strategies(), func(s learn.ProvenStrategy) bool { return s.StrategyID == id })
		if served != (c.want == learn.StateConfirmed) {
			t.Errorf("%s: served %v", c.name, served)
		}
		if n := len(of(learn.EntryState, feed(t, m, c.then))); n != 0 { // the same log again
			t.Errorf("%s: the same tasks again gave %d changes", c.name, n)
		}
	}
}

// TestVerdictsChange: a verdict that a person changes later counts as if it had
// been so from the start.
func TestVerdictsChange(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	right := course(0, 120, start, time.Hour, 0.5, 0.9, 0.2)
	wrong := course(0, 120, start, time.Hour, 0.5, 0.9, 0.2)
	for i := range wrong {
		wrong[i].Outcome = []learn.Outcome{learn.OutcomeSuccess, learn.OutcomeFailure}[i%2]
	}
	a, b := New(Options{}), New(Options{})
	feed(t, a, right)
	feed(t, b, wrong)
	feed(t, b, right)
	for i, h := range a.hyps {
		if d := h.e.log() - b.hyps[i].e.log(); d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: evidence %v, judged anew %v", h.title(), h.e.log(), b.hyps[i].e.log())
		}
	}
	if a.Stats().Successes != b.Stats().Successes {
		t.Errorf("%d successes, judged anew %d", a.Stats().Successes, b.Stats().Successes)
	}
}

func TestCheaperOnlyWhenTheIntervalSaysSo(t *testing.T) {
	cost := func(steps int) *taskSeq { return &taskSeq{Steps: make([]seqStep, steps), Good: true, ProjectID: "p"} }
	for _, c := range []struct {
		name string
		f, g func(i int) int
		want bool
	}{
		{"half the calls", func(i int) int { return 9 + i%3 }, func(i int) int { return 19 + i%3 }, true},
		{"the same", func(i int) int { return 9 + i%3 }, func(i int) int { return 9 + i%4 }, false},
		{"less, but by chance", func(i int) int { return 1 + i%9*9 }, func(i int) int { return 2 + i%8*11 }, false},
	} {
		m := New(Options{MaxTasks: 64})
		f, g := &finding{hypothesis: &hypothesis{in: newBits(64), names: []string{"f", "x"}}}, &finding{hypothesis: &hypothesis{in: newBits(64), names: []string{"g", "x"}}}
		for i := range 40 {
			n, in := c.f(i/2), f.in
			if i%2 == 1 {
				n, in = c.g(i/2), g.in
			}
			t := cost(n)
			t.TaskID = fmt.Sprint(i)
			_, slot, _ := m.win.add(t)
			in.set(slot)
		}
		m.describe(f)
		m.describe(g)
		g.names[1] = "y"
		if m.costlier([]*finding{f, g})[g] != nil || len(f.costs) == 0 {
			t.Errorf("%s: what has another end is superseded, or not compared", c.name)
		}
		g.names[1] = "x"
		if got := m.costlier([]*finding{f, g})[g] == f; got != c.want {
			t.Errorf("%s: superseded %v, want %v; %+v", c.name, got, c.want, m.compare(f, g))
		}
	}
}
