package server

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lathe/index"
	"lathe/learn"
	"lathe/mcp"
	"lathe/server/intake"
)

// BenchmarkDiagnose imports the recorded coding sessions of ../shared/data and
// asks a running daemon, over its socket, about each of their failures in turn.
// It reports the whole call as a client sees it, and beside it a call that does
// next to nothing: what of the time is the machine's, not the diagnosis's.
func BenchmarkDiagnose(b *testing.B) {
	archive := filepath.Join("..", "..", "shared", "data", "mini-swe-agent.tar.gz")
	if _, err := os.Stat(archive); err != nil {
		b.Fatalf("the recorded sessions are not beside the repository: %v", err)
	}
	dir, err := os.MkdirTemp("", "lathe-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg := Config{DataDir: dir, HTTP: "off"}
	d, err := Open(b.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() { done <- d.Run(ctx, func() { close(ready) }) }()
	<-ready
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	})
	c := NewClient(cfg)
	if _, err := intake.Import(ctx, intake.ImportOptions{Format: "mini-swe-agent", Paths: []string{archive}}, c); err != nil {
		b.Fatal(err)
	}
	if err := d.settle(ctx); err != nil {
		b.Fatal(err)
	}
	failures, err := d.index.SearchEvents(ctx, index.Query{Status: string(learn.StatusFailure), Limit: index.MaxLimit})
	if err != nil || len(failures.Hits) == 0 {
		b.Fatalf("%d failures, %v", len(failures.Hits), err)
	}
	var took, floor []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		var r learn.FailureAnalysisReport
		call := DiagnoseCall{Failure: mcp.Failure{EventID: failures.Hits[i%len(failures.Hits)].ID}}
		if err := c.Call(ctx, http.MethodPost, "/v1/diagnose", call, &r); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		began = time.Now()
		var none map[learn.Method]learn.Reliability
		if err := c.Call(ctx, http.MethodGet, "/v1/reliability", nil, &none); err != nil {
			b.Fatal(err)
		}
		floor = append(floor, time.Since(began))
	}
	for name, all := range map[string][]time.Duration{"": took, "floor-": floor} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"p99-ms")
	}
}
