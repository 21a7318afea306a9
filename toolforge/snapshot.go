package toolforge

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Snapshot is the state as versioned JSON.
func (f *Finder) Snapshot() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.Marshal(f.state)
}

// Restore replaces the state; it fails on another version and on damage, and
// then leaves the state as it was.
func (f *Finder) Restore(snapshot []byte) error {
	s := newState()
	s.Version = 0
	if err := json.Unmarshal(snapshot, &s); err != nil {
		return fmt.Errorf("restore the opportunities: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("restore the opportunities: snapshot version %d, this program writes %d; replay the log", s.Version, snapshotVersion)
	}
	for key, c := range s.Candidates {
		if c == nil || c.Key != key || len(c.Examples) < len(c.ExampleOf) || len(c.Ops) > 0 && len(c.Ops) != c.Steps {
			return errors.New("restore the opportunities: a candidate is damaged; replay the log")
		}
		if c.Sessions == nil {
			c.Sessions = map[uint64]struct{}{}
		}
	}
	for name, r := range s.Runs {
		if r == nil || name == "" && len(r.Calls) > maxSequence {
			return errors.New("restore the opportunities: a session is damaged; replay the log")
		}
	}
	for name, p := range s.Operations {
		if p == nil || known(name).lacks == unknownOperation {
			return errors.New("restore the opportunities: an operation is damaged; replay the log")
		}
		p.fill()
	}
	for _, table := range s.Absent {
		if table == nil {
			return errors.New("restore the opportunities: a session is damaged; replay the log")
		}
		for op := range table {
			if _, ok := s.Operations[op]; !ok {
				return errors.New("restore the opportunities: a session names an operation that is not there; replay the log")
			}
		}
	}
	for _, t := range s.Installed {
		if t == nil {
			return errors.New("restore the opportunities: a tool is damaged; replay the log")
		}
		if t.Sessions == nil {
			t.Sessions = map[uint64]struct{}{}
		}
	}
	for _, r := range s.Costly {
		if r == nil || r.Calls <= 0 {
			return errors.New("restore the opportunities: a costly form is damaged; replay the log")
		}
		if r.Sessions == nil {
			r.Sessions = map[uint64]struct{}{}
		}
	}
	for _, p := range s.Printed {
		if p == nil || len(p.Commands) != len(p.Outputs) {
			return errors.New("restore the opportunities: a session is damaged; replay the log")
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
	return nil
}
