package trial

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// draws estimate a choice's propensity; its standard error is at most 0.016.
const draws = 1000

// explore is the share of choices that are uniform, which bounds importance
// weights by the number of alternatives over it.
const explore = 0.1

// random is a generator that the words determine.
func random(words ...string) *rand.Rand {
	h := sha256.New()
	for _, w := range words {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(w)))
		h.Write(n[:])
		h.Write([]byte(w))
	}
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}

// thompson picks the arm whose draw from Beta(successes+1, failures+1) is
// greatest (Thompson 1933), or with probability explore any, and gives the
// probability with which that arm is picked.
func thompson(r *rand.Rand, arms []Counts) (pick int, propensity float64) {
	if len(arms) < 2 {
		return 0, 1
	}
	if r.Float64() < explore {
		pick = r.IntN(len(arms))
	} else {
		pick = best(r, arms)
	}
	wins := 0
	for range draws {
		if best(r, arms) == pick {
			wins++
		}
	}
	return pick, explore/float64(len(arms)) + (1-explore)*float64(wins)/draws
}

func best(r *rand.Rand, arms []Counts) int {
	pick, most := 0, -1.0
	for i, a := range arms {
		if x := beta(r, float64(a.Successes)+1, float64(a.Failures)+1); x > most {
			pick, most = i, x
		}
	}
	return pick
}

func beta(r *rand.Rand, a, b float64) float64 {
	x, y := gamma(r, a), gamma(r, b)
	return x / (x + y)
}

// gamma draws from Gamma(shape, 1) for shape >= 1 (Marsaglia and Tsang, "A
// simple method for generating gamma variables", 2000).
func gamma(r *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
