package mine

import (
	"math"
	"slices"

	"lathe/learn"
)

// Two strategies are compared when they are of the same strata and seldom in
// the same task: then it makes sense to ask which costs less. One takes the
// other's place only when they are ways to the same end, that is, have a step
// in common: of two that have nothing in common both may be needed.
const (
	sharedStrata   = 0.5 // at least this share of each one's strata
	seldomTogether = 0.2 // Jaccard index of the tasks, at most
	leastCosts     = 8   // successful tasks of each
	// efficiencyLevel is that of the intervals: high, since they are looked at
	// again and again.
	efficiencyLevel = 0.999
	efficiencyZ     = 3.290526731491926
)

// costs are the metrics compared, by name.
func costs(t *taskSeq) map[string]float64 {
	out := map[string]float64{"calls": float64(len(t.Steps))}
	for i := range t.Steps {
		out["duration_ms"] += t.Steps[i].DurationMS
		out["tokens"] += float64(t.Steps[i].Tokens)
	}
	return out
}

// alternatives pairs the findings up.
func (m *Miner) alternatives(f, g *finding) bool {
	if f.in.alike(g.in) > seldomTogether {
		return false
	}
	own, other, both := 0, 0, 0
	for _, s := range m.win.strata {
		a, b := s.shared(f.in) > 0, s.shared(g.in) > 0
		switch {
		case a && b:
			both++
		case a:
			own++
		case b:
			other++
		}
	}
	return float64(both) >= sharedStrata*float64(both+max(own, other))
}

// sameEnd is whether two patterns have a step in common.
func sameEnd(f, g *finding) bool {
	return f.level == g.level && f.habit == nil && slices.ContainsFunc(f.names, func(n string) bool { return slices.Contains(g.names, n) })
}

// compare tells what successful tasks with f, and without g, cost as a multiple
// of those with g and without f: the ratio of the geometric means, with
// Welch's interval (1947) on the logarithms.
func (m *Miner) compare(f, g *finding) []learn.CostComparison {
	sides := [2]map[string][]float64{{}, {}}
	m.win.all(func(slot int, t *taskSeq) {
		inF, inG := f.in.has(slot), g.in.has(slot)
		if !t.Good || inF == inG {
			return
		}
		side := 0
		if inG {
			side = 1
		}
		for name, x := range costs(t) {
			if x > 0 { // 0 is not recorded
				sides[side][name] = append(sides[side][name], math.Log(x))
			}
		}
	})
	var out []learn.CostComparison
	for _, name := range sortedKeys(sides[0]) {
		a, b := sides[0][name], sides[1][name]
		if len(a) < leastCosts || len(b) < leastCosts {
			continue
		}
		meanA, varA := moments(a)
		meanB, varB := moments(b)
		half := efficiencyZ * math.Sqrt(varA/float64(len(a))+varB/float64(len(b)))
		out = append(out, learn.CostComparison{StrategyID: strategyID(g), Metric: name, Ratio: math.Exp(meanA - meanB),
			Interval: learn.Interval{Low: math.Exp(meanA - meanB - half), High: math.Exp(meanA - meanB + half), Level: efficiencyLevel},
			Tasks:    len(a), Against: len(b)})
	}
	return out
}

// moments are mean and variance.
func moments(list []float64) (mean, variance float64) {
	for _, x := range list {
		mean += x
	}
	mean /= float64(len(list))
	for _, x := range list {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / float64(len(list)-1)
}

// cheaper reports whether the comparison's intervals say that something costs
// less and nothing more.
func cheaper(all []learn.CostComparison) (less bool) {
	for _, c := range all {
		if c.Interval.High >= 1 && c.Ratio > 1 {
			return false
		}
		less = less || c.Interval.High < 1
	}
	return less
}

// costlier finds, for each of the shown strategies, a way to the same end that
// succeeds no less often and is cheaper, and fills the comparisons in.
func (m *Miner) costlier(shown []*finding) map[*finding]*finding {
	out := map[*finding]*finding{}
	for _, f := range shown {
		f.costs = nil
		for _, g := range shown {
			if f == g || !m.alternatives(f, g) {
				continue
			}
			c := m.compare(f, g)
			f.costs = append(f.costs, c...)
			rate := func(x *finding) float64 {
				return float64(x.sum.withGood) / float64(x.sum.withGood+x.sum.withBad)
			}
			if sameEnd(f, g) && out[g] == nil && out[f] == nil && cheaper(c) && rate(f) >= wilson(g.sum.withGood, g.sum.withGood+g.sum.withBad).Low {
				out[g] = f
			}
		}
	}
	return out
}
