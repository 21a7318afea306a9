package index

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lathe/learn"
)

func open(t *testing.T, dir string) *Index {
	t.Helper()
	x, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func event(i int, project, text string) EventDoc {
	exit := 1
	ev := &learn.ActionOutcome{ID: learn.PositionID("t", "s", i), ProjectID: project, SessionID: "s", ToolName: "bash",
		Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Stderr: text, ExitCode: &exit},
		ToolParameters: json.RawMessage(`{"command":"make all"}`), Timestamp: time.Unix(int64(1000+i), 0)}
	return NewEventDoc(ev, learn.Action{Intent: learn.IntentBuild, Skeleton: "make <string>", Command: "make all"},
		[]learn.ErrorSignature{{ID: "sig-" + project}})
}

func entry(t *testing.T, id, project, text string, at int64) learn.LedgerEntry {
	t.Helper()
	e, err := learn.NewEntry(learn.EntryStrategy, id, project, time.Unix(at, 0), map[string]string{"description": text}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSearchEventsByWordsAndFilters(t *testing.T) {
	x := open(t, t.TempDir())
	defer x.Close()
	docs := []EventDoc{event(1, "a", "undefined reference to frobnicate"), event(2, "b", "No such file"), event(3, "a", "all fine")}
	if err := x.ApplyEvents(3, docs); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		q    Query
		want uint64
	}{
		{Query{}, 3},
		{Query{Text: "frobnicate"}, 1},
		{Query{Text: "make"}, 3},
		{Query{Project: "a"}, 2},
		{Query{Project: "a", Text: "file"}, 0},
		{Query{Signature: "sig-b"}, 1},
		{Query{Status: "success"}, 0},
		{Query{Since: time.Unix(1002, 0)}, 2},
	} {
		for range 2 { // the second may come from the cache
			r, err := x.SearchEvents(t.Context(), tc.q)
			if err != nil {
				t.Fatal(err)
			}
			if r.Total != tc.want {
				t.Errorf("%+v: %d hits, want %d", tc.q, r.Total, tc.want)
			}
			x.cache.Wait()
		}
	}
	r, err := x.SearchEvents(t.Context(), Query{})
	if err != nil || r.Hits[0].ID != docs[2].ID || r.Hits[0].Summary != "make all" {
		t.Errorf("newest first: %+v, %v", r, err)
	}
}

func TestLatestEntryOfAnObjectWinsAndTheCacheFollows(t *testing.T) {
	x := open(t, t.TempDir())
	defer x.Close()
	if err := x.ApplyLedger(1, []learn.LedgerEntry{entry(t, "s1", "a", "old wording", 1), entry(t, "s2", "", "global wording", 1)}); err != nil {
		t.Fatal(err)
	}
	q := Query{Text: "wording", Project: "a", Global: true, Kinds: []string{"strategy"}}
	if r, err := x.SearchObjects(t.Context(), q); err != nil || r.Total != 2 {
		t.Fatalf("%+v, %v; want 2", r, err)
	}
	x.cache.Wait()
	if err := x.ApplyLedger(2, []learn.LedgerEntry{entry(t, "s1", "a", "changed text", 2)}); err != nil {
		t.Fatal(err)
	}
	if r, err := x.SearchObjects(t.Context(), q); err != nil || r.Total != 1 {
		t.Errorf("after the change %+v, %v; want 1", r, err)
	}
	e, ok, err := x.Object(t.Context(), learn.EntryStrategy, "s1")
	if err != nil || !ok || string(e.Body) != `{"description":"changed text"}` {
		t.Errorf("Object = %s, %v, %v", e.Body, ok, err)
	}
	if _, ok, err := x.Object(t.Context(), learn.EntryStrategy, "s9"); ok || err != nil {
		t.Errorf("an unknown object: %v, %v", ok, err)
	}
}

func TestReopenKeepsWhatWasApplied(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	for i := range 5 {
		// The same document twice: replays after a crash must not count it anew.
		if err := x.ApplyEvents(uint64(i+1), []EventDoc{event(i, "a", "boom"), event(i, "a", "boom"), event(0, "a", "boom")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, dir)
	defer x.Close()
	if x.AppliedEvents() != 5 || x.AppliedLedger() != 0 {
		t.Errorf("applied %d and %d, want 5 and 0", x.AppliedEvents(), x.AppliedLedger())
	}
	if r, err := x.SearchEvents(t.Context(), Query{Text: "boom"}); err != nil || r.Total != 5 {
		t.Errorf("%+v, %v; want 5", r, err)
	}
}

func TestADamagedIndexIsMadeAnew(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"no meta": func(dir string) error { return os.Remove(filepath.Join(dir, "events.bleve", "index_meta.json")) },
		"bad meta": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "events.bleve", "index_meta.json"), []byte("{"), 0o600)
		},
		"no store": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "events.bleve", "store")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := open(t, dir)
			if err := x.ApplyEvents(7, []EventDoc{event(1, "a", "boom")}); err != nil {
				t.Fatal(err)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			x = open(t, dir)
			defer x.Close()
			if x.AppliedEvents() != 0 {
				t.Errorf("applied %d, want 0 so that the log is replayed", x.AppliedEvents())
			}
			if err := x.ApplyEvents(7, []EventDoc{event(1, "a", "boom")}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func BenchmarkApplyEvents(b *testing.B) {
	x, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	n := 0
	for b.Loop() {
		docs := make([]EventDoc, 1000)
		for i := range docs {
			docs[i] = event(n, "a", fmt.Sprintf("error %d while reading file%d.go", n, n%100))
			n++
		}
		if err := x.ApplyEvents(uint64(n), docs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "docs/s")
}

func TestEventsLikeAnID(t *testing.T) {
	x := open(t, t.TempDir())
	defer x.Close()
	docs := []EventDoc{event(1, "a", "one"), event(2, "b", "two"), event(3, "a", "three")}
	if err := x.ApplyEvents(1, docs); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		prefix, project string
		limit, want     int
	}{{docs[0].ID, "", 9, 1}, {docs[1].ID[:13], "", 9, 1}, {docs[1].ID[:13], "a", 9, 0}, {"", "", 2, 2}, {"", "a", 9, 2}, {"zz", "", 9, 0}} {
		got, err := x.EventsLike(t.Context(), tc.prefix, tc.project, tc.limit)
		if err != nil || len(got) != tc.want {
			t.Errorf("%+v: %q, %v", tc, got, err)
		}
	}
}
