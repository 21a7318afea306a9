package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/server/intake"
	"lathe/server/review"
)

const benchPassphrase = "correct horse battery"

// benchProposals is a queue of n proposals as ledger entries.
func benchProposals(b *testing.B, n int) []learn.LedgerEntry {
	types := []learn.ModificationType{learn.AddRetry, learn.AddFallback, learn.AdjustPriority}
	var out []learn.LedgerEntry
	for i := range n {
		id := learn.UUIDv8("bench", fmt.Sprint(i))
		e, err := learn.NewEntry(learn.EntryProposal, id, "shop", time.Date(2026, 3, 1, 0, 0, i, 0, time.UTC), learn.PlanModificationProposal{
			ProposalID: id, Type: types[i%3], TargetPlanTemplate: ".ocode/plans/release.json", ConfidenceScore: float64(i%97) / 100,
			Rationale: "step test failed with Python module not found in 6 of 6 runs", Risk: "low", Diff: "@@ -1 +1 @@\n-a\n+b\n", ContentHash: fmt.Sprint("sha256:", i)}, nil)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// benchDaemon runs a daemon with 10,000 proposals and the recorded coding
// sessions of ../shared/data, and returns its HTTP address.
func benchDaemon(b *testing.B) (*Daemon, string) {
	archive := filepath.Join("..", "..", "shared", "data", "mini-swe-agent.tar.gz")
	if _, err := os.Stat(archive); err != nil {
		b.Fatalf("the recorded sessions are not beside the repository: %v", err)
	}
	dir, err := os.MkdirTemp("", "lathe-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if _, err := review.Create(dir, benchPassphrase); err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	l, err := eventlog.Open(b.Context(), eventlog.Options{Dir: filepath.Join(dir, "log"), Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := l.AppendLedger(b.Context(), benchProposals(b, 10_000)); err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	cfg := Config{DataDir: dir, HTTP: "127.0.0.1:0"}
	d, err := Open(b.Context(), cfg, quiet)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done, ready := make(chan error, 1), make(chan struct{})
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
	if _, err := intake.Import(ctx, intake.ImportOptions{Format: "mini-swe-agent", Paths: []string{archive}}, NewClient(cfg)); err != nil {
		b.Fatal(err)
	}
	if err := d.settle(ctx); err != nil {
		b.Fatal(err)
	}
	addr, err := os.ReadFile(filepath.Join(dir, "http.addr"))
	if err != nil {
		b.Fatal(err)
	}
	return d, "http://" + strings.TrimSpace(string(addr))
}

// signedIn is a browser's client after the passphrase.
func signedIn(b *testing.B, at string) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	b.Cleanup(c.CloseIdleConnections)
	resp, err := c.Get(at + "/")
	if err != nil {
		b.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(string(page))
	if _ = resp.Body.Close(); err != nil || len(token) == 0 {
		b.Fatalf("no form: %v\n%s", err, page)
	}
	form := url.Values{"csrf": {token[1]}, "passphrase": {benchPassphrase}, "back": {"/"}}
	req, err := http.NewRequest(http.MethodPost, at+"/unlock", strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", at)
	if resp, err = c.Do(req); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("not unlocked: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	return c
}

// firstByte is how long a page's first byte takes.
func firstByte(b *testing.B, c *http.Client, address string) time.Duration {
	var first time.Time
	ctx := httptrace.WithClientTrace(b.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	resp, err := c.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d, %v", address, resp.StatusCode, err)
	}
	_ = resp.Body.Close() // read to its end
	return first.Sub(began)
}

// BenchmarkPageFirstByte asks a running daemon with 10,000 proposals and 500
// recorded sessions for its pages over TCP, and reports the time to the first
// byte. "queue-changed" has a proposal change before each request, which is the
// worst that the queue meets; "static" is what the machine and HTTP cost.
func BenchmarkPageFirstByte(b *testing.B) {
	d, at := benchDaemon(b)
	c := signedIn(b, at)
	hits, err := d.index.SearchEvents(b.Context(), index.Query{Status: string(learn.StatusFailure), Limit: 1})
	if err != nil || len(hits.Hits) == 0 {
		b.Fatalf("no failure was recorded: %v", err)
	}
	changed := 0
	change := func() {
		changed++
		e, err := learn.NewEntry(learn.EntryState, learn.UUIDv8("bench", fmt.Sprint(changed)), "shop", time.Now().UTC(),
			learn.StateChange{ObjectID: learn.UUIDv8("bench", fmt.Sprint(changed)), To: learn.StateDeprecated, Timestamp: time.Now().UTC()}, nil)
		if err == nil {
			err = d.queue.Apply(e)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, p := range []struct {
		name, path string
		before     func()
	}{
		{"static", "/static/icon.svg", nil}, {"queue", "/", nil}, {"queue-filtered", "/?kind=add_retry&state=in_review&sort=age", nil},
		{"queue-search", "/?q=python+module", nil}, {"queue-last-page", "/?page=9999", nil}, {"queue-changed", "/", change},
		{"detail", "/review/" + learn.UUIDv8("bench", "5000"), nil}, {"kpi", "/kpi", nil}, {"log", "/log", nil}, {"log-search", "/log?q=test+failed&status=failure", nil},
		{"event", "/event/" + hits.Hits[0].ID, nil}, {"fixes", "/fixes", nil}, {"graph", "/graph?node=Tool:bash", nil}, {"graph-find", "/graph?q=test", nil},
	} {
		b.Run(p.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				if p.before != nil {
					p.before()
				}
				took = append(took, firstByte(b, c, at+p.path))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
		})
	}
}
