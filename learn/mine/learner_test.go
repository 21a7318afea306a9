package mine

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

// plant makes a stream of tasks over noise actions. Tasks with a planted
// sequence succeed nine times in ten, the others one in four; decoys are put
// in with the same chance whatever the outcome.
func plant(seed uint64, n int, planted, decoys [][]string) []*learn.Task {
	rng := rand.New(rand.NewPCG(seed, 7))
	var tasks []*learn.Task
	for i := range n {
		var steps []string
		noise := func(k int) {
			for range k {
				steps = append(steps, fmt.Sprint("noise", rng.IntN(12)))
			}
		}
		noise(rng.IntN(5))
		// Half of the tasks of a kind have its sequence; the kind alone changes
		// nothing.
		chance, kind := 0.25, fmt.Sprint("kind", rng.IntN(len(planted)))
		if k := rng.IntN(2 * len(planted)); k < len(planted) {
			chance = 0.9
			if rng.IntN(3) > 0 {
				kind = fmt.Sprint("kind", k)
			}
			for _, a := range planted[k] {
				steps = append(steps, a)
				noise(rng.IntN(2))
			}
		}
		for _, d := range decoys {
			if rng.IntN(2) == 0 {
				steps = append(steps, d...)
			}
			noise(rng.IntN(3))
		}
		t := &learn.Task{
			TaskID: fmt.Sprint("t", i), ProjectID: "p", SessionID: fmt.Sprint("s", i/2), ProblemType: kind,
			Finished: time.Date(2026, 3, 1, 0, i, 0, 0, time.UTC), Outcome: learn.OutcomeFailure,
		}
		if rng.Float64() < chance {
			t.Outcome = learn.OutcomeSuccess
		}
		for j, a := range steps {
			t.Steps = append(t.Steps, learn.Step{
				EventID: fmt.Sprintf("e%d-%d", i, j), Tool: "bash", Intent: learn.Intent("of-" + a), Skeleton: a + " <path>",
				Command: fmt.Sprint(a, " file", i, ".py"), Target: fmt.Sprint("file", i, ".py"), DurationMS: 10, Tokens: 5,
			})
		}
		tasks = append(tasks, t)
	}
	return tasks
}

// feed applies tasks and returns what the ledger was told.
func feed(t testing.TB, m *Miner, tasks []*learn.Task) (entries []learn.LedgerEntry) {
	t.Helper()
	for _, task := range tasks {
		if err := m.Apply(&learn.Observation{Finished: task}, func(e learn.LedgerEntry) { entries = append(entries, e) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Conclude(nil); err != nil {
		t.Fatal(err)
	}
	return entries
}

func of(kind learn.EntryKind, entries []learn.LedgerEntry) []learn.LedgerEntry {
	return slices.DeleteFunc(slices.Clone(entries), func(e learn.LedgerEntry) bool { return e.Kind != kind })
}

func TestPlantedStrategiesAndOnlyThose(t *testing.T) {
	planted := [][]string{{"reproduce", "edit", "verify"}, {"migrate", "seed"}}
	decoys := [][]string{{"look", "list"}, {"fmt", "lint", "commit"}}
	for seed := range uint64(5) {
		m := New(Options{})
		feed(t, m, plant(seed, 600, planted, decoys))
		var got []string
		for _, s := range m.Strategies() {
			got = append(got, strings.ReplaceAll(s.Name, " <path>", ""))
		}
		slices.Sort(got)
		if want := []string{"migrate → seed", "reproduce → edit → verify"}; !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: found %q, want %q", seed, got, want)
		}
	}
}

func TestHabitsAndChanceAreNoStrategies(t *testing.T) {
	for seed := range uint64(5) {
		tasks := plant(seed, 300, [][]string{{"a", "b"}}, [][]string{{"look", "list"}})
		rng := rand.New(rand.NewPCG(seed, 1))
		for _, task := range tasks { // outcomes by the coin
			task.Outcome = []learn.Outcome{learn.OutcomeSuccess, learn.OutcomeFailure}[rng.IntN(2)]
		}
		m := New(Options{MaxQ: 0.01})
		if e := feed(t, m, tasks); len(e) > 0 {
			t.Errorf("seed %d: a strategy out of nothing: %s", seed, e[0].Body)
		}
	}
}

func TestStrategyObject(t *testing.T) {
	m := New(Options{})
	entries := of(learn.EntryStrategy, feed(t, m, plant(1, 600, [][]string{{"reproduce", "edit", "verify"}}, nil)))
	if len(entries) == 0 || len(m.Strategies()) != 1 {
		t.Fatalf("entries %+v", entries)
	}
	var s learn.ProvenStrategy
	if err := json.Unmarshal(entries[len(entries)-1].Body, &s); err != nil {
		t.Fatal(err)
	}
	if served := m.Strategies()[0]; !reflect.DeepEqual(s, served) {
		t.Errorf("served is %+v, the ledger knows %+v", served, s)
	}
	g := s.TemplatePlanFragment
	if len(g.Tasks) != 3 || !reflect.DeepEqual(g.Dependencies, map[string][]string{"s2": {"s1"}, "s3": {"s2"}}) {
		t.Fatalf("fragment %+v", g)
	}
	for i, want := range []string{"reproduce {p1}", "edit {p1}", "verify {p1}"} { // one file goes through all
		if got := string(g.Tasks[i].Arguments); got != `{"command":"`+want+`"}` {
			t.Errorf("step %d: %s, want %s", i, got, want)
		}
	}
	if !slices.Contains(s.RelatedProblemTypes, "kind0") {
		t.Errorf("problem types %v, conditions %v", s.RelatedProblemTypes, s.ApplicabilityConditions)
	}
	if s.SuccessInterval.Low >= s.SuccessRate || s.SuccessInterval.High <= s.SuccessRate || s.Contrast < 2 || s.PValue > 0.05 ||
		s.ContrastInterval.Low >= s.Contrast || s.ContrastInterval.High <= s.Contrast || s.BaselineRate >= s.SuccessRate || s.EValue < 20 {
		t.Errorf("statistics %+v", s)
	}
	if a := s.AveragePerformanceMetrics; a.Calls != 3 || a.DurationMS != 30 || a.Tokens != 15 {
		t.Errorf("metrics %+v", a)
	}
	if len(s.Evidence) != 9 || s.LastConfirmed.IsZero() || s.State != learn.StateConfirmed || len(s.History) != 1 {
		t.Errorf("evidence %v, confirmed %v, state %v", s.Evidence, s.LastConfirmed, s.State)
	}
}

// TestReplayAndSnapshotsTellTheSame: the ledger depends on the log alone, not
// on restarts or on when conclusions were asked for.
func TestReplayAndSnapshotsTellTheSame(t *testing.T) {
	tasks := plant(3, 500, [][]string{{"a", "b", "c"}}, nil)
	want := feed(t, New(Options{}), tasks)
	if len(of(learn.EntryState, want)) == 0 {
		t.Fatal("no strategy")
	}
	rng, m := rand.New(rand.NewPCG(2, 2)), New(Options{})
	var got []learn.LedgerEntry
	for len(tasks) > 0 {
		n := min(len(tasks), 1+rng.IntN(90))
		got = append(got, feed(t, m, tasks[:n])...)
		tasks = tasks[n:]
		data, err := m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		back := New(Options{})
		if err := back.Restore(data); err != nil {
			t.Fatal(err)
		}
		again, err := back.Snapshot()
		if err != nil || string(again) != string(data) || !reflect.DeepEqual(back.Strategies(), m.Strategies()) {
			t.Fatalf("restored %+v, want %+v, %v", back.Stats(), m.Stats(), err)
		}
		m = back
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("told %d entries with restarts, %d without", len(got), len(want))
	}
	for _, bad := range []string{"", "{}", `{"version":9}`, `{"version":3}`, `{"version":3,"next":-1}`, `{"version":3,"next":1,"tasks":[null]}`} {
		if m.Restore([]byte(bad)) == nil {
			t.Errorf("snapshot %q was taken", bad)
		}
	}
}

func TestLearnerIsBounded(t *testing.T) {
	m := New(Options{MaxTasks: 50, MaxSteps: 8, MaxPatterns: 30})
	feed(t, m, plant(1, 400, [][]string{{"a", "b"}}, [][]string{{"c", "d", "e"}}))
	st := m.Stats()
	if st.Tasks != 50 || st.DroppedTasks < 200 || st.DroppedSteps == 0 || st.DroppedPatterns == 0 || st.Hypotheses > 3*30+len(allHabits()) {
		t.Errorf("stats %+v", st)
	}
}

func TestStatistics(t *testing.T) {
	// Fisher's lady tasting tea: 3 of 4 right has p = 17/70.
	if p := (table{3, 1, 1, 3}).fisher(); math.Abs(p-17.0/70) > 1e-12 {
		t.Errorf("tea: %v", p)
	}
	if q := benjaminiHochberg([]float64{0.01, 0.04, 0.03, 0.5}); math.Abs(q[0]-0.04) > 1e-12 || math.Abs(q[2]-q[1]) > 1e-12 {
		t.Errorf("adjusted: %v", q)
	}
	if w := wilson(8, 10); math.Abs(w.Low-0.4902) > 1e-4 || math.Abs(w.High-0.9433) > 1e-4 {
		t.Errorf("wilson: %+v", w)
	}
}

func TestOccurrenceAgreesWithBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		seq, items := make([]int32, rng.IntN(9)), make([]int32, 1+rng.IntN(4))
		for _, s := range [][]int32{seq, items} {
			for i := range s {
				s[i] = int32(rng.IntN(3))
			}
		}
		gap := rng.IntN(3)
		at := occurrence(seq, items, gap)
		if (at != nil) != has(seq, items, gap) {
			t.Fatalf("occurrence(%v, %v, %d) = %v", seq, items, gap, at)
		}
		for i := range at {
			if seq[at[i]] != items[i] || i > 0 && (at[i] <= at[i-1] || at[i]-at[i-1]-1 > gap) {
				t.Fatalf("occurrence(%v, %v, %d) = %v", seq, items, gap, at)
			}
		}
	}
}

// TestStrategiesOutliveTheirPatterns: when the stream raises its support, what
// it gives up is forgotten, except strategies, which are followed on.
func TestStrategiesOutliveTheirPatterns(t *testing.T) {
	tasks := plant(1, 900, [][]string{{"reproduce", "edit", "verify"}}, nil)
	m := New(Options{})
	feed(t, m, tasks[:600])
	before := m.Strategies()
	if len(before) != 1 {
		t.Fatalf("%d strategies", len(before))
	}
	for _, l := range m.ladders { // what Stream.Add tells of patterns that it gives up
		for id, h := range l.chosen {
			delete(l.chosen, id)
			if h.life != nil {
				h.pattern, l.loose = 0, append(l.loose, h)
			}
		}
	}
	data, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back := New(Options{})
	if err := back.Restore(data); err != nil {
		t.Fatal(err)
	}
	feed(t, back, tasks[600:])
	if after := back.Strategies(); len(after) != 1 || after[0].StrategyID != before[0].StrategyID || after[0].Support <= before[0].Support {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

// BenchmarkTask is the cost of a finished task after so many.
func BenchmarkTask(b *testing.B) {
	for _, before := range []int{1000, 10000} {
		b.Run(fmt.Sprint("after", before), func(b *testing.B) {
			tasks := plant(1, before+b.N, [][]string{{"reproduce", "edit", "verify"}}, [][]string{{"look", "list"}})
			m := New(Options{})
			feed(b, m, tasks[:before])
			b.ResetTimer()
			feed(b, m, tasks[before:])
		})
	}
}
