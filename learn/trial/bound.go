package trial

import "math"

// LowerBound is the one-sided lower confidence bound, at 1-alpha, of a share of
// which successes of n were seen (Clopper and Pearson 1934): the share at which
// so many or more would be seen with probability alpha. It is for one look.
func LowerBound(successes, n int, alpha float64) float64 {
	if successes <= 0 || n <= 0 || successes > n {
		return 0
	}
	low, high := 0.0, 1.0
	for range 60 {
		mid := (low + high) / 2
		if atLeast(successes, n, mid) < alpha {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// atLeast is the probability of k or more successes of n at a rate p.
func atLeast(k, n int, p float64) float64 {
	lgamma := func(x int) float64 { y, _ := math.Lgamma(float64(x) + 1); return y }
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += math.Exp(lgamma(n) - lgamma(i) - lgamma(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}
