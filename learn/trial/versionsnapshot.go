package trial

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

const versionsSnapshot = 1

type versionsState struct {
	Version int            `json:"version"`
	Tenures []keyedTenure  `json:"tenures"`
	Trials  []keyedVersion `json:"trials"`
}

type keyedTenure struct {
	Key   string  `json:"key"`
	Value *tenure `json:"value"`
}

type keyedVersion struct {
	Key   string        `json:"key"`
	Value *versionTrial `json:"value"`
}

// Snapshot holds everything, oldest first.
func (v *Versions) Snapshot() ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := versionsState{Version: versionsSnapshot}
	for e := v.tenures.order.Front(); e != nil; e = e.Next() {
		it := e.Value.(taskItem[*tenure])
		s.Tenures = append(s.Tenures, keyedTenure{it.task, it.value})
	}
	for e := v.trials.order.Front(); e != nil; e = e.Next() {
		it := e.Value.(taskItem[*versionTrial])
		s.Trials = append(s.Trials, keyedVersion{it.task, it.value})
	}
	return json.Marshal(s)
}

// Restore takes what Snapshot wrote; on an error nothing has changed.
func (v *Versions) Restore(raw []byte) error {
	var s versionsState
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("versions: restore: %w", err)
	}
	if s.Version != versionsSnapshot {
		return fmt.Errorf("versions: restore: snapshot version %d, want %d; replay the log", s.Version, versionsSnapshot)
	}
	tenures, trials := newTasks[*tenure](), newTasks[*versionTrial]()
	for _, t := range s.Tenures {
		if t.Value == nil {
			return fmt.Errorf("versions: restore: tenure %.80q has no value", t.Key)
		}
		tenures.put(t.Key, t.Value)
	}
	for _, t := range s.Trials {
		if t.Value == nil {
			return fmt.Errorf("versions: restore: trial %.80q has no value", t.Key)
		}
		trials.put(t.Key, t.Value)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tenures, v.trials = tenures, trials
	return nil
}

// scoreState is a score as JSON, whose keys are no structs.
type scoreState struct {
	Up, Down [len(stakes)]float64
	Cells    []cellCount
	N        int
	Sum      float64
}

type cellCount struct {
	cell
	Count int
}

// MarshalJSON writes the score with its cells in a fixed order.
func (s score) MarshalJSON() ([]byte, error) {
	out := scoreState{Up: s.Up, Down: s.Down, N: s.N, Sum: s.Sum}
	for c, n := range s.Cells {
		out.Cells = append(out.Cells, cellCount{c, n})
	}
	slices.SortFunc(out.Cells, func(a, b cellCount) int {
		treated := func(c cellCount) int {
			if c.Treated {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(a.P, b.P), cmp.Compare(treated(a), treated(b)), cmp.Compare(a.Guess, b.Guess), cmp.Compare(a.Y, b.Y))
	})
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *score) UnmarshalJSON(raw []byte) error {
	var in scoreState
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*s = score{Up: in.Up, Down: in.Down, N: in.N, Sum: in.Sum}
	for _, c := range in.Cells {
		if s.Cells == nil {
			s.Cells = map[cell]int{}
		}
		s.Cells[c.cell] += c.Count
	}
	return nil
}
