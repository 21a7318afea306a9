package codegraph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"lathe/learn"
)

// Options bound a Graph. Zero fields take the defaults.
type Options struct {
	MaxFiles     int   // source files; 0 is 20,000
	MaxFileBytes int64 // of one file; larger ones are skipped; 0 is 1 MiB
	MaxDepth     int   // of folders; 0 is 40
}

// Graph is the code graph of one workspace. All methods may be called
// concurrently.
type Graph struct {
	o    Options
	root *os.Root

	parsing sync.Mutex // one Update at a time; the parsers are its
	parsers parsers

	mu        sync.RWMutex
	files     map[string]*file
	manifests map[string]manifest
	byName    map[string]map[*file][]int // last name -> entities
	byModule  map[string][]string        // module -> files, sorted
	callsTo   map[string]map[*file]int   // called name -> how many calls in which file
}

// New opens the workspace in folder root, without reading it: see Update.
func New(root string, o Options) (*Graph, error) {
	if o.MaxFiles <= 0 {
		o.MaxFiles = 20_000
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 1 << 20
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 40
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("codegraph: open workspace: %w", err)
	}
	p, err := newParsers()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &Graph{
		o: o, root: r, parsers: p, files: map[string]*file{}, manifests: map[string]manifest{},
		byName: map[string]map[*file][]int{}, byModule: map[string][]string{}, callsTo: map[string]map[*file]int{},
	}, nil
}

// Close frees the parsers. Queries go on working; Update fails.
func (g *Graph) Close() error {
	g.parsing.Lock()
	defer g.parsing.Unlock()
	if g.parsers == nil {
		return nil
	}
	g.parsers.close()
	g.parsers = nil
	if err := g.root.Close(); err != nil {
		return fmt.Errorf("codegraph: close workspace: %w", err)
	}
	return nil
}

// ErrClosed: the Graph was closed.
var ErrClosed = errors.New("codegraph: closed")

// skippedFolders holds what is not the project's own code.
func skippedFolder(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", "node_modules", "vendor", "venv", ".venv", "env", ".env", "__pycache__", "site-packages",
		".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", "dist", "build", "target", ".idea", ".cache":
		return true
	}
	return false
}

// Update brings the graph up to the workspace as it is now: changed files are
// parsed, unchanged ones only hashed, missing ones removed. A file that cannot
// be read keeps what was known of it.
func (g *Graph) Update(ctx context.Context) (Changes, error) {
	g.parsing.Lock()
	defer g.parsing.Unlock()
	if g.parsers == nil {
		return Changes{}, ErrClosed
	}
	var c Changes
	seen := map[string]bool{}
	err := fs.WalkDir(g.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.Failed++
			return nil // an unreadable folder does not hide the rest
		}
		if d.IsDir() {
			return g.enter(name, d)
		}
		if !d.Type().IsRegular() || language(name) == "" && !isManifest(name) {
			return nil
		}
		if len(seen) >= g.o.MaxFiles {
			c.Skipped++
			return nil
		}
		seen[name] = true
		g.take(name, &c)
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("codegraph: update: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range g.files {
		if !seen[name] {
			g.drop(name)
			c.Removed++
		}
	}
	for name := range g.manifests {
		if !seen[name] {
			delete(g.manifests, name)
		}
	}
	g.nameModules()
	return c, nil
}

// enter decides whether a folder is looked into. A folder with pyvenv.cfg is a
// virtual environment whatever its name.
func (g *Graph) enter(name string, d fs.DirEntry) error {
	if name == "." {
		return nil
	}
	if skippedFolder(d.Name()) || strings.Count(name, "/") >= g.o.MaxDepth {
		return fs.SkipDir
	}
	if _, err := g.root.Lstat(name + "/pyvenv.cfg"); err == nil {
		return fs.SkipDir
	}
	return nil
}

// UpdateFile reads one file anew: name is slash-separated and relative to the
// workspace. A file that is gone, or not a regular source file, is removed.
func (g *Graph) UpdateFile(ctx context.Context, name string) (Changes, error) {
	g.parsing.Lock()
	defer g.parsing.Unlock()
	var c Changes
	if g.parsers == nil {
		return c, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return c, fmt.Errorf("codegraph: update %s: %w", name, err)
	}
	if !fs.ValidPath(name) || language(name) == "" && !isManifest(name) || g.inSkipped(name) {
		return c, nil
	}
	if info, err := g.root.Lstat(name); err == nil && info.Mode().IsRegular() {
		g.mu.RLock()
		full := g.files[name] == nil && len(g.files) >= g.o.MaxFiles
		g.mu.RUnlock()
		if full {
			c.Skipped++
			return c, nil
		}
		g.take(name, &c)
	} else {
		g.mu.Lock()
		if g.drop(name) {
			c.Removed++
		}
		delete(g.manifests, name)
		g.mu.Unlock()
	}
	if base := path.Base(name); isManifest(name) || strings.HasPrefix(base, "__init__.") {
		g.mu.Lock()
		g.nameModules() // others' names depend on these
		g.mu.Unlock()
	}
	return c, nil
}

func (g *Graph) inSkipped(name string) bool {
	parts := strings.Split(path.Dir(name), "/")
	for _, p := range parts {
		if skippedFolder(p) {
			return true
		}
	}
	return len(parts) > g.o.MaxDepth
}

// take reads a file and, when it changed, its facts.
func (g *Graph) take(name string, c *Changes) {
	src, err := g.load(name)
	switch {
	case errors.Is(err, errTooLarge):
		c.Skipped++
		g.mu.Lock()
		g.drop(name)
		g.mu.Unlock()
		return
	case err != nil:
		c.Failed++
		return
	}
	hash := learn.ContentHash(src)
	g.mu.RLock()
	old, known := g.files[name]
	g.mu.RUnlock()
	if isManifest(name) {
		g.mu.Lock()
		g.manifests[name] = readManifest(name, src)
		g.mu.Unlock()
		return
	}
	if known && old.hash == hash {
		c.Unchanged++
		return
	}
	f, err := g.parsers.read(name, src)
	if err != nil {
		c.Failed++
		return
	}
	f.hash = hash
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(name)
	g.put(f)
	c.Parsed++
}

var errTooLarge = errors.New("file too large")

func (g *Graph) load(name string) ([]byte, error) {
	f, err := g.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, g.o.MaxFileBytes+1))
	if err == nil && int64(len(src)) > g.o.MaxFileBytes {
		return nil, errTooLarge
	}
	return src, err
}
