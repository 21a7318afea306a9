package server

import (
	"slices"
	"strings"
)

// markov predicts the most frequent successors of the last k actions, then
// those of fewer, down to the most frequent actions.
type markov struct {
	seen []map[string]*ranking
}

// ranking counts actions, by first sight.
type ranking struct {
	names []string
	times map[string]int
}

func newMarkov(orders int) *markov {
	m := &markov{}
	for range orders {
		m.seen = append(m.seen, map[string]*ranking{})
	}
	return m
}

func (m *markov) labels() int {
	if all := m.seen[0][""]; all != nil {
		return len(all.names)
	}
	return 0
}

// contextOf is the last k actions; what is before the first is told apart.
func contextOf(history []string, k int) string {
	parts := make([]string, k)
	for i := range parts {
		if j := len(history) - k + i; j >= 0 {
			parts[i] = history[j]
		}
	}
	return strings.Join(parts, "\x00")
}

func (m *markov) learn(history []string, action string) {
	for k, table := range m.seen {
		key := contextOf(history, k)
		r := table[key]
		if r == nil {
			r = &ranking{times: map[string]int{}}
			table[key] = r
		}
		if r.times[action] == 0 {
			r.names = append(r.names, action)
		}
		r.times[action]++
	}
}

func (m *markov) predict(history []string, order, most int) []string {
	var out []string
	for k := order; k >= 0 && len(out) < most; k-- {
		r := m.seen[k][contextOf(history, k)]
		if r == nil {
			continue
		}
		names := slices.Clone(r.names)
		slices.SortStableFunc(names, func(a, b string) int { return r.times[b] - r.times[a] })
		for _, n := range names {
			if len(out) < most && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}
