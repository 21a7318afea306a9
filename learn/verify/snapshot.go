package verify

import (
	"encoding/json"
	"fmt"
)

const snapshotVersion = 2

type snapshot struct {
	Version  int               `json:"version"`
	Open     []*task           `json:"open"`     // longest unheard of first
	Finished []*task           `json:"finished"` // oldest first
	Sessions map[string]string `json:"sessions"`
	Counters Counters          `json:"counters"`
	Rates    rates             `json:"rates"`
}

// Snapshot gives the state as versioned JSON.
func (t *Tracker) Snapshot() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := snapshot{Version: snapshotVersion, Sessions: t.sessions, Counters: t.counters, Rates: t.rates}
	for e := t.order.Front(); e != nil; e = e.Next() {
		s.Open = append(s.Open, e.Value.(*task))
	}
	for e := t.finished.Front(); e != nil; e = e.Next() {
		s.Finished = append(s.Finished, e.Value.(*task))
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("verify: snapshot: %w", err)
	}
	return raw, nil
}

// Restore replaces the state by a snapshot's. It fails, and changes nothing,
// on one that is damaged or of another version.
func (t *Tracker) Restore(raw []byte) error {
	var s snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("verify: restore: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("verify: restore: snapshot version %d, want %d; replay the log", s.Version, snapshotVersion)
	}
	for _, tk := range append(append([]*task(nil), s.Open...), s.Finished...) {
		if tk == nil || tk.Key == "" || tk.Head < 0 || tk.Head > len(tk.Steps) {
			return fmt.Errorf("verify: restore: damaged task in the snapshot; replay the log")
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reset()
	t.counters, t.rates = s.Counters, s.Rates
	for _, tk := range s.Open {
		t.open[tk.Key] = tk
		tk.inOrder = t.order.PushBack(tk)
		tk.inProject = t.project(tk.Project).PushBack(tk)
	}
	for _, tk := range s.Finished {
		t.keep(tk)
	}
	for session, key := range s.Sessions {
		t.sessions[session] = key
	}
	return nil
}
