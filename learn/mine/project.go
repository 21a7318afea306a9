package mine

import "slices"

// extend finds the frequent items that can follow the prefix and builds their
// projections on the arena.
func (w *worker) extend(ends []int32) (next []extension) {
	w.visit(ends, func(item, _ int32, first bool) {
		if first {
			if w.count[item] == 0 {
				w.touched = append(w.touched, item)
			}
			w.count[item]++
		}
		w.places[item]++
	})
	slices.Sort(w.touched)
	from := int32(len(w.arena))
	for _, item := range w.touched {
		if c := w.count[item]; int(c) >= w.limits.MinSupport {
			n := w.places[item]
			next = append(next, extension{item, c, from, from + n})
			w.places[item] = from // where the next place goes
			from += n
		} else {
			w.places[item] = -1
		}
	}
	w.arena = slices.Grow(w.arena, int(from)-len(w.arena))[:from]
	if len(next) > 0 {
		w.visit(ends, func(item, at int32, _ bool) {
			if to := w.places[item]; to >= 0 {
				w.arena[to] = at
				w.places[item]++
			}
		})
	}
	for _, item := range w.touched {
		w.count[item], w.places[item] = 0, 0
	}
	w.touched = w.touched[:0]
	return next
}

// visit calls fn for every place where an item can follow the prefix; first
// marks the item's first one in a sequence. Places are ascending, so the
// windows behind them are merged and every place is met once.
func (w *worker) visit(ends []int32, fn func(item, at int32, first bool)) {
	items, sequence, seen := w.db.items, int32(-1), int32(-1)
	for _, end := range ends {
		if s := w.db.start[end]; s != sequence {
			sequence = s
			w.tick()
		}
		last := min(int(end)+1+w.limits.MaxGap, len(items)-1)
		for at := max(end, seen) + 1; int(at) <= last && items[at] != endOfSequence; at++ {
			seen = at
			if item := items[at]; item >= 0 {
				first := w.stamp[item] != w.clock
				w.stamp[item] = w.clock
				fn(item, at, first)
			}
		}
	}
}

// tick begins a new sequence for the stamps.
func (w *worker) tick() {
	if w.clock == 1<<31-1 {
		clear(w.stamp)
		w.clock = 0
	}
	w.clock++
}
