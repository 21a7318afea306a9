package trial

import (
	"math"

	"lathe/learn"
)

// stakes are the fractions of the capital that are bet side by side; the
// average of the capitals is a bet too, nearly as good as the best of them.
var stakes = [...]float64{0.06, 0.12, 0.25, 0.5, 1, 2, 4}

// Levels of what a score distinguishes, so that it keeps counts instead of
// every result.
const (
	guessLevels  = 16
	metricLevels = 255
)

// score compares one metric of treated and control tasks, scaled to [0, 1].
//
// For a task that was treated (A = 1) with probability p and came to y, let
// Z = (A-p)(y-g) with a guess g made from the tasks before. Given these, the
// mean of Z is p(1-p) times the effect of treatment on y, whatever y's own mean
// is at that time. So the capital of betting that Z - p(1-p)m is positive, each
// time a fixed fraction, is a supermartingale where no effect exceeds m: by
// Ville's inequality it ever reaches c with probability at most 1/c.
type score struct {
	Up, Down [len(stakes)]float64 // logarithms of the capitals at m = 0
	Cells    map[cell]int         // all results
	N        int
	Sum      float64
}

// cell is a kind of result: all that its bet depends on.
type cell struct {
	P        float64 // probability of treatment
	Treated  bool
	Guess, Y uint8 // in guessLevels and metricLevels
}

// add takes in a result.
func (s *score) add(treated bool, p, y float64) {
	guess := math.Round(guessLevels * (s.Sum + 0.5) / (float64(s.N) + 1))
	c := cell{p, treated, uint8(min(max(guess, 1), guessLevels-1)), uint8(math.Round(metricLevels * min(max(y, 0), 1)))}
	if s.Cells == nil {
		s.Cells = map[cell]int{}
	}
	s.Cells[c]++
	s.N++
	s.Sum += float64(c.Y) / metricLevels
	for i := range stakes {
		x := c.stake(i) * c.z()
		s.Up[i] += math.Log1p(x)
		s.Down[i] += math.Log1p(-x)
	}
}

func (c cell) z() float64 {
	a := 0.0
	if c.Treated {
		a = 1
	}
	return (a - c.P) * (float64(c.Y)/metricLevels - float64(c.Guess)/guessLevels)
}

// stake is the i-th fraction, cut so that no result can lose everything at any
// m in [-1, 1].
func (c cell) stake(i int) float64 {
	g := float64(c.Guess) / guessLevels
	return min(stakes[i], 0.95/(max(c.P, 1-c.P)*max(g, 1-g)+c.P*(1-c.P)))
}

// logUp and logDown are the evidence, as a natural logarithm, that treatment
// raises or lowers the metric.
func (s *score) logUp() float64   { return logMean(s.Up[:]) }
func (s *score) logDown() float64 { return logMean(s.Down[:]) }

// against is the evidence that the effect is above m (sign 1) or below (-1).
func (s *score) against(m, sign float64) float64 {
	var capital [len(stakes)]float64
	for c, n := range s.Cells {
		z := sign * (c.z() - c.P*(1-c.P)*m)
		for i := range stakes {
			capital[i] += float64(n) * math.Log1p(c.stake(i)*z)
		}
	}
	return logMean(capital[:])
}

// interval is the confidence sequence of the effect at this time: the m that
// no bet of either sign refutes at alpha/2. It covers an effect that does not
// change at all times at once with probability 1-alpha.
func (s *score) interval(alpha float64) learn.Interval {
	bound := math.Log(2 / alpha)
	in := learn.Interval{Low: -1, High: 1, Level: 1 - alpha}
	if s.against(-1, 1) >= bound {
		in.Low = outward(-1, 1, func(m float64) bool { return s.against(m, 1) >= bound })
	}
	if s.against(1, -1) >= bound {
		in.High = outward(1, -1, func(m float64) bool { return s.against(m, -1) >= bound })
	}
	return in
}

// outward finds where refuted ends between out, where it holds, and in; it
// returns the outer side, rounded outward, so that nothing narrows the
// interval. The capital is monotone in m since every stake is fixed.
func outward(out, in float64, refuted func(float64) bool) float64 {
	for range 16 {
		if mid := (out + in) / 2; refuted(mid) {
			out = mid
		} else {
			in = mid
		}
	}
	if out < in {
		return math.Floor(out*1e4) / 1e4
	}
	return math.Ceil(out*1e4) / 1e4
}

// logMean is the logarithm of the mean of what logs are the logarithms of.
func logMean(logs []float64) float64 {
	most := math.Inf(-1)
	for _, l := range logs {
		most = max(most, l)
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - most)
	}
	return most + math.Log(sum/float64(len(logs)))
}
