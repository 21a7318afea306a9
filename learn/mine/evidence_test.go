package mine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"lathe/learn"
	"pgregory.net/rapid"
)

// TestBlockFactorIsAnEValue sums over all tables of a block: without an effect
// each bet is fair, whatever the block looks like.
func TestBlockFactorIsAnEValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, lastBlock).Draw(t, "n")
		with, good := rapid.IntRange(0, n).Draw(t, "with"), rapid.IntRange(0, n).Draw(t, "good")
		for _, inverse := range []bool{false, true} {
			var mean [alternatives]float64
			for k := max(0, with+good-n); k <= min(with, good); k++ {
				p := math.Exp(logChoose(with, k) + logChoose(n-with, good-k) - logChoose(n, good))
				for i, x := range (counts{n, with, good, k}).factor(inverse) {
					mean[i] += p * math.Exp(x)
				}
			}
			for i, x := range mean {
				if math.Abs(x-1) > 1e-9 {
					t.Fatalf("bet %d (inverse %v): expectation %v, want 1", i, inverse, x)
				}
			}
		}
	})
}

// TestFactorPrefersEffects: two of two with the pattern succeeded and none
// without has the null probability 1/6, so no bet can win more than 6.
func TestFactorPrefersEffects(t *testing.T) {
	f := counts{4, 2, 2, 2}.factor(false)
	for i, odds := range oddsBetOn() {
		if want := odds * odds / ((odds*odds + 4*odds + 1) / 6); math.Abs(math.Exp(f[i])-want) > 1e-9 {
			t.Errorf("odds %v: factor %v, want %v", odds, math.Exp(f[i]), want)
		}
	}
	if against := (counts{4, 2, 2, 2}.factor(true)); against[0] >= 0 {
		t.Errorf("a success speaks against: %v", against)
	}
}

// TestEvidenceHoldsAtEveryLook counts the streams without an effect in which
// one hypothesis ever has evidence of 20: at most one in twenty (Ville 1939).
func TestEvidenceHoldsAtEveryLook(t *testing.T) {
	const streams, level = 3000, 0.05
	rng := rand.New(rand.NewPCG(4, 4))
	crossed := 0
	for range streams {
		var e evidence
		share, rate := 0.1+0.8*rng.Float64(), 0.1+0.8*rng.Float64()
		for done := 0; done < 400; {
			c := counts{n: blockSize(done)}
			for range c.n {
				with, good := rng.Float64() < share, rng.Float64() < rate
				if with {
					c.with++
				}
				if good {
					c.good++
				}
				if with && good {
					c.withGood++
				}
			}
			done += c.n
			if e.add(c.factor(false)); e.log() >= -math.Log(level) {
				crossed++
				break
			}
		}
	}
	t.Logf("%d of %d streams ever reach evidence %v", crossed, streams, 1/level)
	if limit := level*streams + 3*math.Sqrt(level*(1-level)*streams); float64(crossed) > limit {
		t.Errorf("%d of %d streams cross: more than the level %v allows", crossed, streams, level)
	}
}

// TestTurnIsFairUntilSomethingTurns: without an effect the expectation stays 1
// over all sequences of blocks; after good times bad ones still show soon.
func TestTurnIsFairUntilSomethingTurns(t *testing.T) {
	var walk func(a turn, p float64, depth int) float64
	walk = func(a turn, p float64, depth int) float64 {
		if depth == 0 {
			return p * a.value()
		}
		sum := 0.0
		for k := 0; k <= 2; k++ { // four tasks, two with, two good
			b := a
			b.add(counts{4, 2, 2, k}.factor(true))
			sum += walk(b, p*[]float64{1. / 6, 4. / 6, 1. / 6}[k], depth-1)
		}
		return sum
	}
	if got := walk(turn{}, 1, 6); math.Abs(got-1) > 1e-9 {
		t.Errorf("expectation %v, want 1", got)
	}
	var a turn
	for range 50 {
		a.add(counts{4, 2, 2, 2}.factor(true))
	}
	n := 0
	for ; a.value() < 20 && n < 100; n++ {
		a.add(counts{4, 2, 2, 0}.factor(true))
	}
	if n > 10 {
		t.Errorf("after 50 good blocks it takes %d bad ones", n)
	}
}

func TestLevelsAreWeightedEBH(t *testing.T) {
	claims := []claim{{0.5, math.Log(100)}, {0.25, math.Log(100)}, {0.25, math.Log(2)}}
	// Worth 50, 25, 0.5: the first two together at 1/(2·25).
	got := levels(claims)
	for i, want := range []float64{0.02, 0.02, 2.0 / 3} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("claim %d: level %v, want %v", i, got[i], want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Float64Range(-5, 12), 1, 30).Draw(t, "logs")
		claims = nil
		for _, x := range list {
			claims = append(claims, claim{1 / float64(len(list)), x})
		}
		level := rapid.Float64Range(0.001, 0.999).Draw(t, "level")
		declared, least := 0, math.Inf(1)
		for i, q := range levels(claims) {
			if q <= level {
				declared++
				least = min(least, claims[i].weight*math.Exp(claims[i].log))
			}
		}
		if declared > 0 && least*level*float64(declared) < 1-1e-9 {
			t.Fatalf("%d declared at %v with %v: not self-consistent", declared, level, least)
		}
	})
}

func TestSharesOfTheLevelAddUp(t *testing.T) {
	sum := habitShare
	for range 3 {
		for n := range 2_000_000 {
			sum += ladderShare * slotWeight(n)
		}
		// The rest is less than the integral from there on.
		sum += ladderShare / (0.3394 * math.Log(2_000_000+19))
	}
	if sum > 1 {
		t.Errorf("the weights of all hypotheses add up to %v", sum)
	}
}

// lottery is a stream without any strategy: several projects with their own
// rates of success and their own ways, so that a pattern may stand for an easy
// project, and outcomes by lot within a project.
func lottery(seed uint64, n int) []*learn.Task {
	rng := rand.New(rand.NewPCG(seed, 77))
	const projects = 5
	var tasks []*learn.Task
	for i := range n {
		p := rng.IntN(projects)
		task := &learn.Task{TaskID: fmt.Sprint("t", i), ProjectID: fmt.Sprint("p", p), SessionID: fmt.Sprint("s", i), ProblemType: "bugfix",
			Finished: time.Date(2026, 3, 1, 0, i, 0, 0, time.UTC), Outcome: learn.OutcomeFailure}
		if rng.Float64() < 0.1+0.2*float64(p) {
			task.Outcome = learn.OutcomeSuccess
		}
		intents := []learn.Intent{learn.IntentRead, learn.IntentEdit, learn.IntentTest, learn.IntentRun, learn.IntentSearch}
		for j := range 4 + rng.IntN(8) {
			k := rng.IntN(len(intents))
			if rng.IntN(3) == 0 {
				k = p // what this project does more often
			}
			task.Steps = append(task.Steps, learn.Step{EventID: fmt.Sprintf("e%d-%d", i, j), Tool: "bash", Intent: intents[k],
				Skeleton: fmt.Sprintf("do%d%d <path>", k, rng.IntN(2)), Command: fmt.Sprintf("do%d f", k), Target: "f.go"})
		}
		tasks = append(tasks, task)
	}
	return tasks
}

// TestHeavyNothingIsDeclaredInLotteries looks after every task of streams in
// which nothing separates success from failure but the project, and counts
// those in which anything is ever declared.
func TestHeavyNothingIsDeclaredInLotteries(t *testing.T) {
	const streams, level = 150, 0.2
	declared, hypotheses := 0, 0
	for seed := range uint64(streams) {
		m := New(Options{MaxQ: level, MinOdds: 1e-9, MaxLength: 4}) // whatever is declared counts
		if entries := feed(t, m, lottery(seed, 250)); len(entries) > 0 {
			declared++
		}
		hypotheses += m.Stats().Hypotheses
	}
	t.Logf("%d streams of 250 tasks, %d hypotheses each, level %v: %d with a declaration", streams, hypotheses/streams, level, declared)
	if limit := level*streams + 3*math.Sqrt(level*(1-level)*streams); float64(declared) > limit {
		t.Errorf("%d of %d streams declare something: more than the level %v allows", declared, streams, level)
	}
}
