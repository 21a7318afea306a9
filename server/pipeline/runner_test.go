package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lathe/learn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memLog is a log in memory: one record a message.
type memLog struct {
	mu     sync.Mutex
	recs   []learn.Record
	grown  chan struct{}
	ledger map[string]learn.LedgerEntry
}

func newMemLog() *memLog {
	return &memLog{grown: make(chan struct{}), ledger: map[string]learn.LedgerEntry{}}
}

func (m *memLog) add(ids ...string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.recs = append(m.recs, learn.Record{Action: &learn.ActionOutcome{ID: id}})
	}
	close(m.grown)
	m.grown = make(chan struct{})
	return uint64(len(m.recs))
}

func (m *memLog) ReadEvents(ctx context.Context, after uint64, fn func(uint64, []learn.Record) error) error {
	m.mu.Lock()
	recs := m.recs
	m.mu.Unlock()
	for i := after; i < uint64(len(recs)); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(i+1, recs[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memLog) WaitEvents(ctx context.Context, after uint64) error {
	for {
		m.mu.Lock()
		n, grown := uint64(len(m.recs)), m.grown
		m.mu.Unlock()
		if n > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memLog) WriteLedger(_ context.Context, entries []learn.LedgerEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		m.ledger[e.ID] = e
	}
	return nil
}

// counter remembers the ids it saw; it panics on "boom" and fails on "bad".
type counter struct {
	mu    sync.Mutex
	seen  []string
	drawn int
}

func (c *counter) Name() string { return "counter" }

func (c *counter) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	id := o.Record.ID()
	if id == "boom" {
		panic("boom")
	}
	if id == "bad" {
		return errors.New("bad")
	}
	c.mu.Lock()
	c.seen = append(c.seen, id)
	c.mu.Unlock()
	e, err := learn.NewEntry(learn.EntryReport, id, "", time.Time{}, id, nil)
	emit(e)
	return err
}

func (c *counter) Conclude(emit func(learn.LedgerEntry)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drawn = len(c.seen)
	return nil
}

func (c *counter) Snapshot() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Marshal(c.seen)
}

func (c *counter) Restore(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = nil
	return json.Unmarshal(b, &c.seen)
}

func (c *counter) get() ([]string, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.seen...), c.drawn
}

func start(t *testing.T, log *memLog, l learn.Learner, dir string) (*Runner, func()) {
	t.Helper()
	r, err := New(Options{Log: log, Learners: []learn.Learner{l}, Dir: dir, ConcludeEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestAppliesInOrderAndSettles(t *testing.T) {
	log, c := newMemLog(), &counter{}
	r, stop := start(t, log, c, t.TempDir())
	defer stop()
	for i := range 50 {
		seq := log.add(fmt.Sprint(i))
		if err := r.Settle(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	seen, drawn := c.get()
	if len(seen) != 50 || drawn != 50 {
		t.Fatalf("seen %d, concluded over %d, want 50 and 50", len(seen), drawn)
	}
	for i, id := range seen {
		if id != fmt.Sprint(i) {
			t.Fatalf("record %d is %s: out of order", i, id)
		}
	}
	if len(log.ledger) != 50 {
		t.Errorf("%d ledger entries, want 50", len(log.ledger))
	}
}

func TestALearnerThatFailsDoesNotStopTheOthers(t *testing.T) {
	log, c := newMemLog(), &counter{}
	r, stop := start(t, log, c, t.TempDir())
	defer stop()
	if err := r.Settle(t.Context(), log.add("a", "boom", "bad", "b")); err != nil {
		t.Fatal(err)
	}
	if seen, _ := c.get(); len(seen) != 2 {
		t.Errorf("seen %v, want a and b", seen)
	}
	if r.Failures() != 2 {
		t.Errorf("%d failures counted, want 2", r.Failures())
	}
}

func TestResumesFromASnapshot(t *testing.T) {
	dir := t.TempDir()
	log, c := newMemLog(), &counter{}
	r, stop := start(t, log, c, dir)
	if err := r.Settle(t.Context(), log.add("a", "b")); err != nil {
		t.Fatal(err)
	}
	stop()

	c2 := &counter{}
	r2, stop2 := start(t, log, c2, dir)
	defer stop2()
	if r2.Applied() < 2 {
		t.Errorf("restored at %d, want 2", r2.Applied())
	}
	if err := r2.Settle(t.Context(), log.add("c")); err != nil {
		t.Fatal(err)
	}
	if seen, _ := c2.get(); fmt.Sprint(seen) != "[a b c]" {
		t.Errorf("seen %v after the restart, want [a b c]", seen)
	}
}

func TestADamagedSnapshotMeansReplay(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"flipped byte": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"truncated":    func(b []byte) []byte { return b[:20] },
		"empty":        func(b []byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log, c := newMemLog(), &counter{}
			r, stop := start(t, log, c, dir)
			if err := r.Settle(t.Context(), log.add("a", "b")); err != nil {
				t.Fatal(err)
			}
			stop()
			path := filepath.Join(dir, snapshotName(2))
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(raw), 0o600); err != nil {
				t.Fatal(err)
			}
			c2 := &counter{}
			r2, stop2 := start(t, log, c2, dir)
			defer stop2()
			if err := r2.Settle(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			if seen, _ := c2.get(); fmt.Sprint(seen) != "[a b]" {
				t.Errorf("seen %v, want [a b]", seen)
			}
		})
	}
}
