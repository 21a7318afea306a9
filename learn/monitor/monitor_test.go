package monitor_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
	"lathe/learn/monitor"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func nothing(learn.LedgerEntry) {}

func call(tool, project string, at time.Time, status learn.Status, ms float64, sig string) *learn.Observation {
	ev := &learn.ActionOutcome{
		ID: "e", ToolName: tool, ProjectID: project, SessionID: "s-" + project, Timestamp: at, Status: status,
		ResourceMetrics: learn.ResourceMetrics{DurationMS: ms, TokenCountIn: 2, TokenCountOut: 3},
	}
	o := &learn.Observation{Record: learn.Record{Action: ev}, Action: learn.Action{Tool: tool, Intent: learn.IntentRun}}
	if sig != "" {
		o.Signatures = []learn.ErrorSignature{{ID: sig, Name: "name of " + sig}}
	}
	return o
}

func apply(t testing.TB, m *monitor.Monitor, os ...*learn.Observation) {
	t.Helper()
	for _, o := range os {
		if err := m.Apply(o, nothing); err != nil {
			t.Fatal(err)
		}
	}
}

func finished(id, project string, at time.Time, outcome learn.Outcome) *learn.Observation {
	return &learn.Observation{Finished: &learn.Task{TaskID: id, ProjectID: project, Finished: at, Outcome: outcome}}
}

func entry(t testing.TB, kind learn.EntryKind, id string, body any) learn.LedgerEntry {
	t.Helper()
	e, err := learn.NewEntry(kind, id, "p", start, body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCallsAndFilters(t *testing.T) {
	m := monitor.New()
	apply(t, m,
		call("bash", "p", start, learn.StatusSuccess, 10, ""),
		call("bash", "p", start, learn.StatusFailure, 20, "x"),
		call("bash", "q", start.AddDate(0, 0, 1), learn.StatusTimeout, 0, "x"),
		call("edit", "q", start.AddDate(0, 0, 1), learn.StatusInterrupted, 30, ""),
	)
	for _, c := range []struct {
		name                             string
		filter                           monitor.Filter
		calls, successes, judged, tokens int64
	}{
		{"all", monitor.Filter{}, 4, 1, 3, 20},
		{"project", monitor.Filter{ProjectID: "p"}, 2, 1, 2, 10},
		{"tool", monitor.Filter{Tool: "bash"}, 3, 1, 3, 15},
		{"since", monitor.Filter{Since: start.AddDate(0, 0, 1)}, 2, 0, 1, 10},
		{"both", monitor.Filter{ProjectID: "q", Tool: "edit"}, 1, 0, 0, 5},
		{"none", monitor.Filter{ProjectID: "absent"}, 0, 0, 0, 0},
	} {
		g := m.KPIs(c.filter).Calls
		if g.Calls != c.calls || g.SuccessRate.Successes != c.successes || g.SuccessRate.Total != c.judged || g.TokensIn+g.TokensOut != c.tokens {
			t.Errorf("%s: %+v, want %d calls, %d of %d good, %d tokens", c.name, g, c.calls, c.successes, c.judged, c.tokens)
		}
	}
	k := m.KPIs(monitor.Filter{})
	if len(k.ByDay) != 2 || k.ByDay[0].Name != "2026-03-01" || len(k.ByTool) != 2 || k.ByTool[0].Name != "bash" || len(k.ByProject) != 2 {
		t.Errorf("groups: %+v %+v %+v", k.ByDay, k.ByTool, k.ByProject)
	}
	if len(k.SignaturesByCount) != 1 || k.SignaturesByCount[0].Weight != 2 || k.SignaturesByCount[0].Name != "name of x" {
		t.Errorf("signatures %+v", k.SignaturesByCount)
	}
	if _, err := json.Marshal(k); err != nil {
		t.Error(err)
	}
}

// TestTimeLost: the failing call's own time, and the time until the session's
// next success of that intent, from the first failure and at most ten minutes.
func TestTimeLost(t *testing.T) {
	m := monitor.New()
	apply(t, m,
		call("bash", "p", start, learn.StatusFailure, 1000, "x"),
		call("bash", "p", start.Add(10*time.Second), learn.StatusFailure, 2000, "y"),
		call("bash", "p", start.Add(30*time.Second), learn.StatusSuccess, 1, ""),
		call("bash", "p", start.Add(time.Hour), learn.StatusFailure, 0, "z"),
		call("bash", "p", start.Add(9*time.Hour), learn.StatusSuccess, 1, ""),
	)
	got := make(map[string]float64)
	for _, s := range m.KPIs(monitor.Filter{}).SignaturesByTimeLost {
		got[s.ID] = s.Weight
	}
	if want := map[string]float64{"x": 31_000, "y": 2000, "z": 600_000}; !reflect.DeepEqual(got, want) {
		t.Errorf("time lost %v, want %v", got, want)
	}
}

func TestTasksCountOnce(t *testing.T) {
	m := monitor.New()
	apply(t, m, finished("t1", "p", start, learn.OutcomeUnknown), finished("t2", "p", start, learn.OutcomeSuccess))
	for range 2 { // the same task from the ledger, then revised
		if err := m.ApplyLedger(entry(t, learn.EntryTask, "t1", learn.Task{TaskID: "t1", ProjectID: "p", Finished: start, Outcome: learn.OutcomeFailure})); err != nil {
			t.Fatal(err)
		}
	}
	k := m.KPIs(monitor.Filter{}).Tasks
	if k.Success != 1 || k.Failure != 1 || k.Unknown != 0 || k.SuccessRate.Rate != 0.5 {
		t.Errorf("tasks %+v", k)
	}
}

func TestLedger(t *testing.T) {
	m := monitor.New()
	entries := []learn.LedgerEntry{
		entry(t, learn.EntryStrategy, "s1", learn.ProvenStrategy{}),
		entry(t, learn.EntryTool, "tool1", learn.ProposedTool{}),
		entry(t, learn.EntryState, "tool1", learn.StateChange{ObjectID: "tool1", To: learn.StateActive}),
		entry(t, learn.EntryProposal, "p1", learn.PlanModificationProposal{Type: learn.AddRetry}),
		entry(t, learn.EntryProposal, "p2", learn.PlanModificationProposal{Type: learn.AddRetry}),
		entry(t, learn.EntryDecision, "p1", learn.Decision{ObjectID: "p1", Verdict: learn.VerdictApprove}),
		entry(t, learn.EntryDecision, "p2", learn.Decision{ObjectID: "p2", Verdict: learn.VerdictReject}),
		entry(t, learn.EntryReport, "r1", learn.FailureAnalysisReport{Remedies: []learn.RemedyOffer{{}, {}}}),
		entry(t, learn.EntryReport, "r2", learn.FailureAnalysisReport{}),
	}
	for range 2 { // entries may come twice
		for _, e := range entries {
			if err := m.ApplyLedger(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	k := m.KPIs(monitor.Filter{})
	if k.Strategies["candidate"] != 1 || k.Tools["active"] != 1 || len(k.Tools) != 1 {
		t.Errorf("strategies %v, tools %v", k.Strategies, k.Tools)
	}
	if len(k.Proposals) != 1 || k.Proposals[0].Approved != 1 || k.Proposals[0].Rejected != 1 || k.Proposals[0].Rate.Rate != 0.5 {
		t.Errorf("proposals %+v", k.Proposals)
	}
	if r := k.Remedies; r.Reports != 2 || r.Advised != 1 || r.Offered != 2 {
		t.Errorf("remedies %+v", r)
	}
	if err := m.ApplyLedger(learn.LedgerEntry{ID: "x", Kind: learn.EntryReport, Body: json.RawMessage(`[]`)}); err == nil {
		t.Error("a report that is a list was accepted")
	}
}

// TestWilson: published values (Newcombe 1998: 81/263 gives 0.2553 to 0.3662;
// 0/20 gives 0 to 0.1611).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		s, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {0, 20, 0, 0.1611}, {0, 0, 0, 1}} {
		m := monitor.New()
		for i := range c.n {
			status := learn.StatusFailure
			if i < c.s {
				status = learn.StatusSuccess
			}
			apply(t, m, call("b", "p", start, status, 0, ""))
		}
		in := m.KPIs(monitor.Filter{}).Calls.SuccessRate.Interval
		if math.Abs(in.Low-c.low) > 5e-5 || math.Abs(in.High-c.high) > 5e-5 {
			t.Errorf("%d/%d: [%.4f, %.4f], want [%.4f, %.4f]", c.s, c.n, in.Low, in.High, c.low, c.high)
		}
	}
}

// TestQuantiles: within 1 % of the exact order statistics.
func TestQuantiles(t *testing.T) {
	m, rng := monitor.New(), rand.New(rand.NewPCG(1, 2))
	var all []float64
	for range 20_000 {
		ms := math.Exp(rng.NormFloat64()*2 + 5)
		all = append(all, ms)
		apply(t, m, call("b", "p", start, learn.StatusSuccess, ms, ""))
	}
	sort.Float64s(all)
	g := m.KPIs(monitor.Filter{}).Calls
	for q, got := range map[float64]float64{0.5: g.P50MS, 0.9: g.P90MS, 0.99: g.P99MS, 1: g.MaxMS} {
		want := all[int(q*float64(len(all)-1))]
		if math.Abs(got-want) > 0.0101*want {
			t.Errorf("quantile %v is %v, want %v within 1 %%", q, got, want)
		}
	}
}

// TestHeavy: every signature above the summary's threshold is listed, and no
// weight is off by more than its stated error.
func TestHeavy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, exact := monitor.New(), make(map[string]float64)
		ids := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 600).Draw(t, "ids")
		for _, i := range ids {
			id := fmt.Sprint("s", i*i/400) // skewed to the low ones
			exact[id]++
			if err := m.Apply(call("b", "p", start, learn.StatusFailure, 0, id), nothing); err != nil {
				t.Fatal(err)
			}
		}
		listed := make(map[string]bool)
		for _, s := range m.KPIs(monitor.Filter{}).SignaturesByCount {
			listed[s.ID] = true
			if s.Weight < exact[s.ID] || s.Weight-s.Error > exact[s.ID] {
				t.Fatalf("%s has weight %v with error %v, exactly %v", s.ID, s.Weight, s.Error, exact[s.ID])
			}
		}
		for id, n := range exact {
			if n > float64(len(ids))/20 && n > float64(len(ids))/64 && !listed[id] {
				t.Fatalf("%s with %v of %d is not listed", id, n, len(ids))
			}
		}
	})
}

// stream makes a deterministic mixed stream.
func stream(n int) []*learn.Observation {
	rng := rand.New(rand.NewPCG(7, 7))
	var os []*learn.Observation
	for i := range n {
		at := start.Add(time.Duration(i) * time.Hour)
		status, sig := learn.StatusSuccess, ""
		if rng.IntN(4) == 0 {
			status, sig = learn.StatusFailure, fmt.Sprint("sig", rng.IntN(9))
		}
		os = append(os, call(fmt.Sprint("tool", rng.IntN(3)), fmt.Sprint("p", rng.IntN(3)), at, status, float64(rng.IntN(900)), sig))
		if i%10 == 0 {
			os = append(os, finished(fmt.Sprint("t", i), "p1", at, learn.OutcomeSuccess))
		}
	}
	return os
}

func TestSnapshotAndMerge(t *testing.T) {
	os := stream(3000) // 125 days: some are folded
	whole, half, other := monitor.New(), monitor.New(), monitor.New()
	apply(t, whole, os...)
	apply(t, half, os[:1500]...)
	raw, err := half.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored := monitor.New()
	if err := restored.Restore(raw); err != nil {
		t.Fatal(err)
	}
	apply(t, restored, os[1500:]...)
	want := mustJSON(t, whole.KPIs(monitor.Filter{}))
	if got := mustJSON(t, restored.KPIs(monitor.Filter{})); got != want {
		t.Errorf("restored half-way:\n%s\nwhole:\n%s", got, want)
	}
	apply(t, other, os[1500:]...)
	if err := half.Merge(other); err != nil {
		t.Fatal(err)
	}
	a, b := half.KPIs(monitor.Filter{}), whole.KPIs(monitor.Filter{})
	if a.Calls != b.Calls || a.Tasks != b.Tasks || mustJSON(t, a.ByDay) != mustJSON(t, b.ByDay) || mustJSON(t, a.SignaturesByCount) != mustJSON(t, b.SignaturesByCount) {
		t.Errorf("merged:\n%s\nwhole:\n%s", mustJSON(t, a), mustJSON(t, b))
	}
	if b.ByDay[len(b.ByDay)-1].Name != "older" || len(b.ByDay) != 92 {
		t.Errorf("%d days, the last %s; want 91 and older", len(b.ByDay), b.ByDay[len(b.ByDay)-1].Name)
	}
	for _, bad := range []string{"", "{}", `{"version":9}`, `{"version":1,"days":[{}]}`, `{"version":1,"calls":[{"sketch":"AAAA"}]}`} {
		if err := monitor.New().Restore([]byte(bad)); err == nil {
			t.Errorf("snapshot %q was accepted", bad)
		}
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestBounded: however many tools and sessions come, memory stays bounded and
// no call is lost.
func TestBounded(t *testing.T) {
	m := monitor.New()
	const n = 25_000
	for i := range n {
		apply(t, m, call(fmt.Sprint("tool", i), "p", start, learn.StatusSuccess, 0, ""))
	}
	k := m.KPIs(monitor.Filter{})
	if k.Calls.Calls != n || k.Dropped.Cells == 0 || len(k.ByTool) > 20_001 {
		t.Errorf("%d calls, %d tools, dropped %+v", k.Calls.Calls, len(k.ByTool), k.Dropped)
	}
}

func BenchmarkApply(b *testing.B) {
	os := stream(5000)
	m := monitor.New()
	for i := 0; b.Loop(); i++ {
		apply(b, m, os[i%len(os)])
	}
}

func BenchmarkKPIs(b *testing.B) {
	m := monitor.New()
	apply(b, m, stream(3000)...)
	for b.Loop() {
		m.KPIs(monitor.Filter{})
	}
}
