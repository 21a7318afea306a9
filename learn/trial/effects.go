package trial

import (
	"encoding/json"
	"fmt"
	"sort"

	"lathe/learn"
)

// ArmSummary is one group's tasks: how many succeeded, and mean costs.
type ArmSummary struct {
	Counts
	SuccessRate float64 `json:"success_rate"`
	Calls       float64 `json:"calls"`
	DurationMS  float64 `json:"duration_ms"`
	Tokens      float64 `json:"tokens"`
}

// Effect is what one kind of advice does to the success of tasks.
type Effect struct {
	AdviceKind string     `json:"advice_kind"`
	Treatment  ArmSummary `json:"treatment"`
	Control    ArmSummary `json:"control"`
	// Difference is of the success rates, valid at any time one looks.
	Difference learn.Interval `json:"difference"`
	Verdict    Verdict        `json:"verdict"`
	Enough     bool           `json:"enough"` // both arms have the minimum sample
}

// Effects lists every measured kind of advice by name.
func (t *Trial) Effects() []Effect {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]Effect, 0, len(t.s.Kinds))
	for name, k := range t.s.Kinds {
		v, in := Judge(k.Treatment.Counts, k.Control.Counts, t.o.Alpha, t.o.MinSample)
		out = append(out, Effect{
			AdviceKind: name, Treatment: k.Treatment.summary(), Control: k.Control.summary(), Difference: in, Verdict: v,
			Enough: k.Treatment.N() >= t.o.MinSample && k.Control.N() >= t.o.MinSample,
		})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].AdviceKind < out[j].AdviceKind })
	return out
}

func (a *arm) summary() ArmSummary {
	s := ArmSummary{Counts: a.Counts, SuccessRate: a.Rate()}
	if n := float64(a.N()); n > 0 {
		s.Calls, s.DurationMS, s.Tokens = a.Calls/n, a.DurationMS/n, a.Tokens/n
	}
	return s
}

// Dropped counts assignments that the bounds left unmeasured.
func (t *Trial) Dropped() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.s.Dropped
}

// Snapshot gives the state as versioned JSON.
func (t *Trial) Snapshot() ([]byte, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	raw, err := json.Marshal(t.s)
	if err != nil {
		return nil, fmt.Errorf("trial: snapshot: %w", err)
	}
	return raw, nil
}

// Restore replaces the state by a snapshot's. It fails, and changes nothing,
// on one that is damaged or of another version.
func (t *Trial) Restore(raw []byte) error {
	s := newState()
	s.Version = 0
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("trial: restore: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("trial: restore: snapshot version %d, want %d; replay the log", s.Version, snapshotVersion)
	}
	if s.Kinds == nil || s.Objects == nil {
		return fmt.Errorf("trial: restore: damaged snapshot; replay the log")
	}
	for _, k := range s.Kinds {
		if k == nil {
			return fmt.Errorf("trial: restore: damaged snapshot; replay the log")
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s = s
	return nil
}
