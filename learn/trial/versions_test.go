package trial

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
)

// toolWorld is a tool in use: it draws versions as the forge does, follows the
// learner's decisions, and keeps what was decided.
type toolWorld struct {
	t       testing.TB
	v       *Versions
	r       *rand.Rand
	n       int
	share   float64 // of the candidate
	current learn.ToolVersion
	before  *learn.ToolVersion
	next    learn.ToolVersion
	changes []learn.StateChange
	entries []learn.LedgerEntry
	log     []learn.ActionOutcome
	slow    float64 // duration of the candidate, in those of the other
}

func versionNamed(name string) learn.ToolVersion {
	return learn.ToolVersion{Version: name, Digest: "sha256:" + name, ReviewID: "review-" + name, Tenure: "tenure-" + name}
}

func newToolWorld(t testing.TB, seed uint64) *toolWorld {
	return &toolWorld{t: t, v: NewVersions(), r: rand.New(rand.NewPCG(seed, 1)), current: versionNamed("1.0.0"), next: versionNamed("1.1.0"), slow: 1}
}

// call makes one call in which the current version succeeds with probability
// p and the one on trial with q.
func (w *toolWorld) call(p, q float64) {
	w.n++
	g := learn.GeneratedCall{ToolVersion: w.current}
	ms := 20 * math.Exp(0.3*w.r.NormFloat64())
	if w.share > 0 && w.share < 1 {
		g.Trial = &learn.VersionTrial{Candidate: w.next, Share: w.share}
		if w.r.Float64() < w.share {
			g.ToolVersion, p, ms = w.next, q, ms*w.slow
		}
	} else {
		g.Fallback = w.before
	}
	ev := learn.ActionOutcome{ID: fmt.Sprintf("event-%d", w.n), Timestamp: time.Unix(int64(w.n), 0).UTC(), SessionID: fmt.Sprint(w.n / 5), ToolName: "count",
		ToolParameters: json.RawMessage(fmt.Sprintf(`{"n":%d}`, w.n)), Status: learn.StatusSuccess, Generated: &g, ResourceMetrics: learn.ResourceMetrics{DurationMS: ms, MemoryUsageMB: 8}}
	if w.r.Float64() >= p {
		ev.Status = learn.StatusFailure
	}
	w.apply(ev)
}

func (w *toolWorld) apply(ev learn.ActionOutcome) {
	w.log = append(w.log, ev)
	err := w.v.Apply(&learn.Observation{Record: learn.Record{Action: &ev}}, func(e learn.LedgerEntry) {
		var s learn.StateChange
		if err := json.Unmarshal(e.Body, &s); err != nil {
			w.t.Fatal(err)
		}
		w.changes, w.entries = append(w.changes, s), append(w.entries, e)
		switch {
		case s.To == learn.StateActive && s.Tenure == w.next.Tenure && s.From == learn.StateActive:
			w.share = s.Share
			if s.Share == 1 {
				old := w.current
				w.current, w.before = w.next, &old
			}
		case s.To == learn.StateRolledBack && s.Tenure == w.next.Tenure:
			w.share = 0
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *toolWorld) ended() bool {
	return slices.ContainsFunc(w.changes, func(s learn.StateChange) bool { return s.To != learn.StateActive || s.Share == 1 })
}

// A version that is as good gets all calls, share by share.
func TestGoodVersionGrows(t *testing.T) {
	w := newToolWorld(t, 1)
	w.share = Shares()[0]
	for w.n < 2000 && !w.ended() {
		w.call(0.95, 0.95)
	}
	var got []float64
	for i, s := range w.changes {
		got = append(got, s.Share)
		if s.By != learn.ByTrials || s.ToolName != "count" || s.ObjectID != w.next.ReviewID || len(w.entries[i].Evidence) == 0 || s.Reason == "" {
			t.Errorf("change %+v with evidence %v", s, w.entries[i].Evidence)
		}
	}
	if !slices.Equal(got, Shares()[1:]) {
		t.Errorf("shares %v, want %v", got, Shares()[1:])
	}
	t.Logf("all calls after %d", w.n)
}

// A version that fails loses its share soon, with the calls that say so.
func TestBadVersionLosesItsShare(t *testing.T) {
	worst := 0
	for seed := range uint64(50) {
		w := newToolWorld(t, seed)
		w.share = Shares()[0]
		for w.n < 3000 && !w.ended() {
			w.call(0.95, 0.2)
		}
		last := w.changes[len(w.changes)-1]
		if last.To != learn.StateRolledBack || last.Numbers["failures"] == 0 || last.Tenure != w.next.Tenure {
			t.Fatalf("seed %d: %+v", seed, w.changes)
		}
		worst = max(worst, int(last.Numbers["failures"]+last.Numbers["successes"]))
	}
	t.Logf("at most %d calls of it in 50 runs", worst)
	if worst > 100 {
		t.Errorf("%d calls went to a version that fails in four of five", worst)
	}
}

func TestSlowVersionLosesItsShare(t *testing.T) {
	w := newToolWorld(t, 3)
	w.share, w.slow = Shares()[0], 5
	for w.n < 5000 && !w.ended() {
		w.call(1, 1)
	}
	if last := w.changes[len(w.changes)-1]; last.To != learn.StateRolledBack {
		t.Errorf("five times as slow, and: %+v", w.changes)
	}
}

// TestVersionFalseAlarms: one that is no worse loses its share with probability
// at most failAlpha+slowAlpha, however long one looks.
func TestVersionFalseAlarms(t *testing.T) {
	const runs = 400
	lost := 0
	for seed := range uint64(runs) {
		w := newToolWorld(t, 1000+seed)
		w.share = Shares()[0]
		for w.n < 1000 && !w.ended() {
			w.call(0.8, 0.8)
		}
		if n := len(w.changes); n > 0 && w.changes[n-1].To == learn.StateRolledBack {
			lost++
		}
	}
	// Three standard deviations above the promise.
	if most := runs*(failAlpha+slowAlpha) + 3*math.Sqrt(runs*(failAlpha+slowAlpha)); float64(lost) > most {
		t.Errorf("%d of %d lost their share, at most %.0f may", lost, runs, most)
	}
}

// A version that was good and becomes bad is withdrawn: for the one before it,
// or without one into quarantine.
func TestRegressionOfAFullVersion(t *testing.T) {
	for _, earlier := range []bool{true, false} {
		w := newToolWorld(t, 5)
		if earlier {
			v := versionNamed("0.9.0")
			w.before = &v
		}
		for range 200 {
			w.call(0.95, 0)
		}
		if len(w.changes) > 0 {
			t.Fatalf("while nothing was wrong: %+v", w.changes)
		}
		for len(w.changes) == 0 && w.n < 400 {
			w.call(0.1, 0)
		}
		late := w.n - 200
		want := []learn.State{learn.StateQuarantined}
		if earlier {
			want = []learn.State{learn.StateRolledBack, learn.StateActive}
		}
		var got []learn.State
		for _, s := range w.changes {
			got = append(got, s.To)
		}
		if !slices.Equal(got, want) || len(w.entries[0].Evidence) < 3 {
			t.Fatalf("earlier %v: %v, want %v; evidence %v", earlier, got, want, w.entries[0].Evidence)
		}
		if earlier && (w.changes[1].ObjectID != "review-0.9.0" || w.changes[1].Tenure != w.current.Tenure) {
			t.Errorf("what came back: %+v", w.changes[1])
		}
		if late > 30 {
			t.Errorf("noticed after %d calls", late)
		}
		for range 50 { // calls that were under way say nothing new
			w.call(0, 0)
		}
		if len(w.changes) != len(want) {
			t.Errorf("decided again: %+v", w.changes)
		}
	}
}

// One agent that repeats a call in vain does not withdraw a tool quickly.
func TestRepeatedCallWeighsLess(t *testing.T) {
	calls := func(same bool) int {
		w := newToolWorld(t, 7)
		for i := 1; i < 500; i++ {
			ev := learn.ActionOutcome{ID: fmt.Sprint(i), Timestamp: time.Unix(int64(i), 0), SessionID: "s", ToolName: "count", Status: learn.StatusFailure,
				ToolParameters: json.RawMessage(`{}`), Generated: &learn.GeneratedCall{ToolVersion: w.current}}
			if !same {
				ev.ToolParameters = json.RawMessage(fmt.Sprint(i))
			}
			if w.apply(ev); len(w.changes) > 0 {
				return i
			}
		}
		return 500
	}
	if a, b := calls(false), calls(true); a > 25 || b < 2*a || b == 500 {
		t.Errorf("withdrawn after %d failures, of the same call after %d", a, b)
	}
}

// Reading the log again, or going on from any snapshot, decides the same.
func TestVersionsReplay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newToolWorld(t, rapid.Uint64().Draw(r, "seed"))
		w.share = Shares()[0]
		p, q := rapid.Float64Range(0, 1).Draw(r, "p"), rapid.Float64Range(0, 1).Draw(r, "q")
		for range rapid.IntRange(1, 300).Draw(r, "calls") {
			w.call(p, q)
		}
		cut := rapid.IntRange(0, len(w.log)).Draw(r, "cut")
		var got []learn.LedgerEntry
		v := NewVersions()
		for i := range w.log {
			if i == cut {
				raw, err := v.Snapshot()
				if err != nil {
					r.Fatal(err)
				}
				v = NewVersions()
				if err := v.Restore(raw); err != nil {
					r.Fatal(err)
				}
			}
			if err := v.Apply(&learn.Observation{Record: learn.Record{Action: &w.log[i]}}, func(e learn.LedgerEntry) { got = append(got, e) }); err != nil {
				r.Fatal(err)
			}
		}
		a, err := json.Marshal(w.entries)
		if err != nil {
			r.Fatal(err)
		}
		b, err := json.Marshal(got)
		if err != nil {
			r.Fatal(err)
		}
		if string(a) != string(b) {
			r.Fatalf("decided\n%s\nand again\n%s", a, b)
		}
		one, _ := w.v.Snapshot()
		two, _ := v.Snapshot()
		if string(one) != string(two) {
			r.Fatalf("state\n%s\nand again\n%s", one, two)
		}
	})
}

func TestVersionUse(t *testing.T) {
	w := newToolWorld(t, 9)
	for range 500 {
		w.call(0.9, 0)
	}
	u := w.v.Use("count")[w.current.Digest]
	if u.Calls != 500 || u.Interval.Low >= u.Rate || u.Interval.High <= u.Rate || u.Interval.Low > 0.9 || u.Interval.High < 0.9 {
		t.Errorf("%+v", u)
	}
	if u.P50MS < 18 || u.P50MS > 22 || u.P95MS <= u.P50MS || u.P99MS <= u.P95MS || u.MemoryMB != 8 {
		t.Errorf("%+v", u)
	}
	if len(w.v.Use("other")) != 0 {
		t.Error("another tool has its calls")
	}
	for _, bad := range []string{"", "{}", `{"version":1,"tenures":[{"key":"x"}]}`, `{"version":1,"trials":[{"key":"x"}]}`} {
		if err := w.v.Restore([]byte(bad)); err == nil {
			t.Errorf("%q was restored", bad)
		}
	}
	if w.v.Use("count")[w.current.Digest].Calls != 500 {
		t.Error("a snapshot that was refused changed something")
	}
}
