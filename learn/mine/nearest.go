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
	// without it, within strata; both only of a Miner.
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

// nearest picks the candidates out of a survey.
func (v *survey) nearest(o Options) []Candidate {
	var kept []*sighting
	for _, s := range v.tested {
		if len(kept) == maxNearest {
			break
		}
		same := func(k *sighting) bool { return s == k || s.resembles(k) }
		if s.q > o.MaxQ && !slices.ContainsFunc(kept, same) && !slices.ContainsFunc(v.proven, same) {
			kept = append(kept, s)
		}
	}
	out := []Candidate{}
	for _, s := range kept {
		out = append(out, s.candidate(o.MaxQ))
	}
	return out
}

func (s *sighting) candidate(maxQ float64) Candidate {
	t := s.table
	return Candidate{
		Name: s.title(), ProjectID: s.group.project, Support: t.withGood + t.withBad, Successes: t.withGood, Failures: t.withBad,
		WithoutSuccesses: t.withoutGood, WithoutFailures: t.withoutBad, P: s.p, Q: s.q, Needed: s.needed(maxQ),
	}
}

// needed scales the table until its p-value has shrunk as much as q must, and
// returns the number of tasks, or 0 when twenty times as many are too few.
func (s *sighting) needed(maxQ float64) int {
	goal := s.p * maxQ / s.q
	for tenths := 11; tenths <= 200; tenths++ {
		scaled := func(n int) int { return int(math.Round(float64(n*tenths) / 10)) }
		t := table{scaled(s.table.withGood), scaled(s.table.withBad), scaled(s.table.withoutGood), scaled(s.table.withoutBad)}
		if t.fisher() <= goal {
			return t.withGood + t.withBad + t.withoutGood + t.withoutBad
		}
	}
	return 0
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
