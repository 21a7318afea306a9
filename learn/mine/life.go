package mine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"lathe/learn"
)

// life is what happened to a strategy since it was first confirmed.
type life struct {
	ID    string      `json:"id"`
	State learn.State `json:"state"`
	// Against is the evidence that tasks with it fail more often, from blocks
	// that closed after it was confirmed. A verdict that is changed later does
	// not change it.
	Against turn `json:"against"`
	// Weight is the number of tasks with it, each halved for every half-life
	// that it lies before Seen.
	Weight  float64              `json:"weight"`
	Seen    time.Time            `json:"seen"`
	Told    learn.ProvenStrategy `json:"told"` // as the ledger knows it
	History []learn.StateChange  `json:"history"`
}

// maxHistory bounds the steps of a life that are kept; the ledger has all.
const maxHistory = 24

// see counts a task with the strategy, by event time.
func (l *life) see(at time.Time, halfLife time.Duration) {
	if at.After(l.Seen) {
		l.Weight = l.weight(at, halfLife)
		l.Seen = at
	}
	l.Weight += math.Exp2(-float64(l.Seen.Sub(at)) / float64(halfLife))
}

// weight is Weight at a later time.
func (l *life) weight(now time.Time, halfLife time.Duration) float64 {
	if !now.After(l.Seen) {
		return l.Weight
	}
	return l.Weight * math.Exp2(-float64(now.Sub(l.Seen))/float64(halfLife))
}

// live looks how all hypotheses stand, and tells what changed: the ledger gets
// each step of a strategy's life once, and the strategy again when its numbers
// changed notably.
func (m *Miner) live(emit func(learn.LedgerEntry)) error {
	all := m.survey()
	shown, repeats := m.proven(all)
	for _, f := range shown {
		if f.life == nil {
			m.born(f)
		}
	}
	costly := m.costlier(shown)
	for _, f := range all {
		if f.life == nil {
			continue
		}
		change := m.judge(f, slices.Contains(shown, f), repeats[f], costly[f])
		if err := m.tell(f, change, emit); err != nil {
			return err
		}
	}
	m.publish(all)
	return nil
}

// born begins a life: the tasks so far are its weight, none is against it.
func (m *Miner) born(f *finding) {
	f.life = &life{ID: strategyID(f), State: learn.StateCandidate}
	f.hypothesis.life = f.life
	m.win.all(func(slot int, t *taskSeq) {
		if f.in.has(slot) {
			f.life.see(t.Finished, m.opt.HalfLife)
		}
	})
}

// The thresholds of a life, in tasks of today and in multiples of MaxQ.
const (
	forgotten = 0.25 // of a task: retired
	alive     = 0.5  // of MinTasks: decayed below
	doubtful  = 2    // times MaxQ: contradicted above
)

// judge says which state follows from the numbers, nil when it is the one that
// is.
func (m *Miner) judge(f *finding, shown bool, better, cheaper *finding) *learn.StateChange {
	l := f.life
	weight, against := l.weight(m.now, m.opt.HalfLife), l.Against.value()
	enough := alive * float64(m.opt.MinTasks)
	to, why := l.State, ""
	numbers := map[string]float64{"q": f.q, "e_value": eValue(f.hypothesis), "evidence_against": against, "weight": weight}
	switch {
	case l.State == learn.StateRetired:
	case against >= 1/m.opt.MaxQ:
		to, why = learn.StateRetired, fmt.Sprintf("since it was confirmed, tasks with it failed more often than others of their project and kind (evidence %.3g, %.3g is enough)", against, 1/m.opt.MaxQ)
	case weight < forgotten:
		to, why = learn.StateRetired, fmt.Sprintf("not seen since %s", l.Seen.UTC().Format(time.DateOnly))
	case weight < enough:
		to, why = learn.StateDecayed, fmt.Sprintf("last seen on %s: what was seen of it counts as %.2g tasks of today, %.2g are needed", l.Seen.UTC().Format(time.DateOnly), weight, enough)
	case cheaper != nil:
		to, why = learn.StateSuperseded, m.saving(cheaper, f, numbers)
	case shown:
		to, why = learn.StateConfirmed, m.confirmation(f, numbers)
	case better != nil:
		to, why = learn.StateSuperseded, fmt.Sprintf("%q says the same and has more evidence", better.title())
	case f.q > doubtful*m.opt.MaxQ:
		to, why = learn.StateContradicted, fmt.Sprintf("with the tasks since, it is proven no more: it would be declared at level %.3g, allowed are %.3g", f.q, doubtful*m.opt.MaxQ)
	}
	if to == l.State {
		return nil
	}
	return &learn.StateChange{ObjectID: l.ID, From: l.State, To: to, Reason: why, Timestamp: m.now, Numbers: numbers}
}

func (m *Miner) confirmation(f *finding, numbers map[string]float64) string {
	t, o := f.sum, mantelHaenszel(f.tables)
	maps.Copy(numbers, map[string]float64{"support": float64(t.withGood + t.withBad), "successes": float64(t.withGood),
		"baseline_rate": f.baseline, "contrast": o.Odds, "contrast_low": o.Low, "contrast_high": o.High})
	return fmt.Sprintf("%d of %d tasks with it succeeded, without it %.0f %% of their project and kind; declared at level %.2g",
		t.withGood, t.withGood+t.withBad, 100*f.baseline, f.q)
}

// saving tells by how much the cheaper one is.
func (m *Miner) saving(f, g *finding, numbers map[string]float64) string {
	why := fmt.Sprintf("%q succeeds no less often in the same projects and kinds of problem and costs less", f.title())
	for _, c := range m.compare(f, g) {
		numbers[c.Metric+"_ratio"], numbers[c.Metric+"_ratio_low"], numbers[c.Metric+"_ratio_high"] = c.Ratio, c.Interval.Low, c.Interval.High
		why += fmt.Sprintf("; %s %.2f times (%.2f to %.2f)", c.Metric, c.Ratio, c.Interval.Low, c.Interval.High)
	}
	return why
}

func eValue(h *hypothesis) float64 { return math.Exp(min(h.e.log(), 700)) }

// tell emits the strategy when it is new, notably different or in another
// state, and behind it the change of state.
func (m *Miner) tell(f *finding, change *learn.StateChange, emit func(learn.LedgerEntry)) error {
	l := f.life
	if change != nil {
		l.State = change.To
		l.History = append(l.History, *change)
		l.History = slices.Delete(l.History, 0, max(0, len(l.History)-maxHistory))
	}
	with := float64(f.in.count())
	rate := float64(f.in.shared(m.win.good)) / max(1, with)
	notable := with >= 1.25*float64(l.Told.Support) || math.Abs(rate-l.Told.SuccessRate) >= 0.05
	if change == nil && !(notable && l.State.Served()) {
		return nil
	}
	if l.State.Served() || l.Told.StrategyID == "" {
		m.describe(f)
		m.locate(f)
		l.Told = m.strategy(f)
	}
	l.Told.State, l.Told.History = l.State, slices.Clone(l.History)
	if n := len(l.History); n > 0 {
		l.Told.StateReason = l.History[n-1].Reason
	}
	if err := l.write(learn.EntryStrategy, m.now, l.Told, emit); err != nil || change == nil {
		return err
	}
	return l.write(learn.EntryState, m.now, change, emit)
}

func (l *life) write(kind learn.EntryKind, at time.Time, body any, emit func(learn.LedgerEntry)) error {
	e, err := learn.NewEntry(kind, l.ID, l.Told.ProjectID, at, body, l.Told.Evidence)
	if err != nil {
		return fmt.Errorf("mine: %s of strategy %s: %w", kind, l.ID, err)
	}
	emit(e)
	return nil
}

// publish makes what other goroutines read.
func (m *Miner) publish(all []*finding) {
	var served, lives []learn.ProvenStrategy
	for _, f := range sorted(all, byWorth) {
		if f.life == nil {
			continue
		}
		lives = append(lives, f.life.Told)
		if f.life.State.Served() {
			served = append(served, f.life.Told)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.strategies, m.lives = served, lives
}

func sorted[T any](list []T, order func(a, b T) int) []T {
	out := slices.Clone(list)
	slices.SortStableFunc(out, order)
	return out
}
