package mine

import (
	"cmp"
	"slices"
)

// projection is where the sequences of a prefix go on: for each, the place
// behind the first occurrence of the prefix, in items, in which each sequence
// ends with endOfSequence. For closure, origins are the starts of these
// sequences in the prepared database.
type projection struct {
	items, places, origins []int32
}

// tally is what one node of the search counts of an item.
type tally struct {
	stamp uint32 // the sequence that counted it last
	count int32
	to    int32 // where its next place goes; -1 when it is not frequent
	room  int32 // where its places end
}

// reducer mines without a gap limit, by prefix projection. Unlike PrefixSpan
// with pseudo-projection it copies, at each node, the sequences without what is
// not frequent there, which cannot be frequent below: a node reads only what
// its parent could still use, side by side in memory. Its arrays are shared by
// all levels of the recursion: a level is done with them before it descends.
type reducer struct {
	*run
	prefix  []int32
	tallies []tally // by item
	clock   uint32
	touched []int32
	next    []extension // stack
	items   []int32     // stack of reduced sequences
	places  []int32     // stack of places
	origins []int32     // and of origins, side by side with places
	nodes   int
	out     *segment
	periods periods
}

// extension is an item that a prefix can grow by, and where on the stack of
// places its projection lies.
type extension struct{ item, support, from, to int32 }

func newReducer(r *run) *reducer {
	n := len(r.db.names)
	return &reducer{run: r, tallies: make([]tally, n), periods: periods{marks: make([]uint32, n)}}
}

// do mines one task of the pool.
func (w *reducer) do(t task) {
	w.prefix = append(w.prefix[:0], t.prefix...)
	w.out = t.out
	w.grow(t.from, int(t.support))
}

// grow visits the prefix.
func (w *reducer) grow(p projection, support int) {
	if w.nodes++; w.nodes&255 == 0 && w.stopped() || w.stop.Load() {
		return
	}
	extensible := false
	if w.limits.Closed {
		extensible = w.periods.search(w.db, w.prefix, p.origins, false)
		if extensible && w.periods.search(w.db, w.prefix, p.origins, true) {
			return // BackScan: no pattern with this prefix is closed
		}
	}
	if w.limits.MaxLength > 0 && len(w.prefix) == w.limits.MaxLength {
		w.emit(support)
		return
	}
	mark, items, places := len(w.next), len(w.items), len(w.places)
	w.count(p)
	for _, e := range w.next[mark:] {
		extensible = extensible || int(e.support) == support
	}
	if !w.limits.Closed || !extensible {
		w.emit(support)
	}
	if len(w.next) > mark {
		w.descend(p, mark)
	}
	w.next, w.items, w.places = w.next[:mark], w.items[:items], w.places[:places]
	if w.limits.Closed {
		w.origins = w.origins[:places]
	}
}

// descend visits the extensions from mark on.
func (w *reducer) descend(p projection, mark int) {
	if w.limits.MaxLength == len(w.prefix)+1 && !w.limits.Closed {
		for _, e := range w.next[mark:] {
			w.prefix = append(w.prefix, e.item)
			w.emit(int(e.support))
			w.prefix = w.prefix[:len(w.prefix)-1]
		}
		return
	}
	reduced := w.project(p, mark)
	for i := mark; i < len(w.next); i++ {
		e := w.next[i]
		child := projection{items: reduced.items, places: reduced.places[e.from:e.to]}
		if w.limits.Closed {
			child.origins = reduced.origins[e.from:e.to]
		}
		w.prefix = append(w.prefix, e.item)
		if i+1 < len(w.next) && w.pool.wants() && child.large() {
			w.out = w.pool.give(w.prefix, child, e.support, w.out)
		} else {
			w.grow(child, int(e.support))
		}
		w.prefix = w.prefix[:len(w.prefix)-1]
	}
}

// count appends to next the frequent items that can follow, ascending.
func (w *reducer) count(p projection) {
	tallies, items, clock := w.tallies, p.items, w.tick(len(p.places))
	w.touched = w.touched[:0]
	for _, at := range p.places {
		clock++
		for _, item := range items[at:] {
			if item < 0 {
				break
			}
			if c := &tallies[item]; c.stamp != clock {
				c.stamp = clock
				if c.count++; c.count == 1 {
					w.touched = append(w.touched, item)
				}
			}
		}
	}
	w.clock = clock
	mark := len(w.next)
	for _, item := range w.touched {
		c := &tallies[item]
		if int(c.count) >= w.limits.MinSupport {
			w.next = append(w.next, extension{item: item, support: c.count})
		}
		c.count, c.to = 0, -1
	}
	slices.SortFunc(w.next[mark:], func(a, b extension) int { return cmp.Compare(a.item, b.item) })
}

// project copies the sequences with only the items of the extensions from mark
// on, and gives each of these its places in the copy.
func (w *reducer) project(p projection, mark int) projection {
	from := len(w.places)
	to := int32(from)
	for i := range w.next[mark:] {
		e := &w.next[mark+i]
		w.tallies[e.item].to = to - int32(from)
		e.from, e.to = to-int32(from), to-int32(from)+e.support
		to += e.support
	}
	w.places = slices.Grow(w.places, int(to)-from)[:to]
	places := w.places[from:]
	var origins []int32
	if w.limits.Closed {
		w.origins = slices.Grow(w.origins, int(to)-from)[:to]
		origins = w.origins[from:]
	}
	start := len(w.items)
	out, tallies, clock := w.items, w.tallies, w.tick(len(p.places))
	for k, at := range p.places {
		clock++
		begin := len(out)
		for _, item := range p.items[at:] {
			if item < 0 {
				break
			}
			c := &tallies[item]
			if c.to < 0 {
				continue
			}
			out = append(out, item)
			if c.stamp != clock {
				c.stamp = clock
				places[c.to] = int32(len(out) - start)
				if origins != nil {
					origins[c.to] = p.origins[k]
				}
				c.to++
			}
		}
		if len(out) > begin {
			out = append(out, endOfSequence)
		}
	}
	w.clock, w.items = clock, out
	return projection{items: out[start:], places: places, origins: origins}
}

// tick makes sure that there are n more stamps, and returns the last used one.
func (w *reducer) tick(n int) uint32 {
	if w.clock > 1<<32-2-uint32(n) {
		for i := range w.tallies {
			w.tallies[i].stamp = 0
		}
		w.clock = 0
	}
	return w.clock
}

// emit keeps the prefix as a result.
func (w *reducer) emit(support int) {
	w.out = w.out.add(w.db.names, w.prefix, support)
	w.found()
}

// large reports whether a projection is worth to be given away.
func (p projection) large() bool {
	n := 0
	for _, at := range p.places {
		for _, item := range p.items[at:] {
			if item < 0 {
				break
			}
			n++
		}
		if n > 2000 {
			return true
		}
	}
	return false
}

// own returns a copy of the projection that shares nothing.
func (p projection) own() projection {
	out := projection{origins: slices.Clone(p.origins), places: make([]int32, len(p.places))}
	for i, at := range p.places {
		out.places[i] = int32(len(out.items))
		for _, item := range p.items[at:] {
			out.items = append(out.items, item)
			if item < 0 {
				break
			}
		}
	}
	return out
}
