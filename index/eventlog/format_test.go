package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

func testCodec(t testing.TB) *codec {
	t.Helper()
	z, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.close)
	return z
}

// sample is an encoded message of n records.
func sample(z *codec, n int) (*frame, []byte) {
	f := &frame{kind: kindBatch, writer: "daemon-1", number: 7, count: 99, prev: hash{1, 2, 3}}
	var body []byte
	for i := range n {
		rec := fmt.Appendf(nil, `{"id":%d,"text":%q}`, i, strings.Repeat("abc ", i))
		f.entries = append(f.entries, entry{key: keyOf(fmt.Sprint(i)), length: uint32(len(rec)), crc: checksum(rec)})
		body = append(body, rec...)
	}
	return f, encodeFrame(f, body, z)
}

func TestFrameRoundTrip(t *testing.T) {
	z := testCodec(t)
	for _, n := range []int{0, 1, 2, 100} {
		want, b := sample(z, n)
		got, err := decodeFrame(b)
		if err != nil {
			t.Fatalf("%d records: %v", n, err)
		}
		if got.hash != want.hash || got.writer != want.writer || got.number != want.number || got.count != want.count ||
			got.prev != want.prev || len(got.entries) != n {
			t.Errorf("%d records: %+v, want %+v", n, got, want)
		}
		records, err := got.open(z)
		if err != nil || len(records) != n {
			t.Errorf("%d records: opened to %d, %v", n, len(records), err)
		}
	}
}

// No flipped bit and no cut goes unnoticed.
func TestFrameNoticesEveryChange(t *testing.T) {
	z := testCodec(t)
	_, b := sample(z, 5)
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			if _, err := decodeFrame(c); !errors.Is(err, errFrame) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := decodeFrame(b[:i]); !errors.Is(err, errFrame) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

func TestKeyOf(t *testing.T) {
	if got, want := fmt.Sprintf("%x", keyOf("01234567-89ab-8cde-8f01-23456789abcd")), "0123456789ab8cde8f0123456789abcd"; got != want {
		t.Errorf("key of a UUID %s, want %s", got, want)
	}
	if keyOf("x") == keyOf("y") || keyOf("x") == (idKey{}) {
		t.Error("ids that are no UUIDs share a key")
	}
}

func FuzzFrame(f *testing.F) {
	z := testCodec(f)
	for _, n := range []int{0, 1, 30} {
		_, b := sample(z, n)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := decodeFrame(b)
		if err != nil {
			if !errors.Is(err, errFrame) {
				t.Fatalf("%v is not marked as damage", err)
			}
			// Past the hash too, as someone could write who can hash.
			if len(b) < fixedSize+hashSize {
				return
			}
			if fr, err = decodeFrame(reseal(b)); err != nil {
				return
			}
		}
		records, err := fr.open(z)
		if err == nil && len(records) != len(fr.entries) {
			t.Fatalf("%d records of %d", len(records), len(fr.entries))
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(checkpointMagic))
	f.Add(append([]byte(checkpointMagic), make([]byte, 40)...))
	one := append([]byte(checkpointMagic), checkpointVersion, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 1, 'w')
	f.Add(append(append(one, make([]byte, 56+idEntrySize)...), 0, 0, 0, 0, 0, 0, 0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeCheckpoint(sealCheckpoint(b)); err == nil && c == nil {
			t.Fatal("neither a checkpoint nor an error")
		}
	})
}

func TestSlotSurvivesATornWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slot")
	s, _, err := openSlot(path, []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := s.write(fmt.Append(nil, "value ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.write(make([]byte, maxSlot+1)); err == nil {
		t.Error("a value that is too long was taken")
	}
	newest := int64(s.generation%2) * slotStride
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(b []byte) []byte { b[newest+20]++; return b })
	s, got, err := openSlot(path, nil)
	if err != nil || string(got) != "value 3" {
		t.Fatalf("after a torn write: %q, %v, want the value before", got, err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(b []byte) []byte { b[20]++; b[slotStride+20]++; return b })
	if _, _, err := openSlot(path, nil); !errors.Is(err, errSlotDamaged) {
		t.Errorf("with both copies damaged: %v", err)
	}
}

// Checkpoints are taken while records come in, and what they hold is the
// state as of one message.
func TestCheckpointBesideWriters(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, Options{Dir: dir})
	mustAppend(t, l, actions("p", 0, 3*lockStride))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 50 {
			if _, err := l.Append(context.Background(), actions("q", 10*n, 10)); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 10 {
		if err := l.events.writeCheckpoint(); err != nil {
			t.Fatal(err)
		}
		c, err := readCheckpoint(l.events.path("ids"))
		if err != nil {
			t.Fatal(err)
		}
		if end := c.chains[l.writer]; end.seq != c.seq || end.count != uint64(len(c.ids)) {
			t.Errorf("checkpoint at %d with %d ids, its chain ends at %d with %d", c.seq, len(c.ids), end.seq, end.count)
		}
	}
	<-done
	if err := l.events.writeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	if c, err := readCheckpoint(l.events.path("ids")); err != nil || !reflect.DeepEqual(c.ids, l.events.ids) {
		t.Errorf("the checkpoint at rest differs from the state: %v", err)
	}
	edit(t, l.events.path("ids"), func(b []byte) []byte { b[len(b)/2]++; return b })
	if _, err := readCheckpoint(l.events.path("ids")); !errors.Is(err, errCheckpoint) {
		t.Errorf("a damaged checkpoint: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "events.ids"), func(b []byte) []byte { return b[:len(b)-1] })
	l = openTest(t, Options{Dir: dir})
	if got, want := len(l.events.ids), 3*lockStride+500; got != want {
		t.Errorf("%d ids without a usable checkpoint, want %d", got, want)
	}
}

// Whatever the pattern of calls, the log holds the first record of each id,
// in order by project, and its chain verifies.
func TestChainVerifiesAfterAnyPattern(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		batch := rapid.IntRange(1, 8).Draw(rt, "MaxBatch")
		l, err := Open(ctx, Options{Dir: dir, MaxBatch: batch})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { l.Close() }()
		want := make(map[string][]string) // by project, ids in order
		known := make(map[string]bool)
		for range rapid.IntRange(1, 6).Draw(rt, "calls") {
			var recs []learn.Record
			for range rapid.IntRange(1, 20).Draw(rt, "records") {
				recs = append(recs, action(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "project"), rapid.IntRange(0, 30).Draw(rt, "n")))
			}
			acks, err := l.Append(ctx, recs)
			if err != nil {
				rt.Fatal(err)
			}
			for i, r := range recs {
				if acks[i].Duplicate != known[r.ID()] {
					rt.Fatalf("record %d: %+v, known before: %v", i, acks[i], known[r.ID()])
				}
				if !known[r.ID()] {
					known[r.ID()] = true
					want[r.Project()] = append(want[r.Project()], r.ID())
				}
			}
			if rapid.Bool().Draw(rt, "reopen") {
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
				if l, err = Open(ctx, Options{Dir: dir, MaxBatch: batch}); err != nil {
					rt.Fatal(err)
				}
			}
		}
		got := make(map[string][]string)
		if err := l.ReadEvents(ctx, 0, func(_ uint64, recs []learn.Record) error {
			for _, r := range recs {
				got[r.Project()] = append(got[r.Project()], r.ID())
			}
			return nil
		}); err != nil {
			rt.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("the log holds %v, want %v", got, want)
		}
		report, err := l.Verify(ctx, nil)
		if err != nil || !report.OK || len(report.Damage()) > 0 || report.Streams[0].Records != uint64(len(known)) {
			rt.Fatalf("Verify: %+v, %v", report, err)
		}
	})
}
