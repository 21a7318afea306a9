package server

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"

	"lathe/learn"
)

// maxFolders bounds the projects whose folders are remembered.
const maxFolders = 2000

// folders knows the folder in which each project's calls were made last, so
// that its code is found again after a restart.
type folders struct {
	mu   sync.Mutex
	last map[string]string // project -> folder
}

func newFolders() *folders { return &folders{last: map[string]string{}} }

func (*folders) Name() string { return "folders" }

func (f *folders) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.ProjectID == "" || !filepath.IsAbs(ev.ContextSnapshot.CWD) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.last[ev.ProjectID]; known || len(f.last) < maxFolders {
		f.last[ev.ProjectID] = ev.ContextSnapshot.CWD
	}
	return nil
}

// of is the folder of a project; "" when it was never seen.
func (f *folders) of(project string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last[project]
}

func (f *folders) Snapshot() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.Marshal(f.last)
}

func (f *folders) Restore(b []byte) error {
	last := map[string]string{}
	if err := json.Unmarshal(b, &last); err != nil {
		return fmt.Errorf("folders: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = last
	return nil
}
