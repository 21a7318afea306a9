package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

// A copy without some records keeps every other one in its place, verifies,
// knows what was removed, and can be written to and backed up.
func TestCopyWithout(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), Options{Dir: dir, MaxBatch: 3})
	if err != nil {
		t.Fatal(err)
	}
	var all []learn.Record
	for n := range 12 {
		recs := actions(fmt.Sprint("p", n%2), 10*n, 3)
		mustAppend(t, l, recs)
		all = append(all, recs...)
	}
	for n := range 3 {
		e, err := learn.NewEntry(learn.EntryReport, fmt.Sprint("secret-", n), "p0", time.Unix(int64(n), 0), n, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.AppendLedger(t.Context(), []learn.LedgerEntry{e}); err != nil {
			t.Fatal(err)
		}
	}
	// One message is lost and one is damaged, as was accepted.
	if err := errors.Join(l.events.js.DeleteMsg(t.Context(), 4), l.Close()); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, Options{Dir: dir, AcceptDamage: true, MaxBatch: 3})
	gone := map[string]bool{all[0].ID(): true, all[3].ID(): true, all[4].ID(): true, all[5].ID(): true, all[35].ID(): true}
	drop := func(name Stream, raw []byte) bool {
		if name == Ledger {
			return bytes.Contains(raw, []byte("secret-1"))
		}
		for id := range gone {
			if bytes.Contains(raw, []byte(id)) {
				return true
			}
		}
		return false
	}
	want := slices.DeleteFunc(readIDs(t, l, 0), func(id string) bool { return gone[id] })
	where := map[string]location{}
	for _, id := range want {
		where[id], _ = l.events.lookup(keyOf(id))
	}
	copied := filepath.Join(t.TempDir(), "log")
	n, err := l.CopyWithout(t.Context(), Options{Dir: copied}, drop, func(to *Log) error {
		_, err := to.Append(t.Context(), actions("new", 0, 1))
		return err
	})
	if err != nil || n.Events != uint64(len(gone)) || n.Ledger != 1 {
		t.Fatalf("%+v, %v", n, err)
	}
	to := openTest(t, Options{Dir: copied})
	check := func(to *Log) {
		t.Helper()
		if v, err := to.Verify(t.Context(), nil); err != nil || !v.OK {
			t.Fatalf("%+v, %v", v, err)
		}
		if got := readIDs(t, to, 0); !slices.Equal(got[:len(got)-1], want) {
			t.Errorf("read %d events, want %d and one", len(got), len(want))
		}
		for id, at := range where {
			if now, ok := to.events.lookup(keyOf(id)); !ok || now != at {
				t.Errorf("%s is at %d, and was at %d", id, now, at)
			}
		}
		for id := range gone {
			if _, err := to.Record(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
		for i, a := range mustAppend(t, to, []learn.Record{all[0], all[4], all[35]}) {
			if !a.Duplicate {
				t.Errorf("what was removed is new: %d", i)
			}
		}
		for i, project := range []string{"p0", "p1", "p1"} {
			if holds, err := to.Holds(t.Context(), all[[]int{0, 4, 35}[i]].ID(), project); err != nil || !holds {
				t.Errorf("a removed record's project: %v, %v", holds, err)
			}
		}
		var ledger []string
		err := to.ReadLedger(t.Context(), 0, func(_ uint64, entries []learn.LedgerEntry) error {
			for _, e := range entries {
				ledger = append(ledger, e.ObjectID)
			}
			return nil
		})
		if got := strings.Join(ledger, " "); err != nil || got != "secret-0 secret-2" {
			t.Errorf("ledger %s, %v", got, err)
		}
	}
	check(to)
	var b bytes.Buffer
	if err := to.Backup(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	back, _ := restored(t, b.Bytes())
	check(back)
	// A reader's position moves past messages of which nothing is left.
	if to.Head(Events) <= l.Head(Events) {
		t.Errorf("the copy ends at %d, the log at %d", to.Head(Events), l.Head(Events))
	}
	var seqs []uint64
	err = to.ReadEvents(t.Context(), 0, func(seq uint64, _ []learn.Record) error {
		seqs = append(seqs, seq)
		return nil
	})
	if err != nil || !slices.Contains(seqs, 2) {
		t.Errorf("read messages %v, %v", seqs, err)
	}
	if _, err := l.CopyWithout(t.Context(), Options{Dir: copied}, drop, func(*Log) error { return nil }); err == nil {
		t.Error("copied over a log")
	}
}
