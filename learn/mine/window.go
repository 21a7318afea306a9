package mine

// window keeps the newest closed tasks by their ordinal, in a ring: a set of
// them is bits by slot, and a new task takes the slot of the oldest.
type window struct {
	size int
	next int        // ordinal of the next task
	ring []*taskSeq // by slot
	good bits
	// strata and blocks say by slot what a task belongs to.
	strata map[string]bits
	byKey  map[taskKey]int // ordinal
}

type taskKey struct{ project, task string }

func newWindow(size int) *window {
	return &window{size: size, ring: make([]*taskSeq, size), good: newBits(size), strata: map[string]bits{}, byKey: map[taskKey]int{}}
}

// slot is where an ordinal is kept.
func (w *window) slot(ordinal int) int { return ordinal % w.size }

// first is the oldest ordinal that is kept.
func (w *window) first() int { return max(0, w.next-w.size) }

// len is the number of tasks kept.
func (w *window) len() int { return min(w.next, w.size) }

// at returns a kept task.
func (w *window) at(ordinal int) *taskSeq { return w.ring[w.slot(ordinal)] }

// add keeps a task, and reports the slot and whether an older one left it.
func (w *window) add(t *taskSeq) (ordinal, slot int, evicted bool) {
	ordinal = w.next
	slot = w.slot(ordinal)
	if old := w.ring[slot]; old != nil {
		evicted = true
		w.good.clear(slot)
		if s := w.strata[old.stratum()]; s != nil {
			if s.clear(slot); s.count() == 0 {
				delete(w.strata, old.stratum())
			}
		}
		if w.byKey[old.key()] == ordinal-w.size {
			delete(w.byKey, old.key())
		}
	}
	w.ring[slot], w.byKey[t.key()] = t, ordinal
	if t.Good {
		w.good.set(slot)
	}
	s := w.strata[t.stratum()]
	if s == nil {
		s = newBits(w.size)
		w.strata[t.stratum()] = s
	}
	s.set(slot)
	w.next++
	return ordinal, slot, evicted
}

// all visits the kept tasks, oldest first.
func (w *window) all(visit func(slot int, t *taskSeq)) {
	for o := w.first(); o < w.next; o++ {
		visit(w.slot(o), w.at(o))
	}
}

// tables are the two-by-two tables of a set of tasks, one a stratum that has
// any of them, by name.
func (w *window) tables(in bits) []table {
	var out []table
	for _, name := range sortedKeys(w.strata) {
		s := w.strata[name]
		with := s.shared(in)
		if with == 0 {
			continue
		}
		t := table{}
		for i, x := range s {
			t.withGood += onesCount(x & in[i] & w.good[i])
			t.withoutGood += onesCount(x &^ in[i] & w.good[i])
			t.withoutBad += onesCount(x &^ in[i] &^ w.good[i])
		}
		t.withBad = with - t.withGood
		out = append(out, t)
	}
	return out
}

// sessions counts the distinct sessions of the tasks in a set, up to enough.
func (w *window) sessions(in bits, enough int) int {
	seen := map[taskKey]bool{}
	for o := w.first(); o < w.next && len(seen) < enough; o++ {
		if t := w.at(o); in.has(w.slot(o)) {
			seen[taskKey{t.ProjectID, t.SessionID}] = true
		}
	}
	return len(seen)
}

// project is the one that all tasks of a set are of, or "".
func (w *window) project(in bits) string {
	project, any := "", false
	for name, s := range w.strata {
		if s.shared(in) == 0 {
			continue
		}
		p := stratumProject(name)
		if any && p != project {
			return ""
		}
		project, any = p, true
	}
	return project
}

// adds reports whether one set still separates success from failure, within
// the strata, among the tasks of another or among the rest.
func (w *window) adds(set, other bits, level float64) bool {
	var with, without []table
	for _, name := range sortedKeys(w.strata) {
		var a, b table
		for i, x := range w.strata[name] {
			g, in, k := w.good[i], set[i], other[i]
			a.withGood += onesCount(x & k & in & g)
			a.withBad += onesCount(x & k & in &^ g)
			a.withoutGood += onesCount(x & k &^ in & g)
			a.withoutBad += onesCount(x & k &^ in &^ g)
			b.withGood += onesCount(x &^ k & in & g)
			b.withBad += onesCount(x &^ k & in &^ g)
			b.withoutGood += onesCount(x &^ k &^ in & g)
			b.withoutBad += onesCount(x &^ k &^ in &^ g)
		}
		with, without = append(with, a), append(without, b)
	}
	return cochran(with) <= level || cochran(without) <= level
}
