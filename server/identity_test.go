package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/index/eventlog"
	"lathe/learn"
)

// Whatever one project sends, under names that it chose or guessed: another
// project's calls are stored, each once, and sending all of it again adds
// nothing. A log of an earlier version, whose ids are bare names, is no
// exception.
func TestNoProjectHidesAnothersCalls(t *testing.T) {
	log, err := eventlog.Open(t.Context(), eventlog.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	d := &Daemon{log: log, door: sync.OnceValues(newDoor), metrics: newMetrics(), busy: newActivity(), logger: slog.New(slog.DiscardHandler)}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		theirs, ours := fmt.Sprint("theirs-", round), fmt.Sprint("ours-", round)
		session := fmt.Sprint("session-", round)
		call := rapid.SampledFrom([]string{"a", "b"})
		record := rapid.Custom(func(t *rapid.T) learn.Record {
			ev := &learn.ActionOutcome{ProjectID: ours, SessionID: session, CallID: call.Draw(t, "call"), ToolName: "bash",
				Timestamp: time.Unix(1_700_000_000, 0).UTC()}
			if rapid.Bool().Draw(t, "theirs") {
				ev.ProjectID = theirs
				if name := learn.EventID(session, ev.CallID); rapid.Bool().Draw(t, "chosen") {
					ev.CallID = ""
					ev.ID = rapid.SampledFrom([]string{name, learn.InProject(ours, name), learn.InProject(theirs, name)}).Draw(t, "id")
				}
			}
			return learn.Record{Action: ev}
		})
		var sent []learn.Record
		for _, rec := range rapid.SliceOfN(record, 0, 3).Draw(t, "old log") {
			old := *rec.Action
			if old.CallID != "" {
				old.ID = learn.EventID(old.SessionID, old.CallID)
			}
			if old.ID == learn.InProject(ours, learn.EventID(session, "a")) || old.ID == learn.InProject(ours, learn.EventID(session, "b")) {
				continue // not a name that an earlier version made
			}
			if _, err := log.Append(t.Context(), []learn.Record{{Action: &old}}); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, rec)
		}
		send := func(recs []learn.Record) int {
			receipt, err := d.accept(t.Context(), recs)
			if err != nil || len(receipt.Rejected) > 0 {
				t.Fatalf("%+v, %v", receipt, err)
			}
			return receipt.Accepted
		}
		for _, batch := range rapid.SliceOfN(rapid.SliceOfN(record, 1, 4), 0, 5).Draw(t, "batches") {
			send(batch)
			sent = append(sent, batch...)
		}
		send(sent) // what the old log dropped as another's duplicate comes in now
		if again := send(rapid.Permutation(sent).Draw(t, "again")); again != 0 {
			t.Fatalf("sent again, %d records are new", again)
		}
		want := map[string]int{}
		for _, rec := range sent {
			if rec.Action.ProjectID == ours {
				want[rec.Action.CallID] = 1
			}
		}
		if got := callsOf(t, log, ours); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("stored of our calls: %v, want %v", got, want)
		}
	})
}

// callsOf counts a project's records in the log by their call id.
func callsOf(t interface {
	Context() context.Context
	Fatal(...any)
}, log *eventlog.Log, project string) map[string]int {
	n := map[string]int{}
	err := log.ReadEvents(t.Context(), 0, func(_ uint64, recs []learn.Record) error {
		for _, r := range recs {
			if r.Project() == project {
				n[r.Action.CallID]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
