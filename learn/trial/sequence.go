package trial

import (
	"math"

	"lathe/learn"
)

// Counts are successes and failures of one arm, one for each task.
type Counts struct {
	Successes int `json:"successes"`
	Failures  int `json:"failures"`
}

// N is the number of tasks.
func (c Counts) N() int { return c.Successes + c.Failures }

// Rate is the share of successes, 0 without any task.
func (c Counts) Rate() float64 {
	if c.N() == 0 {
		return 0
	}
	return float64(c.Successes) / float64(c.N())
}

// logMixture is the logarithm of the counts' likelihood under a Jeffreys
// prior, Beta(1/2, 1/2). Less logLikelihood(p), it is the evidence against the
// rate p: under p a non-negative martingale with mean 1 (Robbins 1970; Howard,
// Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
// confidence sequences", Annals of Statistics 2021), convex in p, and infinite
// for a rate that the counts rule out.
func (c Counts) logMixture() float64 {
	return logBeta(float64(c.Successes)+0.5, float64(c.Failures)+0.5) - logBeta(0.5, 0.5)
}

func (c Counts) logLikelihood(p float64) float64 {
	return xlogy(float64(c.Successes), p) + xlogy(float64(c.Failures), 1-p)
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

func xlogy(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x * math.Log(max(y, 0))
}

// Difference is the confidence sequence of treatment's rate less control's: at
// each time the interval of all differences d that no pair of rates (p+d, p)
// escapes with evidence of 1/alpha. The product of both arms' martingales is a
// martingale, whatever order the tasks came in, so by Ville's inequality
// (1939) the probability that the interval ever misses the truth, over all
// times, is at most alpha (compare Turner, Ly and Grünwald, "Generic
// E-variables for exact sequential k-sample tests", 2024).
func Difference(treatment, control Counts, alpha float64) learn.Interval {
	in := learn.Interval{Low: -1, High: 1, Level: 1 - alpha}
	bound := -math.Log(alpha)
	at := treatment.Rate() - control.Rate()
	if treatment.N() == 0 || control.N() == 0 {
		at = 0
	}
	if leastEvidence(treatment, control, -1) >= bound {
		in.Low = crossing(treatment, control, -1, at, bound)
	}
	if leastEvidence(treatment, control, 1) >= bound {
		in.High = crossing(treatment, control, 1, at, bound)
	}
	return in
}

// Excludes reports whether the confidence sequence leaves out the difference
// d; it is much cheaper than Difference.
func Excludes(treatment, control Counts, d, alpha float64) bool {
	return leastEvidence(treatment, control, d) >= -math.Log(alpha)
}

// crossing finds where the evidence against a difference falls to bound,
// between out (at or above it) and in (below), by bisection; it returns the
// outer side, so that rounding never narrows the interval.
func crossing(t, c Counts, out, in, bound float64) float64 {
	for range 40 {
		mid := (out + in) / 2
		if leastEvidence(t, c, mid) >= bound {
			out = mid
		} else {
			in = mid
		}
	}
	return out
}

// leastEvidence is the minimum over p of the evidence against the rates
// (p+d, p). It is convex in p, so ternary search finds it.
func leastEvidence(t, c Counts, d float64) float64 {
	low, high := max(0, -d), min(1, 1-d)
	mix := t.logMixture() + c.logMixture()
	against := func(p float64) float64 { return mix - t.logLikelihood(p+d) - c.logLikelihood(p) }
	for range 50 {
		a, b := low+(high-low)/3, high-(high-low)/3
		if against(a) <= against(b) {
			high = b
		} else {
			low = a
		}
	}
	return against((low + high) / 2)
}

// Verdict is what a comparison allows to be done.
type Verdict string

const (
	Promote Verdict = "promote" // better, at the level, at any time one looks
	Keep    Verdict = "keep"    // not yet known
	Retire  Verdict = "retire"  // worse
)

// Judge decides by the confidence sequence, and keeps below minSample tasks in
// either arm.
func Judge(treatment, control Counts, alpha float64, minSample int) (Verdict, learn.Interval) {
	in := Difference(treatment, control, alpha)
	switch {
	case treatment.N() < minSample || control.N() < minSample:
		return Keep, in
	case in.Low > 0:
		return Promote, in
	case in.High < 0:
		return Retire, in
	}
	return Keep, in
}
