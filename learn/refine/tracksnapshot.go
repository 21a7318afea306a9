package refine

import (
	"encoding/json"
	"fmt"
)

const trackerVersion = 1

type trackerSnapshot struct {
	Version int                 `json:"version"`
	Forms   map[string]*form    `json:"forms"`
	Tools   map[string][]string `json:"tools"`
	Tasks   map[string]bool     `json:"tasks"`
	Dropped int64               `json:"dropped"`
}

// Snapshot implements learn.Learner.
func (t *Tracker) Snapshot() ([]byte, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := trackerSnapshot{Version: trackerVersion, Forms: t.forms, Tools: map[string][]string{}, Tasks: t.tasks, Dropped: t.dropped}
	for project, tools := range t.tools {
		s.Tools[project] = sorted(tools)
	}
	return json.Marshal(s)
}

// Restore implements learn.Learner; it fails on a snapshot of another version
// and leaves the Tracker as it was.
func (t *Tracker) Restore(data []byte) error {
	var s trackerSnapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("plan steps: read snapshot: %w", err)
	}
	if s.Version != trackerVersion {
		return fmt.Errorf("plan steps: snapshot has version %d, this program reads %d: replay the log", s.Version, trackerVersion)
	}
	fresh := NewTracker()
	for k, f := range s.Forms {
		if f != nil {
			fresh.forms[k] = f
		}
	}
	for project, tools := range s.Tools {
		fresh.tools[project] = map[string]bool{}
		for _, name := range tools {
			fresh.tools[project][name] = true
		}
	}
	if s.Tasks != nil {
		fresh.tasks = s.Tasks
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forms, t.tools, t.tasks, t.dropped = fresh.forms, fresh.tools, fresh.tasks, s.Dropped
	return nil
}
