package mine

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// setWorker mines sequences of itemsets. A projection is every place where an
// occurrence of the prefix ends: an item that joins the last itemset can be
// behind any of them, one that follows only behind the first of a sequence.
// Its arrays are shared by all levels of the recursion.
type setWorker struct {
	*run
	out     []setPattern
	prefix  []int32 // ranks; those that join as their complement
	tallies [2][]tally
	clock   uint32
	touched [2][]int32
	next    []setExtension // stack
	arena   []int32        // stack of projections
	nodes   int
	names   []int32
}

// An item follows in a later itemset, or joins the last one.
const follows, joins = 0, 1

type setExtension struct {
	extension
	how int
}

// setPattern is a pattern with the sum of hashes of its sequences, which is
// equal for equal sequences.
type setPattern struct {
	Pattern
	tasks uint64
}

// searchSets is Search for itemsets of several items.
func (db *Database) searchSets(r *run) *Result {
	closed := r.limits.Closed
	roots := r.db.roots(true)
	found := make([][]setPattern, len(roots))
	var next atomic.Int64
	r.work(r.limits.workers(), func() {
		w := &setWorker{run: r}
		for how := range w.tallies {
			w.tallies[how] = make([]tally, len(r.db.names))
		}
		for i := int(next.Add(1)) - 1; i < len(roots) && !r.stopped(); i = int(next.Add(1)) - 1 {
			w.out, w.prefix = nil, append(w.prefix[:0], int32(i))
			w.grow(roots[i], int(r.db.support[i]))
			found[i] = w.out
		}
	})
	all := slices.Concat(found...)
	if closed {
		all = closedSets(all)
	}
	s := &segment{}
	for _, p := range all {
		s.data = append(append(s.data, int32(len(p.Items)), int32(p.Support)), p.Items...)
		for i := range p.Items {
			if p.joined(i) {
				at := len(s.data) - len(p.Items) + i
				s.data[at] = ^s.data[at]
			}
		}
	}
	return &Result{heads: []*segment{s}, n: len(all)}
}

// grow visits the prefix, whose occurrences end at the given places.
func (w *setWorker) grow(ends []int32, support int) {
	if w.nodes++; w.nodes&255 == 0 && w.stopped() || w.stop.Load() {
		return
	}
	w.emit(support, ends)
	if l := w.limits.MaxLength; l > 0 && len(w.prefix) == l {
		return
	}
	mark, arena := len(w.next), len(w.arena)
	w.extend(ends)
	for i := mark; i < len(w.next); i++ {
		e := w.next[i]
		item := e.item
		if e.how == joins {
			item = ^item
		}
		w.prefix = append(w.prefix, item)
		w.grow(w.arena[e.from:e.to], int(e.support))
		w.prefix = w.prefix[:len(w.prefix)-1]
	}
	w.next, w.arena = w.next[:mark], w.arena[:arena]
}

// extend appends to next what the prefix can grow by, with projections.
func (w *setWorker) extend(ends []int32) {
	w.visit(ends, func(how int, item, _ int32, first bool) {
		t := &w.tallies[how][item]
		if t.room++; first {
			if t.count++; t.count == 1 {
				w.touched[how] = append(w.touched[how], item)
			}
		}
	})
	mark, from := len(w.next), int32(len(w.arena))
	for how := range w.tallies {
		for _, item := range w.touched[how] {
			t := &w.tallies[how][item]
			if t.to = -1; int(t.count) >= w.limits.MinSupport {
				w.next = append(w.next, setExtension{extension{item, t.count, from, from + t.room}, how})
				t.to = from
				from += t.room
			}
			t.count, t.room = 0, 0
		}
		w.touched[how] = w.touched[how][:0]
	}
	if len(w.next) == mark {
		return
	}
	w.arena = slices.Grow(w.arena, int(from)-len(w.arena))[:from]
	w.visit(ends, func(how int, item, at int32, _ bool) {
		if t := &w.tallies[how][item]; t.to >= 0 {
			w.arena[t.to] = at
			t.to++
		}
	})
	slices.SortFunc(w.next[mark:], func(a, b setExtension) int {
		return cmp.Or(cmp.Compare(b.how, a.how), cmp.Compare(a.item, b.item))
	})
}

// visit calls fn for every place where an item can join the last itemset of
// the prefix or follow it; first marks the item's first one in a sequence.
func (w *setWorker) visit(ends []int32, fn func(how int, item, at int32, first bool)) {
	db := w.db
	sequence := int32(-1)
	see := func(how int, at int32) {
		item := db.items[at]
		t := &w.tallies[how][item]
		first := t.stamp != w.clock
		t.stamp = w.clock
		fn(how, item, at, first)
	}
	for _, end := range ends {
		at := end + 1
		begins := db.start[end] != sequence
		if begins {
			sequence = db.start[end]
			w.tick()
		}
		for ; db.items[at] >= 0 && db.joined.has(int(at)); at++ {
			see(joins, at)
		}
		for ; begins && db.items[at] >= 0; at++ {
			see(follows, at)
		}
	}
}

func (w *setWorker) tick() {
	if w.clock++; w.clock == 0 {
		for how := range w.tallies {
			for i := range w.tallies[how] {
				w.tallies[how][i].stamp = 0
			}
		}
		w.clock = 1
	}
}

// emit keeps the prefix as a result.
func (w *setWorker) emit(support int, ends []int32) {
	p := setPattern{Pattern: Pattern{Support: support}}
	from := len(w.names)
	for i, it := range w.prefix {
		if it < 0 {
			it = ^it
			if p.Joined == nil {
				p.Joined = make([]bool, len(w.prefix))
			}
			p.Joined[i] = true
		}
		w.names = append(w.names, w.db.names[it])
	}
	p.Items = w.names[from:len(w.names):len(w.names)]
	sequence := int32(-1)
	for _, end := range ends {
		if s := w.db.start[end]; s != sequence {
			sequence = s
			h := (uint64(s) + 1) * 0x9e3779b97f4a7c15
			h = (h ^ h>>31) * 0xbf58476d1ce4e5b9
			p.tasks += h ^ h>>29
		}
	}
	w.out = append(w.out, p)
	w.found()
}

// closedSets keeps the patterns that are in no longer one with the same
// support, which then has the same sequences. Where there is one there is a
// closed one, so the longest come first and only closed ones are compared with.
func closedSets(all []setPattern) []setPattern {
	type key struct {
		support int
		tasks   uint64
	}
	alike := map[key][]int{}
	for i, p := range all {
		k := key{p.Support, p.tasks}
		alike[k] = append(alike[k], i)
	}
	keep := make([]bool, len(all))
	for _, group := range alike {
		slices.SortStableFunc(group, func(a, b int) int { return len(all[b].Items) - len(all[a].Items) })
		var closed []int
		for _, i := range group {
			if !slices.ContainsFunc(closed, func(j int) bool { return all[i].within(&all[j].Pattern) }) {
				keep[i] = true
				closed = append(closed, i)
			}
		}
	}
	var out []setPattern
	for i := range all {
		if keep[i] {
			out = append(out, all[i])
		}
	}
	return out
}

// within reports whether each itemset of p is part of one of q, in order.
func (p *Pattern) within(q *Pattern) bool {
	i := 0 // the first item of the itemset looked for
	for j := 0; i < len(p.Items) && j < len(q.Items); {
		k, end := i, j
		for first := true; end < len(q.Items) && (first || q.joined(end)); end++ {
			first = false
			if k < len(p.Items) && p.Items[k] == q.Items[end] && (k == i || p.joined(k)) {
				k++
			}
		}
		if k > i && (k == len(p.Items) || !p.joined(k)) {
			i = k
		}
		j = end
	}
	return i == len(p.Items)
}
