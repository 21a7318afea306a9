package mine

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func newStream(t rapid.TB, o StreamOptions) *Stream {
	t.Helper()
	s, err := NewStream(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// counted are the patterns of ids, with their supports.
func counted(t rapid.TB, s *Stream, ids []PatternID) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, id := range ids {
		p, ok := s.Pattern(id)
		if !ok {
			t.Fatalf("pattern %d is not there", id)
		}
		out[fmt.Sprint(p.Items)] = p.Support
	}
	if len(out) != len(ids) {
		t.Fatalf("%d patterns, %d different", len(ids), len(out))
	}
	return out
}

func mined(t rapid.TB, db *Database, o StreamOptions, closed bool) map[string]int {
	t.Helper()
	found, err := db.Mine(context.Background(), Limits{MinSupport: o.MinSupport, MaxLength: o.MaxLength, MaxGap: o.MaxGap, Closed: closed, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, p := range found {
		out[fmt.Sprint(p.Items)] = p.Support
	}
	return out
}

// ledger is what a caller knows of the patterns from updates alone.
type ledger map[PatternID][]int

func (l ledger) take(t rapid.TB, u Update) {
	t.Helper()
	for _, id := range u.Seen {
		if l[id] == nil || l[id][len(l[id])-1] == u.Ordinal {
			t.Fatalf("pattern %d was seen, not promoted before or seen twice", id)
		}
		l[id] = append(l[id], u.Ordinal)
	}
	for _, p := range u.Promoted {
		if l[p.ID] != nil {
			t.Fatalf("pattern %d was promoted twice", p.ID)
		}
		for _, o := range append(slices.Clone(p.Earlier), int32(u.Ordinal)) {
			l[p.ID] = append(l[p.ID], int(o))
		}
	}
}

// check compares with the sequences themselves.
func (l ledger) check(t rapid.TB, s *Stream, seqs [][]int32) {
	t.Helper()
	for id, in := range l {
		p, ok := s.Pattern(id)
		if !ok {
			t.Fatalf("pattern %d is not there", id)
		}
		var want []int
		for i, q := range seqs {
			if has(q, p.Items, s.Options().MaxGap) {
				want = append(want, i)
			}
		}
		if !slices.Equal(in, want) {
			t.Fatalf("pattern %v: told of tasks %v, is in %v", p.Items, in, want)
		}
	}
}

func TestStreamEqualsMineAtAnyPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := StreamOptions{MinSupport: rapid.IntRange(2, 5).Draw(t, "support"), MaxLength: rapid.IntRange(1, 6).Draw(t, "length"),
			MaxGap: rapid.IntRange(0, 2).Draw(t, "gap"), MaxPatterns: 1 << 20, MaxBytes: 1 << 26}
		alphabet := rapid.Int32Range(1, 12).Draw(t, "alphabet")
		longest := rapid.SampledFrom([]int{8, 20, 90}).Draw(t, "longest")
		item := rapid.Custom(func(t *rapid.T) int32 { // the first items are the commonest
			return rapid.Int32Range(0, rapid.Int32Range(0, alphabet-1).Draw(t, "top")).Draw(t, "item")
		})
		seqs := rapid.SliceOfN(rapid.SliceOfN(item, 0, longest), 1, 12).Draw(t, "sequences")
		s, db, told := newStream(t, o), &Database{}, ledger{}
		for i, q := range seqs {
			u, err := s.Add(q)
			if err != nil || u.Ordinal != i {
				t.Fatalf("update %+v: %v", u, err)
			}
			if err := db.Add(q); err != nil {
				t.Fatal(err)
			}
			told.take(t, u)
			all := s.Patterns()
			if got, want := counted(t, s, all), mined(t, db, o, false); !maps.Equal(got, want) {
				t.Fatalf("after %v, %+v:\n got %v\nwant %v", seqs[:i+1], o, got, want)
			}
			if got, want := counted(t, s, s.Closed()), mined(t, db, o, true); !maps.Equal(got, want) {
				t.Fatalf("closed after %v, %+v:\n got %v\nwant %v", seqs[:i+1], o, got, want)
			}
			if len(told) != len(all) || len(all) != s.Frequent() {
				t.Fatalf("%d patterns told of, %d there, %d counted", len(told), len(all), s.Frequent())
			}
		}
		told.check(t, s, seqs)
		if s.Dropped().Any() {
			t.Fatalf("dropped %+v", s.Dropped())
		}
	})
}

// sameStream compares all that two streams answer.
func sameStream(t rapid.TB, a, b *Stream) {
	t.Helper()
	if a.Floor() != b.Floor() || a.Len() != b.Len() || a.Bytes() != b.Bytes() || a.Frequent() != b.Frequent() || a.Dropped() != b.Dropped() {
		t.Fatalf("%d tasks %d floor %d bytes %d patterns %+v\nand %d %d %d %d %+v", a.Len(), a.Floor(), a.Bytes(), a.Frequent(), a.Dropped(),
			b.Len(), b.Floor(), b.Bytes(), b.Frequent(), b.Dropped())
	}
	for _, id := range a.Patterns() {
		p, _ := a.Pattern(id)
		if q, ok := b.Pattern(id); !ok || !reflect.DeepEqual(p, q) {
			t.Fatalf("pattern %d is %v and %v", id, p, q)
		}
	}
	if !slices.Equal(a.Closed(), b.Closed()) {
		t.Fatal("closed patterns differ")
	}
}

func TestStreamGoesOnFromASnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := StreamOptions{MinSupport: 2, MaxLength: 4, MaxGap: rapid.IntRange(0, 2).Draw(t, "gap"),
			MaxPatterns: rapid.SampledFrom([]int{5, 40, 1000}).Draw(t, "patterns"), MaxBytes: rapid.SampledFrom([]int64{1 << 16, 1 << 20}).Draw(t, "bytes")}
		g := newTaskGen(rapid.IntRange(5, 50).Draw(t, "skeletons"), rapid.Uint64().Draw(t, "seed"))
		a, b := newStream(t, o), newStream(t, o)
		for range rapid.IntRange(0, 60).Draw(t, "tasks") {
			if _, err := a.Add(g.task()[:10]); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Restore(a.Snapshot()); err != nil {
			t.Fatal(err)
		}
		sameStream(t, a, b)
	})
}

// A restored stream finds what the first one would have found.
func TestStreamCountsOnFromASnapshot(t *testing.T) {
	o := StreamOptions{MinSupport: 4, MaxLength: 5, MaxGap: 2, MaxPatterns: 1 << 20, MaxBytes: 1 << 26}
	a, b, g := newStream(t, o), newStream(t, o), newTaskGen(200, 3)
	for range 150 {
		if _, err := a.Add(g.task()); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Restore(a.Snapshot()); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		q := g.task()
		for _, s := range []*Stream{a, b} {
			if _, err := s.Add(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := counted(t, b, b.Patterns()), counted(t, a, a.Patterns()); !maps.Equal(got, want) || len(got) < 1000 {
		t.Fatalf("%d patterns after restoring, %d without", len(got), len(want))
	}
}

func TestStreamStaysInBounds(t *testing.T) {
	o := StreamOptions{MinSupport: 2, MaxLength: 6, MaxGap: 2, MaxPatterns: 300, MaxBytes: 1 << 18}
	s, db, told, g := newStream(t, o), &Database{}, map[PatternID]int{}, newTaskGen(60, 5)
	for range 700 {
		q := g.task()
		u, err := s.Add(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Add(q); err != nil {
			t.Fatal(err)
		}
		for _, id := range u.Seen {
			told[id]++
		}
		for _, p := range u.Promoted {
			told[p.ID] = len(p.Earlier) + 1
		}
		for _, id := range u.Retired {
			if told[id] >= s.Floor() {
				t.Fatalf("pattern %d was retired with support %d, the floor is %d", id, told[id], s.Floor())
			}
			delete(told, id)
		}
		if s.Bytes() > o.MaxBytes || s.Frequent() > o.MaxPatterns || len(told) != s.Frequent() {
			t.Fatalf("%d bytes, %d patterns, %d told of", s.Bytes(), s.Frequent(), len(told))
		}
	}
	d := s.Dropped()
	if d.Candidates == 0 || d.Patterns == 0 || d.Tasks == 0 || s.Floor() <= o.MinSupport {
		t.Fatalf("dropped %+v, floor %d: the bounds were never met", d, s.Floor())
	}
	real := mined(t, db, StreamOptions{MinSupport: 2, MaxLength: 2, MaxGap: 2}, false)
	for id, n := range told {
		p, _ := s.Pattern(id)
		if p.Support != n {
			t.Errorf("pattern %v has support %d, told %d", p.Items, p.Support, n)
		}
		if len(p.Items) <= 2 && p.Support > real[fmt.Sprint(p.Items)] {
			t.Errorf("pattern %v has support %d, really %d", p.Items, p.Support, real[fmt.Sprint(p.Items)])
		}
	}
}

func TestStreamRefuses(t *testing.T) {
	good := StreamOptions{MinSupport: 2, MaxLength: 3, MaxGap: 1, MaxPatterns: 10, MaxBytes: 1 << 16}
	for name, change := range map[string]func(*StreamOptions){
		"MinSupport": func(o *StreamOptions) { o.MinSupport = 1 }, "MaxLength": func(o *StreamOptions) { o.MaxLength = 17 },
		"MaxGap": func(o *StreamOptions) { o.MaxGap = Unlimited }, "MaxPatterns": func(o *StreamOptions) { o.MaxPatterns = 0 },
		"MaxBytes": func(o *StreamOptions) { o.MaxBytes = 100 },
	} {
		o := good
		change(&o)
		if _, err := NewStream(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: error %v, want one about %s", o, err, name)
		}
	}
	s := newStream(t, good)
	if _, err := s.Add([]int32{1, -1}); err == nil || s.Len() != 0 {
		t.Errorf("a negative item was taken: %v", err)
	}
	for _, id := range []PatternID{-1, 0, 1, 1 << 30} {
		if _, ok := s.Pattern(id); ok {
			t.Errorf("there is a pattern %d in an empty stream", id)
		}
	}
	other := good
	other.MaxGap = 2
	for want, data := range map[string][]byte{
		"no snapshot": []byte("{}"), "version": append([]byte(streamMagic), 9), "other limits": newStream(t, other).Snapshot(),
		"damaged": append(s.Snapshot(), 0),
	} {
		if err := s.Restore(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Restore: error %v, want one that says %q", err, want)
		}
	}
}

func FuzzStreamRestore(f *testing.F) {
	o := StreamOptions{MinSupport: 2, MaxLength: 3, MaxGap: 1, MaxPatterns: 50, MaxBytes: 1 << 16}
	s, g := newStream(f, o), newTaskGen(9, 1)
	for range 6 {
		f.Add(s.Snapshot(), []byte("abcab"))
		if _, err := s.Add(g.task()[:6]); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, data, more []byte) {
		s := newStream(t, o)
		if s.Restore(data) != nil {
			return
		}
		again := newStream(t, o)
		if err := again.Restore(s.Snapshot()); err != nil {
			t.Fatal(err)
		}
		sameStream(t, s, again)
		var q []int32
		for _, b := range more {
			q = append(q, int32(b))
		}
		for range 3 { // whatever it was restored to, it goes on
			if _, err := s.Add(q); err != nil {
				t.Fatal(err)
			}
		}
		s.Closed()
	})
}
