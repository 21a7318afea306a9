package intake

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Found is a folder or file with an agent's recorded sessions on this machine.
type Found struct {
	Format   string    `json:"format"`
	Path     string    `json:"path"`
	Sessions int       `json:"sessions"` // recordings, without Claude Code's of sub-agents
	Bytes    int64     `json:"bytes"`
	Newest   time.Time `json:"newest"`

	// Root is the folder in which more of the kind appear: to be followed.
	Root string `json:"-"`
}

// Places are where Discover looks.
type Places struct {
	Home string
	// Getenv gives an environment variable: agents let their folders be moved.
	Getenv func(string) string
}

// maxFound bounds the files that are looked at in one agent's folder.
const maxFound = 500_000

// Discover finds the histories of agents, the newest first: Claude Code's and
// Gemini CLI's, one folder a project; Codex's, ocode's, opencode's, and
// mini-swe-agent's last run. What cannot be read is passed over; finding none is no error. Of
// sessions in a project's own folder nothing is known: they may have come with a
// checkout, and say whatever they like of other projects.
func Discover(p Places) []Found {
	env := func(name, fallback string) string {
		if dir := p.Getenv(name); filepath.IsAbs(dir) {
			return dir
		}
		return fallback
	}
	var found []Found
	add := func(format string, depth int, root string, below ...string) {
		if f, ok := look(format, filepath.Join(root, filepath.Join(below...)), depth); ok {
			f.Root = root
			found = append(found, f)
		}
	}
	claude := filepath.Join(env("CLAUDE_CONFIG_DIR", filepath.Join(p.Home, ".claude")), "projects")
	for _, project := range folders(claude) {
		add("claude-code", 0, claude, project)
	}
	codex := env("CODEX_HOME", filepath.Join(p.Home, ".codex"))
	add("codex", 4, filepath.Join(codex, "sessions"))
	add("codex", 4, filepath.Join(codex, "archived_sessions"))
	gemini := filepath.Join(p.Home, ".gemini", "tmp")
	for _, project := range folders(gemini) {
		add("gemini", 1, gemini, project, "chats")
	}
	add("ocode", 0, filepath.Join(p.Home, ".ocode", "sessions"))
	oc := filepath.Join(env("XDG_DATA_HOME", filepath.Join(p.Home, ".local", "share")), "opencode")
	add("opencode", 1, oc, "storage", "session")
	for _, project := range folders(filepath.Join(oc, "project")) {
		add("opencode", 0, oc, "project", project, "storage", "session", "info")
	}
	if n := opencodeCount(filepath.Join(oc, "opencode.db")); n > 0 {
		add("opencode", 0, oc, "opencode.db")
		found[len(found)-1].Sessions = n
	}
	config := env("XDG_CONFIG_HOME", filepath.Join(p.Home, ".config"))
	add("mini-swe-agent", 0, env("MSWEA_GLOBAL_CONFIG_DIR", filepath.Join(config, "mini-swe-agent")), "last_mini_run.traj.json")
	slices.SortStableFunc(found, func(a, b Found) int {
		return cmp.Or(b.Newest.Compare(a.Newest), cmp.Compare(a.Path, b.Path))
	})
	return found
}

// folders are the names of the folders in a folder.
func folders(dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() { // or a link to one
			all = append(all, e.Name())
		}
	}
	return all
}

// look counts the recordings of a format at a path, at most depth folders below
// it.
func look(format, root string, depth int) (Found, bool) {
	f := Found{Format: format, Path: root}
	p, err := newParser(format)
	if err != nil {
		return f, false
	}
	seen := 0
	_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		seen++
		switch {
		case seen > maxFound:
			return fs.SkipAll
		case err != nil:
			return nil // another user's folder, or none
		case d.IsDir():
			if rel, err := filepath.Rel(root, name); err == nil && rel != "." && strings.Count(rel, string(filepath.Separator)) >= depth {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || !p.wants(name):
			return nil
		}
		if info, err := d.Info(); err == nil {
			f.Sessions++
			f.Bytes += info.Size()
			if info.ModTime().After(f.Newest) {
				f.Newest = info.ModTime().UTC()
			}
		}
		return nil
	})
	return f, f.Sessions > 0
}
