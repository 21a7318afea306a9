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
		if c == nil || c.Key != key || len(c.Examples) < len(c.ExampleOf) {
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
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
	return nil
}
