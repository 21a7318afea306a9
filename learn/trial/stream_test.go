package trial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"lathe/learn"
)

// world makes the tasks of a stream: how likely the i-th of n succeeds with
// and without advice, and what calls cost, as factors of each other.
type world struct {
	name  string
	rate  func(i, n int) (with, without float64)
	calls float64 // factor of the calls with advice; 1 is no effect
	share float64
}

func constant2(with, without float64) func(int, int) (float64, float64) {
	return func(int, int) (float64, float64) { return with, without }
}

// ran is what a stream came to: the task at which a verdict on the kind fell,
// 0 for none, and whether the interval ever missed the true effect.
type ran struct {
	promoted, retired int
	missed            bool
}

// run feeds n tasks and looks after each. An interval is checked where truth
// is a number.
func (w world) run(t testing.TB, seed uint64, n int, truth float64) ran {
	t.Helper()
	tr, err := New(Options{ControlShare: w.share, Seed: fmt.Sprint("s", seed)})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	var out ran
	for i := range n {
		k := tr.kind(learn.AdviceRemedy)
		result := w.task(k, rng, i, n)
		k.add(&result)
		if err := tr.Conclude(func(learn.LedgerEntry) {}); err != nil {
			t.Fatal(err)
		}
		if k.stands(learn.TrialPromote) && out.promoted == 0 {
			out.promoted = i + 1
		}
		if k.stands(learn.TrialRetire) && out.retired == 0 {
			out.retired = i + 1
		}
		if !math.IsNaN(truth) {
			bound := math.Log(2 / (0.05 * successShare))
			out.missed = out.missed || k.success.against(truth, 1) >= bound || k.success.against(truth, -1) >= bound
		}
	}
	return out
}

// task is the result of one task, drawn as Assign draws but by rng, which is
// faster.
func (w world) task(k *comparison, rng *rand.Rand, i, n int) learn.TrialRecord {
	share := w.share
	if k.stands(learn.TrialPromote) {
		share *= promotedShare
	}
	r := learn.TrialRecord{AdviceKind: learn.AdviceRemedy, ObjectID: "r1", ProjectID: "p", TaskID: "t", Arm: learn.TrialTreatment, Propensity: 1 - share}
	if rng.Float64() < share {
		r.Arm, r.Propensity = learn.TrialControl, share
	}
	with, without := w.rate(i, n)
	p, calls := with, math.Exp(2+0.8*rng.NormFloat64())
	if r.Arm == learn.TrialControl {
		p = without
	} else if w.calls > 0 {
		calls *= w.calls
	}
	good := rng.Float64() < p
	r.Phase, r.Worked, r.Calls, r.Timestamp = learn.TrialResult, &good, math.Ceil(calls), time.Unix(int64(i), 0).UTC()
	return r
}

// nulls are worlds in which advice changes nothing, also while tasks get
// easier, turn hard at once, or go up and down.
func nulls() []world {
	drift := func(name string, share float64, rate func(x float64) float64) world {
		return world{name: name, share: share, calls: 1, rate: func(i, n int) (float64, float64) {
			p := rate(float64(i) / float64(n))
			return p, p
		}}
	}
	return []world{
		{name: "rate 0.5", share: 0.1, calls: 1, rate: constant2(0.5, 0.5)},
		{name: "rate 0.5", share: 0.2, calls: 1, rate: constant2(0.5, 0.5)},
		{name: "rate 0.5", share: 0.5, calls: 1, rate: constant2(0.5, 0.5)},
		{name: "rate 0.95", share: 0.1, calls: 1, rate: constant2(0.95, 0.95)},
		{name: "rate 0.1", share: 0.1, calls: 1, rate: constant2(0.1, 0.1)},
		drift("rising 0.2 to 0.95", 0.1, func(x float64) float64 { return 0.2 + 0.75*x }),
		drift("0.9, then 0.2", 0.2, func(x float64) float64 {
			if x < 0.5 {
				return 0.9
			}
			return 0.2
		}),
		drift("waves", 0.5, func(x float64) float64 { return 0.5 + 0.45*math.Sin(40*x) }),
	}
}

// falseVerdicts checks that streams without an effect come to a verdict, at
// any look, no more often than the level says.
func falseVerdicts(t *testing.T, streams, n int) {
	t.Helper()
	t.Logf("%-20s %-6s %8s %8s %8s   of %d streams of %d tasks, a look after each", "WORLD", "SHARE", "PROMOTED", "RETIRED", "ANY", streams, n)
	for _, w := range nulls() {
		var promoted, retired, any int
		for s := range streams {
			r := w.run(t, uint64(s), n, math.NaN())
			promoted += min(r.promoted, 1)
			retired += min(r.retired, 1)
			if r.promoted+r.retired > 0 {
				any++
			}
		}
		t.Logf("%-20s %-6v %7.1f%% %7.1f%% %7.1f%%", w.name, w.share, pc(promoted, streams), pc(retired, streams), pc(any, streams))
		if float64(any) > 0.05*float64(streams) {
			t.Errorf("%s, share %v: %d of %d streams without effect came to a verdict; at most 5 %% may", w.name, w.share, any, streams)
		}
	}
}

func pc(n, of int) float64 { return 100 * float64(n) / float64(of) }

func TestFalseVerdicts(t *testing.T) { falseVerdicts(t, 100, 200) }

// TestHeavyFalseVerdicts is TestFalseVerdicts on a thousand streams.
func TestHeavyFalseVerdicts(t *testing.T) { falseVerdicts(t, 1000, 1000) }

// TestIntervalCoversAtAllTimes: in streams with a constant effect, also with
// drift of both arms, the interval misses it at any look in at most the stated
// share of the streams.
func TestIntervalCoversAtAllTimes(t *testing.T) {
	const streams, n = 100, 200
	for _, w := range []world{
		{name: "none", share: 0.1, rate: constant2(0.5, 0.5)},
		{name: "0.3", share: 0.2, rate: constant2(0.8, 0.5)},
		{name: "-0.2", share: 0.5, rate: constant2(0.4, 0.6)},
		{name: "0.2 while rising", share: 0.3, rate: func(i, n int) (float64, float64) {
			p := 0.1 + 0.6*float64(i)/float64(n)
			return p + 0.2, p
		}},
	} {
		with, without := w.rate(0, n)
		missed := 0
		for s := range streams {
			if w.run(t, uint64(s), n, with-without).missed {
				missed++
			}
		}
		t.Logf("%-18s share %v: %d of %d streams missed the effect at some look", w.name, w.share, missed, streams)
		if float64(missed) > 0.05*successShare*streams {
			t.Errorf("%s: %d of %d streams missed the effect; at most %v %% may", w.name, missed, streams, 100*0.05*successShare)
		}
	}
}

// TestHeavyPower prints how many tasks real effects need, and checks that
// large ones are found, that more control finds them sooner, and that a verdict
// in the wrong direction stays within the level.
func TestHeavyPower(t *testing.T) {
	const streams = 200
	looks := []int{100, 200, 500, 1000, 2000}
	t.Logf("share of %d streams promoted by then; the rate without advice is 0.5", streams)
	t.Logf("%-7s %-6s %6d %6d %6d %6d %6d   median tasks", "EFFECT", "SHARE", looks[0], looks[1], looks[2], looks[3], looks[4])
	found := map[[2]float64]int{}
	for _, effect := range []float64{0.05, 0.1, 0.2, 0.3} {
		for _, share := range []float64{0.1, 0.2, 0.5} {
			w := world{share: share, calls: 1, rate: constant2(0.5+effect, 0.5)}
			var at []int
			wrong := 0
			for s := range streams {
				r := w.run(t, uint64(s), looks[len(looks)-1], math.NaN())
				if r.promoted > 0 {
					at = append(at, r.promoted)
				}
				wrong += min(r.retired, 1)
			}
			line := ""
			for _, l := range looks {
				line += fmt.Sprintf(" %5.0f%%", pc(count(at, l), streams))
			}
			t.Logf("%-7v %-6v%s   %s", effect, share, line, median(at, streams))
			found[[2]float64{effect, share}] = count(at, 1000)
			if float64(wrong) > 0.05*streams {
				t.Errorf("effect %v, share %v: %d of %d streams retired what helps", effect, share, wrong, streams)
			}
		}
	}
	if n := found[[2]float64{0.3, 0.1}]; n < streams*8/10 {
		t.Errorf("an effect of 0.3 at a share of 0.1 was found in %d of %d streams within 1,000 tasks", n, streams)
	}
	if found[[2]float64{0.1, 0.5}] <= found[[2]float64{0.1, 0.1}] {
		t.Errorf("a larger control group does not help: %v", found)
	}
}

func count(at []int, within int) int {
	n := 0
	for _, a := range at {
		if a <= within {
			n++
		}
	}
	return n
}

// median is the number of tasks within which half of the streams had one.
func median(at []int, streams int) string {
	for _, n := range []int{50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1200, 1500, 2000} {
		if 2*count(at, n) >= streams {
			return fmt.Sprintf("at most %d", n)
		}
	}
	return "over 2000"
}

// TestHeavyChange reports honestly what an effect that changes does: advice
// that helps at first and then harms is promoted, and retired some hundred
// tasks after the change: fewer go without it by then.
func TestHeavyChange(t *testing.T) {
	const streams, n, change = 100, 4000, 800
	for _, share := range []float64{0.1, 0.2, 0.5} {
		w := world{share: share, calls: 1, rate: func(i, _ int) (float64, float64) {
			if i < change {
				return 0.8, 0.5
			}
			return 0.2, 0.5
		}}
		promoted, retired, after := 0, 0, 0
		for s := range streams {
			r := w.run(t, uint64(s), n, math.NaN())
			promoted += min(r.promoted, 1)
			if r.retired > 0 {
				retired++
				after += r.retired - change
			}
		}
		t.Logf("share %v: +0.3 for %d tasks, then -0.3: %d of %d promoted, %d retired by %d, %.0f tasks after the change on average", share, change,
			promoted, streams, retired, n, float64(after)/float64(max(retired, 1)))
		if promoted < streams*9/10 || retired < streams*9/10 {
			t.Errorf("promoted %d, retired %d of %d", promoted, retired, streams)
		}
	}
}

// TestObjects: among many objects of which most do nothing, few of those that
// are retired or promoted are so wrongly, and harmful ones are found.
func TestObjects(t *testing.T) {
	const objects, harmful, n, rounds = 40, 6, 4000, 5
	found, wrong, share := 0, 0, 0.0
	for round := range rounds {
		tr, err := New(Options{ControlShare: 0.5, Seed: fmt.Sprint(round)})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(round), 5))
		for i := range n {
			k := rng.IntN(objects)
			id := fmt.Sprint("r", k)
			if tr.objects[pair(learn.AdviceRemedy, id)].stands(learn.TrialRetire) {
				continue // not served any more
			}
			with := 0.6
			if k < harmful {
				with = 0.15
			}
			c := tr.object(learn.AdviceRemedy, id)
			r := world{share: 0.5, rate: constant2(with, 0.6)}.task(c, rng, i, n)
			c.add(&r)
			tr.dirty = true
			if i%10 == 0 {
				if err := tr.Conclude(func(learn.LedgerEntry) {}); err != nil {
					t.Fatal(err)
				}
			}
		}
		right, false_ := 0, 0
		for k := range objects {
			c := tr.objects[pair(learn.AdviceRemedy, fmt.Sprint("r", k))]
			switch {
			case c.stands(learn.TrialRetire) && k < harmful:
				right++
			case c.standing != nil:
				false_++
			}
		}
		found, wrong = found+right, wrong+false_
		share += float64(false_) / float64(max(right+false_, 1))
	}
	t.Logf("%d of %d harmful objects retired, %d of %d others wrongly decided; share of wrong ones %.3f", found, rounds*harmful, wrong, rounds*(objects-harmful), share/rounds)
	if share/rounds > 0.05 {
		t.Errorf("the share of wrong decisions is %.3f; it may be 0.05", share/rounds)
	}
	if found < rounds*harmful*8/10 {
		t.Errorf("%d of %d harmful objects were found", found, rounds*harmful)
	}
}
