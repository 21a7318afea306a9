package trial

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// draws from the posteriors estimate how likely each alternative is the best.
const draws = 100

// explore is the share of choices that are uniform, which bounds importance
// weights by the number of alternatives over it.
const explore = 0.1

// Alternative is something that could be put first. Successes and Failures are
// what is known of it before any trial, as counts that may be fractions.
type Alternative struct {
	ObjectID            string
	Successes, Failures float64
}

// Choose picks which of the alternatives is put first for a task by Thompson
// sampling over what became of the tasks that each was served to, and gives the
// exact probability of that choice. The same task, alternatives and evidence
// give the same choice. Without alternatives it returns -1 and 0.
func (t *Trial) Choose(adviceKind, projectID, taskID string, of []Alternative) (pick int, propensity float64) {
	if len(of) == 0 {
		return -1, 0
	}
	arms, words := make([][2]float64, len(of)), []string{"choose", t.o.Seed, adviceKind, projectID, taskID}
	t.mu.RLock()
	for i, a := range of {
		arms[i] = [2]float64{max(a.Successes, 0) + 1, max(a.Failures, 0) + 1}
		if c := t.objects[pair(adviceKind, a.ObjectID)]; c != nil {
			arms[i][0] += float64(c.served.Successes)
			arms[i][1] += float64(c.served.Failures)
		}
		words = append(words, a.ObjectID)
	}
	t.mu.RUnlock()
	return pickOne(random(words...), arms)
}

// pickOne draws the chances of Thompson sampling from the posteriors Beta(a, b)
// of the arms, with the floor, and then an arm by exactly these chances.
func pickOne(r *rand.Rand, arms [][2]float64) (pick int, propensity float64) {
	if len(arms) < 2 {
		return 0, 1
	}
	wins := make([]int, len(arms))
	for range draws {
		wins[best(r, arms)]++
	}
	u := r.Float64()
	for i, w := range wins {
		p := explore/float64(len(arms)) + (1-explore)*float64(w)/draws
		if u < p || i == len(arms)-1 {
			return i, p
		}
		u -= p
	}
	return 0, 1 // not reached: there are two arms at least
}

func best(r *rand.Rand, arms [][2]float64) int {
	pick, most := 0, -1.0
	for i, a := range arms {
		x, y := gamma(r, a[0]), gamma(r, a[1])
		if b := x / (x + y); b > most {
			pick, most = i, b
		}
	}
	return pick
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
