package mine

import (
	"lathe/learn"
)

const (
	maxOccurrences = 200 // looked at when generalising
	maxShown       = 3   // tasks whose events are the evidence
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
	out.Conditions, out.RelatedProblemTypes = m.win.conditions(f.in)
	for _, c := range out.Conditions {
		out.ApplicabilityConditions = append(out.ApplicabilityConditions, sayCondition(c))
	}
	out.CostComparisons = f.costs
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
