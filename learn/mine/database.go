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

// maxItems bounds a database: 2^28 items with their ends take 1 GiB, and as
// much again while they are mined.
const maxItems = 1 << 28

// ErrTooLarge is returned for a database beyond 2^28 items.
var ErrTooLarge = errors.New("mine: more than 268435456 items and sequences: mine a part of the database")

// Database holds sequences of itemsets of items, which are numbers from 0, in
// one flat array: each sequence is followed by endOfSequence. The zero value is
// empty.
type Database struct {
	items []int32
	n     int
	// joined are the places of items that are in the same itemset as the item
	// before; nil when there are none.
	joined bits
}

// Add appends one sequence of single items. It fails on negative items and
// beyond the size of ErrTooLarge.
func (db *Database) Add(sequence []int32) error {
	if len(db.items)+len(sequence)+1 > maxItems {
		return ErrTooLarge
	}
	for _, it := range sequence {
		if it < 0 {
			return fmt.Errorf("mine: item %d in sequence %d is negative", it, db.n+1)
		}
	}
	db.items = append(db.items, sequence...)
	return db.endSequence()
}

// AddItemsets appends one sequence of itemsets; an item counts once in each. It
// fails like Add.
func (db *Database) AddItemsets(sequence [][]int32) error {
	from := len(db.items)
	for _, set := range sequence {
		err := db.add(slices.Clone(set))
		if i := slices.IndexFunc(set, func(it int32) bool { return it < 0 }); i >= 0 {
			err = fmt.Errorf("mine: item %d in sequence %d is negative", set[i], db.n+1)
		}
		if err != nil {
			db.items = db.items[:from]
			return err
		}
	}
	return db.endSequence()
}

// add appends an itemset to the sequence that is being added; it sorts it.
func (db *Database) add(set []int32) error {
	if len(set) > 1 {
		slices.Sort(set)
		set = slices.Compact(set)
	}
	if len(db.items)+len(set) > maxItems {
		return ErrTooLarge
	}
	for i := range set[min(1, len(set)):] {
		at := len(db.items) + 1 + i
		for len(db.joined) <= at/64 {
			db.joined = append(db.joined, 0)
		}
		db.joined.set(at)
	}
	db.items = append(db.items, set...)
	return nil
}

func (db *Database) endSequence() error {
	if len(db.items) >= maxItems {
		return ErrTooLarge
	}
	db.items = append(db.items, endOfSequence)
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
	joined    bits // as of Database
}

// end is the place behind the sequence that starts at a place.
func (p *prepared) end(start int32) int32 {
	for p.items[start] != endOfSequence {
		start++
	}
	return start
}

// tallyOf is a number by item, in an array when items are small enough.
type tallyOf struct {
	small []int32
	large map[int32]int32
}

func (db *Database) tally() tallyOf {
	top := int32(0)
	for _, it := range db.items {
		top = max(top, it)
	}
	if int(top) < max(1<<20, 4*len(db.items)) {
		return tallyOf{small: make([]int32, top+1)}
	}
	return tallyOf{large: map[int32]int32{}}
}

func (t tallyOf) get(it int32) int32 {
	if t.small != nil {
		return t.small[it]
	}
	return t.large[it]
}

func (t tallyOf) set(it, v int32) {
	if t.small != nil {
		t.small[it] = v
		return
	}
	t.large[it] = v
}

// supports counts the sequences that have each item, and lists the items.
func (db *Database) supports() (count tallyOf, items []int32) {
	count, last := db.tally(), db.tally()
	seq := int32(1)
	for _, it := range db.items {
		switch {
		case it == endOfSequence:
			seq++
		case last.get(it) != seq:
			if last.get(it) == 0 {
				items = append(items, it)
			}
			last.set(it, seq)
			count.set(it, count.get(it)+1)
		}
	}
	return count, items
}

// prepare drops what is not frequent. With a gap limit the places stay, as
// holes, for they count as distance.
func (db *Database) prepare(minSupport int, keepHoles bool) *prepared {
	count, items := db.supports()
	p := &prepared{}
	for _, it := range items {
		if int(count.get(it)) >= minSupport {
			p.names = append(p.names, it)
		}
	}
	slices.Sort(p.names)
	ranks := db.tally() // and 1
	for r, it := range p.names {
		ranks.set(it, int32(r)+1)
		p.support = append(p.support, count.get(it))
	}
	p.items = make([]int32, 0, len(db.items))
	p.start = make([]int32, 0, len(db.items))
	start, n := int32(0), int32(0)
	if keepHoles {
		p.number = make([]int32, len(db.items))
	}
	if db.joined != nil {
		p.joined = newBits(len(db.items) + 1)
	}
	kept := false // an item of this itemset
	for i, it := range db.items {
		r := int32(endOfSequence)
		kept = kept && db.joined.in(i)
		if it != endOfSequence {
			if r = ranks.get(it) - 1; r < 0 && !keepHoles {
				continue
			}
			if r < 0 {
				r = hole
			}
			if kept {
				p.joined.set(len(p.items))
			}
			kept = true
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
