package graph

import (
	"fmt"
	"testing"
	"time"

	"lathe/learn"
)

// A generated tool's node says how it does in use, which version serves, and
// where it was pulled from; after a snapshot too.
func TestToolInUse(t *testing.T) {
	g := New(Options{})
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	entry := func(kind learn.EntryKind, body any) {
		t.Helper()
		e, err := learn.NewEntry(kind, "r", "", at, body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.ApplyLedger(e); err != nil {
			t.Fatal(err)
		}
	}
	tool := learn.ProposedTool{Manifest: learn.ToolManifest{Name: "count", Version: "1.0.0"}}
	entry(learn.EntryTool, tool)
	entry(learn.EntryReview, learn.ToolReviewRequest{ReviewID: "r", Tool: tool, Origin: &learn.ToolOrigin{Reference: "host/count:1.0.0", Key: "k", Builder: "b"}})
	entry(learn.EntryState, learn.StateChange{ObjectID: "r", ToolName: "count", Version: "1.0.0", Digest: "sha256:x", To: learn.StateActive})
	entry(learn.EntryState, learn.StateChange{ObjectID: "s", ToolName: "count", Version: "1.1.0", Digest: "sha256:y", To: learn.StateActive, Share: 0.1})
	for i, status := range []learn.Status{learn.StatusSuccess, learn.StatusFailure, learn.StatusSuccess, learn.StatusInterrupted, learn.StatusTimeout} {
		ev := learn.ActionOutcome{ID: learn.UUIDv8("event", fmt.Sprint(i)), Timestamp: at, ProjectID: "p", SessionID: "s", ToolName: "count", Status: status,
			ResourceMetrics: learn.ResourceMetrics{DurationMS: float64(10 * (i + 1))}, Generated: &learn.GeneratedCall{}}
		if err := g.Apply(&learn.Observation{Record: learn.Record{Action: &ev}}, func(learn.LedgerEntry) {}); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := g.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := New(Options{})
	if err := again.Restore(raw); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*Graph{g, again} {
		n, ok := g.Node(ID(Tool, "", "count"), "")
		if !ok {
			t.Fatal("no node")
		}
		for key, want := range map[string]string{"calls": "4", "calls_succeeded": "2", "success_rate": "0.5", "mean_ms": "20",
			"active_version": "1.0.0", "origin": "host/count:1.0.0", "signed_by": "k", "builder": "b"} {
			if got := n.Properties.Get(key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
	}
}
