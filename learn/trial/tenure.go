package trial

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"lathe/learn"
)

// tenure is the time for which a version is served, and what its calls came to.
type tenure struct {
	Tool string
	learn.ToolVersion
	Calls    Counts
	Timeouts int
	Memory   float64
	Times    quantiles
	Last     time.Time

	// The watch over a version that all calls go to: bets that it succeeds less
	// often than its own first calls did.
	Down    [len(stakes)]float64
	Against float64 // rate that is bet against; 0 is floorRate
	Failed  []string
	Repeats map[string]int // failures by session and arguments
	Done    bool
}

// add takes in a call, and reports whether the version has become worse.
func (t *tenure) add(ev *learn.ActionOutcome) (worse bool) {
	good := ev.Status == learn.StatusSuccess
	t.Calls.add(good)
	t.Last = later(t.Last, ev.Timestamp)
	t.Memory = max(t.Memory, ev.ResourceMetrics.MemoryUsageMB)
	if ev.Status == learn.StatusTimeout {
		t.Timeouts++
	}
	if ms := ev.ResourceMetrics.DurationMS; good && ms > 0 {
		t.Times.add(ms)
	}
	if t.Done {
		return false
	}
	t.watch(ev, good)
	if n := t.Calls.N(); n == baselineCalls {
		t.Against = max(floorRate, LowerBound(t.Calls.Successes, n, baselineAlpha))
	}
	return logMean(t.Down[:]) >= math.Log(alarm)
}

// watch bets on the call. If each call succeeds with probability at least
// Against, whatever came before it, no bet gains on average, so that each capital,
// kept at 1 or more, is an e-detector: it raises a false alarm once in alarm
// calls or more, on average (Shin, Ramdas and Rinaldo 2023). A failure that
// repeats one of the same session with the same arguments is bet on with less:
// an agent that tries the same in vain again and again says less.
func (t *tenure) watch(ev *learn.ActionOutcome, good bool) {
	q := max(t.Against, floorRate)
	weight := 1 / math.Sqrt(float64(1+t.repeats(ev, good)))
	y := 0.0
	if good {
		y = 1
	}
	for i, stake := range stakes {
		x := min(stake, 0.95/(1-q)) * weight * (q - y)
		t.Down[i] = max(0, t.Down[i]+math.Log1p(x))
	}
	if !good {
		if len(t.Failed) == maxFailedIDs {
			t.Failed = t.Failed[1:]
		}
		t.Failed = append(t.Failed, ev.ID)
	}
}

// repeats is how often the same session failed with the same arguments before.
func (t *tenure) repeats(ev *learn.ActionOutcome, good bool) int {
	sum := sha256.Sum256([]byte(pair(ev.SessionID, string(ev.ToolParameters))))
	key := hex.EncodeToString(sum[:8])
	n := t.Repeats[key]
	switch {
	case good:
		delete(t.Repeats, key)
	case n > 0 || len(t.Repeats) < maxRepeats:
		if t.Repeats == nil {
			t.Repeats = map[string]int{}
		}
		t.Repeats[key]++
	}
	return n
}

// withdraw emits that the version is served no more, and which is instead.
func (t *tenure) withdraw(ev *learn.ActionOutcome, emit func(learn.LedgerEntry)) error {
	t.Done = true
	g := ev.Generated
	c := learn.StateChange{ObjectID: t.ReviewID, ToolName: t.Tool, Version: t.Version, Digest: t.Digest, Tenure: t.Tenure,
		From: learn.StateActive, To: learn.StateQuarantined, By: learn.ByTrials, Timestamp: ev.Timestamp, Numbers: map[string]float64{
			"successes": float64(t.Calls.Successes), "failures": float64(t.Calls.Failures), "baseline": max(t.Against, floorRate), "log_e": logMean(t.Down[:])}}
	c.Reason = fmt.Sprintf("it fails more often than it used to: %d of all its %d calls failed, the last of them close together; usual is that at least %.0f %% succeed",
		t.Calls.Failures, t.Calls.N(), 100*max(t.Against, floorRate))
	if g.Fallback == nil {
		c.Reason += "; there is no earlier version"
		return write(c, ev, t.Failed, emit)
	}
	c.To = learn.StateRolledBack
	if err := write(c, ev, t.Failed, emit); err != nil {
		return err
	}
	back := learn.StateChange{ObjectID: g.Fallback.ReviewID, ToolName: t.Tool, Version: g.Fallback.Version, Digest: g.Fallback.Digest, Tenure: t.Tenure,
		From: learn.StateSuperseded, To: learn.StateActive, By: learn.ByTrials, Timestamp: ev.Timestamp,
		Reason: "back for version " + t.Version + ", which became worse"}
	return write(back, ev, nil, emit)
}

func (t *tenure) merge(o *tenure) {
	t.Calls.Successes += o.Calls.Successes
	t.Calls.Failures += o.Calls.Failures
	t.Timeouts += o.Timeouts
	t.Memory = max(t.Memory, o.Memory)
	t.Times.merge(&o.Times)
	t.Last = later(t.Last, o.Last)
}

func (t *tenure) use() VersionUse {
	n := t.Calls.N()
	u := VersionUse{Calls: n, Successes: t.Calls.Successes, Timeouts: t.Timeouts, Rate: t.Calls.Rate(), MemoryMB: t.Memory, Last: t.Last,
		P50MS: t.Times.at(0.5), P95MS: t.Times.at(0.95), P99MS: t.Times.at(0.99), Interval: learn.Interval{High: 1, Level: 0.95}}
	if n > 0 {
		u.Interval.Low = LowerBound(t.Calls.Successes, n, 0.025)
		u.Interval.High = 1 - LowerBound(t.Calls.Failures, n, 0.025)
	}
	return u
}
