package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"lathe/learn"
)

// gate is a Recorder that says when it is offered records, and waits.
type gate struct {
	memory
	entered chan int
}

func (g *gate) Accept(ctx context.Context, recs []learn.Record) error {
	select {
	case g.entered <- len(recs):
	case <-ctx.Done():
	}
	return g.memory.Accept(ctx, recs)
}

func newGate() *gate {
	return &gate{memory: memory{hold: make(chan struct{})}, entered: make(chan int, 100)}
}

// await returns when the Recorder is in the midst of a record.
func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.entered:
	case <-time.After(patience):
		t.Fatal("nothing was offered to the Recorder")
	}
}

// A reply goes out while its record is not durable, and calls go on while the
// Recorder hangs.
func TestRepliesDoNotWaitForRecords(t *testing.T) {
	rec := newGate()
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: rec})
	r.tools()
	for range 3 {
		if texts, failed := r.mustCall("s__echo", map[string]any{"text": "now"}); failed || texts[0] != "now" {
			t.Errorf("the reply is %q", texts)
		}
	}
	rec.await(t)
	if got := rec.of("s__echo"); len(got) != 0 {
		t.Errorf("the Recorder is held, and has %d", len(got))
	}
	r.mustCall("s__echo", map[string]any{"text": "again"})
	close(rec.hold)
	r.closed()
	if got := rec.of("s__echo"); len(got) != 4 {
		t.Errorf("%d calls were recorded at the end, want 4", len(got))
	}
}

// In strict mode a reply waits for its record.
func TestStrictRepliesWait(t *testing.T) {
	rec := newGate()
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: rec, Strict: true})
	r.tools()
	replied := make(chan []string, 1)
	go func() {
		texts, _ := r.mustCall("s__echo", map[string]any{"text": "later"})
		replied <- texts
	}()
	rec.await(t)
	select {
	case texts := <-replied:
		t.Fatalf("replied %q before the record was durable", texts)
	default:
	}
	close(rec.hold)
	if texts := <-replied; texts[0] != "later" || len(rec.of("s__echo")) != 1 {
		t.Errorf("replied %q, recorded %d", texts, len(rec.of("s__echo")))
	}
}

// A strict gateway that cannot record says so with the call that ran, and makes
// no further one until it can.
func TestStrictRefusesWhatItCannotRecord(t *testing.T) {
	rec := &memory{err: errors.New("the disk is full")}
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: rec, Strict: true})
	r.tools()
	texts, _ := r.mustCall("s__echo", map[string]any{"text": "ran"})
	if len(texts) != 2 || texts[0] != "ran" || !strings.Contains(texts[1], "could not be recorded (the disk is full)") {
		t.Errorf("the call that ran: %q", texts)
	}
	if texts, failed := r.mustCall("s__echo", map[string]any{"text": "must not run"}); !failed || !strings.Contains(texts[0], "no call is made") {
		t.Errorf("the next: %q, failed %v", texts, failed)
	}
	rec.mu.Lock()
	rec.err = nil
	rec.mu.Unlock()
	if texts, failed := r.mustCall("s__echo", map[string]any{"text": "on"}); failed || texts[0] != "on" {
		t.Errorf("once it works again: %q", texts)
	}
	for _, ev := range rec.of("s__echo") {
		if strings.Contains(string(ev.ToolParameters), "must not run") {
			t.Errorf("a refused call was made: %+v", ev)
		}
	}
}

// offers is an Offerer that refuses at first.
type offers struct {
	mu    sync.Mutex
	asked int
	last  []Offered
}

func (o *offers) Offer(_ context.Context, tools []Offered) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asked++; o.asked == 1 {
		return errors.New("no daemon yet")
	}
	o.last = tools
	return nil
}

func (o *offers) has(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.last {
		if t.Name == name && t.Server == "s" && t.Bytes > 20 {
			return true
		}
	}
	return false
}

// What is offered is told, again when that fails, and when it changes.
func TestOffersAreTold(t *testing.T) {
	o := &offers{}
	r := newRig(t, Options{Config: servers(testServer(t, "s", "library")), Recorder: &memory{}, Offerer: o})
	r.tools()
	r.until(func() bool { return o.has("s__echo") })
	if o.has("s__grown") {
		t.Error("told of a tool that is not there")
	}
	r.mustCall("s__grow", nil)
	r.until(func() bool { return o.has("s__grown") })
}
