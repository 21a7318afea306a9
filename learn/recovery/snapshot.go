package recovery

import (
	"encoding/json"
	"fmt"
	"time"
)

// snapshotVersion changes whenever old snapshots would be read wrongly.
const snapshotVersion = 2

type snapshot struct {
	Version  int                  `json:"version"`
	Stats    Stats                `json:"stats"`
	Latest   map[string]time.Time `json:"latest"`
	Sessions []entry[*session]    `json:"sessions"`
	Buckets  []entry[*bucket]     `json:"buckets"`
}

// Snapshot implements learn.Learner: JSON with a version, everything in the
// order in which it was last touched.
func (m *Miner) Snapshot() ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return json.Marshal(snapshot{snapshotVersion, m.stats, m.latest, m.sessions.entries(), m.buckets.entries()})
}

// Restore implements learn.Learner. It fails on a snapshot of another version
// and leaves the Miner as it was.
func (m *Miner) Restore(data []byte) error {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("recovery: read snapshot: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("recovery: snapshot has version %d, this program reads %d: replay the log", s.Version, snapshotVersion)
	}
	sessions, buckets := newLRU[*session](), newLRU[*bucket]()
	for _, e := range s.Sessions {
		if e.Value == nil {
			return fmt.Errorf("recovery: snapshot has an empty session %q", e.Key)
		}
		if e.Value.Counted == nil {
			e.Value.Counted = map[string]bool{}
		}
		sessions.touch(e.Key, func() *session { return e.Value })
	}
	for _, e := range s.Buckets {
		if e.Value == nil {
			return fmt.Errorf("recovery: snapshot has an empty bucket %q", e.Key)
		}
		buckets.touch(e.Key, func() *bucket { return e.Value })
	}
	if s.Latest == nil {
		s.Latest = map[string]time.Time{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions, m.buckets, m.latest, m.stats = sessions, buckets, s.Latest, s.Stats
	return nil
}
