package mine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
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
	// Found, when there is one, always holds the number of patterns so far, for
	// others to read.
	Found *atomic.Int64

	sets bool // fill Pattern.in; only with a MaxGap
}

// Pattern is a sequence of items with the number of sequences that have it.
type Pattern struct {
	Items   []int32
	Support int
	// Joined says of each item whether it is in the same itemset as the one
	// before; nil when each is in an own one.
	Joined []bool

	in bits // the sequences that have it, when Limits.sets
}

// Itemsets are the items by itemset.
func (p *Pattern) Itemsets() [][]int32 {
	var out [][]int32
	for i, it := range p.Items {
		if p.joined(i) {
			out[len(out)-1] = append(out[len(out)-1], it)
		} else {
			out = append(out, []int32{it})
		}
	}
	return out
}

func (p *Pattern) joined(i int) bool { return p.Joined != nil && p.Joined[i] }

// Mine returns the patterns within the limits, ordered by their items. It
// fails with ErrTooMany and when ctx ends.
func (db *Database) Mine(ctx context.Context, l Limits) ([]Pattern, error) {
	if l.MaxGap < 0 {
		r, err := db.Search(ctx, l)
		if err != nil {
			return nil, err
		}
		return r.Patterns(), nil
	}
	return db.mineGaps(ctx, l)
}

func (db *Database) mineGaps(ctx context.Context, l Limits) ([]Pattern, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if db.joined != nil {
		return nil, errors.New("mine: a gap limit is for sequences of single items; these have itemsets of several")
	}
	p := db.prepare(l.MinSupport, true)
	p.sequences = db.n
	roots := p.roots(true)
	run := &run{ctx: ctx, limits: l, db: p}
	found := make([][]Pattern, len(roots))
	var next atomic.Int64
	run.work(l.workers(), func() {
		w := newWorker(run)
		for !run.stopped() {
			i := int(next.Add(1)) - 1
			if i >= len(roots) {
				return
			}
			found[i] = w.root(i, roots[i])
		}
	})
	if err := run.err(); err != nil {
		return nil, err
	}
	out := slices.Concat(found...)
	if l.Closed {
		out = closedAmong(out)
	}
	return out, nil
}

func (l Limits) check() error {
	if l.MinSupport < 1 {
		return fmt.Errorf("mine: minimum support %d: it must be at least 1", l.MinSupport)
	}
	return nil
}

// workers is how many goroutines there are.
func (l Limits) workers() int {
	if l.Workers > 0 {
		return l.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// run is what the workers of one search share.
type run struct {
	ctx    context.Context // of this call only
	limits Limits
	db     *prepared
	pool   *pool // without a gap limit
	total  atomic.Int64
	stop   atomic.Bool
}

// work runs n workers to their end.
func (r *run) work(n int, worker func()) {
	var group sync.WaitGroup
	for range n {
		group.Go(worker)
	}
	group.Wait()
}

// found counts one pattern.
func (r *run) found() {
	n := r.total.Add(1)
	if max := r.limits.MaxPatterns; max > 0 && n > int64(max) {
		r.stop.Store(true)
	}
	if r.limits.Found != nil {
		r.limits.Found.Store(n)
	}
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
	for i, n := range p.support {
		roots[i] = make([]int32, 0, n)
	}
	last := make([]int32, len(p.names)) // number of the last sequence seen
	sequence := int32(1)
	for i, it := range p.items {
		if it == endOfSequence {
			sequence++
		}
		if it < 0 || !all && last[it] == sequence {
			continue
		}
		last[it] = sequence
		roots[it] = append(roots[it], int32(i))
	}
	return roots
}

// worker mines with a gap limit, one root at a time. Its arrays are shared by
// all levels of the recursion: a level is done with them before it descends.
type worker struct {
	*run
	out     []Pattern
	prefix  []int32
	count   []int32 // sequences with an extension, by item
	places  []int32 // places of an extension, by item
	stamp   []int32 // node that counted the item last
	clock   int32
	touched []int32
	arena   []int32 // stack of projections
	nodes   int
	names   []int32 // storage for the items of found patterns
}

func newWorker(r *run) *worker {
	n := len(r.db.names)
	return &worker{run: r, count: make([]int32, n), places: make([]int32, n), stamp: make([]int32, n)}
}

// root returns the patterns that begin with an item.
func (w *worker) root(i int, ends []int32) []Pattern {
	w.out = nil
	w.prefix = append(w.prefix[:0], int32(i))
	w.grow(ends, int(w.db.support[i]))
	return w.out
}

// grow visits the prefix, whose occurrences end at the given places.
func (w *worker) grow(ends []int32, support int) {
	if w.nodes++; w.nodes&255 == 0 && w.stopped() || w.stop.Load() {
		return
	}
	mark := len(w.arena)
	w.emit(support, ends)
	if w.limits.MaxLength == 0 || len(w.prefix) < w.limits.MaxLength {
		for _, e := range w.extend(ends) {
			w.prefix = append(w.prefix, e.item)
			w.grow(w.arena[e.from:e.to], int(e.support))
			w.prefix = w.prefix[:len(w.prefix)-1]
		}
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
	w.out = append(w.out, found)
	w.found()
}
