package recovery

import (
	"iter"

	"lathe/learn"
)

// Measures is what a replay found. Its rates are fractions of one; each is 0
// when it has nothing to divide by.
type Measures struct {
	// Resolved failures are those that a session later resolved by something
	// that can be said (see Kind in learn.Remedy). What worked the second time
	// for no visible reason is Unexplained, and not counted otherwise.
	Resolved    int `json:"resolved"`
	Unexplained int `json:"unexplained"`
	Offered     int `json:"offered"` // resolved ones for which anything was offered
	First       int `json:"first"`   // the first offer is what resolved it
	Three       int `json:"three"`   // one of the first three is
	// CallsSaved is the number of calls between failure and resolution, beyond
	// those of the remedy itself, summed over the failures of First.
	CallsSaved int `json:"calls_saved"`
}

// Hit1 is the share of resolved failures whose first offer was right.
func (m Measures) Hit1() float64 { return share(m.First, m.Resolved) }

// Hit3 is the share of resolved failures with a right one in three offers.
func (m Measures) Hit3() float64 { return share(m.Three, m.Resolved) }

// Coverage is the share of resolved failures for which anything was offered.
func (m Measures) Coverage() float64 { return share(m.Offered, m.Resolved) }

// Precision is the share of first offers that were right.
func (m Measures) Precision() float64 { return share(m.First, m.Offered) }

func share(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Replay gives the observations, in time order, to a Miner that knows nothing
// and asks it at each failure, before it has seen it, what would help. What
// the session then did is the truth: an offer is right when it is the same
// remedy (kind, what is run, which parameters are bound) as the one that
// Apply extracts at the resolution. A failure that comes back unresolved is
// asked about again, and judged by its last time. An error of the stream ends
// the replay.
func Replay(o Options, stream iter.Seq2[*learn.Observation, error]) (Measures, error) {
	var sum Measures
	m := New(o)
	asked := map[string][]string{} // keys of the offers, by failed event
	m.resolved = func(f *failure, fm *form, ok bool) {
		if !ok {
			sum.Unexplained++
			return
		}
		sum.judge(asked[f.Call.EventID], fm)
		delete(asked, f.Call.EventID)
	}
	for obs, err := range stream {
		if err != nil {
			return sum, err
		}
		if ev := obs.Record.Action; ev != nil && len(obs.Signatures) > 0 {
			if keys := m.offeredKeys(Query{ProjectID: ev.ProjectID, Signatures: obs.Signatures, Action: obs.Action}); len(keys) > 0 {
				asked[ev.ID] = keys
			}
		}
		if err := m.Apply(obs, func(learn.LedgerEntry) {}); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (m *Measures) judge(offers []string, actual *form) {
	m.Resolved++
	if len(offers) > 0 {
		m.Offered++
	}
	key := actual.key()
	for i, k := range offers {
		if k != key {
			continue
		}
		m.Three++
		if i == 0 {
			m.First++
			m.CallsSaved += max(0, actual.Calls-len(actual.Actions))
		}
		return
	}
}

// offeredKeys are the keys of what Offer would say.
func (m *Miner) offeredKeys(q Query) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var keys []string
	for _, o := range m.ranked(&q) {
		keys = append(keys, o.c.Key)
	}
	return keys
}
