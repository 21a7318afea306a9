package trial

import (
	"math"

	"lathe/learn"
)

// Logged is one choice that was made and what came of it.
type Logged struct {
	Propensity float64 // with which the log's policy made the choice; above 0
	Target     float64 // with which the policy in question would have made it
	Reward     float64
}

// Estimate is what another policy would have reached on average.
type Estimate struct {
	Value     float64 `json:"value"`
	StdErr    float64 `json:"std_err"`
	N         int     `json:"n"`
	Effective float64 `json:"effective_n"` // Kish's: (sum w)^2 / sum w^2
	// Interval is the normal one at 95 %, for one look; it means little where
	// Effective is small.
	Interval learn.Interval `json:"interval"`
}

// z95 is the two-sided 95 % quantile of the normal distribution.
const z95 = 1.959963984540054

func (e Estimate) withInterval() Estimate {
	e.Interval = learn.Interval{Low: e.Value - z95*e.StdErr, High: e.Value + z95*e.StdErr, Level: 0.95}
	return e
}

// IPS is the inverse propensity estimate (Horvitz and Thompson 1952):
// unbiased, with a variance that grows with the weights. Entries without a
// valid propensity are left out.
func IPS(log []Logged) Estimate {
	e, _, _ := weigh(log)
	if e.N == 0 {
		return e
	}
	var sum, squares float64
	for _, l := range log {
		if valid(l) {
			x := l.Target / l.Propensity * l.Reward
			sum += x
			squares += x * x
		}
	}
	n := float64(e.N)
	e.Value = sum / n
	if e.N > 1 {
		e.StdErr = math.Sqrt(max(0, squares/n-e.Value*e.Value) / (n - 1))
	}
	return e.withInterval()
}

// SNIPS is the self-normalised estimate (Swaminathan and Joachims, "The
// self-normalized estimator for counterfactual learning", NIPS 2015): slightly
// biased, never outside the range of the rewards. The standard error is the
// delta method's.
func SNIPS(log []Logged) Estimate {
	e, weights, rewards := weigh(log)
	if weights == 0 {
		return e
	}
	e.Value = rewards / weights
	var squares float64
	for _, l := range log {
		if valid(l) {
			x := l.Target / l.Propensity * (l.Reward - e.Value)
			squares += x * x
		}
	}
	e.StdErr = math.Sqrt(squares) / weights
	return e.withInterval()
}

func valid(l Logged) bool {
	return l.Propensity > 0 && l.Propensity <= 1 && l.Target >= 0 && l.Target <= 1 && !math.IsNaN(l.Reward) && !math.IsInf(l.Reward, 0)
}

func weigh(log []Logged) (e Estimate, weights, rewards float64) {
	var squares float64
	for _, l := range log {
		if !valid(l) {
			continue
		}
		w := l.Target / l.Propensity
		e.N++
		weights += w
		squares += w * w
		rewards += w * l.Reward
	}
	if squares > 0 {
		e.Effective = weights * weights / squares
	}
	return e, weights, rewards
}
