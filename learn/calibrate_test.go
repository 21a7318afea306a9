package learn

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestCalibratorUntaughtClaimsLess(t *testing.T) {
	c := NewCalibrator(CalibratorOptions{})
	for _, score := range []float64{0.1, 0.3, 0.5, 0.8, 1} {
		if got := c.Calibrate(score); got <= 0 || got >= score {
			t.Errorf("Calibrate(%g) = %g untaught, want above 0 and below the score", score, got)
		}
	}
}

func TestCalibratorConverges(t *testing.T) {
	truths := map[string]func(float64) float64{
		"honest":        func(s float64) float64 { return s },
		"overconfident": func(s float64) float64 { return 0.5 * s * s },
		"shy":           func(s float64) float64 { return math.Sqrt(s) },
		"blind":         func(float64) float64 { return 0.35 },
	}
	for name, truth := range truths {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			c := NewCalibrator(CalibratorOptions{HalfLife: 20000})
			for range 40000 {
				s := rng.Float64()
				c.Observe(s, rng.Float64() < truth(s))
			}
			for s := 0.1; s < 0.95; s += 0.05 {
				if got := c.Calibrate(s); math.Abs(got-truth(s)) > 0.04 {
					t.Errorf("Calibrate(%.2f) = %.3f after 40,000 answers, want %.3f within 0.04", s, got, truth(s))
				}
			}
		})
	}
}

// What came out best of several falls back toward the base rate: until many
// claims were checked, a Calibrator that knows the base claims nearer to it, and
// is closer to the truth than one that believes the scores.
func TestCalibratorShrinksToTheBase(t *testing.T) {
	shrunk := func() *Calibrator {
		return NewCalibrator(CalibratorOptions{PriorSlope: 1, PriorBase: 0.7, PriorWeight: 16})
	}
	c := shrunk()
	for _, score := range []float64{0.05, 0.45, 0.85, 0.95} {
		got := c.Calibrate(score)
		if math.Abs(got-0.7) >= math.Abs(score-0.7) || (got > 0.7) != (score > 0.7) {
			t.Errorf("Calibrate(%g) = %g untaught, want it between the score and 0.7", score, got)
		}
	}
	off := func(make func() *Calibrator) float64 {
		sum := 0.0
		for seed := range uint64(50) {
			rng := rand.New(rand.NewPCG(seed, 3))
			c := make()
			for range 30 {
				score := 0.65 + 0.32*rng.Float64()
				truth := moved(0.7, 0.5*(logOdds(score)-logOdds(0.7)))
				sum += math.Abs(c.Calibrate(score) - truth)
				c.Observe(score, rng.Float64() < truth)
			}
		}
		return sum / 50 / 30
	}
	believing := func() *Calibrator { return NewCalibrator(CalibratorOptions{PriorSlope: 0.9}) }
	if a, b := off(shrunk), off(believing); a >= b {
		t.Errorf("over the first thirty claims it is off by %.3f, one that believes the scores by %.3f", a, b)
	}
}

// Few answers, all with one score, move the whole curve.
func TestCalibratorSharesWhatItLearns(t *testing.T) {
	c := NewCalibrator(CalibratorOptions{})
	before := c.Calibrate(0.9)
	for range 20 {
		c.Observe(0.5, false)
	}
	if after := c.Calibrate(0.9); after >= before {
		t.Errorf("Calibrate(0.9) = %g after twenty wrong answers at 0.5, want below %g", after, before)
	}
}

func TestCalibratorForgets(t *testing.T) {
	c := NewCalibrator(CalibratorOptions{HalfLife: 50})
	for range 1000 {
		c.Observe(0.7, true)
	}
	high := c.Calibrate(0.7)
	for range 300 {
		c.Observe(0.7, false)
	}
	if low := c.Calibrate(0.7); high < 0.85 || low > 0.15 {
		t.Errorf("0.7 means %.2f after it was right and %.2f after 300 wrong answers; want at least 0.85 and at most 0.15", high, low)
	}
}

func TestCalibratorProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewCalibrator(CalibratorOptions{
			Bins: rapid.IntRange(1, 30).Draw(t, "bins"), HalfLife: rapid.Float64Range(1, 1000).Draw(t, "half life"),
			PriorWeight: rapid.Float64Range(0.1, 20).Draw(t, "prior weight"), PriorSlope: rapid.Float64Range(0.1, 1).Draw(t, "slope"),
			PriorBase: rapid.Float64Range(0, 1).Draw(t, "base"), PriorTrust: rapid.Float64Range(0, 1).Draw(t, "trust"),
		})
		for range rapid.IntRange(0, 200).Draw(t, "answers") {
			c.Observe(rapid.Float64Range(-0.2, 1.2).Draw(t, "score"), rapid.Bool().Draw(t, "right"))
		}
		last := 0.0
		for i := -5; i <= 105; i++ {
			p := c.Calibrate(float64(i) / 100)
			if p <= 0 || p >= 1 || p < last-1e-12 || math.IsNaN(p) {
				t.Fatalf("Calibrate(%d/100) = %g after %g: not a rising probability", i, p, last)
			}
			last = p
		}
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back := NewCalibrator(c.o)
		if err := json.Unmarshal(raw, back); err != nil {
			t.Fatal(err)
		}
		if again, _ := json.Marshal(back); string(again) != string(raw) || back.Calibrate(0.6) != c.Calibrate(0.6) {
			t.Fatalf("restored %s, want %s", again, raw)
		}
	})
}

func TestCalibratorRefusesImpossibleSnapshots(t *testing.T) {
	for _, raw := range []string{`{"bins":[]}`, `{"bins":[{"n":1,"right":2,"score":0}]}`, `{"bins":[{"n":-1}]}`, `[]`} {
		c := NewCalibrator(CalibratorOptions{Bins: 1})
		if err := json.Unmarshal([]byte(raw), c); err == nil {
			t.Errorf("%s was restored", raw)
		}
	}
}

func BenchmarkCalibrator(b *testing.B) {
	c := NewCalibrator(CalibratorOptions{})
	for i := range b.N {
		c.Observe(float64(i%100)/100, i%3 == 0)
		c.Calibrate(0.5)
	}
}
