package monitor

import (
	"encoding/json"
	"fmt"
)

const snapshotVersion = 2

type snapshot struct {
	Version int                   `json:"version"`
	Calls   []callCell            `json:"calls"`
	Days    []dayCell             `json:"days"`
	Newest  int32                 `json:"newest"`
	Tasks   []lruItem[taskSeen]   `json:"tasks"`
	Pending []lruItem[[]unsolved] `json:"pending"`
	Reports []lruItem[bool]       `json:"reports"`
	Objects map[string]object     `json:"objects"`
	Ledger  ledgerSums            `json:"ledger"`
	Dropped Dropped               `json:"dropped"`
}

type callCell struct {
	Key    callKey `json:"key"`
	Sum    calls   `json:"sum"`
	Sketch []byte  `json:"sketch,omitempty"` // as the sketch's library encodes it
}

type dayCell struct {
	Key dayKey `json:"key"`
	Sum *day   `json:"sum"`
}

// Snapshot gives the state as versioned JSON.
func (m *Monitor) Snapshot() ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := snapshot{
		Version: snapshotVersion, Newest: m.newest, Tasks: m.tasks.all(), Pending: m.pending.all(),
		Reports: m.reports.all(), Objects: m.objects, Ledger: m.ledger, Dropped: m.dropped,
	}
	for k, c := range m.calls {
		cell := callCell{Key: k, Sum: *c}
		if c.Sketch != nil {
			c.Sketch.Encode(&cell.Sketch, false)
		}
		cell.Sum.Sketch = nil
		s.Calls = append(s.Calls, cell)
	}
	for k, d := range m.days {
		s.Days = append(s.Days, dayCell{k, d})
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("monitor: snapshot: %w", err)
	}
	return raw, nil
}

// Restore replaces the state by a snapshot's. It fails, and changes nothing,
// on one that is damaged or of another version.
func (m *Monitor) Restore(raw []byte) error {
	n, err := read(raw)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(n)
	return nil
}

// take moves n's state here.
func (m *Monitor) take(n *Monitor) {
	m.calls, m.days, m.newest, m.tasks, m.pending = n.calls, n.days, n.newest, n.tasks, n.pending
	m.reports, m.objects, m.ledger, m.dropped = n.reports, n.objects, n.ledger, n.dropped
}

func read(raw []byte) (*Monitor, error) {
	var s snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("monitor: restore: %w", err)
	}
	if s.Version != snapshotVersion {
		return nil, fmt.Errorf("monitor: restore: snapshot version %d, want %d; replay the log", s.Version, snapshotVersion)
	}
	m := New()
	m.newest, m.ledger, m.dropped = s.Newest, s.Ledger, s.Dropped
	for i := range s.Calls {
		c := s.Calls[i].Sum
		if len(s.Calls[i].Sketch) > 0 {
			sketch, err := decodeSketch(s.Calls[i].Sketch)
			if err != nil {
				return nil, err
			}
			c.Sketch = sketch
		}
		m.calls[s.Calls[i].Key] = &c
	}
	for _, d := range s.Days {
		if d.Sum == nil || d.Sum.ByCount == nil || d.Sum.ByTime == nil || d.Sum.ByCount.Items == nil || d.Sum.ByTime.Items == nil {
			return nil, fmt.Errorf("monitor: restore: damaged day in the snapshot; replay the log")
		}
		m.days[d.Key] = d.Sum
	}
	fill(m.tasks, s.Tasks)
	fill(m.pending, s.Pending)
	fill(m.reports, s.Reports)
	for id, o := range s.Objects {
		m.objects[id] = o
	}
	return m, nil
}

func fill[V any](l *lru[V], items []lruItem[V]) {
	for _, it := range items {
		l.put(it.Key, it.Value)
	}
}

// Merge adds what another Monitor counted, which saw other records. Failures
// that wait for their success are not carried over; an object known to both
// keeps this Monitor's state.
func (m *Monitor) Merge(o *Monitor) error {
	raw, err := o.Snapshot() // a copy, so that no two locks are held
	if err != nil {
		return err
	}
	n, err := read(raw)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.newest > m.newest {
		m.newest = n.newest
	}
	for k, c := range n.calls {
		if err := m.call(k).merge(c); err != nil {
			return err
		}
	}
	for _, k := range sortedDays(n.days) {
		m.day(k).merge(n.days[k])
	}
	m.fold()
	m.mergeLedger(n)
	return nil
}

func (m *Monitor) mergeLedger(n *Monitor) {
	fill(m.tasks, n.tasks.all())
	fill(m.reports, n.reports.all())
	for id, o := range n.objects {
		if _, known := m.objects[id]; !known && len(m.objects) < maxObjects {
			m.objects[id] = o
		}
	}
	a, b := &m.ledger, n.ledger
	*a = ledgerSums{a.Reports + b.Reports, a.Advised + b.Advised, a.Offered + b.Offered, a.Refused + b.Refused}
	m.dropped.Cells += n.dropped.Cells
	m.dropped.Objects += n.dropped.Objects
}
