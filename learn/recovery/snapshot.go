package recovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lathe/learn"
)

// snapshotVersion changes whenever old snapshots would be read wrongly.
const snapshotVersion = 4

type snapshot struct {
	Version    int                  `json:"version"`
	Stats      Stats                `json:"stats"`
	Latest     map[string]time.Time `json:"latest"`
	Sessions   []entry[*session]    `json:"sessions"`
	Buckets    []entry[*bucket]     `json:"buckets"`
	Memory     []entry[*node]       `json:"memory"`
	Habits     []entry[*habit]      `json:"habits"`
	Records    []entry[*record]     `json:"records"`
	Calibrator *learn.Calibrator    `json:"calibrator"`
}

// Snapshot implements learn.Learner: JSON with a version, everything in the
// order in which it was last touched.
func (m *Miner) Snapshot() ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return json.Marshal(snapshot{
		snapshotVersion, m.stats, m.latest, m.sessions.entries(), m.buckets.entries(), m.memory.entries(), m.habits.entries(), m.records.entries(), m.calibrator,
	})
}

// Restore implements learn.Learner. It fails on a snapshot of another version
// and leaves the Miner as it was.
func (m *Miner) Restore(data []byte) error {
	s := snapshot{Calibrator: learn.NewCalibrator(learn.CalibratorOptions{})}
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("recovery: read snapshot: %w", err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("recovery: snapshot has version %d, this program reads %d: replay the log", s.Version, snapshotVersion)
	}
	if s.Calibrator == nil {
		return errors.New("recovery: snapshot has no calibration: replay the log")
	}
	sessions, err := restored("session", s.Sessions)
	buckets, err2 := restored("bucket", s.Buckets)
	memory, err3 := restored("context", s.Memory)
	habits, err4 := restored("habit", s.Habits)
	records, err5 := restored("record", s.Records)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		return err
	}
	for _, e := range s.Sessions {
		if e.Value.Counted == nil {
			e.Value.Counted = map[string]bool{}
		}
	}
	if s.Latest == nil {
		s.Latest = map[string]time.Time{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions, m.buckets, m.memory, m.habits, m.records = sessions, buckets, memory, habits, records
	m.latest, m.stats, m.calibrator = s.Latest, s.Stats, s.Calibrator
	return nil
}

// restored is the map that entries listed; none of them may be empty.
func restored[V any](what string, entries []entry[*V]) (*lru[*V], error) {
	l := newLRU[*V]()
	for _, e := range entries {
		if e.Value == nil {
			return nil, fmt.Errorf("recovery: snapshot has an empty %s %q", what, e.Key)
		}
		l.touch(e.Key, func() *V { return e.Value })
	}
	return l, nil
}
