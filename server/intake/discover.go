package intake

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Found is a folder with an agent's recorded sessions on this machine.
type Found struct {
	Format   string    `json:"format"`
	Path     string    `json:"path"`
	Sessions int       `json:"sessions"` // transcripts, without those of sub-agents
	Bytes    int64     `json:"bytes"`
	Newest   time.Time `json:"newest"`
}

// Discover finds the histories of agents under a home directory, the newest
// first: Claude Code's, one folder a project. Finding none is no error.
func Discover(home string) ([]Found, error) {
	root := filepath.Join(home, ".claude", "projects")
	projects, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for Claude Code's histories: %w: check the permissions of %s", err, root)
	}
	var found []Found
	for _, project := range projects {
		f := Found{Format: "claude-code", Path: filepath.Join(root, project.Name())}
		transcripts, err := os.ReadDir(f.Path)
		if err != nil {
			continue // a stray file, or another user's folder
		}
		for _, t := range transcripts {
			info, err := t.Info()
			if err != nil || !info.Mode().IsRegular() || filepath.Ext(t.Name()) != ".jsonl" {
				continue
			}
			f.Sessions++
			f.Bytes += info.Size()
			if info.ModTime().After(f.Newest) {
				f.Newest = info.ModTime().UTC()
			}
		}
		if f.Sessions > 0 {
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int {
		return cmp.Or(b.Newest.Compare(a.Newest), cmp.Compare(a.Path, b.Path))
	})
	return found, nil
}
