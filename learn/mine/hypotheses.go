package mine

import (
	"cmp"
	"math"
	"slices"
)

// hypothesis is that tasks with a pattern, or a habit, succeed more often than
// others of their stratum.
type hypothesis struct {
	level   level
	names   []string  // the items' texts; for a habit what it is called
	items   []int32   // in the numbers of the level's ladder
	habit   *habit    // nil for a pattern
	pattern PatternID // in the ladder's stream
	weight  float64   // its share of the level of error
	since   int       // ordinal of the first task that is evidence
	e       evidence
	in      bits // by slot of the window
	life    *life
}

// shares of the level of error: the habits are few and known from the start.
const (
	habitShare  = 0.4
	ladderShare = 0.2 // of each of three levels
)

// slotWeight is the share of a level's error that its n-th hypothesis gets,
// from 0. All together, however many there will be, they are at most 1, since
// the sum of 1/(x ln² x) from 20 on is less than 0.3394.
func slotWeight(n int) float64 {
	x := float64(n + 20)
	return 1 / (0.3394 * x * math.Log(x) * math.Log(x))
}

// ladder is one level of detail: the names of its items, the incremental state
// of its frequent patterns, and those that became hypotheses.
type ladder struct {
	level    level
	number   map[string]int32
	names    []string
	stream   *Stream
	chosen   map[PatternID]*hypothesis
	pool     []waitingPattern
	loose    []*hypothesis // strategies whose pattern the stream gave up
	admitted int           // hypotheses ever
}

// waitingPattern is frequent and not a hypothesis yet.
type waitingPattern struct {
	ID        PatternID `json:"id"`
	NotBefore int       `json:"not_before,omitempty"` // tasks in the stream
}

// maxNames bounds the items of a ladder; all others are one item, of which no
// hypothesis is made.
const maxNames = 1 << 17

func (l *ladder) item(name string) int32 {
	n, ok := l.number[name]
	switch {
	case ok:
		return n
	case len(l.names) >= maxNames:
		return maxNames
	}
	n = int32(len(l.names))
	l.number[name] = n
	l.names = append(l.names, name)
	return n
}

// add counts a task in the stream and tells the hypotheses that it has; it
// returns those that the stream gave up with their patterns. Strategies are
// followed without it.
func (l *ladder) add(v view, gap int, has func(*hypothesis)) (lost []*hypothesis, err error) {
	up, err := l.stream.Add(v.items)
	if err != nil {
		return nil, err
	}
	for _, h := range l.loose {
		if occurrence(v.items, h.items, gap) != nil {
			has(h)
		}
	}
	for _, id := range up.Seen {
		if h := l.chosen[id]; h != nil {
			has(h)
		}
	}
	for _, p := range up.Promoted {
		if found, ok := l.stream.Pattern(p.ID); ok && len(found.Items) > 1 && !slices.Contains(found.Items, maxNames) {
			l.pool = append(l.pool, waitingPattern{ID: p.ID})
		}
	}
	for _, id := range up.Retired {
		h := l.chosen[id]
		delete(l.chosen, id)
		switch {
		case h == nil:
		case h.life != nil:
			h.pattern, l.loose = 0, append(l.loose, h)
		default:
			lost = append(lost, h)
		}
	}
	if len(up.Retired) > 0 { // their ids may come to name others
		l.pool = slices.DeleteFunc(l.pool, func(p waitingPattern) bool { return slices.Contains(up.Retired, p.ID) })
	}
	return lost, nil
}

const (
	admitAtOnce = 8    // hypotheses of a level that one block can bring
	lookedAt    = 4    // candidates for each of them
	maxPool     = 4096 // candidates kept
	sameAs      = 0.9  // Jaccard index of tasks, from which on two are one
)

// information is the variance that a pattern's share gives it: what a task can
// tell of it at all. It knows nothing of outcomes.
func information(with, n int) float64 { return float64(with) * float64(n-with) / float64(n) }

// admit makes hypotheses of the candidates that can tell most, at most one for
// each closed task in the long run. It looks at which tasks have a pattern,
// all of them in closed blocks, and never at how they ended.
func (m *Miner) admit(l *ladder) {
	budget := min(admitAtOnce, admitAtOnce+m.win.next-l.admitted)
	if len(l.chosen) >= m.opt.MaxPatterns { // each pushes another one out
		budget = min(budget, 1)
	}
	shortlist := lookedAt * budget
	if budget <= 0 || len(l.pool) == 0 {
		return
	}
	type candidate struct {
		at          int // in the pool
		items       []int32
		in          bits
		information float64
	}
	n := l.stream.Len()
	worth := make([]float64, len(l.pool))
	order := make([]int, 0, len(l.pool))
	for i, p := range l.pool {
		found, _ := l.stream.Pattern(p.ID) // it is: add keeps the pool to what the stream has
		worth[i] = information(found.Support, n)
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(worth[b], worth[a]) })
	var list []candidate
	for _, i := range order {
		if len(list) == shortlist {
			break
		}
		if l.pool[i].NotBefore > n {
			continue
		}
		found, _ := l.stream.Pattern(l.pool[i].ID)
		c := candidate{at: i, items: found.Items, in: m.having(l.level, found.Items)}
		c.information = m.win.information(c.in)
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.information, a.information), cmp.Compare(len(b.items), len(a.items)))
	})
	taken := map[int]bool{}
	for _, c := range list {
		if budget == 0 {
			break
		}
		alike := slices.ContainsFunc(m.hyps, func(h *hypothesis) bool { return h.level == l.level && h.in.alike(c.in) >= sameAs })
		if alike || m.win.sessions(c.in, m.opt.MinSessions) < m.opt.MinSessions || c.information == 0 {
			l.pool[c.at].NotBefore = n + n/4 + 1
			continue
		}
		h := &hypothesis{level: l.level, items: c.items, pattern: l.pool[c.at].ID, in: c.in,
			weight: ladderShare * slotWeight(l.admitted), since: m.win.next}
		for _, it := range c.items {
			h.names = append(h.names, l.names[it])
		}
		m.hyps, l.chosen[h.pattern] = append(m.hyps, h), h
		taken[c.at] = true
		l.admitted++
		budget--
	}
	m.thin(l, order, taken)
}

// thin takes what was chosen out of the pool, and what tells least when it is
// full.
func (m *Miner) thin(l *ladder, byWorth []int, taken map[int]bool) {
	keep := make([]bool, len(l.pool))
	kept := 0
	for _, i := range byWorth {
		if !taken[i] && kept < maxPool {
			keep[i] = true
			kept++
		}
	}
	m.count(func(s *Stats) { s.DroppedPatterns += int64(len(l.pool) - kept - len(taken)) })
	i := -1
	l.pool = slices.DeleteFunc(l.pool, func(waitingPattern) bool { i++; return !keep[i] })
}

// information adds the strata's up.
func (w *window) information(in bits) float64 {
	sum := 0.0
	for _, s := range w.strata {
		if with := s.shared(in); with > 0 {
			sum += information(with, s.count())
		}
	}
	return sum
}

// having is the set of the kept tasks with a pattern.
func (m *Miner) having(l level, items []int32) bits {
	in := newBits(m.win.size)
	m.win.all(func(slot int, t *taskSeq) {
		if occurrence(t.views[l].items, items, m.opt.MaxGap) != nil {
			in.set(slot)
		}
	})
	return in
}

// forget drops hypotheses of a level beyond MaxPatterns: those with the least
// evidence. What is dropped counts as never declared, and its share of the
// level of error is not given again.
func (m *Miner) forget(l *ladder) {
	over := len(l.chosen) - m.opt.MaxPatterns
	if over <= 0 {
		return
	}
	var own []*hypothesis
	log := map[*hypothesis]float64{}
	for _, h := range m.hyps {
		if h.level == l.level && h.life == nil {
			own, log[h] = append(own, h), h.e.log()
		}
	}
	slices.SortStableFunc(own, func(a, b *hypothesis) int { return cmp.Compare(log[a], log[b]) })
	drop := map[*hypothesis]bool{}
	for _, h := range own[:min(over, len(own))] {
		drop[h] = true
		delete(l.chosen, h.pattern)
	}
	m.hyps = slices.DeleteFunc(m.hyps, func(h *hypothesis) bool { return drop[h] })
	m.count(func(s *Stats) { s.DroppedPatterns += int64(len(drop)) })
}
