package mine

import (
	"context"
	"slices"
)

// Result holds the patterns of a Search in little memory, ordered by items.
type Result struct {
	heads []*segment // by root
	n     int
}

// Len is the number of patterns.
func (r *Result) Len() int { return r.n }

// All calls yield for each pattern, in order, until it returns false. The
// items are not to be changed.
func (r *Result) All(yield func(Pattern) bool) {
	for _, s := range r.heads {
		for ; s != nil; s = s.next {
			for d := s.data; len(d) > 0; {
				n := 2 + d[0]
				if !yield(unpacked(d[:n:n])) {
					return
				}
				d = d[n:]
			}
		}
	}
}

// unpacked is a pattern of a segment. Only one with joined items is copied.
func unpacked(d []int32) Pattern {
	p := Pattern{Items: d[2:], Support: int(d[1])}
	for i, it := range p.Items {
		if it < 0 {
			if p.Joined == nil {
				p.Items, p.Joined = slices.Clone(p.Items), make([]bool, len(p.Items))
			}
			p.Items[i], p.Joined[i] = ^it, true
		}
	}
	return p
}

// Patterns lists all patterns.
func (r *Result) Patterns() []Pattern {
	out := make([]Pattern, 0, r.n)
	r.All(func(p Pattern) bool {
		out = append(out, p)
		return true
	})
	return out
}

// Search is Mine with a result in less memory.
func (db *Database) Search(ctx context.Context, l Limits) (*Result, error) {
	if l.MaxGap >= 0 {
		found, err := db.mineGaps(ctx, l)
		if err != nil {
			return nil, err
		}
		return resultOf(found), nil
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	within := l.Closed && l.MaxLength > 0 // closure cannot be seen in the database
	if within {
		l.Closed = false
	}
	r := &run{ctx: ctx, limits: l, db: db.prepare(l.MinSupport, false)}
	if db.joined != nil {
		r.limits.Closed = l.Closed || within
		out := db.searchSets(r)
		return out, r.err()
	}
	p := r.db
	roots := p.tasks(l.Closed)
	out := &Result{}
	for i := range roots {
		out.heads = append(out.heads, roots[i].out)
	}
	r.pool = newPool(roots)
	r.work(l.workers(), func() {
		w := newReducer(r)
		for t, ok := r.pool.take(); ok; t, ok = r.pool.take() {
			w.do(t)
			r.pool.done()
		}
	})
	if err := r.err(); err != nil {
		return nil, err
	}
	out.n = int(r.total.Load())
	if within {
		return resultOf(closedAmong(out.Patterns())), nil
	}
	return out, nil
}

// tasks are the subtrees of the frequent items.
func (p *prepared) tasks(closed bool) []task {
	var out []task
	for item, places := range p.roots(false) {
		t := task{prefix: []int32{int32(item)}, support: p.support[item], out: &segment{}, from: projection{items: p.items, places: places}}
		if closed {
			for _, at := range places {
				t.from.origins = append(t.from.origins, p.start[at])
			}
		}
		for i := range places {
			places[i]++ // behind the item
		}
		out = append(out, t)
	}
	return out
}

// resultOf is the Result of patterns that are in order.
func resultOf(patterns []Pattern) *Result {
	s := &segment{}
	for _, p := range patterns {
		s.data = append(append(s.data, int32(len(p.Items)), int32(p.Support)), p.Items...)
	}
	return &Result{heads: []*segment{s}, n: len(patterns)}
}
