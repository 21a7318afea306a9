package mine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lathe/learn"
)

const (
	maxOccurrences = 200 // looked at when generalising
	maxShown       = 3   // tasks whose events are the evidence
	minLift        = 1.5
)

// strategyID is made of what it says: the same for as long as it is told.
func strategyID(f *finding) string {
	return learn.UUIDv8(append([]string{"strategy", string(f.level)}, f.names...)...)
}

// strategy makes the domain object of a finding that is described and located.
func (m *Miner) strategy(f *finding) learn.ProvenStrategy {
	with, project, o := f.sum.withGood+f.sum.withBad, m.win.project(f.in), mantelHaenszel(f.tables)
	out := learn.ProvenStrategy{
		StrategyID: strategyID(f), ProjectID: project, Support: with, SuccessRate: float64(f.sum.withGood) / float64(with),
		SuccessInterval: wilson(f.sum.withGood, with), BaselineRate: f.baseline, Strata: len(f.tables),
		Contrast: o.Odds, ContrastInterval: learn.Interval{Low: o.Low, High: o.High, Level: 0.95},
		PValue: f.q, EValue: eValue(f.hypothesis), Name: f.title(), Description: f.description(),
	}
	shown := m.examples(f)
	for i, x := range shown {
		if x.task.Finished.After(out.LastConfirmed) {
			out.LastConfirmed = x.task.Finished
		}
		if i >= maxShown {
			continue
		}
		for _, at := range x.where {
			out.Evidence = append(out.Evidence, x.task.Steps[at].EventID)
		}
		if len(x.where) == 0 { // the lack of something has no event: the task's last one stands for it
			out.Evidence = append(out.Evidence, x.task.Steps[len(x.task.Steps)-1].EventID)
		}
	}
	out.AveragePerformanceMetrics = metrics(shown)
	out.TemplatePlanFragment = fragment(shown, project != "")
	out.TemplatePlanFragment.Name = out.Name
	out.ApplicabilityConditions, out.RelatedProblemTypes = m.conditions(f)
	return out
}

// example is a successful task with the strategy, and the steps that show it.
type example struct {
	task  *taskSeq
	where []int
}

// examples are the newest successful tasks with it, the newest first.
func (m *Miner) examples(f *finding) []example {
	var out []example
	for o := m.win.next - 1; o >= m.win.first() && len(out) < maxOccurrences; o-- {
		if slot := m.win.slot(o); f.in.has(slot) && m.win.good.has(slot) {
			out = append(out, example{m.win.at(o), f.where[slot]})
		}
	}
	return out
}

// metrics are the means over the examples.
func metrics(shown []example) learn.PerformanceMetrics {
	var p learn.PerformanceMetrics
	for _, x := range shown {
		for _, at := range x.where {
			p.DurationMS += x.task.Steps[at].DurationMS
			p.Tokens += float64(x.task.Steps[at].Tokens)
		}
		p.Calls = float64(len(x.where))
	}
	n := float64(max(1, len(shown)))
	p.DurationMS, p.Tokens = p.DurationMS/n, p.Tokens/n
	return p
}

// conditions are the features of tasks that stand out among those with the
// pattern: at least half of them have it, and minLift times the usual share.
func (m *Miner) conditions(f *finding) (conditions, problems []string) {
	with, all := map[string]int{}, map[string]int{}
	n := 0
	m.win.all(func(slot int, t *taskSeq) {
		features := []string{"problem_type: " + t.ProblemType, "language: " + t.Language}
		for _, term := range t.Terms {
			features = append(features, "prompt mentions: "+term)
		}
		has := f.in.has(slot)
		if has {
			n++
		}
		for _, x := range features {
			if strings.HasSuffix(x, ": ") {
				continue
			}
			all[x]++
			if has {
				with[x]++
			}
		}
	})
	lift := func(x string) float64 {
		return float64(with[x]) / float64(n) / (float64(all[x]) / float64(m.win.len()))
	}
	for _, x := range sortedKeys(with) {
		if 2*with[x] >= n && lift(x) >= minLift && with[x] >= 3 {
			conditions = append(conditions, fmt.Sprintf("%s (lift %.1f)", x, math.Round(lift(x)*10)/10))
		}
		if p, ok := strings.CutPrefix(x, "problem_type: "); ok && 4*with[x] >= n {
			problems = append(problems, p)
		}
	}
	slices.SortStableFunc(conditions, func(a, b string) int { return strings.Compare(b[:1], a[:1]) })
	return conditions[:min(len(conditions), 8)], problems
}
