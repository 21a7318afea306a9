package mine

import (
	"encoding/binary"
	mathbits "math/bits"
	"slices"
)

// history keeps the sequences of tasks, the newest within its limit.
type history struct {
	sequences [][]byte // items as varints, from ordinal first on
	first     int
	bytes     int64
	limit     int64
}

// sequenceBytes is what a sequence costs beside its items.
const sequenceBytes = 48

func (h *history) next() int { return h.first + len(h.sequences) }

// add keeps a sequence and returns how many old ones it dropped for that.
func (h *history) add(sequence []int32) (dropped int64) {
	var buf [binary.MaxVarintLen32]byte
	n := 0
	for _, it := range sequence {
		n += binary.PutUvarint(buf[:], uint64(it))
	}
	packed := make([]byte, 0, n)
	for _, it := range sequence {
		packed = binary.AppendUvarint(packed, uint64(it))
	}
	return h.keep(packed)
}

func (h *history) keep(packed []byte) (dropped int64) {
	h.sequences = append(h.sequences, packed)
	h.bytes += int64(len(packed)) + sequenceBytes
	for h.bytes > h.limit && len(h.sequences) > 1 {
		h.bytes -= int64(len(h.sequences[0])) + sequenceBytes
		h.sequences[0] = nil
		h.sequences = h.sequences[1:]
		h.first++
		dropped++
	}
	return dropped
}

// get appends the items of a task; nothing if it was dropped.
func (h *history) get(ordinal int32, to []int32) []int32 {
	i := int(ordinal) - h.first
	if i < 0 {
		return to
	}
	for packed := h.sequences[i]; len(packed) > 0; {
		it, n := binary.Uvarint(packed)
		to, packed = append(to, int32(it)), packed[n:]
	}
	return to
}

// scanner holds one sequence with, for each of its items, where it stands: as
// bits, words of them.
type scanner struct {
	items  []int32
	words  int
	where  []uint64 // by distinct item
	local  []int32  // by place, which distinct item
	window [][]uint64
	ends   [][]uint64
	index  map[int32]int32

	pattern, tasks []int32 // of promote
	old            []int32
}

// load prepares a sequence for patterns of up to depth items.
func (c *scanner) load(sequence []int32, depth int) {
	c.items, c.words = sequence, (len(sequence)+63)/64
	if c.index == nil {
		c.index = map[int32]int32{}
	}
	clear(c.index)
	c.local, c.where = c.local[:0], c.where[:0]
	for i, it := range sequence {
		d, ok := c.index[it]
		if !ok {
			d = int32(len(c.index))
			c.index[it] = d
			c.where = append(c.where, make([]uint64, c.words)...)
		}
		c.local = append(c.local, d)
		c.where[int(d)*c.words+i/64] |= 1 << (i % 64)
	}
	for len(c.window) <= depth {
		c.window, c.ends = append(c.window, nil), append(c.ends, nil)
	}
	for i := range c.window {
		c.window[i] = slices.Grow(c.window[i][:0], c.words)[:c.words]
		c.ends[i] = slices.Grow(c.ends[i][:0], c.words)[:c.words]
	}
}

// following sets to to the places that follow one of those in from with at most
// gap places between.
func following(to, from []uint64, gap int) {
	carry := uint64(0)
	for i, w := range from {
		sum := uint64(0)
		for s := 1; s <= gap+1; s++ {
			sum |= w<<s | carry>>(64-s)
		}
		to[i], carry = sum, w
	}
}

// preceding is following in the other direction.
func preceding(to, from []uint64, gap int) {
	carry := uint64(0)
	for i := len(from) - 1; i >= 0; i-- {
		w, sum := from[i], uint64(0)
		for s := 1; s <= gap+1; s++ {
			sum |= w>>s | carry<<(64-s)
		}
		to[i], carry = sum, w
	}
}

// count is the first part of Add: it counts the frequent patterns and the
// candidates of the sequence, begins new candidates, and fills pending.
func (s *Stream) count(sequence []int32, ordinal int32) {
	if len(sequence) == 0 {
		return
	}
	c := &s.scan
	c.load(sequence, s.opt.MaxLength)
	root := c.window[0]
	for i := range root {
		root[i] = ^uint64(0)
	}
	if rest := len(sequence) % 64; rest > 0 {
		root[c.words-1] = 1<<rest - 1
	}
	// Single items first: what is not frequent cannot be in a longer pattern.
	s.each(0, 0, ordinal, nil)
	single := make([]uint64, c.words)
	for _, id := range s.update.Seen {
		d := int(c.index[s.table.nodes[id].item])
		for i := range single {
			single[i] |= c.where[d*c.words+i]
		}
	}
	if s.opt.MaxLength < 2 {
		return
	}
	for _, id := range slices.Clone(s.update.Seen) {
		d := int(c.index[s.table.nodes[id].item])
		copy(c.ends[1], c.where[d*c.words:(d+1)*c.words])
		s.descend(int32(id), 1, ordinal, single)
	}
}

// descend goes on behind a frequent pattern, whose ends are in ends[depth].
func (s *Stream) descend(id int32, depth int, ordinal int32, single []uint64) {
	c := &s.scan
	following(c.window[depth], c.ends[depth], s.opt.MaxGap)
	for i := range single {
		c.window[depth][i] &= single[i]
	}
	s.each(id, depth, ordinal, single)
}

// each visits each distinct item in window[depth], behind the pattern id.
// Without single it does not go deeper.
func (s *Stream) each(id int32, depth int, ordinal int32, single []uint64) {
	c := &s.scan
	window, ends := c.window[depth], c.ends[depth+1:]
	for w := range window {
		for window[w] != 0 {
			at := w*64 + mathbits.TrailingZeros64(window[w])
			where := c.where[int(c.local[at])*c.words:][:c.words]
			deeper := single != nil && depth+1 < s.opt.MaxLength
			for i := w; i < c.words; i++ {
				both := where[i] & window[i]
				window[i] &^= both
				if deeper {
					ends[0][i] = both
				}
			}
			child := s.touch(id, c.items[at], ordinal)
			if child != none && deeper {
				clear(ends[0][:w])
				s.descend(child, depth+1, ordinal, single)
			}
		}
	}
}

// touch counts the pattern of parent and item in the newest task. It returns
// it when it is frequent.
func (s *Stream) touch(parent, item, ordinal int32) int32 {
	t := &s.table
	id := t.child(parent, item)
	if id == none {
		suffix := int32(0)
		if parent != 0 {
			if suffix = t.child(t.nodes[parent].suffix, item); suffix == none || !t.nodes[suffix].frequent {
				return none
			}
		}
		if id = s.begin(parent, item, suffix); id == none {
			return none
		}
	}
	if n := &t.nodes[id]; n.frequent {
		n.count++
		s.update.Seen = append(s.update.Seen, PatternID(id))
		return id
	}
	s.see(id, ordinal)
	return none
}

// see adds a task to a candidate, which may become pending by that.
func (s *Stream) see(id, ordinal int32) {
	if !s.room(id) {
		if s.table.nodes[id].count == 0 { // just made, and there is no room for its task
			s.table.remove(id)
		}
		return
	}
	s.table.see(id, ordinal)
	if s.table.nodes[id].count == s.floor {
		s.pending = append(s.pending, id)
	}
}

// begin makes a candidate, or none when there is no room.
func (s *Stream) begin(parent, item, suffix int32) int32 {
	if !s.room(none) {
		return none
	}
	return s.table.insert(parent, item, suffix)
}

// room drops candidates other than keep until one more fits; false when there
// are none to drop.
func (s *Stream) room(keep int32) bool {
	for s.table.full() {
		s.dropped.Candidates++
		if !s.table.evict(s.floor, keep) {
			return false
		}
	}
	return true
}

// promote makes a candidate frequent and counts, in its tasks, the candidates
// that it makes possible.
func (s *Stream) promote(id, ordinal int32) {
	t, c := &s.table, &s.scan
	if s.frequent >= 2*s.opt.MaxPatterns { // even for the time of one Add
		s.dropped.Patterns++
		t.remove(id)
		return
	}
	from := len(s.earlier)
	s.earlier = t.sightings(id, s.earlier)
	earlier := s.earlier[from : len(s.earlier)-1 : len(s.earlier)-1]
	s.earlier = s.earlier[:len(s.earlier)-1]
	s.update.Promoted = append(s.update.Promoted, Promotion{ID: PatternID(id), Earlier: earlier})
	t.release(id)
	t.nodes[id].frequent = true
	s.frequent++
	if int(t.nodes[id].depth) == s.opt.MaxLength {
		return
	}
	c.pattern = t.items(id, c.pattern[:0])
	c.tasks = append(append(c.tasks[:0], earlier...), ordinal)
	for _, task := range c.tasks {
		if c.old = s.history.get(task, c.old[:0]); len(c.old) > 0 {
			s.extendOld(id, task)
		}
	}
}

// extendOld counts in an old sequence the candidates that have the pattern id
// as all but their last, or all but their first item.
func (s *Stream) extendOld(id, task int32) {
	t, c := &s.table, &s.scan
	c.words = (len(c.old) + 63) / 64
	near, ends := slices.Grow(c.window[0][:0], c.words)[:c.words], slices.Grow(c.ends[0][:0], c.words)[:c.words]
	c.window[0], c.ends[0] = near, ends
	suffix := t.nodes[id].suffix
	match(ends, near, c.old, c.pattern, s.opt.MaxGap, false)
	for w := range near {
		for rest := near[w]; rest != 0; rest &= rest - 1 {
			item := c.old[w*64+mathbits.TrailingZeros64(rest)]
			if next := t.child(suffix, item); next != none && t.nodes[next].frequent {
				s.seeOld(id, item, next, task)
			}
		}
	}
	match(ends, near, c.old, c.pattern, s.opt.MaxGap, true)
	for w := range near {
		for rest := near[w]; rest != 0; rest &= rest - 1 {
			s.precede(id, c.old[w*64+mathbits.TrailingZeros64(rest)], task)
		}
	}
}

// precede counts the candidate of item and the pattern, when that without its
// last item is frequent.
func (s *Stream) precede(id, item, task int32) {
	t, c := &s.table, &s.scan
	parent := t.child(0, item)
	for _, it := range c.pattern[:len(c.pattern)-1] {
		if parent == none || !t.nodes[parent].frequent {
			return
		}
		parent = t.child(parent, it)
	}
	if parent != none && t.nodes[parent].frequent {
		s.seeOld(parent, c.pattern[len(c.pattern)-1], id, task)
	}
}

// seeOld counts a candidate once in a task, which is not older than those that
// it was counted in.
func (s *Stream) seeOld(parent, item, suffix, task int32) {
	t := &s.table
	id := t.child(parent, item)
	if id == none {
		id = s.begin(parent, item, suffix)
	}
	if id != none && !t.nodes[id].frequent && t.nodes[id].last < task {
		s.see(id, task)
	}
}

// match sets ends to the places where an occurrence of the pattern ends, and
// near to those behind one; backward to where one starts, and to those before.
func match(ends, near []uint64, sequence, pattern []int32, gap int, backward bool) {
	step := following
	if backward {
		step = preceding
	}
	for i := range near {
		near[i] = ^uint64(0)
	}
	if rest := len(sequence) % 64; rest > 0 {
		near[len(near)-1] = 1<<rest - 1
	}
	for i := range pattern {
		item := pattern[i]
		if backward {
			item = pattern[len(pattern)-1-i]
		}
		for w := range near {
			ends[w] = 0
			for rest := near[w]; rest != 0; rest &= rest - 1 {
				if bit := mathbits.TrailingZeros64(rest); sequence[w*64+bit] == item {
					ends[w] |= 1 << bit
				}
			}
		}
		step(near, ends, gap)
		if rest := len(sequence) % 64; rest > 0 {
			near[len(near)-1] &= 1<<rest - 1
		}
	}
}
