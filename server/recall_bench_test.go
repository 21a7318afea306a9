package server

import (
	"context"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/recall/recalltest"
	"lathe/mcp"
)

func entriesOf(tb testing.TB, w *recalltest.World, from, n int) []learn.LedgerEntry {
	tb.Helper()
	out, err := w.Entries(from, n)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// fill writes n objects into the ledger and waits until they are projected.
func fill(tb testing.TB, d *Daemon, w *recalltest.World, n int) {
	tb.Helper()
	for from := 0; from < n; from += 500 {
		if err := (ledgerLog{d.log}).WriteLedger(tb.Context(), entriesOf(tb, w, from, min(500, n-from))); err != nil {
			tb.Fatal(err)
		}
	}
	if err := d.ledger.wait(tb.Context(), d.log.Head(eventlog.Ledger)); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkRecall asks a running daemon with a hundred thousand learned objects,
// over its socket, while twenty records and twenty conclusions a second come in.
// It reports the whole call as a client sees it, prompts all different.
func BenchmarkRecall(b *testing.B) {
	const objects = 100_000
	d := running(b)
	w := recalltest.New(1)
	fill(b, d, w, objects)
	c := NewClient(d.cfg)
	load, stop := context.WithCancel(b.Context())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		steadyLoad(load, b, d)
	}()
	ask := recalltest.Speaking(2, w)
	var took []time.Duration
	given := 0
	for b.Loop() {
		q := RecallCall{RecallQuery: mcp.RecallQuery{ProjectID: ask.Project(), Prompt: "Please fix the failing tests of " + ask.Text(8+ask.IntN(40))}}
		if ask.IntN(4) == 0 {
			q.Plan = &learn.TaskGraph{Name: "plan", Tasks: ask.Strategy("x", "p", nil).TemplatePlanFragment.Tasks}
		}
		began := time.Now()
		var r mcp.RecallResult
		if err := c.Call(b.Context(), http.MethodPost, "/v1/recall", q, &r); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		given += len(r.Strategies) + len(r.Pitfalls)
	}
	stop()
	<-loaded
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.95), "p95-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(float64(given)/float64(len(took)), "given/op")
	b.ReportMetric(float64(folderSize(b, filepath.Join(indexDir(d.cfg.DataDir), "objects.bleve")))/(1<<20), "index-MB")
}

// steadyLoad keeps the daemon busy as a few sessions at work do.
func steadyLoad(ctx context.Context, b *testing.B, d *Daemon) {
	w := recalltest.New(3)
	next := again(b)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := d.accept(ctx, []learn.Record{next()}); err != nil && ctx.Err() == nil {
			b.Error(err)
			return
		}
		if err := (ledgerLog{d.log}).WriteLedger(ctx, entriesOf(b, w, 1_000_000+i, 1)); err != nil && ctx.Err() == nil {
			b.Error(err)
			return
		}
	}
}

func folderSize(b *testing.B, dir string) (n int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}
