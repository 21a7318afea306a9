package mine

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// task is a subtree of the search, with where its patterns go.
type task struct {
	prefix  []int32
	from    projection
	support int32
	out     *segment
}

// pool hands tasks to workers: first what busy workers gave away because
// others had nothing to do, then the roots, the largest first.
type pool struct {
	mu      sync.Mutex
	more    sync.Cond
	given   []task
	roots   []task
	busy    int          // workers with a task
	waiting int          // workers without
	hungry  atomic.Int32 // those for whom nothing was given yet
}

func newPool(roots []task) *pool {
	p := &pool{roots: slices.Clone(roots)}
	slices.SortStableFunc(p.roots, func(a, b task) int { return cmp.Compare(a.support, b.support) })
	p.more.L = &p.mu
	return p
}

// wants reports whether a worker has nothing to do.
func (p *pool) wants() bool { return p.hungry.Load() > 0 }

// give leaves a subtree to others and returns the segment for what follows it.
func (p *pool) give(prefix []int32, from projection, support int32, out *segment) *segment {
	theirs, rest := out.split()
	t := task{prefix: slices.Clone(prefix), from: from.own(), support: support, out: theirs}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given = append(p.given, t)
	p.hungry.Store(int32(p.waiting - len(p.given)))
	p.more.Signal()
	return rest
}

// take returns a task, when there is one; false when all are done.
func (p *pool) take() (t task, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if n := len(p.given); n > 0 {
			t, p.given = p.given[n-1], p.given[:n-1]
			p.hungry.Store(int32(p.waiting - len(p.given)))
			p.busy++
			return t, true
		}
		if n := len(p.roots); n > 0 {
			t, p.roots = p.roots[n-1], p.roots[:n-1]
			p.busy++
			return t, true
		}
		if p.busy == 0 {
			p.more.Broadcast()
			return task{}, false
		}
		p.waiting++
		p.hungry.Store(int32(p.waiting - len(p.given)))
		p.more.Wait()
		p.waiting--
		p.hungry.Store(int32(p.waiting - len(p.given)))
	}
}

// done is called after each task.
func (p *pool) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy--; p.busy == 0 {
		p.more.Broadcast()
	}
}

// segment is a run of patterns in the order of the search, each as the number
// of its items, its support, and the items. Segments are linked in order; each
// is filled by one worker, and only that one links behind it.
type segment struct {
	data []int32
	next *segment
}

// segmentSize is the number of numbers after which a new segment begins.
const segmentSize = 1 << 14

// add appends a pattern of ranks and returns the segment that goes on.
func (s *segment) add(names, ranks []int32, support int) *segment {
	if need := len(ranks) + 2; len(s.data)+need > cap(s.data) && cap(s.data) >= segmentSize {
		s.next = &segment{data: make([]int32, 0, max(segmentSize, need)), next: s.next}
		s = s.next
	}
	s.data = append(s.data, int32(len(ranks)), int32(support))
	for _, r := range ranks {
		s.data = append(s.data, names[r])
	}
	return s
}

// split puts a segment for someone else behind s, and one for what follows.
func (s *segment) split() (theirs, rest *segment) {
	rest = &segment{next: s.next}
	theirs = &segment{next: rest}
	s.next = theirs
	return theirs, rest
}
