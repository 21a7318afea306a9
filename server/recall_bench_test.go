package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/mcp"
)

// world makes learned objects such as a team of twenty projects would have:
// words by Zipf's law, half of the objects in four large projects.
type world struct {
	rng   *rand.Rand
	zipf  *rand.Zipf
	words []string
	at    time.Time
}

const worldProjects = 20

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{rng: rng, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	syllables := strings.Fields("par se con fig tok en in dex sche ma que ry cach e re tri ev al buf fer sock et mod ule rout er la tch vec tor ses sion")
	seen := map[string]bool{}
	for len(w.words) < 20_000 {
		word := ""
		for range 2 + rng.IntN(3) {
			word += syllables[rng.IntN(len(syllables))]
		}
		if !seen[word] {
			seen[word] = true
			w.words = append(w.words, word)
		}
	}
	w.zipf = rand.NewZipf(rng, 1.1, 8, uint64(len(w.words)-1))
	return w
}

func (w *world) text(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = w.words[w.zipf.Uint64()]
	}
	return strings.Join(out, " ")
}

func (w *world) project() string {
	if w.rng.IntN(2) == 0 {
		return fmt.Sprint("p", w.rng.IntN(4))
	}
	return fmt.Sprint("p", w.rng.IntN(worldProjects))
}

func (w *world) evidence() (out []string) {
	for range 3 + w.rng.IntN(6) {
		out = append(out, learn.UUIDv8("bench", fmt.Sprint(w.rng.Uint64())))
	}
	return out
}

func (w *world) command() string {
	return w.words[w.rng.IntN(300)] + " " + w.words[w.rng.IntN(40)] + " {path} --" + w.words[w.rng.IntN(400)]
}

// entry is the i-th object.
func (w *world) entry(i int) (kind learn.EntryKind, id, project string, body any, evidence []string) {
	id, project, evidence = learn.UUIDv8("object", fmt.Sprint(i)), w.project(), w.evidence()
	w.at = w.at.Add(time.Minute)
	signature := learn.UUIDv8("signature", fmt.Sprint(w.rng.IntN(5000)))
	switch k := i % 20; {
	case k < 4:
		return learn.EntryStrategy, id, project, w.strategy(id, project, evidence), evidence
	case k < 10:
		n := 2 + w.rng.IntN(40)
		good := float64(w.rng.IntN(n))
		return learn.EntryRemedy, id, project, learn.Remedy{RemedyID: id, SignatureID: signature, PatternID: "mined/" + signature[:8], ProjectID: project,
			Description: "First run `" + w.command() + "`, then repeat the call. " + w.text(6), Actions: []learn.RemedyAction{{ToolName: "bash", Command: w.command()}},
			Support: n, Successes: good, Failures: float64(n) - good, LastSeen: w.at, Evidence: evidence}, evidence
	case k < 19:
		return learn.EntryReport, id, project, learn.FailureAnalysisReport{ReportID: id, ProjectID: project, FailedEventID: evidence[0], Timestamp: w.at,
			RootCause: w.text(12), CulpritCall: w.command(), ConfidenceScore: w.rng.Float64(), Evidence: evidence,
			Signatures: []learn.ErrorSignature{{ID: signature, PatternID: "mined/" + signature[:8], Name: w.text(3), Salient: w.text(15)}}}, evidence
	}
	return learn.EntryTool, id, project, learn.ProposedTool{ToolID: id, Manifest: learn.ToolManifest{Name: w.words[i%2000], Description: w.text(14)},
		Files: map[string]string{"tool.py": w.text(200)}}, evidence
}

func (w *world) strategy(id, project string, evidence []string) learn.ProvenStrategy {
	s := learn.ProvenStrategy{StrategyID: id, ProjectID: project, Name: w.text(4), Description: "Where the steps " + w.text(9) + " follow each other, tasks succeeded.",
		SuccessRate: 0.5 + w.rng.Float64()/2, Support: 5 + w.rng.IntN(100), Contrast: 2 + 8*w.rng.Float64(), LastConfirmed: w.at, Evidence: evidence,
		ApplicabilityConditions: []string{"problem_type: bugfix (lift 1.6)", "language: go (lift 2.0)", "prompt mentions: " + w.text(1) + " (lift 3.1)"}}
	s.SuccessInterval = learn.Interval{Low: s.SuccessRate * 0.85, High: min(1, s.SuccessRate*1.1), Level: 0.95}
	for i := range 2 + w.rng.IntN(4) {
		raw, _ := json.Marshal(map[string]string{"command": w.command()}) // strings always can be
		s.TemplatePlanFragment.Tasks = append(s.TemplatePlanFragment.Tasks, learn.PlanTask{ID: fmt.Sprint("s", i+1), ToolName: "bash", Arguments: raw})
	}
	return s
}

func (w *world) entries(tb testing.TB, from, n int) []learn.LedgerEntry {
	tb.Helper()
	out := make([]learn.LedgerEntry, 0, n)
	for i := range n {
		kind, id, project, body, evidence := w.entry(from + i)
		e, err := learn.NewEntry(kind, id, project, w.at, body, evidence)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// fill writes n objects into the ledger and waits until they are projected.
func fill(tb testing.TB, d *Daemon, w *world, n int) {
	tb.Helper()
	for from := 0; from < n; from += 500 {
		if err := (ledgerLog{d.log}).WriteLedger(tb.Context(), w.entries(tb, from, min(500, n-from))); err != nil {
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
	w := newWorld(1)
	fill(b, d, w, objects)
	c := NewClient(d.cfg)
	load, stop := context.WithCancel(b.Context())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		steadyLoad(load, b, d)
	}()
	ask := newWorld(2)
	ask.words, ask.zipf = w.words, rand.NewZipf(ask.rng, 1.1, 8, uint64(len(w.words)-1))
	var took []time.Duration
	given := 0
	for b.Loop() {
		q := RecallCall{RecallQuery: mcp.RecallQuery{ProjectID: ask.project(), Prompt: "Please fix the failing tests of " + ask.text(8+ask.rng.IntN(40))}}
		if ask.rng.IntN(4) == 0 {
			q.Plan = &learn.TaskGraph{Name: "plan", Tasks: ask.strategy("x", "p", nil).TemplatePlanFragment.Tasks}
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
	w := newWorld(3)
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
		if err := (ledgerLog{d.log}).WriteLedger(ctx, w.entries(b, 1_000_000+i, 1)); err != nil && ctx.Err() == nil {
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
