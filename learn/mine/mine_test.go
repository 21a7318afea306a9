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
		"1 -1 -2\n1 2 -1 -2": "line 2", "1 -1": "-2", "x": "'x'", "1 -1 -3 -2": "-3", "99999999999 -1 -2": "digits",
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
