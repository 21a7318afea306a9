package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lathe/learn"
)

func TestMain(m *testing.M) {
	runWriterChild()

	goleak.VerifyTestMain(m)
}

func openTest(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(context.Background(), o)
	if err != nil {
		t.Fatalf("Open(%+v): %v", o, err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func action(project string, n int) learn.Record {
	return learn.Record{Action: &learn.ActionOutcome{
		ID: learn.EventID(project, fmt.Sprint(n)), ProjectID: project, SessionID: "s", ToolName: "shell",
		Timestamp:  time.Date(2026, 1, 2, 3, 4, 5, n%1000, time.UTC),
		ToolOutput: learn.ToolOutput{Stdout: fmt.Sprintf("output of call %d in %s", n, project)}, Status: learn.StatusSuccess,
	}}
}

func actions(project string, from, n int) []learn.Record {
	recs := make([]learn.Record, n)
	for i := range recs {
		recs[i] = action(project, from+i)
	}
	return recs
}

// readIDs returns the ids of all events after a sequence number, in order,
// and checks that each stands where the message says.
func readIDs(t testing.TB, l *Log, after uint64) []string {
	t.Helper()
	var ids []string
	last := after
	err := l.ReadEvents(context.Background(), after, func(seq uint64, recs []learn.Record) error {
		if seq <= last {
			t.Errorf("message %d came after message %d", seq, last)
		}
		last = seq
		if len(recs) == 0 {
			return nil
		}
		project := recs[0].Project()
		for _, r := range recs {
			if r.Project() != project {
				t.Errorf("message %d holds records of %s and %s", seq, project, r.Project())
			}
			ids = append(ids, r.ID())
		}
		return nil
	})
	if err != nil {
		t.Fatalf("ReadEvents after %d: %v", after, err)
	}
	return ids
}

func mustAppend(t testing.TB, l *Log, recs []learn.Record) []Ack {
	t.Helper()
	acks, err := l.Append(context.Background(), recs)
	if err != nil {
		t.Fatalf("Append of %d records: %v", len(recs), err)
	}
	return acks
}

func TestAppendReadReopen(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	l := openTest(t, Options{Dir: dir})
	first := mustAppend(t, l, append(actions("a", 0, 3), actions("b", 0, 2)...))
	again := mustAppend(t, l, append(actions("a", 2, 2), action("a", 3)))
	for i, want := range []bool{true, false, true} {
		if again[i].Duplicate != want {
			t.Errorf("record %d of the second call: duplicate %v, want %v", i, again[i].Duplicate, want)
		}
	}
	if again[0].Seq != first[2].Seq || again[0].Index != first[2].Index {
		t.Errorf("the duplicate points to %+v, the first was at %+v", again[0], first[2])
	}
	if again[2].Seq != again[1].Seq || again[2].Index != again[1].Index {
		t.Errorf("the twin in one call points to %+v, the first was at %+v", again[2], again[1])
	}
	entry, err := learn.NewEntry(learn.EntryReport, "r1", "a", time.Unix(1, 0).UTC(), map[string]int{"x": 1}, []string{"e"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendLedger(ctx, []learn.LedgerEntry{entry}); err != nil {
		t.Fatal(err)
	}
	cursor, err := l.Cursor("test")
	if err != nil {
		t.Fatal(err)
	}
	if got := cursor.Get(); got != 0 {
		t.Errorf("a new cursor is at %d", got)
	}
	if err := cursor.Set(first[0].Seq); err != nil {
		t.Fatal(err)
	}
	before, head := readIDs(t, l, 0), l.Head(Events)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cursor.Set(9); !errors.Is(err, ErrClosed) {
		t.Errorf("Set on a closed log: %v", err)
	}
	if _, err := l.Append(ctx, actions("a", 9, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Append to a closed log: %v", err)
	}

	l = openTest(t, Options{Dir: dir})
	if got := l.Head(Events); got != head {
		t.Errorf("head %d after reopening, %d before", got, head)
	}
	if after := readIDs(t, l, 0); fmt.Sprint(after) != fmt.Sprint(before) || len(after) != 6 {
		t.Errorf("after reopening %d records, before %d, want 6 alike", len(after), len(before))
	}
	if acks := mustAppend(t, l, actions("a", 0, 1)); !acks[0].Duplicate {
		t.Error("the log forgot an id over the restart")
	}
	if cursor, err = l.Cursor("test"); err != nil || cursor.Get() != first[0].Seq {
		t.Errorf("cursor at %d, %v; want %d", cursor.Get(), err, first[0].Seq)
	}
	if rest := readIDs(t, l, cursor.Get()); len(rest) != 3 {
		t.Errorf("%d records after the cursor, want 3", len(rest))
	}
	var entries []learn.LedgerEntry
	if err := l.ReadLedger(ctx, 0, func(_ uint64, es []learn.LedgerEntry) error {
		entries = append(entries, es...)
		return nil
	}); err != nil || len(entries) != 1 || entries[0].ID != entry.ID {
		t.Errorf("ledger after reopening: %+v, %v", entries, err)
	}
}

func TestRecord(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	task := learn.Record{Task: &learn.TaskRecord{ID: "not-a-uuid", ProjectID: "p", TaskID: "t"}}
	mustAppend(t, l, append(actions("p", 0, 50), task))
	for _, want := range []learn.Record{action("p", 0), action("p", 31), task} {
		got, err := l.Record(context.Background(), want.ID())
		if err != nil {
			t.Errorf("Record(%s): %v", want.ID(), err)
			continue
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if string(g) != string(w) {
			t.Errorf("Record(%s) = %s, want %s", want.ID(), g, w)
		}
	}
	if _, err := l.Record(context.Background(), action("p", 50).ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("a record that was never stored: %v", err)
	}
}

func TestRefusedBeforeAnythingIsWritten(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	good := action("p", 1)
	big := action("p", 2)
	big.Action.ToolOutput.Stdout = strings.Repeat("x", MaxRecord)
	broken := action("p", 3)
	broken.Action.ToolParameters = json.RawMessage(`{"a":`)
	both := action("p", 4)
	both.Task = &learn.TaskRecord{ID: "t"}
	for name, bad := range map[string]learn.Record{
		"too large": big, "broken JSON": broken, "both": both, "neither": {},
		"no id":   {Action: &learn.ActionOutcome{}},
		"long id": {Action: &learn.ActionOutcome{ID: strings.Repeat("i", MaxID+1)}},
	} {
		_, err := l.Append(context.Background(), []learn.Record{good, bad})
		var refused *RecordError
		if !errors.As(err, &refused) || refused.Index != 1 {
			t.Errorf("%s: error %v, want a RecordError for record 1", name, err)
		}
	}
	if ids := readIDs(t, l, 0); len(ids) != 0 {
		t.Errorf("%d records were written", len(ids))
	}
	big.Action.ToolOutput.Stdout = strings.Repeat("x", MaxRecord-4096)
	mustAppend(t, l, []learn.Record{good, big})
}

func TestConcurrentWritersShareMessages(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	const writers, calls = 16, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for c := range calls {
				// Every second record is written by all writers at once.
				recs := []learn.Record{action(fmt.Sprintf("p%d", w%2), 1000*w+c), action("shared", c)}
				acks, err := l.Append(context.Background(), recs)
				if err != nil || len(acks) != 2 || acks[0].ID != recs[0].ID() || acks[0].Seq == 0 || acks[1].Seq == 0 {
					t.Errorf("writer %d call %d: %+v, %v", w, c, acks, err)
				}
			}
		})
	}
	wg.Wait()
	ids := readIDs(t, l, 0)
	once := make(map[string]bool)
	for _, id := range ids {
		if once[id] {
			t.Errorf("%s stands in the log twice", id)
		}
		once[id] = true
	}
	if want := writers*calls + calls; len(ids) != want {
		t.Errorf("%d records, want %d", len(ids), want)
	}
	if head := l.Head(Events); head >= writers*calls {
		t.Errorf("%d messages for %d calls: nothing was grouped", head, writers*calls)
	}
}

func TestWait(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan error, 3)
	go func() { got <- l.Wait(context.Background(), Events, 0) }()
	mustAppend(t, l, actions("p", 0, 1))
	if err := <-got; err != nil {
		t.Errorf("Wait for the first message: %v", err)
	}
	go func() { got <- l.Wait(ctx, Events, 1) }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with a cancelled context: %v", err)
	}
	go func() { got <- l.Wait(context.Background(), Ledger, 0) }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, ErrClosed) {
		t.Errorf("Wait while the log closes: %v", err)
	}
}

func TestCloseDrains(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, Options{Dir: dir, MaxBatch: 4})
	var mu sync.Mutex
	var acked []string
	var wg sync.WaitGroup
	started := make(chan struct{}, 8)
	for w := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				acks, err := l.Append(context.Background(), actions(fmt.Sprintf("p%d", w), 3*n, 3))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				for _, a := range acks {
					acked = append(acked, a.ID)
				}
				mu.Unlock()
				if n == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	<-started
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	l = openTest(t, Options{Dir: dir})
	if ids := readIDs(t, l, 0); len(ids) != len(acked) {
		t.Errorf("%d records in the log, %d acknowledged", len(ids), len(acked))
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	openTest(t, Options{Dir: dir})
	if _, err := Open(context.Background(), Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second Open: %v, want ErrLocked", err)
	}
}

func TestNames(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	for _, name := range []string{"", "..", ".x", "a/b", "a b", strings.Repeat("n", 65)} {
		if _, err := l.Cursor(name); err == nil {
			t.Errorf("cursor name %q was taken", name)
		}
		if name == "" {
			continue // the default
		}
		if _, err := Open(context.Background(), Options{Dir: t.TempDir(), Writer: name}); err == nil {
			t.Errorf("writer name %q was taken", name)
		}
	}
}
