package mine

import (
	"math"
	"slices"
)

// Candidate is a pattern or habit that was tested and is not proven (yet).
type Candidate struct {
	Name             string  `json:"name"`
	ProjectID        string  `json:"project_id,omitempty"` // "" for all projects
	Support          int     `json:"support"`              // tasks with it
	Successes        int     `json:"successes"`            // of these
	Failures         int     `json:"failures"`             // of these
	WithoutSuccesses int     `json:"without_successes"`    // of the other tasks
	WithoutFailures  int     `json:"without_failures"`
	P                float64 `json:"p"` // of this alone
	Q                float64 `json:"q"` // corrected for all that was tested
	// EValue is the evidence of this alone, and Baseline the rate of success
	// without it, within strata.
	EValue   float64 `json:"e_value,omitempty"`
	Baseline float64 `json:"baseline_rate,omitempty"`
	// Needed is how many tasks, at the same proportions, would prove it: an
	// estimate that takes the proportions for true.
	Needed int `json:"tasks_needed,omitempty"`
}

// maxNearest is the number of candidates kept.
const maxNearest = 20

// Nearest returns up to n of what was tested at the last Conclude and is not
// proven, the nearest to it first, near-identical ones once.
func (m *Miner) Nearest(n int) []Candidate {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.stats.Nearest[:max(0, min(n, len(m.stats.Nearest)))])
}

// nearest are the best of the hypotheses that were never confirmed,
// near-identical ones once.
func (m *Miner) nearest(all []*finding, repeats map[*finding]*finding) []Candidate {
	var kept []*finding
	for _, f := range sorted(all, byWorth) {
		if len(kept) == maxNearest || f.e.log() <= 0 {
			break
		}
		same := func(k *finding) bool { return k.in.alike(f.in) >= sameTasks }
		if f.life == nil && f.q > m.opt.MaxQ && repeats[f] == nil && !slices.ContainsFunc(kept, same) {
			kept = append(kept, f)
		}
	}
	out := []Candidate{}
	for _, f := range kept {
		m.describe(f)
		out = append(out, Candidate{
			Name: f.title(), ProjectID: m.win.project(f.in), Support: f.sum.withGood + f.sum.withBad,
			Successes: f.sum.withGood, Failures: f.sum.withBad, WithoutSuccesses: f.sum.withoutGood, WithoutFailures: f.sum.withoutBad,
			P: min(1, math.Exp(-f.e.log())), Q: f.q, EValue: eValue(f.hypothesis), Baseline: f.baseline, Needed: m.needed(f),
		})
	}
	return out
}

// needed is how many tasks, from the first that was evidence on, would make
// the evidence enough if it goes on growing as it did, or 0 when twenty times
// as many are too few.
func (m *Miner) needed(f *finding) int {
	have, goal := f.e.log(), -math.Log(f.weight*m.opt.MaxQ)
	n := float64(m.win.next - f.since)
	if have <= 0 || goal > 20*have {
		return 0
	}
	return int(math.Ceil(n * max(1, goal/have)))
}
