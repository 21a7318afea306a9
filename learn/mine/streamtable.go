package mine

// none marks the end of a list of sightings, and a child that is not there.
const none = -1

// node is one pattern: the one of its parent and an item behind it. Node 0 is
// the empty pattern.
type node struct {
	parent, item int32
	suffix       int32 // the pattern without its first item
	count        int32 // tasks that have it
	seen         int32 // head of the list of these; while it is a candidate
	last         int32 // the newest of these
	depth        uint8
	frequent     bool
	used         bool
}

// slot of the hash table: a node, or 0, and a part of its hash, so that most
// searches need not look at nodes that they are not after.
type slot struct {
	tag uint32
	id  int32
}

// cell of a list: a candidate was seen in a task.
type cell struct{ ordinal, next int32 }

// patternTable holds patterns and candidates, and finds them by parent and
// item: a hash table with linear probing. Places of forgotten candidates are
// used again.
type patternTable struct {
	nodes []node
	free  []int32
	slots []slot // a power of two of them
	taken int    // slots with a node

	cells     []cell
	freeCells int32 // list of unused cells
	usedCells int

	limit int64 // of bytes
	hand  int   // where the search for a candidate to forget goes on
}

// What a node with its slots, and a cell, take on average while the arrays
// grow.
const nodeBytes, cellBytes = 60, 10

func newPatternTable(limit int64) patternTable {
	return patternTable{
		nodes: []node{{frequent: true, used: true, seen: none, last: none}}, slots: make([]slot, 256),
		freeCells: none, limit: limit,
	}
}

// bytes is about what the content takes.
func (t *patternTable) bytes() int64 {
	return int64(t.taken)*nodeBytes + int64(t.usedCells)*cellBytes
}

// full reports whether there is no room for one more candidate.
func (t *patternTable) full() bool { return t.bytes()+nodeBytes+cellBytes > t.limit }

// hash gives the home of a pattern among the slots, and its tag.
func (t *patternTable) hash(parent, item int32) (home int, tag uint32) {
	h := (uint64(uint32(parent))<<32 | uint64(uint32(item))) * 0x9e3779b97f4a7c15
	h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
	return int(h>>32) & (len(t.slots) - 1), uint32(h>>16) | 1
}

// child is the node of a pattern with one item more, or none.
func (t *patternTable) child(parent, item int32) int32 {
	for i, tag := t.hash(parent, item); ; i = (i + 1) & (len(t.slots) - 1) {
		s := t.slots[i]
		if s.id == 0 {
			return none
		}
		if s.tag == tag {
			if n := &t.nodes[s.id]; n.item == item && n.parent == parent {
				return s.id
			}
		}
	}
}

// items appends the pattern's items.
func (t *patternTable) items(id int32, to []int32) []int32 {
	from := len(to)
	for ; id > 0; id = t.nodes[id].parent {
		to = append(to, t.nodes[id].item)
	}
	for i, j := from, len(to)-1; i < j; i, j = i+1, j-1 {
		to[i], to[j] = to[j], to[i]
	}
	return to
}

// insert makes a candidate without sightings; parent and suffix are frequent.
func (t *patternTable) insert(parent, item, suffix int32) int32 {
	if 2*(t.taken+1) > len(t.slots) {
		t.rehash(2 * len(t.slots))
	}
	var id int32
	if n := len(t.free); n > 0 {
		id, t.free = t.free[n-1], t.free[:n-1]
	} else {
		id, t.nodes = int32(len(t.nodes)), append(t.nodes, node{})
	}
	t.nodes[id] = node{parent: parent, item: item, suffix: suffix, seen: none, last: none, depth: t.nodes[parent].depth + 1, used: true}
	t.place(id)
	t.taken++
	return id
}

func (t *patternTable) place(id int32) {
	i, tag := t.hash(t.nodes[id].parent, t.nodes[id].item)
	for t.slots[i].id != 0 {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = slot{tag, id}
}

func (t *patternTable) rehash(n int) {
	t.slots = make([]slot, n)
	for id := range t.nodes {
		if id > 0 && t.nodes[id].used {
			t.place(int32(id))
		}
	}
}

// remove forgets a pattern, whose children and those that it is the suffix of
// are gone or go too. What stood behind it in the table moves up (Knuth 1973,
// algorithm 6.4R), so that no search ends too early.
func (t *patternTable) remove(id int32) {
	n := &t.nodes[id]
	mask := len(t.slots) - 1
	i, _ := t.hash(n.parent, n.item)
	for t.slots[i].id != id {
		i = (i + 1) & mask
	}
	for j := i; ; {
		j = (j + 1) & mask
		if t.slots[j].id == 0 {
			break
		}
		m := &t.nodes[t.slots[j].id]
		if home, _ := t.hash(m.parent, m.item); (j-home)&mask >= (j-i)&mask {
			t.slots[i], i = t.slots[j], j
		}
	}
	t.slots[i] = slot{}
	t.release(id)
	*n = node{}
	t.free = append(t.free, id)
	t.taken--
}

// see adds a task to a candidate.
func (t *patternTable) see(id, ordinal int32) {
	at := t.freeCells
	if at == none {
		at, t.cells = int32(len(t.cells)), append(t.cells, cell{})
	} else {
		t.freeCells = t.cells[at].next
	}
	n := &t.nodes[id]
	t.cells[at] = cell{ordinal, n.seen}
	n.seen, n.last = at, ordinal
	n.count++
	t.usedCells++
}

// release gives the list of a candidate's tasks back.
func (t *patternTable) release(id int32) {
	n := &t.nodes[id]
	for n.seen != none {
		at := n.seen
		n.seen = t.cells[at].next
		t.cells[at].next, t.freeCells = t.freeCells, at
		t.usedCells--
	}
}

// sightings appends the tasks of a candidate, oldest first.
func (t *patternTable) sightings(id int32, to []int32) []int32 {
	from := len(to)
	for at := t.nodes[id].seen; at != none; at = t.cells[at].next {
		to = append(to, t.cells[at].ordinal)
	}
	for i, j := from, len(to)-1; i < j; i, j = i+1, j-1 {
		to[i], to[j] = to[j], to[i]
	}
	return to
}

// Room for a new candidate is found among the next ones in the table: of up to
// evictAmong candidates in evictWithin places, the rarest goes, the longest
// unseen of equally rare ones.
const evictAmong, evictWithin = 8, 256

// evict forgets one candidate, not keep, with less than below sightings; false
// when there is none nearby.
func (t *patternTable) evict(below, keep int32) bool {
	victim, met := int32(none), 0
	for range min(evictWithin, len(t.nodes)) {
		t.hand++
		if t.hand >= len(t.nodes) {
			t.hand = 1
		}
		if t.hand >= len(t.nodes) {
			return false
		}
		n := &t.nodes[t.hand]
		if !n.used || n.frequent || n.count >= below || n.count == 0 || t.hand == int(keep) {
			continue
		}
		if victim == none || n.count < t.nodes[victim].count || n.count == t.nodes[victim].count && n.last < t.nodes[victim].last {
			victim = int32(t.hand)
		}
		if met++; met == evictAmong {
			break
		}
	}
	if victim == none {
		return false
	}
	t.remove(victim)
	return true
}
