package mine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Unlimited is the MaxGap that allows any distance.
const Unlimited = -1

// ErrTooMany is returned when there are more patterns than Limits.MaxPatterns.
var ErrTooMany = errors.New("mine: more patterns than the limit: raise the minimum support")

// Limits says which patterns are wanted.
type Limits struct {
	// MinSupport is the least number of sequences with the pattern; at least 1.
	MinSupport int
	// MaxLength is the number of items of a pattern; 0 for any.
	MaxLength int
	// MaxGap is how many items may stand between two neighbours of a pattern;
	// 0 means that they touch, Unlimited that it does not matter.
	MaxGap int
	// Closed leaves out patterns that have a longer one, within the limits,
	// with the same support.
	Closed bool
	// Workers is the number of goroutines; 0 for one a processor.
	Workers int
	// MaxPatterns bounds the result, and the memory; 0 for no bound.
	MaxPatterns int

	sets bool // fill Pattern.in; only with a MaxGap
}

// Pattern is a sequence of items with the number of sequences that have it.
type Pattern struct {
	Items   []int32
	Support int
	in      bits // the sequences that have it, when Limits.sets
}

// Mine returns the patterns within the limits, ordered by their items. It
// fails with ErrTooMany and when ctx ends.
func (db *Database) Mine(ctx context.Context, l Limits) ([]Pattern, error) {
	if l.MinSupport < 1 {
		return nil, fmt.Errorf("mine: minimum support %d: it must be at least 1", l.MinSupport)
	}
	p := db.prepare(l.MinSupport, l.MaxGap >= 0)
	p.sequences = db.n
	roots := p.roots(l.MaxGap >= 0)
	run := &run{ctx: ctx, limits: l, db: p, found: make([][]Pattern, len(roots))}
	workers := l.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, len(roots)) {
		group.Go(func() {
			w := newWorker(run)
			for !run.stopped() {
				i := int(next.Add(1)) - 1
				if i >= len(roots) {
					return
				}
				w.root(i, roots[i])
			}
		})
	}
	group.Wait()
	if err := run.err(); err != nil {
		return nil, err
	}
	var out []Pattern
	for _, f := range run.found {
		out = append(out, f...)
	}
	if l.Closed && !l.wholeSpace() {
		out = closedAmong(out)
	}
	return out, nil
}

// wholeSpace is whether no limit but the support cuts patterns off, so that
// closure can be seen in the database itself.
func (l Limits) wholeSpace() bool { return l.MaxGap < 0 && l.MaxLength == 0 }

// run is what the workers of one Mine share.
type run struct {
	ctx    context.Context // of this call only
	limits Limits
	db     *prepared
	found  [][]Pattern // by root
	total  atomic.Int64
	stop   atomic.Bool
}

func (r *run) stopped() bool {
	if r.stop.Load() {
		return true
	}
	if r.ctx.Err() != nil {
		r.stop.Store(true)
		return true
	}
	return false
}

func (r *run) err() error {
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("mine: %w", err)
	}
	if max := r.limits.MaxPatterns; max > 0 && r.total.Load() > int64(max) {
		return ErrTooMany
	}
	return nil
}

// roots lists, for each frequent item, where a pattern of it alone ends: the
// first place in each sequence, or with a gap limit every place.
func (p *prepared) roots(all bool) [][]int32 {
	roots := make([][]int32, len(p.names))
	last := make([]int32, len(p.names)) // start+1 of the last sequence seen
	for i, it := range p.items {
		if it < 0 || !all && last[it] == p.start[i]+1 {
			continue
		}
		last[it] = p.start[i] + 1
		roots[it] = append(roots[it], int32(i))
	}
	return roots
}

// worker mines one root at a time. Its arrays are shared by all levels of the
// recursion: a level is done with them before it descends.
type worker struct {
	*run
	root0   int
	prefix  []int32
	count   []int32 // sequences with an extension, by item
	places  []int32 // places of an extension, by item
	stamp   []int32 // node that counted the item last
	clock   int32
	touched []int32
	arena   []int32 // stack of projections
	nodes   int
	names   []int32 // storage for the items of found patterns
	periods periods
}

func newWorker(r *run) *worker {
	n := len(r.db.names)
	return &worker{run: r, count: make([]int32, n), places: make([]int32, n), stamp: make([]int32, n)}
}

func (w *worker) root(i int, ends []int32) {
	w.root0 = i
	w.prefix = append(w.prefix[:0], int32(i))
	w.grow(ends, int(w.db.support[i]))
}

// extension is an item that the prefix can grow by, and where in the arena its
// projection lies.
type extension struct {
	item, support, from, to int32
}

// grow visits the prefix, whose occurrences end at the given places.
func (w *worker) grow(ends []int32, support int) {
	if w.nodes++; w.nodes&255 == 0 && w.stopped() || w.stop.Load() {
		return
	}
	l := &w.limits
	bide := l.Closed && l.wholeSpace()
	if bide && w.periods.prunable(w.db, w.prefix, ends) {
		return
	}
	deeper := l.MaxLength == 0 || len(w.prefix) < l.MaxLength
	var next []extension
	mark := len(w.arena)
	forward := false
	if deeper {
		next, forward = w.extend(ends, support)
	}
	if !bide || !forward && !w.periods.extensible(w.db, w.prefix, ends) {
		w.emit(support, ends)
	}
	for _, e := range next {
		w.prefix = append(w.prefix, e.item)
		w.grow(w.arena[e.from:e.to], int(e.support))
		w.prefix = w.prefix[:len(w.prefix)-1]
	}
	w.arena = w.arena[:mark]
}

// emit keeps the prefix as a result.
func (w *worker) emit(support int, ends []int32) {
	from := len(w.names)
	for _, it := range w.prefix {
		w.names = append(w.names, w.db.names[it])
	}
	found := Pattern{Items: w.names[from:len(w.names):len(w.names)], Support: support}
	if w.limits.sets {
		found.in = newBits(w.db.sequences)
		for _, end := range ends {
			found.in.set(int(w.db.number[w.db.start[end]]))
		}
	}
	w.found[w.root0] = append(w.found[w.root0], found)
	if n := w.total.Add(1); w.limits.MaxPatterns > 0 && n > int64(w.limits.MaxPatterns) {
		w.stop.Store(true)
	}
}
