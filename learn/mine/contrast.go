package mine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// level is how closely a step is looked at.
type level string

const (
	levelSkeleton level = "skeleton"
	levelIntent   level = "intent"
)

func (l level) item(s *seqStep) string {
	if l == levelIntent {
		return s.Tool + " " + string(s.Intent)
	}
	return s.Tool + " " + s.Skeleton
}

// sighting is a pattern with the tasks that have it.
type sighting struct {
	level level
	names []string // the items' texts
	has   []bool   // by task
	where [][]int  // by task, the steps of its first occurrence
	table table
	p, q  float64
}

// contrast finds the patterns that separate the successes of a group from its
// failures. It returns also how often the support had to be raised.
func (m *Miner) contrast(project string, tasks []*taskSeq) ([]learn.ProvenStrategy, int64, error) {
	good := 0
	for _, t := range tasks {
		if t.Good {
			good++
		}
	}
	if good < m.opt.MinTasks || len(tasks) == good {
		return nil, 0, nil
	}
	var all []*sighting
	var raised int64
	for _, l := range []level{levelSkeleton, levelIntent} {
		found, n, err := m.sightings(l, tasks, good)
		if err != nil {
			return nil, 0, err
		}
		all, raised = append(all, found...), raised+n
	}
	p := make([]float64, len(all))
	for i, s := range all {
		s.p = s.table.fisher()
		p[i] = s.p
	}
	for i, q := range benjaminiHochberg(p) {
		all[i].q = q
	}
	var out []learn.ProvenStrategy
	for _, s := range distinct(m.significant(all, tasks), tasks) {
		out = append(out, strategy(project, s, tasks))
	}
	return out, raised, nil
}

// sightings mines the successful tasks at one level and looks the closed
// patterns of at least two steps up in all tasks.
func (m *Miner) sightings(l level, tasks []*taskSeq, good int) ([]*sighting, int64, error) {
	var names []string
	number := map[string]int32{}
	db := &Database{}
	seqs := make([][]int32, len(tasks))
	for i, t := range tasks {
		for j := range t.Steps {
			name := l.item(&t.Steps[j])
			if _, ok := number[name]; !ok {
				number[name] = int32(len(names))
				names = append(names, name)
			}
			seqs[i] = append(seqs[i], number[name])
		}
		if t.Good {
			if err := db.Add(seqs[i]); err != nil {
				return nil, 0, err
			}
		}
	}
	limits := Limits{MinSupport: max(m.opt.MinTasks, good/20), MaxGap: m.opt.MaxGap, MaxLength: m.opt.MaxLength,
		Closed: true, MaxPatterns: m.opt.MaxPatterns}
	raised := int64(0)
	// No caller can cancel this; MaxTasks, MaxSteps and MaxPatterns bound it.
	patterns, err := db.Mine(context.Background(), limits)
	for errors.Is(err, ErrTooMany) && limits.MinSupport < good {
		limits.MinSupport, raised = min(good, limits.MinSupport*3/2), raised+1
		patterns, err = db.Mine(context.Background(), limits)
	}
	if errors.Is(err, ErrTooMany) {
		return nil, raised, nil // every success does the same: habits
	}
	if err != nil {
		return nil, raised, fmt.Errorf("mine: contrast at the %s level: %w", l, err)
	}
	var out []*sighting
	for _, p := range patterns {
		if len(p.Items) > 1 {
			out = append(out, look(l, p.Items, names, seqs, tasks, m.opt.MaxGap))
		}
	}
	return out, raised, nil
}

func look(l level, items []int32, names []string, seqs [][]int32, tasks []*taskSeq, gap int) *sighting {
	s := &sighting{level: l, has: make([]bool, len(tasks)), where: make([][]int, len(tasks))}
	for _, it := range items {
		s.names = append(s.names, names[it])
	}
	for i, t := range tasks {
		s.where[i] = occurrence(seqs[i], items, gap)
		s.has[i] = s.where[i] != nil
		s.table.add(s.has[i], t.Good)
	}
	return s
}

func (t *table) add(with, good bool) {
	switch {
	case with && good:
		t.withGood++
	case with:
		t.withBad++
	case good:
		t.withoutGood++
	default:
		t.withoutBad++
	}
}

// occurrence returns the places of an occurrence within the gap limit, or nil.
// back[i][j] is the place before j in an occurrence of the first i+1 items.
func occurrence(seq, items []int32, gap int) []int {
	if !isSubsequence(items, seq) {
		return nil // most are not, and this costs no memory
	}
	back := make([][]int, len(items))
	for i, item := range items {
		back[i] = make([]int, len(seq))
		last := -1
		for j := range seq {
			back[i][j] = -1
			if i > 0 && j > 0 && back[i-1][j-1] >= 0 {
				last = j - 1
			}
			switch {
			case seq[j] != item:
			case i == 0:
				back[i][j] = j
			case last >= 0 && j-last-1 <= gap:
				back[i][j] = last
			}
		}
	}
	for j := range seq {
		if back[len(items)-1][j] < 0 {
			continue
		}
		out := make([]int, len(items))
		for i := len(items) - 1; i >= 0; i-- {
			out[i] = j
			j = back[i][j]
		}
		return out
	}
	return nil
}

// significant keeps what has enough support, sessions and contrast.
func (m *Miner) significant(all []*sighting, tasks []*taskSeq) []*sighting {
	return slices.DeleteFunc(all, func(s *sighting) bool {
		sessions := map[string]bool{}
		for i, t := range tasks {
			if s.has[i] && t.Good {
				sessions[t.ProjectID+"\x00"+t.SessionID] = true
			}
		}
		return s.q > m.opt.MaxQ || s.table.oddsRatio() < m.opt.MinOdds ||
			s.table.withGood < m.opt.MinTasks || len(sessions) < m.opt.MinSessions
	})
}

// distinct keeps one of those that say the same. Strongest first, a pattern
// stays only when it still separates success from failure among the tasks that
// have, or among those that lack, each stronger one: parts of a strategy,
// strategies with an accidental step, and the same at the other level go.
func distinct(found []*sighting, tasks []*taskSeq) []*sighting {
	slices.SortStableFunc(found, func(a, b *sighting) int {
		switch {
		case a.p != b.p && a.p < b.p:
			return -1
		case a.p != b.p:
			return 1
		case len(a.names) != len(b.names):
			return len(b.names) - len(a.names)
		case a.level != b.level: // the skeleton says more
			return -strings.Compare(string(a.level), string(b.level))
		}
		return slices.Compare(a.names, b.names)
	})
	var kept []*sighting
	level := 0.05 / float64(2*max(1, len(found)))
	for _, s := range found {
		if !slices.ContainsFunc(kept, func(k *sighting) bool { return !adds(s, k, tasks, level) }) {
			kept = append(kept, s)
		}
	}
	return kept
}

// adds reports whether s says something that k does not.
func adds(s, k *sighting, tasks []*taskSeq, level float64) bool {
	var with, without table
	for i, t := range tasks {
		if k.has[i] {
			with.add(s.has[i], t.Good)
		} else {
			without.add(s.has[i], t.Good)
		}
	}
	return with.fisher() <= level || without.fisher() <= level
}
