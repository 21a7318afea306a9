package mine

import (
	"fmt"
	"slices"
)

// StreamOptions says which patterns a Stream keeps and what it may cost. All
// are needed; NewStream refuses what is out of range.
type StreamOptions struct {
	// MinSupport is the number of tasks with a pattern from which on it is
	// frequent: 2 to 65536. Beyond MaxPatterns the Stream raises it; see
	// Stream.Floor.
	MinSupport int
	// MaxLength is the number of items of a pattern: 1 to 16.
	MaxLength int
	// MaxGap is how many items may stand between two neighbours of a pattern:
	// 0 to 16.
	MaxGap int
	// MaxPatterns bounds the frequent patterns: 1 to 2^24.
	MaxPatterns int
	// MaxBytes bounds the memory: a quarter for the sequences of tasks, the
	// rest for patterns and candidates; at least 64 KiB.
	MaxBytes int64
}

func (o StreamOptions) check() error {
	for _, c := range []struct {
		name       string
		v, lo, top int
	}{
		{"MinSupport", o.MinSupport, 2, 1 << 16}, {"MaxLength", o.MaxLength, 1, 16},
		{"MaxGap", o.MaxGap, 0, 16}, {"MaxPatterns", o.MaxPatterns, 1, 1 << 24},
	} {
		if c.v < c.lo || c.v > c.top {
			return fmt.Errorf("mine: stream: %s is %d: it must be %d to %d", c.name, c.v, c.lo, c.top)
		}
	}
	if o.MaxBytes < 1<<16 || o.MaxBytes > 1<<40 {
		return fmt.Errorf("mine: stream: MaxBytes is %d: it must be 65536 to 2^40", o.MaxBytes)
	}
	return nil
}

// PatternID names a frequent pattern of one Stream, and of what its snapshots
// are restored to, until the pattern is retired; after that Add the id may come
// to name another.
type PatternID int32

// Promotion is a pattern that a task made frequent.
type Promotion struct {
	ID PatternID
	// Earlier are the ordinals of the tasks before this one that have it, in
	// order: Floor()-1 of them.
	Earlier []int32
}

// Update is what one task changed. Its slices hold until the next Add.
type Update struct {
	// Ordinal is the place of the task in the stream, from 0.
	Ordinal int
	// Seen are the patterns of the task that were frequent before it, each
	// once.
	Seen []PatternID
	// Promoted are the patterns that it made frequent; the task has them too.
	// A pattern comes after the one without its last item and the one without
	// its first.
	Promoted []Promotion
	// Retired are patterns, those just promoted among them, that are frequent
	// no more since the support was raised to hold MaxPatterns.
	Retired []PatternID
}

// Dropped counts what a Stream gave up to stay within its bounds. While all
// are zero its answers are exact; after that what was forgotten and seen anew
// counts from then on only, so that a support may be too low, and never too
// high.
type Dropped struct {
	Candidates int64 `json:"candidates"` // not yet frequent ones forgotten or not begun
	Patterns   int64 `json:"patterns"`   // frequent ones retired to hold MaxPatterns
	Tasks      int64 `json:"tasks"`      // oldest sequences forgotten; their counts stay
	Steps      int64 `json:"steps"`      // first items cut off sequences beyond 4096
}

// Any reports whether anything was dropped.
func (d Dropped) Any() bool { return d != Dropped{} }

// maxStreamSteps is the number of items that are kept of a sequence.
const maxStreamSteps = 4096

// Stream mines frequent sequential patterns incrementally: after each Add its
// patterns are those that Database.Mine finds in all sequences added so far,
// within the same limits, as long as nothing was Dropped.
//
// A pattern is a candidate when it was seen while both what is left without
// its last item and what is left without its first item are frequent. (With a
// gap limit these two keep the gaps, so both are in every task that has the
// pattern; a pattern without an inner item need not be.) Of a candidate the
// tasks are kept, fewer than MinSupport; of a frequent pattern only the count.
// When a pattern becomes frequent, the candidates that it makes possible occur
// in no task but its own, which are MinSupport in number: these are read again
// to count them. So a task costs what its patterns cost, never a look at all
// the tasks before.
//
// A Stream is for one goroutine.
type Stream struct {
	opt      StreamOptions
	floor    int32 // the support from which on a pattern is frequent
	table    patternTable
	history  history
	scan     scanner
	dropped  Dropped
	frequent int
	pending  []int32 // candidates that reached MinSupport in this Add
	update   Update
	earlier  []int32 // storage of Promotion.Earlier
}

// NewStream returns a Stream without tasks. It fails on options out of range.
func NewStream(o StreamOptions) (*Stream, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Stream{opt: o, floor: int32(o.MinSupport)}
	s.table = newPatternTable(o.MaxBytes - o.MaxBytes/4)
	s.history.limit = o.MaxBytes / 4
	return s, nil
}

// Len is the number of tasks added.
func (s *Stream) Len() int { return s.history.next() }

// Frequent is the number of frequent patterns.
func (s *Stream) Frequent() int { return s.frequent }

// Floor is the support from which on a pattern is frequent: MinSupport, or more
// when more than MaxPatterns had that. It keeps pace with the stream: with so
// many patterns kept, the rarest is about as rare among all tasks at any time,
// and so a task costs about the same at any time.
func (s *Stream) Floor() int { return int(s.floor) }

// Dropped tells what was given up so far.
func (s *Stream) Dropped() Dropped { return s.dropped }

// Options are those that the Stream was made with.
func (s *Stream) Options() StreamOptions { return s.opt }

// Bytes is about what the Stream holds in memory.
func (s *Stream) Bytes() int64 { return s.table.bytes() + s.history.bytes }

// Add counts the items of one finished task. It fails on a negative item and
// beyond 2^31-2 tasks, and then changes nothing.
func (s *Stream) Add(sequence []int32) (Update, error) {
	for i, it := range sequence {
		if it < 0 {
			return Update{}, fmt.Errorf("mine: stream: item %d at place %d is negative", it, i)
		}
	}
	if s.Len() >= 1<<31-2 {
		return Update{}, ErrTooLarge
	}
	if over := len(sequence) - maxStreamSteps; over > 0 {
		sequence = sequence[over:]
		s.dropped.Steps += int64(over)
	}
	ordinal := int32(s.Len())
	s.dropped.Tasks += s.history.add(sequence)
	s.update = Update{Ordinal: int(ordinal), Seen: s.update.Seen[:0], Promoted: s.update.Promoted[:0], Retired: s.update.Retired[:0]}
	s.earlier = s.earlier[:0]
	s.count(sequence, ordinal)
	for i := 0; i < len(s.pending); i++ {
		s.promote(s.pending[i], ordinal)
	}
	s.pending = s.pending[:0]
	if s.frequent > s.opt.MaxPatterns {
		s.raise()
	}
	return s.update, nil
}

// raise lifts the floor so far that at most three quarters of MaxPatterns are
// frequent, and forgets what is not and the candidates that are none any more.
// Forgetting a pattern forgets all that have it as a part, since they are no
// more frequent.
func (s *Stream) raise() {
	t := &s.table
	counts := make([]int32, 0, s.frequent)
	for i := range t.nodes {
		if i > 0 && t.nodes[i].frequent {
			counts = append(counts, t.nodes[i].count)
		}
	}
	slices.Sort(counts)
	s.floor = counts[len(counts)-1-s.opt.MaxPatterns*3/4] + 1
	gone := func(id int32) bool { return id > 0 && t.nodes[id].count < s.floor }
	var candidates []int32
	for i := range t.nodes {
		n, id := &t.nodes[i], int32(i)
		switch {
		case id == 0 || !n.used:
		case n.frequent && gone(id):
			s.update.Retired = append(s.update.Retired, PatternID(id))
		case !n.frequent && (gone(n.parent) || gone(n.suffix)):
			candidates = append(candidates, id)
		}
	}
	for _, id := range candidates {
		t.remove(id)
	}
	for _, id := range s.update.Retired {
		t.remove(int32(id))
	}
	s.frequent -= len(s.update.Retired)
	s.dropped.Patterns += int64(len(s.update.Retired))
	s.dropped.Candidates += int64(len(candidates))
}

// Pattern returns the items and the support of a frequent pattern; ok is false
// for an id that is none.
func (s *Stream) Pattern(id PatternID) (p Pattern, ok bool) {
	if id <= 0 || int(id) >= len(s.table.nodes) || !s.table.nodes[id].frequent {
		return Pattern{}, false
	}
	n := &s.table.nodes[id]
	return Pattern{Items: s.table.items(int32(id), nil), Support: int(n.count)}, true
}

// Patterns lists all frequent patterns by id.
func (s *Stream) Patterns() []PatternID {
	out := make([]PatternID, 0, s.frequent)
	for i := range s.table.nodes {
		if i > 0 && s.table.nodes[i].frequent {
			out = append(out, PatternID(i))
		}
	}
	return out
}

// Closed lists by id the frequent patterns that are in no longer frequent one
// with the same support. It takes time in the number of all patterns, up to
// 2^MaxLength steps for each.
func (s *Stream) Closed() []PatternID {
	inner := make([]bool, len(s.table.nodes))
	items := make([]int32, 0, s.opt.MaxLength)
	all := s.Patterns()
	for _, id := range all {
		items = s.table.items(int32(id), items[:0])
		s.markInner(inner, int32(id), 0, items)
	}
	return slices.DeleteFunc(all, func(id PatternID) bool { return inner[id] })
}

// markInner marks the patterns that can be made of node and some of the items
// behind it, are shorter than whole and have its support.
func (s *Stream) markInner(inner []bool, whole, node int32, rest []int32) {
	t := &s.table
	for i, it := range rest {
		next := t.child(node, it)
		if next <= 0 || !t.nodes[next].frequent || slices.Contains(rest[:i], it) {
			continue
		}
		if next != whole && t.nodes[next].count == t.nodes[whole].count {
			inner[next] = true
		}
		s.markInner(inner, whole, next, rest[i+1:])
	}
}
