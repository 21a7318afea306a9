package mine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

// garden is a generated stream: projects of differing base rate, planted
// strategies (in order, with other steps in the gaps) that raise the odds of
// success, decoys that are as frequent in both, and noise steps.
type garden struct {
	tasks, projects int
	noise           int     // other steps of a task, on average
	share           float64 // of tasks with each planted strategy
	lift            float64 // success with one; without: the project's base rate
	planted, decoys [][]string
}

func (g garden) grow(seed uint64) []*learn.Task {
	rng := rand.New(rand.NewPCG(seed, 1913))
	var out []*learn.Task
	for i := range g.tasks {
		project := rng.IntN(g.projects)
		chance := 0.15 + 0.3*float64(project)/float64(g.projects)
		var steps []string
		noise := func(n int) {
			for range n {
				steps = append(steps, fmt.Sprint("n", rng.IntN(40)))
			}
		}
		noise(rng.IntN(g.noise + 1))
		for _, p := range g.planted {
			if rng.Float64() < g.share {
				chance = max(chance, g.lift)
				for _, s := range p {
					steps = append(steps, s)
					noise(rng.IntN(3)) // at most the gap that is allowed
				}
			}
		}
		for _, d := range g.decoys {
			if rng.Float64() < 0.5 {
				steps = append(steps, d...)
			}
			noise(rng.IntN(g.noise + 1))
		}
		t := &learn.Task{TaskID: fmt.Sprint("t", i), ProjectID: fmt.Sprint("p", project), SessionID: fmt.Sprint("s", i), ProblemType: "bugfix",
			Finished: time.Date(2026, 3, 1, 0, i, 0, 0, time.UTC), Outcome: learn.OutcomeFailure}
		if rng.Float64() < chance {
			t.Outcome = learn.OutcomeSuccess
		}
		for j, s := range steps {
			t.Steps = append(t.Steps, learn.Step{EventID: fmt.Sprintf("e%d-%d", i, j), Tool: "bash", Intent: learn.Intent("of-" + s),
				Skeleton: s + " <path>", Command: s + " f.py", Target: "f.py"})
		}
		if len(t.Steps) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// judge counts what was found: right is a strategy with no step but those of
// one planted strategy, found the planted strategies that it names, whole those
// that it names with all steps.
func (g garden) judge(names []string) (right, found, whole int) {
	hit, full := map[int]bool{}, map[int]bool{}
	for _, name := range names {
		steps := strings.Split(strings.ReplaceAll(name, " <path>", ""), " → ")
		for k, p := range g.planted {
			if !slices.ContainsFunc(steps, func(s string) bool { s, _, _ = strings.Cut(s, " ("); return !slices.Contains(p, s) }) {
				right++
				hit[k] = true
				full[k] = full[k] || len(steps) == len(p)
				break
			}
		}
	}
	return right, len(hit), len(full)
}

// TestHeavyPlantedGrid prints precision and recall over a grid of noise and
// support, with a look after every task, beside one look at the end (Fisher and
// Benjamini-Hochberg). Precision must be as the level promises.
func TestHeavyPlantedGrid(t *testing.T) {
	const seeds = 4
	shown, right := 0, 0
	t.Logf("%5s %5s %5s %5s | %9s %6s %6s | one look: %9s %6s", "tasks", "noise", "share", "rate", "precision", "recall", "whole", "precision", "recall")
	for _, tasks := range []int{200, 400, 800} {
		for _, noise := range []int{2, 6} {
			for _, share := range []float64{0.1, 0.3} {
				g := garden{tasks: tasks, projects: 4, noise: noise, share: share, lift: 0.85,
					planted: [][]string{{"reproduce", "patch", "verify"}, {"migrate", "seed"}}, decoys: [][]string{{"look", "list"}, {"fmt", "lint", "commit"}}}
				var all, ok, found, whole, allOne, okOne, foundOne int
				for seed := range uint64(seeds) {
					stream := g.grow(seed)
					m := New(Options{})
					feed(t, m, stream)
					var names []string
					for _, s := range m.Strategies() {
						names = append(names, s.Name)
					}
					a, b, c := g.judge(names)
					all, ok, found, whole = all+len(names), ok+a, found+b, whole+c
					proven := oneLook(t, stream, Options{}).Separating
					names = nil
					for _, s := range proven {
						names = append(names, s.Name)
					}
					a, b, _ = g.judge(names)
					allOne, okOne, foundOne = allOne+len(names), okOne+a, foundOne+b
				}
				shown, right = shown+all, right+ok
				n := seeds * len(g.planted)
				if tasks >= 400 && whole < n-1 {
					t.Errorf("%d tasks, noise %d, share %v: %d of %d planted strategies are found", tasks, noise, share, whole, n)
				}
				t.Logf("%5d %5d %5.1f %5.2f | %4d/%-4d %6.2f %6.2f | one look: %4d/%-4d %6.2f", tasks, noise, share, g.lift,
					ok, all, float64(found)/float64(n), float64(whole)/float64(n), okOne, allOne, float64(foundOne)/float64(n))
			}
		}
	}
	if shown == 0 || float64(right) < 0.95*float64(shown) {
		t.Errorf("%d of %d strategies shown are planted ones", right, shown)
	}
}

// TestHeavyPower prints how often one planted strategy is proven, with a look
// after every task, beside one look at the end.
func TestHeavyPower(t *testing.T) {
	const seeds = 8
	t.Logf("success without it 15 to 38 %% by project, in 30 %% of the tasks; of %d streams", seeds)
	t.Logf("%5s %5s | %12s %9s", "tasks", "rate", "every look", "one look")
	var last int
	for _, tasks := range []int{150, 300, 600} {
		for _, rate := range []float64{0.3, 0.5, 0.7, 0.9} {
			g := garden{tasks: tasks, projects: 4, noise: 3, share: 0.3, lift: rate, planted: [][]string{{"reproduce", "patch", "verify"}}, decoys: [][]string{{"look", "list"}}}
			every, one := 0, 0
			for seed := range uint64(seeds) {
				stream := g.grow(100 + seed)
				m := New(Options{})
				feed(t, m, stream)
				if len(m.Strategies()) > 0 {
					every++
				}
				if len(oneLook(t, stream, Options{}).Separating) > 0 {
					one++
				}
			}
			t.Logf("%5d %5.1f | %12d %9d", tasks, rate, every, one)
			last = every
		}
	}
	if last < seeds-1 {
		t.Errorf("of %d streams of 600 tasks, %d show a strategy with which 90 %% succeed", seeds, last)
	}
}
