package trial_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
	"lathe/learn/trial"
)

var at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newTrial(t testing.TB, share float64) *trial.Trial {
	t.Helper()
	tr, err := trial.New(trial.Options{ControlShare: share, Seed: "seed"})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestFalsePromotions looks after every task of streams without any effect:
// the share of streams in which the interval ever excludes zero must stay
// within the level, and so must the share in which it ever misses the true
// difference of streams with one.
func TestFalsePromotions(t *testing.T) {
	const streams, length, alpha = 200, 400, 0.05
	for _, c := range []struct{ treatment, control, share float64 }{
		{0.5, 0.5, 0.5}, {0.9, 0.9, 0.1}, {0.1, 0.1, 0.3}, {0.7, 0.5, 0.3},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			rng, missed, promoted := rand.New(rand.NewPCG(1, 9)), 0, 0
			truth := c.treatment - c.control
			for range streams {
				var treatment, control trial.Counts
				miss, promote := false, false
				for range length {
					arm, p := &treatment, c.treatment
					if rng.Float64() < c.share {
						arm, p = &control, c.control
					}
					if rng.Float64() < p {
						arm.Successes++
					} else {
						arm.Failures++
					}
					miss = miss || trial.Excludes(treatment, control, truth, alpha)
					promote = promote || treatment.Rate() > control.Rate() && trial.Excludes(treatment, control, 0, alpha)
				}
				if miss {
					missed++
				}
				if promote {
					promoted++
				}
			}
			t.Logf("%d of %d streams missed the truth at some look, %d promoted", missed, streams, promoted)
			if missed > alpha*streams {
				t.Errorf("%d of %d streams missed the truth; at most %v may", missed, streams, alpha*streams)
			}
			if truth == 0 && promoted > alpha*streams {
				t.Errorf("%d of %d streams without effect were promoted", promoted, streams)
			}
			if truth > 0 && promoted < streams/3 {
				t.Errorf("only %d of %d streams with a difference of %v were promoted", promoted, streams, truth)
			}
		})
	}
}

// TestDifference: the interval holds the estimate, mirrors when the arms swap,
// and is all there is without data.
func TestDifference(t *testing.T) {
	if in := trial.Difference(trial.Counts{}, trial.Counts{}, 0.05); in.Low != -1 || in.High != 1 {
		t.Errorf("without data %+v", in)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 400)
		a := trial.Counts{Successes: n.Draw(t, "as"), Failures: n.Draw(t, "af")}
		b := trial.Counts{Successes: n.Draw(t, "bs"), Failures: n.Draw(t, "bf")}
		in, swapped := trial.Difference(a, b, 0.05), trial.Difference(b, a, 0.05)
		if a.N() > 0 && b.N() > 0 {
			if d := a.Rate() - b.Rate(); in.Low > d+1e-9 || in.High < d-1e-9 {
				t.Fatalf("%v - %v: %+v misses the estimate %v", a, b, in, d)
			}
		}
		if math.Abs(in.Low+swapped.High) > 1e-6 || math.Abs(in.High+swapped.Low) > 1e-6 {
			t.Fatalf("%v - %v is %+v, swapped %+v", a, b, in, swapped)
		}
		if in.Low < -1 || in.High > 1 || math.IsNaN(in.Low) || math.IsNaN(in.High) {
			t.Fatalf("%+v", in)
		}
	})
}

func TestJudge(t *testing.T) {
	good, bad := trial.Counts{Successes: 95, Failures: 5}, trial.Counts{Successes: 30, Failures: 70}
	for _, c := range []struct {
		treatment, control trial.Counts
		min                int
		want               trial.Verdict
	}{
		{good, bad, 20, trial.Promote},
		{bad, good, 20, trial.Retire},
		{good, good, 20, trial.Keep},
		{good, bad, 101, trial.Keep},
	} {
		if got, in := trial.Judge(c.treatment, c.control, 0.05, c.min); got != c.want {
			t.Errorf("%v against %v: %s %+v, want %s", c.treatment, c.control, got, in, c.want)
		}
	}
}

func TestAssign(t *testing.T) {
	tr := newTrial(t, 0.1)
	controls := 0
	for i := range 10_000 {
		r := tr.Assign("remedy", "r1", "p", fmt.Sprint("t", i), "e", at)
		again := tr.Assign("strategy", "s1", "p", fmt.Sprint("t", i), "e2", at)
		if r.Arm != again.Arm {
			t.Fatalf("task %d is in both arms", i)
		}
		want := 0.9
		if r.Arm == learn.TrialControl {
			controls++
			want = 0.1
		}
		if r.Propensity != want {
			t.Fatalf("propensity %v in %s", r.Propensity, r.Arm)
		}
	}
	if controls < 900 || controls > 1100 {
		t.Errorf("%d of 10,000 tasks are controls, want about 1,000", controls)
	}
	if r := tr.Assign("remedy", "r1", "p", "", "e", at); r.Arm != learn.TrialTreatment || r.Propensity != 1 {
		t.Errorf("without a task %+v", r)
	}
	off := newTrial(t, 0)
	if r := off.Assign("remedy", "r1", "p", "t1", "e", at); off.Measures() || r.Arm != learn.TrialTreatment || r.Propensity != 1 {
		t.Errorf("switched off: %+v", r)
	}
	for _, o := range []trial.Options{{ControlShare: -1}, {ControlShare: 0.6}, {ControlShare: math.NaN()}, {Alpha: 2}} {
		if _, err := trial.New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// feed runs n tasks through the trial, assigned before or after they finish.
func feed(t testing.TB, tr *trial.Trial, n int, late bool, success func(arm string, i int) bool) (results int) {
	t.Helper()
	emit := func(e learn.LedgerEntry) {
		var r learn.TrialRecord
		if err := json.Unmarshal(e.Body, &r); err != nil || r.Phase != learn.TrialResult || r.Worked == nil {
			t.Fatalf("emitted %s: %v", e.Body, err)
		}
		results++
	}
	for i := range n {
		task := fmt.Sprint("task", i)
		r := tr.Assign("remedy", fmt.Sprint("r", i%2), "p", task, "e", at)
		entry, err := learn.NewEntry(learn.EntryTrial, r.TrialID, "p", at, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := &learn.Observation{Finished: &learn.Task{TaskID: task, Finished: at, Outcome: learn.OutcomeFailure, Steps: make([]learn.Step, 4)}}
		if success(r.Arm, i) {
			o.Finished.Outcome = learn.OutcomeSuccess
		}
		steps := []func() error{
			func() error { return tr.ApplyLedger(entry, emit) },
			func() error { return tr.ApplyLedger(entry, emit) }, // twice counts once
			func() error { return tr.Apply(o, emit) },
		}
		if late {
			steps[0], steps[2] = steps[2], steps[0]
		}
		for _, step := range steps {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return results
}

func TestEffects(t *testing.T) {
	early, late := newTrial(t, 0.3), newTrial(t, 0.3)
	helps := func(arm string, i int) bool { return arm == learn.TrialTreatment && i%10 != 0 || i%5 == 1 }
	for _, tr := range []*trial.Trial{early, late} {
		if n := feed(t, tr, 400, tr == late, helps); n != 400 {
			t.Errorf("%d results for 400 assignments", n)
		}
	}
	a, b := early.Effects(), late.Effects()
	if !reflect.DeepEqual(a, b) {
		t.Errorf("assigned before the end %+v, after it %+v", a, b)
	}
	if len(a) != 1 || a[0].Verdict != trial.Promote || !a[0].Enough || a[0].Treatment.N()+a[0].Control.N() != 400 || a[0].Treatment.Calls != 4 {
		t.Errorf("effects %+v", a)
	}
	raw, err := early.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored := newTrial(t, 0.3)
	if err := restored.Restore(raw); err != nil {
		t.Fatal(err)
	}
	again, err := restored.Snapshot()
	if err != nil || string(again) != string(raw) {
		t.Errorf("a restored trial's snapshot differs (%v)", err)
	}
	for _, bad := range []string{"", "{}", `{"version":2}`, `{"version":1,"kinds":{"x":null}}`} {
		if err := newTrial(t, 0.1).Restore([]byte(bad)); err == nil {
			t.Errorf("snapshot %q was accepted", bad)
		}
	}
}

// TestChoose: the better alternative is learned, and the stated propensities
// are how often each is really picked.
func TestChoose(t *testing.T) {
	tr := newTrial(t, 0.1)
	feed(t, tr, 60, false, func(_ string, i int) bool { return i%2 == 0 || i%5 == 1 })
	ids := []string{"r0", "r1"}
	picked, stated := 0.0, 0.0
	const n = 2000
	for i := range n {
		pick, p := tr.Choose("remedy", fmt.Sprint("x", i), ids)
		if pick == 0 {
			picked++
			stated += p
		} else {
			stated += 1 - p
		}
		if p < 0.05 || p > 1 {
			t.Fatalf("propensity %v", p)
		}
		if again, q := tr.Choose("remedy", fmt.Sprint("x", i), ids); again != pick || q != p {
			t.Fatal("the same question was answered differently")
		}
	}
	if picked/n < 0.8 {
		t.Errorf("the better alternative was picked in %v of the cases", picked/n)
	}
	if math.Abs(picked-stated)/n > 0.02 {
		t.Errorf("picked %v, stated %v", picked/n, stated/n)
	}
	if pick, p := tr.Choose("remedy", "t", nil); pick != -1 || p != 0 {
		t.Errorf("without alternatives %d %v", pick, p)
	}
}

// TestOffPolicy: from a log that picked the good arm in three of ten cases,
// estimate what always picking it reaches.
func TestOffPolicy(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var log []trial.Logged
	for range 20_000 {
		l := trial.Logged{Propensity: 0.7}
		rate := 0.2
		if rng.Float64() < 0.3 {
			l.Propensity, l.Target, rate = 0.3, 1, 0.8
		}
		if rng.Float64() < rate {
			l.Reward = 1
		}
		log = append(log, l)
	}
	log = append(log, trial.Logged{Propensity: 0, Target: 1, Reward: 1}, trial.Logged{Propensity: 0.5, Target: 1, Reward: math.NaN()})
	ips, snips := trial.IPS(log), trial.SNIPS(log)
	for name, e := range map[string]trial.Estimate{"IPS": ips, "SNIPS": snips} {
		if math.Abs(e.Value-0.8) > 4*e.StdErr || e.StdErr > 0.02 || e.StdErr == 0 || e.N != 20_000 {
			t.Errorf("%s: %+v, want 0.8", name, e)
		}
	}
	if snips.StdErr >= ips.StdErr {
		t.Errorf("self-normalising did not reduce the error: %+v, %+v", snips, ips)
	}
	if e := trial.IPS(nil); e != (trial.Estimate{}) {
		t.Errorf("of nothing %+v", e)
	}
	if e := trial.SNIPS(nil); e != (trial.Estimate{}) {
		t.Errorf("of nothing %+v", e)
	}
}

func BenchmarkJudge(b *testing.B) {
	for b.Loop() {
		trial.Judge(trial.Counts{Successes: 500, Failures: 300}, trial.Counts{Successes: 40, Failures: 50}, 0.05, 20)
	}
}
