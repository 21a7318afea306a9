package trial

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"lathe/learn"
)

// The shares of calls that a new version gets, one after the other; 1 ends the
// trial. Each but the last is left after stepCalls calls of the new version, if
// nothing speaks against it.
var versionShares = [...]float64{0.1, 0.25, 0.5, 1}

// Shares are the shares of calls that a new tool version gets, growing.
func Shares() []float64 { return slices.Clone(versionShares[:]) }

const (
	stepCalls = 10
	// holdAt is the evidence of harm at which a share does not grow.
	holdAt = 3
	// The error levels of a trial: that a version that is no worse loses its
	// share at all, for failing and for being slow.
	failAlpha, slowAlpha = 0.04, 0.01
	// slowBy is how many times the median of the served version's duration is
	// slow.
	slowBy = 2
	// baselineCalls fix what a version does usually; before, the least that is
	// taken is floorRate.
	baselineCalls = 30
	floorRate     = 0.5
	baselineAlpha = 0.01
	maxTenures    = 4096
	maxFailedIDs  = 20
	maxRepeats    = 256
)

// Versions follows the calls of generated tools, version by version, and
// decides what becomes of the versions: a new one gets a growing share of calls
// and loses it at the first significant regression; one that all calls go to is
// withdrawn when it becomes significantly worse than it was, for the version
// before it or, without one, into quarantine.
//
// All follows from the log: each call's record says which version ran, how it
// was drawn, and what would come back (learn.GeneratedCall). Decisions are
// ledger entries (learn.StateChange by learn.ByTrials) with the numbers and the
// failed calls that they rest on; reading the log again makes the same ones.
//
// The share is drawn for each call by itself, so that the bet of bet.go holds
// for calls as it does for tasks: however often one looks, a version that does
// not fail more often loses its share with probability at most failAlpha.
type Versions struct {
	mu      sync.RWMutex
	tenures tasks[*tenure]
	trials  tasks[*versionTrial] // by the candidate's tenure
}

var _ learn.Learner = (*Versions)(nil)

// NewVersions makes an empty Versions.
func NewVersions() *Versions {
	return &Versions{tenures: newTasks[*tenure](), trials: newTasks[*versionTrial]()}
}

// Name is "versions".
func (*Versions) Name() string { return "versions" }

// versionTrial is a new version beside the one that is served.
type versionTrial struct {
	Success, Fast score
	Own, Other    Counts  // results of the candidate and of the served version
	Share         float64 // the current one, as far as is known here
	Calls         int     // of the candidate, at this share
	Medians       quantiles
	Failed        []string // event ids
	Done          bool
}

// Apply counts a call and emits what follows from it.
func (v *Versions) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.Generated == nil || ev.Generated.Tenure == "" || ev.Status == learn.StatusInterrupted {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.tenure(ev)
	if t.add(ev) && ev.Generated.Trial == nil {
		return t.withdraw(ev, emit)
	}
	if ev.Generated.Trial != nil {
		return v.tried(ev, emit)
	}
	return nil
}

func (v *Versions) tenure(ev *learn.ActionOutcome) *tenure {
	key := pair(ev.ToolName, ev.Generated.Tenure)
	t, ok := v.tenures.get(key)
	if !ok {
		t = &tenure{Tool: ev.ToolName, ToolVersion: ev.Generated.ToolVersion}
		v.tenures.put(key, t)
	}
	return t
}

// tried takes in a call that was drawn between two versions.
func (v *Versions) tried(ev *learn.ActionOutcome, emit func(learn.LedgerEntry)) error {
	g := ev.Generated
	key := pair(ev.ToolName, g.Trial.Candidate.Tenure)
	t, ok := v.trials.get(key)
	if !ok {
		t = &versionTrial{Share: g.Trial.Share}
		v.trials.put(key, t)
	}
	if t.Done || !(g.Trial.Share > 0 && g.Trial.Share < 1) {
		return nil
	}
	t.count(ev)
	switch fail, slow := t.Success.logDown(), t.Fast.logDown(); {
	case fail >= math.Log(1/failAlpha):
		return t.end(ev, fmt.Sprintf("it failed in %d of %d calls, and version %s in %d of %d beside it",
			t.Own.Failures, t.Own.N(), t.other(g), t.Other.Failures, t.Other.N()), fail, emit)
	case slow >= math.Log(1/slowAlpha):
		return t.end(ev, fmt.Sprintf("it took more than %d times the usual %.0f ms of version %s significantly more often", slowBy, t.Medians.at(0.5), t.other(g)), slow, emit)
	case max(fail, slow) < math.Log(holdAt) && t.Calls >= stepCalls:
		return t.grow(ev, emit)
	}
	return nil
}

func (t *versionTrial) other(g *learn.GeneratedCall) string {
	if g.Tenure != g.Trial.Candidate.Tenure {
		return g.Version
	}
	return "before it"
}

// count brings a call into the bets.
func (t *versionTrial) count(ev *learn.ActionOutcome) {
	g := ev.Generated
	treated, good := g.Tenure == g.Trial.Candidate.Tenure, ev.Status == learn.StatusSuccess
	y := 0.0
	if good {
		y = 1
	}
	t.Success.add(treated, g.Trial.Share, y)
	if ms := ev.ResourceMetrics.DurationMS; good && ms > 0 {
		// What is slow was fixed by the calls before this one.
		if usual := t.Medians.at(0.5); t.Medians.N >= stepCalls {
			fast := 0.0
			if ms <= slowBy*usual {
				fast = 1
			}
			t.Fast.add(treated, g.Trial.Share, fast)
		}
		if !treated {
			t.Medians.add(ms)
		}
	}
	if !treated {
		t.Other.add(good)
		return
	}
	t.Own.add(good)
	if !good && len(t.Failed) < maxFailedIDs {
		t.Failed = append(t.Failed, ev.ID)
	}
	if g.Trial.Share >= t.Share { // calls under way at a smaller share come in late
		if g.Trial.Share > t.Share {
			t.Share, t.Calls = g.Trial.Share, 0
		}
		t.Calls++
	}
}

// grow gives the candidate the next share.
func (t *versionTrial) grow(ev *learn.ActionOutcome, emit func(learn.LedgerEntry)) error {
	next := 1.0
	for _, s := range versionShares {
		if s > t.Share {
			next = s
			break
		}
	}
	c := t.change(ev, learn.StateActive)
	c.Share = next
	c.Reason = fmt.Sprintf("%.0f %% of the calls: it succeeded in %d of %d, the version before it in %d of %d, and nothing speaks against it", 100*next,
		t.Own.Successes, t.Own.N(), t.Other.Successes, t.Other.N())
	t.Share, t.Calls, t.Done = next, 0, next == 1
	return write(c, ev, nil, emit)
}

// end takes the share away.
func (t *versionTrial) end(ev *learn.ActionOutcome, why string, logE float64, emit func(learn.LedgerEntry)) error {
	c := t.change(ev, learn.StateRolledBack)
	c.Reason, c.Numbers["log_e"] = why, logE
	t.Done = true
	return write(c, ev, t.Failed, emit)
}

func (t *versionTrial) change(ev *learn.ActionOutcome, to learn.State) learn.StateChange {
	c := ev.Generated.Trial.Candidate
	return learn.StateChange{ObjectID: c.ReviewID, ToolName: ev.ToolName, Version: c.Version, Digest: c.Digest, Tenure: c.Tenure,
		From: learn.StateActive, To: to, By: learn.ByTrials, Timestamp: ev.Timestamp, Numbers: map[string]float64{
			"successes": float64(t.Own.Successes), "failures": float64(t.Own.Failures),
			"former_successes": float64(t.Other.Successes), "former_failures": float64(t.Other.Failures)}}
}

func write(c learn.StateChange, ev *learn.ActionOutcome, evidence []string, emit func(learn.LedgerEntry)) error {
	e, err := learn.NewEntry(learn.EntryState, c.ObjectID, "", c.Timestamp, c, append(slices.Clone(evidence), ev.ID))
	if err != nil {
		return fmt.Errorf("trial: version %s of %s: %w", c.Version, c.ToolName, err)
	}
	emit(e)
	return nil
}

// VersionUse is what the calls of one version came to, over all its tenures.
type VersionUse struct {
	Calls     int            `json:"calls"`
	Successes int            `json:"successes"`
	Timeouts  int            `json:"timeouts"`
	Rate      float64        `json:"success_rate"`
	Interval  learn.Interval `json:"success_rate_interval"` // Clopper and Pearson
	P50MS     float64        `json:"p50_ms"`                // of successful calls; 0 without any
	P95MS     float64        `json:"p95_ms"`
	P99MS     float64        `json:"p99_ms"`
	MemoryMB  float64        `json:"memory_mb"` // the most
	Last      time.Time      `json:"last,omitzero"`
}

// Use adds up the calls of a tool's versions by their image's digest.
func (v *Versions) Use(tool string) map[string]VersionUse {
	v.mu.RLock()
	defer v.mu.RUnlock()
	sums := map[string]*tenure{}
	for e := v.tenures.order.Front(); e != nil; e = e.Next() {
		t := e.Value.(taskItem[*tenure]).value
		if t.Tool != tool {
			continue
		}
		sum := sums[t.Digest]
		if sum == nil {
			sum = &tenure{}
			sums[t.Digest] = sum
		}
		sum.merge(t)
	}
	out := map[string]VersionUse{}
	for digest, t := range sums {
		out[digest] = t.use()
	}
	return out
}
