package mine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A snapshot is, all numbers as varints:
//
//	"lathe.stream" version
//	MinSupport MaxLength MaxGap floor candidates patterns tasks steps (dropped)
//	first n  { bytes items... }*n                  the sequences from ordinal first on
//	n  { id-previous parent item count             the patterns by id
//	     { ordinal-previous }*count if count < floor }*n
const (
	streamMagic   = "lathe.stream"
	streamVersion = 1
)

var errSnapshot = errors.New("mine: stream: the snapshot is damaged: replay the log")

// Snapshot returns the state as bytes with a version, of about the size that
// the Stream has in memory.
func (s *Stream) Snapshot() []byte {
	b := append([]byte(streamMagic), streamVersion)
	d, h, t := &s.dropped, &s.history, &s.table
	for _, v := range []int64{int64(s.opt.MinSupport), int64(s.opt.MaxLength), int64(s.opt.MaxGap), int64(s.floor),
		d.Candidates, d.Patterns, d.Tasks, d.Steps, int64(h.first), int64(len(h.sequences))} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	for _, packed := range h.sequences {
		b = append(binary.AppendUvarint(b, uint64(len(packed))), packed...)
	}
	b = binary.AppendUvarint(b, uint64(t.taken))
	previous := 0
	var tasks []int32
	for id := range t.nodes {
		n := &t.nodes[id]
		if id == 0 || !n.used {
			continue
		}
		for _, v := range []int{id - previous, int(n.parent), int(n.item), int(n.count)} {
			b = binary.AppendUvarint(b, uint64(v))
		}
		previous = id
		last := int32(-1)
		tasks = t.sightings(int32(id), tasks[:0])
		for _, o := range tasks {
			b, last = binary.AppendUvarint(b, uint64(o-last)), o
		}
	}
	return b
}

// Restore sets the state from a snapshot of a Stream with the same MinSupport,
// MaxLength and MaxGap; ids keep their meaning. It fails on a snapshot of
// another version or of other options, on one that cannot be, and on one that
// does not fit MaxBytes, and leaves the Stream as it was.
func (s *Stream) Restore(data []byte) error {
	r := &snapReader{data: data}
	if string(r.bytes(len(streamMagic))) != streamMagic {
		return fmt.Errorf("mine: stream: this is no snapshot of a stream: replay the log")
	}
	if v := r.number(math.MaxInt32); v != streamVersion {
		return fmt.Errorf("mine: stream: snapshot has version %d, this program reads %d: replay the log", v, streamVersion)
	}
	out, err := NewStream(s.opt)
	if err != nil {
		return err
	}
	for _, want := range []int{s.opt.MinSupport, s.opt.MaxLength, s.opt.MaxGap} {
		if got := r.number(math.MaxInt32); r.err == nil && got != int64(want) {
			return fmt.Errorf("mine: stream: snapshot was made with other limits (%d where %d is set): replay the log", got, want)
		}
	}
	out.floor = int32(r.number(math.MaxInt32))
	d := &out.dropped
	for _, v := range []*int64{&d.Candidates, &d.Patterns, &d.Tasks, &d.Steps} {
		*v = r.number(math.MaxInt64)
	}
	if r.err == nil && int(out.floor) < s.opt.MinSupport {
		r.err = errSnapshot
	}
	out.restoreHistory(r)
	out.restoreNodes(r)
	if r.err == nil && len(r.data) > 0 {
		r.err = errSnapshot
	}
	if r.err != nil {
		return r.err
	}
	*s = *out
	return nil
}

func (s *Stream) restoreHistory(r *snapReader) {
	h := &s.history
	h.first = int(r.number(math.MaxInt32 - 2))
	n := r.number(math.MaxInt32 - 2 - int64(h.first))
	var items []int32
	for range n {
		packed := r.bytes(int(r.number(maxStreamSteps * binary.MaxVarintLen32)))
		items = items[:0]
		for in := (&snapReader{data: packed}); len(in.data) > 0 && r.err == nil; {
			items = append(items, int32(in.number(math.MaxInt32)))
			if in.err != nil || len(items) > maxStreamSteps {
				r.err = errSnapshot
			}
		}
		if r.err != nil {
			return
		}
		s.dropped.Tasks += h.add(items) // packed anew: the shortest form
	}
}

// restoreNodes reads the patterns. Parents and suffixes may have higher ids, so
// they are linked when all are known.
func (s *Stream) restoreNodes(r *snapReader) {
	t := &s.table
	id := int64(0)
	for range r.number(math.MaxInt32) {
		id += r.number(math.MaxInt32)
		parent, item, count := r.number(math.MaxInt32), r.number(math.MaxInt32), r.number(int64(s.Len()))
		if r.err == nil && (id < int64(len(t.nodes)) || id > t.limit/nodeBytes || parent == id || count < 1) {
			r.err = errSnapshot
		}
		if r.err == nil && t.bytes() > t.limit {
			r.err = fmt.Errorf("mine: stream: the snapshot needs more than MaxBytes, %d: raise it, or replay the log", s.opt.MaxBytes)
		}
		if r.err != nil {
			return
		}
		for int64(len(t.nodes)) < id {
			t.free = append(t.free, int32(len(t.nodes)))
			t.nodes = append(t.nodes, node{})
		}
		n := node{parent: int32(parent), item: int32(item), suffix: none, count: int32(count), seen: none, last: none, used: true}
		n.frequent = n.count >= s.floor
		t.nodes = append(t.nodes, n)
		t.taken++
		if n.frequent {
			s.frequent++
			continue
		}
		t.nodes[id].count = 0
		for range count {
			o := int64(t.nodes[id].last) + r.number(math.MaxInt32)
			if r.err != nil || o <= int64(t.nodes[id].last) || o >= int64(s.Len()) {
				r.err = errSnapshot
				return
			}
			t.see(int32(id), int32(o))
		}
	}
	if r.err == nil && !s.link() {
		r.err = errSnapshot
	}
}

// link fills the hash table, depths and suffixes, and checks that parents and
// suffixes are there, frequent, and no rarer.
func (s *Stream) link() bool {
	t := &s.table
	for 2*(t.taken+1) > len(t.slots) {
		t.slots = make([]slot, 2*len(t.slots))
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if i == 0 || !n.used {
			continue
		}
		if int(n.parent) >= len(t.nodes) || !t.nodes[n.parent].frequent || t.child(n.parent, n.item) != none {
			return false
		}
		t.place(int32(i))
	}
	for i := range t.nodes {
		depth := 0
		for at := int32(i); at != 0 && t.nodes[i].used; at = t.nodes[at].parent {
			if depth++; depth > s.opt.MaxLength {
				return false
			}
		}
		t.nodes[i].depth = uint8(depth)
	}
	for i := range t.nodes {
		if n := &t.nodes[i]; i > 0 && n.used {
			if n.suffix = t.suffix(int32(i)); n.suffix == none || !t.nodes[n.suffix].frequent {
				return false
			}
		}
	}
	return true
}

// suffix looks for the pattern without its first item; none if it is missing.
func (t *patternTable) suffix(id int32) int32 {
	var buf [16]int32
	at := int32(0)
	for _, it := range t.items(id, buf[:0])[1:] {
		if at = t.child(at, it); at == none {
			return none
		}
	}
	return at
}

// snapReader reads a snapshot. After an error all that it returns is zero.
type snapReader struct {
	data []byte
	err  error
}

func (r *snapReader) number(limit int64) int64 {
	v, n := binary.Uvarint(r.data)
	if r.err != nil || n <= 0 || v > uint64(limit) {
		if r.err == nil {
			r.err = errSnapshot
		}
		r.data = nil
		return 0
	}
	r.data = r.data[n:]
	return int64(v)
}

func (r *snapReader) bytes(n int) []byte {
	if r.err != nil || n > len(r.data) {
		if r.err == nil {
			r.err = errSnapshot
		}
		return nil
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}
