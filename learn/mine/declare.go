package mine

import (
	"cmp"
	"math"
	"slices"

	"lathe/learn"
)

// finding is a hypothesis with its numbers among the kept tasks.
type finding struct {
	*hypothesis
	q      float64 // the least level at which it is declared
	tables []table // one a stratum with any of its tasks
	sum    table
	// baseline is the rate of success without it, in the strata of the tasks
	// with it, weighted as these are.
	baseline float64
	costs    []learn.CostComparison

	// For those that are shown, see locate: by slot.
	where map[int][]int // the steps of an occurrence
}

// survey is how all hypotheses stand.
func (m *Miner) survey() []*finding {
	out := make([]*finding, len(m.hyps))
	for i, h := range m.hyps {
		out[i] = &finding{hypothesis: h}
	}
	correctAnytime(out, nil)
	return out
}

// correctAnytime sets q, taking the evidence of what is barred for nothing: a
// claim that is not made costs its e-value and cannot make the others worse.
func correctAnytime(all []*finding, barred map[*finding]bool) {
	claims := make([]claim, len(all))
	for i, f := range all {
		claims[i] = claim{f.weight, f.e.log()}
		if barred[f] {
			claims[i].log = math.Inf(-1)
		}
	}
	for i, q := range levels(claims) {
		all[i].q = q
	}
}

// proven lists the hypotheses that are declared, the strongest first: with
// enough tasks and sessions, a contrast worth acting on, and none that only
// repeats a stronger one. What is left out for such a reason is taken out
// before the correction, so that the guarantee holds for what is shown.
func (m *Miner) proven(all []*finding) (shown []*finding, repeats map[*finding]*finding) {
	barred := map[*finding]bool{}
	for _, f := range all {
		if f.q > m.opt.MaxQ {
			continue
		}
		m.describe(f)
		weak := f.sum.withGood < m.opt.MinTasks || mantelHaenszel(f.tables).Odds < m.opt.MinOdds
		barred[f] = weak || m.win.sessions(f.in, m.opt.MinSessions) < m.opt.MinSessions
	}
	correctAnytime(all, barred)
	for _, f := range all {
		if f.q <= m.opt.MaxQ && !barred[f] {
			shown = append(shown, f)
		}
	}
	slices.SortStableFunc(shown, byWorth)
	repeats = m.repeats(shown)
	m.prefer(shown, repeats)
	for f := range repeats {
		barred[f] = true
	}
	correctAnytime(all, barred)
	return slices.DeleteFunc(shown, func(f *finding) bool { return barred[f] || f.q > m.opt.MaxQ }), repeats
}

// describe fills the numbers in.
func (m *Miner) describe(f *finding) {
	f.tables = m.win.tables(f.in)
	f.sum, f.baseline = sumUp(f.tables)
}

// incumbent is by how much, as a factor of evidence, a newcomer must be
// stronger to take the place of a strategy that is told already.
const incumbent = 10

// byWorth orders by evidence, then what says more before what says less.
func byWorth(a, b *finding) int {
	worth := func(f *finding) float64 {
		w := f.e.log() + math.Log(f.weight)
		if f.life != nil && f.life.State.Served() {
			w += math.Log(incumbent)
		}
		return w
	}
	return cmp.Or(cmp.Compare(worth(b), worth(a)), cmp.Compare(len(b.names), len(a.names)),
		cmp.Compare(a.level.detail(), b.level.detail()), slices.Compare(a.names, b.names))
}

// repeats tells which of the findings, strongest first, say the same as a
// stronger one. A finding says something of its own when it still separates
// success from failure among the tasks that have the stronger one, or among
// those that lack it: parts of a strategy, strategies with an accidental step,
// and the same at another level do not.
func (m *Miner) repeats(found []*finding) map[*finding]*finding {
	out := map[*finding]*finding{}
	var kept []*finding
	level := 0.05 / float64(2*max(1, len(found)))
	for _, f := range found {
		i := slices.IndexFunc(kept, func(k *finding) bool { return !m.win.adds(f.in, k.in, level) })
		if i >= 0 {
			out[f] = kept[i]
			continue
		}
		kept = append(kept, f)
	}
	return out
}

// prefer lets the one that says most speak for those of the same tasks, when
// none of them was told before and its own evidence is enough.
func (m *Miner) prefer(shown []*finding, repeats map[*finding]*finding) {
	needed := -math.Log(m.opt.MaxQ * float64(max(1, len(shown)-len(repeats))))
	for _, k := range shown {
		if repeats[k] != nil || k.life != nil {
			continue
		}
		best := k
		for _, f := range shown {
			if repeats[f] == k && f.life == nil && f.in.alike(k.in) >= sameTasks && f.e.log()+math.Log(f.weight) >= needed && says(f, best) {
				best = f
			}
		}
		if best == k {
			continue
		}
		for _, f := range shown {
			if repeats[f] == k {
				repeats[f] = best
			}
		}
		delete(repeats, best)
		repeats[k] = best
	}
}

// says reports whether f says more than k: in more detail, or of more steps.
func says(f, k *finding) bool {
	return cmp.Or(cmp.Compare(k.level.detail(), f.level.detail()), cmp.Compare(len(f.names), len(k.names))) > 0
}

// locate finds an occurrence in each task that has the pattern or habit.
func (m *Miner) locate(f *finding) {
	f.where = map[int][]int{}
	m.win.all(func(slot int, t *taskSeq) {
		if !f.in.has(slot) {
			return
		}
		if f.habit != nil {
			f.where[slot], _ = f.habit.find(t)
			return
		}
		v, steps := t.views[f.level], []int{}
		for _, at := range occurrence(v.items, f.items, m.opt.MaxGap) {
			steps = append(steps, v.at[at])
		}
		f.where[slot] = steps
	})
}

// length is the number of steps that the strategy shows.
func (f *finding) length() int {
	if f.habit == nil {
		return len(f.names)
	}
	for _, at := range f.where {
		return len(at)
	}
	return 0
}
