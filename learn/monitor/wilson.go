package monitor

import (
	"math"

	"lathe/learn"
)

const level = 0.95
const z = 1.959963984540054 // two-sided 95 % of the normal distribution

// Rate is successes of a total with the 95 % interval of Wilson (1927), which
// stays inside [0, 1] and is sensible for few and for extreme counts. Without
// any trial the interval is all of [0, 1].
type Rate struct {
	Successes int64          `json:"successes"`
	Total     int64          `json:"total"`
	Rate      float64        `json:"rate"`
	Interval  learn.Interval `json:"interval"`
}

func newRate(successes, total int64) Rate {
	r := Rate{Successes: successes, Total: total, Interval: learn.Interval{High: 1, Level: level}}
	if total <= 0 {
		return r
	}
	n, p := float64(total), float64(successes)/float64(total)
	r.Rate = p
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	r.Interval.Low, r.Interval.High = max(0, centre-half), min(1, centre+half)
	return r
}
