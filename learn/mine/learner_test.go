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
		chance, kind := 0.25, "other"
		if k := rng.IntN(2 * len(planted)); k < len(planted) {
			chance, kind = 0.9, fmt.Sprint("kind", k)
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

func feed(t testing.TB, m *Miner, tasks []*learn.Task) {
	t.Helper()
	for _, task := range tasks {
		if err := m.Apply(&learn.Observation{Finished: task}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func conclude(t testing.TB, m *Miner) (entries []learn.LedgerEntry) {
	t.Helper()
	if err := m.Conclude(func(e learn.LedgerEntry) { entries = append(entries, e) }); err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestPlantedStrategiesAndOnlyThose(t *testing.T) {
	planted := [][]string{{"reproduce", "edit", "verify"}, {"migrate", "seed"}}
	decoys := [][]string{{"look", "list"}, {"fmt", "lint", "commit"}}
	for seed := range uint64(5) {
		m := New(Options{})
		feed(t, m, plant(seed, 400, planted, decoys))
		conclude(t, m)
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
		feed(t, m, tasks)
		if e := conclude(t, m); len(e) > 0 {
			t.Errorf("seed %d: a strategy out of nothing: %s", seed, e[0].Body)
		}
	}
}

func TestStrategyObject(t *testing.T) {
	m := New(Options{})
	feed(t, m, plant(1, 300, [][]string{{"reproduce", "edit", "verify"}}, nil))
	entries := conclude(t, m)
	if len(entries) != 1 || entries[0].Kind != learn.EntryStrategy {
		t.Fatalf("entries %+v", entries)
	}
	var s learn.ProvenStrategy
	if err := json.Unmarshal(entries[0].Body, &s); err != nil {
		t.Fatal(err)
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
	if !slices.Contains(s.RelatedProblemTypes, "kind0") || len(s.ApplicabilityConditions) == 0 {
		t.Errorf("problem types %v, conditions %v", s.RelatedProblemTypes, s.ApplicabilityConditions)
	}
	if s.SuccessInterval.Low >= s.SuccessRate || s.SuccessInterval.High <= s.SuccessRate || s.Contrast < 2 || s.PValue > 0.05 {
		t.Errorf("statistics %+v", s)
	}
	if a := s.AveragePerformanceMetrics; a.Calls != 3 || a.DurationMS != 30 || a.Tokens != 15 {
		t.Errorf("metrics %+v", a)
	}
	if len(s.Evidence) != 9 || s.LastConfirmed.IsZero() {
		t.Errorf("evidence %v, confirmed %v", s.Evidence, s.LastConfirmed)
	}
}

func TestConcludeTellsOnceAndSnapshotsContinue(t *testing.T) {
	tasks := plant(3, 300, [][]string{{"a", "b", "c"}}, nil)
	m := New(Options{})
	feed(t, m, tasks)
	if len(conclude(t, m)) != 1 {
		t.Fatal("no strategy")
	}
	if e := conclude(t, m); e != nil {
		t.Errorf("concluded again without a new task: %v", e)
	}
	feed(t, m, tasks[:1]) // judged again, the same
	if e := conclude(t, m); e != nil {
		t.Errorf("told again what the ledger knows: %v", e)
	}
	data, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back := New(Options{})
	if err := back.Restore(data); err != nil {
		t.Fatal(err)
	}
	again, err := back.Snapshot()
	if err != nil || string(again) != string(data) || !reflect.DeepEqual(back.Stats(), m.Stats()) || len(back.Strategies()) != 1 {
		t.Errorf("restored %+v, want %+v", back.Stats(), m.Stats())
	}
	for _, bad := range []string{"", "{}", `{"version":9}`} {
		if back.Restore([]byte(bad)) == nil {
			t.Errorf("snapshot %q was taken", bad)
		}
	}
}

func TestLearnerIsBounded(t *testing.T) {
	m := New(Options{MaxTasks: 50, MaxSteps: 8, MaxPatterns: 30})
	feed(t, m, plant(1, 200, [][]string{{"a", "b"}}, [][]string{{"c", "d", "e"}}))
	conclude(t, m)
	st := m.Stats()
	if st.Tasks != 50 || st.DroppedTasks < 100 || st.DroppedSteps == 0 || st.RaisedSupport == 0 {
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

func BenchmarkConclude(b *testing.B) {
	tasks := plant(1, 2000, [][]string{{"reproduce", "edit", "verify"}}, [][]string{{"look", "list"}})
	m := New(Options{})
	feed(b, m, tasks)
	for b.Loop() {
		m.dirty = true
		conclude(b, m)
	}
}
