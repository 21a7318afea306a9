package graph

import (
	"math/bits"
	"slices"
)

// pageSize is the number of items of a slab's page: large enough that a page's
// header does not count, small enough that growing costs no pause.
const pageSize = 1024

// slab holds items by number, in pages, so that growing never copies what is
// there. Number 0 is never given out.
type slab[T any] struct {
	pages []*[pageSize]T
	next  uint32   // the first number never used
	free  []uint32 // numbers to use again
}

func newSlab[T any]() slab[T] { return slab[T]{next: 1} }

func (s *slab[T]) at(n uint32) *T { return &s.pages[n/pageSize][n%pageSize] }

func (s *slab[T]) take() uint32 {
	if k := len(s.free); k > 0 {
		n := s.free[k-1]
		s.free = s.free[:k-1]
		return n
	}
	n := s.next
	s.next++
	if int(n/pageSize) == len(s.pages) {
		s.pages = append(s.pages, new([pageSize]T))
	}
	return n
}

// give takes an item back; its number may be used again.
func (s *slab[T]) give(n uint32) {
	var zero T
	*s.at(n) = zero
	s.free = append(s.free, n)
}

// table finds numbers by hash: open addressing with linear probing (Knuth,
// TAOCP 3, 6.4), four bytes a slot. It is divided into shards that grow alone,
// so that no insertion waits for the whole table to be copied.
type table struct {
	shards [shardCount][]uint32
	used   [shardCount]int
	hash   func(n uint32) uint64 // of what number n stands for
}

const shardCount = 256

// find returns the number with this hash for which same holds, or 0.
func (t *table) find(hash uint64, same func(n uint32) bool) uint32 {
	s := t.shards[hash%shardCount]
	if len(s) == 0 {
		return 0
	}
	for i := slot(hash, len(s)); s[i] != 0; i = (i + 1) & (len(s) - 1) {
		if same(s[i]) {
			return s[i]
		}
	}
	return 0
}

func slot(hash uint64, size int) int { return int(hash>>8) & (size - 1) }

// insert adds a number that is not there.
func (t *table) insert(n uint32) {
	hash := t.hash(n)
	k := hash % shardCount
	if 4*(t.used[k]+1) > 3*len(t.shards[k]) {
		t.grow(k)
	}
	put(t.shards[k], hash, n)
	t.used[k]++
}

func put(s []uint32, hash uint64, n uint32) {
	i := slot(hash, len(s))
	for s[i] != 0 {
		i = (i + 1) & (len(s) - 1)
	}
	s[i] = n
}

func (t *table) grow(k uint64) {
	bigger := make([]uint32, max(8, 2*len(t.shards[k])))
	for _, n := range t.shards[k] {
		if n != 0 {
			put(bigger, t.hash(n), n)
		}
	}
	t.shards[k] = bigger
}

// all lists the numbers, in no order.
func (t *table) all() []uint32 {
	var list []uint32
	for _, shard := range t.shards {
		for _, n := range shard {
			if n != 0 {
				list = append(list, n)
			}
		}
	}
	return list
}

// remove takes a number out and closes the gap behind it.
func (t *table) remove(n uint32) {
	hash := t.hash(n)
	k := hash % shardCount
	s := t.shards[k]
	mask := len(s) - 1
	i := slot(hash, len(s))
	for s[i] != n {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; s[j] != 0; j = (j + 1) & mask {
		home := slot(t.hash(s[j]), len(s))
		if (j-home)&mask >= (j-i)&mask { // it may move into the gap
			s[i], i = s[j], j
		}
	}
	s[i] = 0
	t.used[k]--
}

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9)
	return hi ^ lo
}

// chunkSize is the most entries of a chunk: moving half of it costs less than
// looking at one more edge.
const chunkSize = 256

// shelf holds the edges of one kind at a hub in order, the heaviest first:
// chunks of at most chunkSize, so that a change costs the logarithm of the
// number of edges, and the top k are the first k.
type shelf struct {
	chunks [][]uint32
	n      int
}

// place finds where edge e is, or would be. less is the order of edges.
func (s *shelf) place(e uint32, less func(a, b uint32) bool) (chunk, at int) {
	lo, hi := 0, len(s.chunks)
	for lo < hi { // the last chunk whose first entry is not after e
		m := (lo + hi) / 2
		if less(e, s.chunks[m][0]) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	chunk = max(lo-1, 0)
	if len(s.chunks) == 0 {
		return 0, 0
	}
	c := s.chunks[chunk]
	lo, hi = 0, len(c)
	for lo < hi {
		m := (lo + hi) / 2
		if less(c[m], e) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return chunk, lo
}

func (s *shelf) insert(e uint32, less func(a, b uint32) bool) {
	s.n++
	if len(s.chunks) == 0 {
		s.chunks = [][]uint32{{e}}
		return
	}
	c, at := s.place(e, less)
	s.chunks[c] = slices.Insert(s.chunks[c], at, e)
	if full := s.chunks[c]; len(full) > chunkSize {
		half := slices.Clone(full[chunkSize/2:])
		s.chunks[c] = full[:chunkSize/2]
		s.chunks = slices.Insert(s.chunks, c+1, half)
	}
}

// push adds an edge that comes after all others.
func (s *shelf) push(e uint32) {
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last]) >= chunkSize/2 {
		s.chunks = append(s.chunks, nil)
		last++
	}
	s.chunks[last] = append(s.chunks[last], e)
	s.n++
}

// spot is where a shelf has an edge.
type spot struct {
	list  *shelf
	edge  uint32
	chunk int
	at    int
}

// settle moves an edge that stands at a spot to where it belongs now.
func (s *shelf) settle(at *spot, less func(a, b uint32) bool) {
	c := s.chunks[at.chunk]
	first := at.at == 0 && at.chunk == 0
	last := at.at == len(c)-1 && at.chunk == len(s.chunks)-1
	switch {
	case at.at > 0 && less(at.edge, c[at.at-1]):
	case at.at == 0 && !first && less(at.edge, s.chunks[at.chunk-1][len(s.chunks[at.chunk-1])-1]):
	case at.at < len(c)-1 && less(c[at.at+1], at.edge):
	case at.at == len(c)-1 && !last && less(s.chunks[at.chunk+1][0], at.edge):
	default:
		return
	}
	s.take(at.chunk, at.at)
	s.insert(at.edge, less)
}

// remove takes out edge e, which is there, ordered as it was inserted.
func (s *shelf) remove(e uint32, less func(a, b uint32) bool) {
	s.take(s.place(e, less))
}

func (s *shelf) take(c, at int) {
	s.chunks[c] = slices.Delete(s.chunks[c], at, at+1)
	s.n--
	switch {
	case len(s.chunks[c]) == 0:
		s.chunks = slices.Delete(s.chunks, c, c+1)
	case c+1 < len(s.chunks) && len(s.chunks[c])+len(s.chunks[c+1]) <= chunkSize/2:
		s.chunks[c] = append(s.chunks[c], s.chunks[c+1]...)
		s.chunks = slices.Delete(s.chunks, c+1, c+2)
	}
}
