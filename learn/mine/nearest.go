package mine

import (
	"cmp"
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
		t := s.table
		out = append(out, Candidate{
			Name: s.title(), ProjectID: s.group.project, Support: t.withGood + t.withBad, Successes: t.withGood, Failures: t.withBad,
			WithoutSuccesses: t.withoutGood, WithoutFailures: t.withoutBad, P: s.p, Q: s.q, Needed: s.needed(o.MaxQ),
		})
	}
	return out
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

// describe fills the numbers of a look into the counts.
func (v *survey) describe(o Options, tasks []taskSeq, to *Stats) {
	to.Tasks, to.Successes, to.Failures = len(tasks), 0, 0
	for i := range tasks {
		if tasks[i].Good {
			to.Successes++
		}
	}
	to.Failures = to.Tasks - to.Successes
	to.Tested, to.SmallestQ = len(v.tested), 1
	if len(v.tested) > 0 {
		to.SmallestQ = slices.MinFunc(v.tested, func(a, b *sighting) int { return cmp.Compare(a.q, b.q) }).q
	}
	to.RaisedSupport += v.raised
	to.Nearest = v.nearest(o)
}
