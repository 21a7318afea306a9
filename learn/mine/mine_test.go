package mine

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// has reports whether a sequence has a pattern with at most gap items between
// neighbours, by trying everything.
func has(seq, pattern []int32, gap int) bool {
	var from func(at int, rest []int32, limit int) bool
	from = func(at int, rest []int32, limit int) bool {
		if len(rest) == 0 {
			return true
		}
		for i := at; i < len(seq) && i <= limit; i++ {
			next := len(seq)
			if gap >= 0 {
				next = i + 1 + gap
			}
			if seq[i] == rest[0] && from(i+1, rest[1:], next) {
				return true
			}
		}
		return false
	}
	return from(0, pattern, len(seq))
}

// bruteForce is the oracle: all candidates over the alphabet, each counted.
func bruteForce(seqs [][]int32, alphabet int32, l Limits) map[string]int {
	found := map[string]int{}
	var all []Pattern
	var grow func(prefix []int32)
	grow = func(prefix []int32) {
		for it := range alphabet {
			p := append(append([]int32{}, prefix...), it)
			n := 0
			for _, s := range seqs {
				if has(s, p, l.MaxGap) {
					n++
				}
			}
			if n >= l.MinSupport {
				all = append(all, Pattern{Items: p, Support: n})
				if l.MaxLength == 0 || len(p) < l.MaxLength {
					grow(p)
				}
			}
		}
	}
	grow(nil)
	for _, p := range all {
		closed := true
		for _, q := range all {
			closed = closed && !(len(q.Items) > len(p.Items) && q.Support == p.Support && has(q.Items, p.Items, Unlimited))
		}
		if !l.Closed || closed {
			found[fmt.Sprint(p.Items)] = p.Support
		}
	}
	return found
}

func TestMineEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := int32(rapid.IntRange(1, 4).Draw(t, "alphabet"))
		seqs := rapid.SliceOfN(rapid.SliceOfN(rapid.Int32Range(0, alphabet-1), 0, 7), 0, 8).Draw(t, "sequences")
		l := Limits{
			MinSupport: rapid.IntRange(1, 4).Draw(t, "support"), MaxLength: rapid.IntRange(0, 4).Draw(t, "length"),
			MaxGap: rapid.IntRange(-1, 3).Draw(t, "gap"), Closed: rapid.Bool().Draw(t, "closed"),
			Workers: rapid.IntRange(1, 3).Draw(t, "workers"),
		}
		db := &Database{}
		for _, s := range seqs {
			if err := db.Add(s); err != nil {
				t.Fatal(err)
			}
		}
		patterns, err := db.Mine(context.Background(), l)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, p := range patterns {
			got[fmt.Sprint(p.Items)] = p.Support
		}
		if want := bruteForce(seqs, alphabet, l); len(got) != len(patterns) || !maps.Equal(got, want) {
			t.Fatalf("limits %+v of %v:\n got %v\nwant %v", l, seqs, got, want)
		}
	})
}

// holds reports whether a sequence of itemsets has a pattern, by trying
// everything.
func holds(seq, pattern [][]int32) bool {
	if len(pattern) == 0 {
		return true
	}
	for i, set := range seq {
		all := true
		for _, it := range pattern[0] {
			all = all && slices.Contains(set, it)
		}
		if all && holds(seq[i+1:], pattern[1:]) {
			return true
		}
	}
	return false
}

// bruteSets is the oracle for itemsets: all candidates, each counted.
func bruteSets(seqs [][][]int32, alphabet int32, l Limits) map[string]int {
	type counted struct {
		sets [][]int32
		n    int
	}
	var all []counted
	var grow func(sets [][]int32, items int)
	grow = func(sets [][]int32, items int) {
		for it := range alphabet {
			for _, how := range []int{follows, joins} {
				next := append(slices.Clone(sets), []int32{it})
				if how == joins {
					if len(sets) == 0 || it <= slices.Max(sets[len(sets)-1]) {
						continue
					}
					next = slices.Clone(sets)
					next[len(next)-1] = append(slices.Clone(next[len(next)-1]), it)
				}
				n := 0
				for _, s := range seqs {
					if holds(s, next) {
						n++
					}
				}
				if n >= l.MinSupport {
					all = append(all, counted{next, n})
					if l.MaxLength == 0 || items+1 < l.MaxLength {
						grow(next, items+1)
					}
				}
			}
		}
	}
	grow(nil, 0)
	found := map[string]int{}
	for i, p := range all {
		inner := slices.ContainsFunc(all, func(q counted) bool {
			return q.n == p.n && holds(q.sets, p.sets) && !holds(p.sets, q.sets)
		})
		if !l.Closed || !inner {
			found[fmt.Sprint(all[i].sets)] = p.n
		}
	}
	return found
}

func TestMineItemsetsEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := int32(rapid.IntRange(1, 4).Draw(t, "alphabet"))
		set := rapid.SliceOfN(rapid.Int32Range(0, alphabet-1), 1, 3)
		seqs := rapid.SliceOfN(rapid.SliceOfN(set, 0, 4), 0, 7).Draw(t, "sequences")
		l := Limits{MinSupport: rapid.IntRange(1, 4).Draw(t, "support"), MaxLength: rapid.IntRange(0, 4).Draw(t, "length"),
			MaxGap: Unlimited, Closed: rapid.Bool().Draw(t, "closed"), Workers: rapid.IntRange(1, 3).Draw(t, "workers")}
		if l.MaxLength == 0 {
			l.MinSupport += 1 // the oracle is slow
		}
		db := &Database{}
		for _, s := range seqs {
			if err := db.AddItemsets(s); err != nil {
				t.Fatal(err)
			}
		}
		patterns, err := db.Mine(context.Background(), l)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, p := range patterns {
			got[fmt.Sprint(p.Itemsets())] = p.Support
		}
		if want := bruteSets(seqs, alphabet, l); len(got) != len(patterns) || !maps.Equal(got, want) {
			t.Fatalf("limits %+v of %v:\n got %v\nwant %v", l, seqs, got, want)
		}
	})
}

func TestSPMFItemsets(t *testing.T) {
	db, err := ReadSPMF(strings.NewReader("5 3 3 -1 7 -1 -2\n3 5 9 -1 2 -1 7 -2\n1 -1 -2\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.Search(context.Background(), Limits{MinSupport: 2, MaxGap: Unlimited, Closed: true})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.WriteSPMF(&out); err != nil || out.String() != "3 5 -1 7 -1 #SUP: 2\n" {
		t.Errorf("printed %q, %v", out.String(), err)
	}
	if _, err := db.Mine(context.Background(), Limits{MinSupport: 2, MaxGap: 1}); err == nil {
		t.Error("a gap limit was taken for itemsets")
	}
	if err := db.AddItemsets([][]int32{{1, -4}}); err == nil {
		t.Error("a negative item was taken")
	}
}

// Work that is given to other workers changes nothing, not even the order.
func TestMineIsTheSameWithAnyWorkers(t *testing.T) {
	db, g := &Database{}, newTaskGen(40, 11)
	for range 400 {
		if err := db.Add(g.task()[:25]); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []Limits{{MinSupport: 60}, {MinSupport: 60, Closed: true}, {MinSupport: 60, Closed: true, MaxLength: 3}, {MinSupport: 20, MaxGap: 1}} {
		if l.MaxGap == 0 {
			l.MaxGap = Unlimited
		}
		var want []Pattern
		for _, workers := range []int{1, 2, 7} {
			l.Workers = workers
			got, err := db.Mine(context.Background(), l)
			if err != nil || len(got) < 200 {
				t.Fatalf("%d patterns, %v", len(got), err)
			}
			if want == nil {
				want = got
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v: %d patterns, with one worker %d, or others", l, len(got), len(want))
			}
		}
		if !slices.IsSortedFunc(want, func(a, b Pattern) int { return slices.Compare(a.Items, b.Items) }) {
			t.Errorf("%+v: not ordered by items", l)
		}
	}
}

func webview(t testing.TB) *Database {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "bms-webview1.spmf.gz")
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("the shared data set is needed beside the repository: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	db, err := ReadSPMF(z)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestWebViewCounts(t *testing.T) {
	db := webview(t)
	if db.Len() != 59602 {
		t.Fatalf("%d sequences", db.Len())
	}
	for closed, want := range map[bool]int{false: 3991, true: 3974} {
		got, err := db.Mine(context.Background(), Limits{MinSupport: db.MinSupport(0.001), MaxGap: Unlimited, Closed: closed})
		if err != nil || len(got) != want {
			t.Errorf("closed %v: %d patterns, want %d (%v)", closed, len(got), want, err)
		}
	}
}

func TestLimitsOfMine(t *testing.T) {
	db := &Database{}
	for range 3 {
		if err := db.Add([]int32{1, 2, 3, 4, 5, 6}); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	if _, err := db.Mine(ctx, Limits{MinSupport: 1, MaxGap: Unlimited, MaxPatterns: 10}); !errors.Is(err, ErrTooMany) {
		t.Errorf("error %v, want ErrTooMany", err)
	}
	if _, err := db.Mine(ctx, Limits{}); err == nil {
		t.Error("minimum support 0 was taken")
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Mine(over, Limits{MinSupport: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if err := db.Add([]int32{-4}); err == nil {
		t.Error("a negative item was taken")
	}
	for x, want := range map[float64]int{0: 1, 0.5: 2, 2: 2, 0.34: 2, 1: 1} {
		if got := db.MinSupport(x); got != want {
			t.Errorf("MinSupport(%v) = %d, want %d", x, got, want)
		}
	}
}

func TestSPMF(t *testing.T) {
	in := "# sequences\n@CONVERTED\n1 -1 2 -1 -2\r\n2 -1 -2\n-2\n1 -1\n2 -1 -2"
	db, err := ReadSPMF(strings.NewReader(in))
	if err != nil || db.Len() != 4 {
		t.Fatalf("%v, %v", db, err)
	}
	got, err := db.Mine(context.Background(), Limits{MinSupport: 2, MaxGap: Unlimited})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteSPMF(&out, got); err != nil {
		t.Fatal(err)
	}
	if want := "1 -1 #SUP: 2\n1 -1 2 -1 #SUP: 2\n2 -1 #SUP: 3\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	for in, want := range map[string]string{
		"1 -1 -2\n1 2 x -1 -2": "line 2, column 5", "1 -1 -2\n12 2-1 -2": "line 2, column 5", "1 -1": "-2", "x": "'x'", "1 -1 -3 -2": "-3", "99999999999 -1 -2": "digits",
		"4294967296 -1 -2": "range", "-": "minus", "1\x00 -1 -2": "number",
	} {
		if _, err := ReadSPMF(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadSPMF(%q): error %v, want one that says %q", in, err, want)
		}
	}
}

func FuzzReadSPMF(f *testing.F) {
	f.Add([]byte("1 -1 2 -1 -2\n"))
	f.Add([]byte("# c\n-2 -2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		db, err := ReadSPMF(bytes.NewReader(data))
		if err != nil || db.Len() == 0 || len(data) > 200 {
			return
		}
		got, err := db.Mine(context.Background(), Limits{MinSupport: 1, MaxGap: Unlimited, MaxLength: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteSPMF(io.Discard, got); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkWebView(b *testing.B) {
	db := webview(b)
	for _, closed := range []bool{false, true} {
		b.Run(fmt.Sprint("closed=", closed), func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Mine(context.Background(), Limits{MinSupport: db.MinSupport(0.001), MaxGap: Unlimited, Closed: closed}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
