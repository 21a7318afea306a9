package mine

import (
	"cmp"
	"math"
	"slices"
)

// alternatives are the odds ratios, success with against without, on which the
// evidence for a strategy bets in equal parts; the evidence against one bets
// on their inverses. A bet on several costs at most the logarithm of their
// number against the best one.
const alternatives = 4

func oddsBetOn() [alternatives]float64 { return [alternatives]float64{1.7, 3, 6, 14} }

// evidence is an e-process for one hypothesis: the logarithm of what a unit
// bet on each alternative has become. Against the hypothesis that success does
// not depend on the pattern within any block, the mean of the bets has
// expectation 1 at most, however long one waits.
type evidence [alternatives]float64

// log is the logarithm of the e-value.
func (e *evidence) log() float64 {
	most := slices.Max(e[:])
	sum := 0.0
	for _, x := range e {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum/alternatives)
}

func (e *evidence) add(f evidence) {
	for i := range e {
		e[i] += f[i]
	}
}

func (e *evidence) remove(f evidence) {
	for i := range e {
		e[i] -= f[i]
	}
}

// counts of a block of tasks of one stratum: how many, how many with the
// pattern, how many succeeded, and how many of those have the pattern.
type counts struct{ n, with, good, withGood int }

// factor is what a block multiplies the evidence by: the probability of the
// observed table under Fisher's non-central hypergeometric law (1935) with the
// odds ratio of the alternative, relative to that without an effect, both
// given the block's margins. Given these, the latter is exact when the tasks
// of the block are exchangeable, whatever their rate of success. So it is an
// e-value, with expectation exactly 1 (in blocks, as the e-variables of Turner,
// Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests
// that allow for optional stopping", 2024; conditional, so that the unknown
// rate costs nothing but the block's one degree of freedom).
//
// With inverse it bets that the pattern harms.
func (c counts) factor(inverse bool) evidence {
	var out evidence
	low, high := max(0, c.with+c.good-c.n), min(c.with, c.good)
	if low == high {
		return out
	}
	sign := 1.0
	if inverse {
		sign = -1
	}
	all := logChoose(c.n, c.good)
	for i, odds := range oddsBetOn() {
		theta, mean := sign*math.Log(odds), 0.0
		for k := low; k <= high; k++ {
			mean += math.Exp(logChoose(c.with, k) + logChoose(c.n-c.with, c.good-k) - all + theta*float64(k-c.withGood))
		}
		out[i] = -math.Log(mean)
	}
	return out
}

// turn is the evidence that a pattern harms from some block on, whichever: an
// e-process too, for it splits the unit bet in advance among all blocks that it
// may begin with, 1/(t(t+1)) for the t-th, and what has no block yet is cash.
// Without that, the good times of a strategy would count against its bad ones.
type turn struct {
	Running [alternatives]float64 `json:"running"` // what the begun bets are worth
	Blocks  int                   `json:"blocks"`
}

const maxWorth = 1e200 // of a bet; enough is enough

func (a *turn) add(f evidence) {
	a.Blocks++
	t := float64(a.Blocks)
	for i := range f {
		a.Running[i] = min(maxWorth, (a.Running[i]+1/(t*(t+1)))*math.Exp(f[i]))
	}
}

// value is the e-value.
func (a *turn) value() float64 {
	sum := 0.0
	for _, x := range a.Running {
		sum += x
	}
	return sum/alternatives + 1/float64(a.Blocks+1)
}

// claim is a hypothesis as the correction sees it: its share of the level of
// error, and the logarithm of its e-value.
type claim struct{ weight, log float64 }

// levels turns claims into the least level at which each is declared by the
// weighted e-BH procedure (Wang and Ramdas, "False discovery rate control with
// e-values", 2022): at level a, the k claims of the largest weight times
// e-value are declared, for the largest k for which the smallest of them is at
// least 1/(a k). When the weights of all claims that could ever be made add up
// to at most 1, the expected share of false ones among the declared is at most
// a, however the claims depend on each other.
func levels(claims []claim) []float64 {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	worth := func(i int) float64 { return math.Log(claims[i].weight) + claims[i].log }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(worth(b), worth(a)) })
	out, least := make([]float64, len(claims)), 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, math.Exp(-worth(i))/float64(rank))
		out[i] = least
	}
	return out
}
