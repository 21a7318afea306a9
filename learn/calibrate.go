package learn

import (
	"encoding/json"
	"fmt"
	"math"
	"sync"
)

// CalibratorOptions set up a Calibrator. The zero value gives the defaults.
type CalibratorOptions struct {
	Bins     int     // of equal width over [0, 1]; default 10, at most 100
	HalfLife float64 // in observations, after which one weighs half; default 2000
	// PriorWeight is how many observations the prior of a bin is worth;
	// default 4.
	PriorWeight float64
	// PriorSlope times the score is what an untaught Calibrator answers;
	// default 0.6, so that what was never checked claims less than it scores.
	PriorSlope float64
	// PriorBase, when it is above 0, is the share that is right of all that is
	// scored, as far as is known beforehand. An untaught Calibrator then answers
	// between it and the score: PriorTrust is how much of a score's distance
	// from the base (in log odds) is believed. Scores of what came out best of
	// several, or above a bar, fall back toward the base when they are checked
	// (regression to the mean, Galton 1886).
	PriorBase  float64
	PriorTrust float64 // default 0.5
}

// Calibrator turns a score into the probability that what was scored is right,
// learned from answers as they come in: of the things that it calls 0.8, about
// 80 % are right. It is histogram binning (Zadrozny and Elkan 2001) whose bins
// shrink to the score moved by one common shift in log odds, since a bin alone
// learns slowly, made monotone by pooling adjacent violators (Ayer et al. 1955)
// and linear between the bins' mean scores. Old answers decay, so that it
// follows a stream that changes.
//
// It is safe for concurrent use, costs O(bins) an answer, and the same answers
// in the same order give the same Calibrator.
type Calibrator struct {
	mu    sync.Mutex
	o     CalibratorOptions
	bins  []calibratorBin
	seen  int64
	knots []knot // nil when an observation came in since they were made
}

// calibratorBin holds decayed sums.
type calibratorBin struct {
	N     float64 `json:"n"`
	Right float64 `json:"right"`
	Score float64 `json:"score"` // sum of scores
}

type knot struct{ score, probability, weight float64 }

// NewCalibrator returns a Calibrator that was taught nothing.
func NewCalibrator(o CalibratorOptions) *Calibrator {
	if o.Bins <= 0 || o.Bins > 100 {
		o.Bins = 10
	}
	if o.HalfLife <= 0 {
		o.HalfLife = 2000
	}
	if o.PriorWeight <= 0 {
		o.PriorWeight = 4
	}
	if o.PriorSlope <= 0 || o.PriorSlope > 1 {
		o.PriorSlope = 0.6
	}
	if o.PriorTrust <= 0 || o.PriorTrust > 1 {
		o.PriorTrust = 0.5
	}
	if o.PriorBase > 0 { // what is as good as never or always right is no base for odds
		o.PriorBase = max(0.01, min(o.PriorBase, 0.99))
	}
	return &Calibrator{o: o, bins: make([]calibratorBin, o.Bins)}
}

// Observe teaches that something with this score was right or wrong. A score
// outside [0, 1] counts as the nearest end, NaN not at all.
func (c *Calibrator) Observe(score float64, right bool) {
	if math.IsNaN(score) {
		return
	}
	score = min(max(score, 0), 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := math.Exp2(-1 / c.o.HalfLife)
	for i := range c.bins {
		b := &c.bins[i]
		b.N, b.Right, b.Score = b.N*keep, b.Right*keep, b.Score*keep
	}
	b := &c.bins[c.bin(score)]
	b.N++
	b.Score += score
	if right {
		b.Right++
	}
	c.seen++
	c.knots = nil
}

// Calibrate gives the probability, in (0, 1), that something with this score
// is right. It never falls as the score rises.
func (c *Calibrator) Calibrate(score float64) float64 {
	if math.IsNaN(score) {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.knots == nil {
		c.knots = c.fit()
	}
	k := c.knots
	if score <= k[0].score {
		return k[0].probability
	}
	for i := 1; i < len(k); i++ {
		if score <= k[i].score {
			share := (score - k[i-1].score) / (k[i].score - k[i-1].score)
			return k[i-1].probability + share*(k[i].probability-k[i-1].probability)
		}
	}
	return k[len(k)-1].probability
}

// Seen is the number of answers it was ever taught.
func (c *Calibrator) Seen() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

func (c *Calibrator) bin(score float64) int {
	return min(int(score*float64(len(c.bins))), len(c.bins)-1)
}

// fit makes the knots: one a bin, at its mean score, monotone.
func (c *Calibrator) fit() []knot {
	knots := make([]knot, len(c.bins))
	for i, b := range c.bins {
		centre := (float64(i) + 0.5) / float64(len(c.bins))
		if b.N > 1e-9 {
			lo, hi := float64(i)/float64(len(c.bins)), float64(i+1)/float64(len(c.bins))
			centre = min(max((b.Score+centre)/(b.N+1), lo), hi) // one pseudo-observation holds it off the edges
		}
		knots[i] = knot{score: centre, probability: c.o.prior(centre)}
	}
	shift := c.shift(knots)
	for i, b := range c.bins {
		k := &knots[i]
		k.weight = b.N + c.o.PriorWeight
		k.probability = (b.Right + c.o.PriorWeight*moved(k.probability, shift)) / k.weight
	}
	return pool(knots)
}

// prior is what an untaught Calibrator answers.
func (o *CalibratorOptions) prior(score float64) float64 {
	p := min(max(o.PriorSlope*score, 0.01), 0.99)
	if o.PriorBase <= 0 {
		return p
	}
	return moved(o.PriorBase, o.PriorTrust*(logOdds(p)-logOdds(o.PriorBase)))
}

// shift is the common move in log odds under which the prior expects as many
// right answers as there were, held to zero by PriorWeight answers.
func (c *Calibrator) shift(prior []knot) float64 {
	excess := func(shift float64) float64 { // rises with shift
		sum := c.o.PriorWeight * (moved(0.5, shift) - 0.5)
		for i, b := range c.bins {
			sum += b.N*moved(prior[i].probability, shift) - b.Right
		}
		return sum
	}
	lo, hi := -8.0, 8.0
	for range 40 {
		if mid := (lo + hi) / 2; excess(mid) > 0 {
			hi = mid
		} else {
			lo = mid
		}
	}
	return (lo + hi) / 2
}

// moved moves a probability by a shift of its log odds.
func moved(p, shift float64) float64 { return 1 / (1 + (1-p)/p*math.Exp(-shift)) }

func logOdds(p float64) float64 { return math.Log(p / (1 - p)) }

// pool makes the probabilities rise with the score: neighbours that fall share
// their weighted mean.
func pool(knots []knot) []knot {
	var blocks []knot // score counts the knots of a block here
	for _, k := range knots {
		blocks = append(blocks, knot{1, k.probability, k.weight})
		for n := len(blocks); n > 1 && blocks[n-2].probability > blocks[n-1].probability; n = len(blocks) {
			a, b := blocks[n-2], blocks[n-1]
			w := a.weight + b.weight
			blocks[n-2] = knot{a.score + b.score, (a.probability*a.weight + b.probability*b.weight) / w, w}
			blocks = blocks[:n-1]
		}
	}
	at := 0
	for _, b := range blocks {
		for range int(b.score) {
			knots[at].probability = b.probability
			at++
		}
	}
	return knots
}

type calibratorSnapshot struct {
	Seen int64           `json:"seen"`
	Bins []calibratorBin `json:"bins"`
}

// MarshalJSON is what it was taught, without the options.
func (c *Calibrator) MarshalJSON() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Marshal(calibratorSnapshot{c.seen, c.bins})
}

// UnmarshalJSON restores what MarshalJSON gave. It fails, and changes nothing,
// when the number of bins differs or a sum is not one.
func (c *Calibrator) UnmarshalJSON(raw []byte) error {
	var s calibratorSnapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("calibrator: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(s.Bins) != len(c.bins) {
		return fmt.Errorf("calibrator: the snapshot has %d bins, not %d", len(s.Bins), len(c.bins))
	}
	for i, b := range s.Bins {
		if b.N < 0 || b.Right < 0 || b.Right > b.N*(1+1e-9) || b.Score < 0 || b.Score > b.N*(1+1e-9) {
			return fmt.Errorf("calibrator: bin %d of the snapshot is impossible: %+v", i, b)
		}
	}
	c.seen, c.bins, c.knots = s.Seen, s.Bins, nil
	return nil
}
