package mine

import (
	"math"
	"slices"

	"lathe/learn"
)

// table is a two-by-two table: tasks with and without a pattern, by outcome.
type table struct{ withGood, withBad, withoutGood, withoutBad int }

// fisher is the one-sided p-value of Fisher's exact test (1922): how likely at
// least so many successes with the pattern are, if it changed nothing.
func (t table) fisher() float64 {
	good, with := t.withGood+t.withoutGood, t.withGood+t.withBad
	n := with + t.withoutGood + t.withoutBad
	p := 0.0
	for k := t.withGood; k <= min(good, with); k++ {
		p += math.Exp(logChoose(good, k) + logChoose(n-good, with-k) - logChoose(n, with))
	}
	return min(1, p)
}

func logChoose(n, k int) float64 {
	if k < 0 || k > n {
		return math.Inf(-1)
	}
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// sumUp adds tables up. Baseline is the rate of success without, each table
// weighted by how many are with in it.
func sumUp(tables []table) (sum table, baseline float64) {
	weight := 0.0
	for _, t := range tables {
		sum.withGood += t.withGood
		sum.withBad += t.withBad
		sum.withoutGood += t.withoutGood
		sum.withoutBad += t.withoutBad
		with, without := float64(t.withGood+t.withBad), float64(t.withoutGood+t.withoutBad)
		if without > 0 {
			baseline += with * float64(t.withoutGood) / without
			weight += with
		}
	}
	if weight > 0 {
		baseline /= weight
	}
	return sum, baseline
}

// benjaminiHochberg turns p-values into adjusted ones: rejecting those at most
// q keeps the expected share of false discoveries at q (1995).
func benjaminiHochberg(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	out, least := make([]float64, len(p)), 1.0
	for rank := len(p); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, p[i]*float64(len(p))/float64(rank))
		out[i] = least
	}
	return out
}

// wilson is the 95 % score interval of a proportion (Wilson 1927).
func wilson(successes, n int) learn.Interval {
	const z = 1.959963984540054
	if n == 0 {
		return learn.Interval{High: 1, Level: 0.95}
	}
	p, m := float64(successes)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return learn.Interval{Low: max(0, mid-half), High: min(1, mid+half), Level: 0.95}
}

// odds is a common odds ratio with its 95 % interval.
type odds struct{ Odds, Low, High float64 }

// mantelHaenszel is the odds ratio, success with against without, common to
// all tables (Mantel and Haenszel 1959), with the interval of Robins, Breslow
// and Greenland (1986). A table with half a task in each cell is added, so that
// it is finite.
func mantelHaenszel(tables []table) odds {
	var r, s, pr, both, qs float64
	add := func(a, b, c, d float64) {
		n := a + b + c + d
		p, q, x, y := (a+d)/n, (b+c)/n, a*d/n, b*c/n
		r, s = r+x, s+y
		pr, both, qs = pr+p*x, both+p*y+q*x, qs+q*y
	}
	add(0.5, 0.5, 0.5, 0.5)
	for _, t := range tables {
		if t.withGood+t.withBad > 0 && t.withoutGood+t.withoutBad > 0 {
			add(float64(t.withGood), float64(t.withBad), float64(t.withoutGood), float64(t.withoutBad))
		}
	}
	const z = 1.959963984540054
	spread := z * math.Sqrt(pr/(2*r*r)+both/(2*r*s)+qs/(2*s*s))
	return odds{r / s, r / s * math.Exp(-spread), r / s * math.Exp(spread)}
}

// cochran is the one-sided p-value of the test of Cochran (1954) and of Mantel
// and Haenszel (1959) that success is likelier with than without within the
// tables, with a correction for continuity.
func cochran(tables []table) float64 {
	excess, variance := -0.5, 0.0
	for _, t := range tables {
		with, without := float64(t.withGood+t.withBad), float64(t.withoutGood+t.withoutBad)
		good, bad := float64(t.withGood+t.withoutGood), float64(t.withBad+t.withoutBad)
		n := with + without
		if n < 2 {
			continue
		}
		excess += float64(t.withGood) - with*good/n
		variance += with * without * good * bad / (n * n * (n - 1))
	}
	if variance == 0 {
		return 1
	}
	return math.Erfc(excess/math.Sqrt(2*variance)) / 2
}

// exact is the one-sided p-value of the exact test for a common effect within
// the tables (Cox 1970): how likely at least so many successes with the pattern
// are, in all tables together, if it changed nothing in any of them. It is
// Fisher's when there is one table. Floor is the smallest p-value that the
// margins of the tables allow (Tarone 1990).
func exact(tables []table) (p, floor float64) {
	law, excess, floor := []float64{1}, 0, 1.0
	for _, t := range tables {
		with, good := t.withGood+t.withBad, t.withGood+t.withoutGood
		n := with + t.withoutGood + t.withoutBad
		low, high := max(0, with+good-n), min(with, good)
		if low == high {
			continue // it tells nothing
		}
		own, all := make([]float64, high-low+1), logChoose(n, with)
		for k := range own {
			own[k] = math.Exp(logChoose(good, low+k) + logChoose(n-good, with-low-k) - all)
		}
		law, excess, floor = convolve(law, own), excess+t.withGood-low, floor*own[high-low]
	}
	for _, x := range law[excess:] {
		p += x
	}
	return min(1, p), min(1, floor)
}

// convolve is the law of the sum of two independent counts.
func convolve(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}
