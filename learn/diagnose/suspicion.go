package diagnose

import (
	"cmp"
	"math"
	"slices"
)

// suspicion is what speaks against one step, in log odds: what both searches
// for a culprit gather, from different signals.
type suspicion struct {
	step    int // in its history
	odds    float64
	reasons []string
}

// ranked puts the most suspected first; of equals the one that was given
// first.
func ranked(all []suspicion) []suspicion {
	slices.SortStableFunc(all, func(a, b suspicion) int { return cmp.Compare(b.odds, a.odds) })
	return all
}

// margin is how much more, in log odds, is suspected of the first of ranked
// suspicions than of the next.
func margin(ranked []suspicion) float64 {
	if len(ranked) < 2 {
		return ranked[0].odds
	}
	return ranked[0].odds - ranked[1].odds
}

// shares divides all suspicion, 1, among them (softmax).
func shares(all []suspicion) []float64 {
	out := make([]float64, len(all))
	total := 0.0
	for i := range all {
		out[i] = math.Exp(all[i].odds)
		total += out[i]
	}
	for i := range out {
		out[i] /= total
	}
	return out
}
