package mine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

const (
	endOfSequence = -1
	hole          = -2 // an item that is not frequent, where gaps count
)

// ErrTooLarge is returned for a database beyond 2^31 items.
var ErrTooLarge = errors.New("mine: more than 2147483647 items and sequences: mine a part of the database")

// Database holds sequences of items, which are numbers from 0, in one flat
// array: each sequence is followed by endOfSequence. The zero value is empty.
type Database struct {
	items []int32
	n     int
}

// Add appends one sequence. It fails on negative items and beyond the size of
// ErrTooLarge.
func (db *Database) Add(sequence []int32) error {
	if len(db.items)+len(sequence)+1 > math.MaxInt32 {
		return ErrTooLarge
	}
	for _, it := range sequence {
		if it < 0 {
			return fmt.Errorf("mine: item %d in sequence %d is negative", it, db.n+1)
		}
	}
	db.items = append(append(db.items, sequence...), endOfSequence)
	db.n++
	return nil
}

// Len is the number of sequences.
func (db *Database) Len() int { return db.n }

// MinSupport turns a share of the sequences (below 1) or a count into a count:
// the least number of sequences that is at least that share, and at least 1.
func (db *Database) MinSupport(x float64) int {
	if x < 1 {
		x *= float64(db.n)
	}
	return max(1, int(math.Ceil(x-1e-9)))
}

// prepared is a database with items numbered by rank among the frequent ones.
type prepared struct {
	items   []int32 // ranks, endOfSequence, or hole
	names   []int32 // rank to item, ascending
	support []int32 // by rank
	start   []int32 // position to the first position of its sequence
	// number is, with holes, the number of the sequence that starts at a
	// position; sequences is how many there are.
	number    []int32
	sequences int
}

// end is the place behind the sequence that starts at a place.
func (p *prepared) end(start int32) int32 {
	for p.items[start] != endOfSequence {
		start++
	}
	return start
}

// supports counts the sequences that have each item.
func (db *Database) supports() map[int32]int32 {
	count, last := map[int32]int32{}, map[int32]int32{}
	seq := int32(1)
	for _, it := range db.items {
		switch {
		case it == endOfSequence:
			seq++
		case last[it] != seq:
			last[it] = seq
			count[it]++
		}
	}
	return count
}

// prepare drops what is not frequent. With a gap limit the places stay, as
// holes, for they count as distance.
func (db *Database) prepare(minSupport int, keepHoles bool) *prepared {
	count := db.supports()
	p := &prepared{}
	for it, c := range count {
		if int(c) >= minSupport {
			p.names = append(p.names, it)
		}
	}
	slices.Sort(p.names)
	rank := make(map[int32]int32, len(p.names))
	for r, it := range p.names {
		rank[it] = int32(r)
		p.support = append(p.support, count[it])
	}
	p.items = make([]int32, 0, len(db.items))
	p.start = make([]int32, 0, len(db.items))
	start, n := int32(0), int32(0)
	if keepHoles {
		p.number = make([]int32, len(db.items))
	}
	for _, it := range db.items {
		r, ok := rank[it]
		switch {
		case it == endOfSequence:
			r = endOfSequence
		case !ok && !keepHoles:
			continue
		case !ok:
			r = hole
		}
		p.items = append(p.items, r)
		p.start = append(p.start, start)
		if r == endOfSequence {
			start, n = int32(len(p.items)), n+1
			if keepHoles && int(start) < len(p.number) {
				p.number[start] = n
			}
		}
	}
	return p
}
