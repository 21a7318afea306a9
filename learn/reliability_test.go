package learn

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestReliability(t *testing.T) {
	var r Reliability
	for i := range 10 {
		r.Observe(0.85, i < 8)
		r.Observe(0.25, i < 5)
	}
	if got := r.Error(); r.N() != 20 || math.Abs(got-(0.05+0.25)/2) > 1e-9 {
		t.Errorf("N %d, error %g, want 20 and 0.15", r.N(), got)
	}
	if b := r.Bins[8]; b.N != 10 || b.Right != 8 {
		t.Errorf("bin 0.8 holds %+v", b)
	}
	if (&Reliability{}).Error() != 0 {
		t.Error("nothing has an error")
	}
}

// TestReliabilityChance compares with claims that are exactly as often right as
// they say.
func TestReliabilityChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	claims := []float64{0.45, 0.45, 0.45, 0.72, 0.72, 0.72, 0.72, 0.72, 0.72, 0.72, 0.72, 0.85, 0.85, 0.85, 0.85, 0.95}
	sum, want := 0.0, 0.0
	const runs = 20000
	for range runs {
		var r Reliability
		for _, p := range claims {
			r.Observe(p, rng.Float64() < p)
		}
		sum, want = sum+r.Error(), r.Chance()
	}
	if got := sum / runs; math.Abs(got-want) > 0.004 {
		t.Errorf("honest claims are off by %.4f in the mean, Chance says %.4f", got, want)
	}
	if (&Reliability{}).Chance() != 0 {
		t.Error("nothing is off by chance")
	}
}

func TestReliabilityInterval(t *testing.T) {
	for _, tt := range []struct {
		n, right  int
		low, high float64
	}{{0, 0, 0, 1}, {10, 8, 0.4902, 0.9433}, {1, 1, 0.2065, 1}, {100, 0, 0, 0.037}} {
		b := ReliabilityBin{N: tt.n, Right: tt.right}
		if low, high := b.Interval(); math.Abs(low-tt.low) > 1e-3 || math.Abs(high-tt.high) > 1e-3 {
			t.Errorf("%d of %d right: %.4f to %.4f, want %.4f to %.4f", tt.right, tt.n, low, high, tt.low, tt.high)
		}
	}
}
