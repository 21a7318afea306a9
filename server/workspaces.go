package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lathe/index/codegraph"
	"lathe/learn"
	"lathe/learn/diagnose"
)

const (
	maxWorkspaces = 4 // whose code graphs are in memory; the one used longest ago leaves
	// codeTime bounds what a report waits for the code graph.
	codeTime = 10 * time.Millisecond
)

// codeGraphs keeps a code graph for each workspace that was asked about: made
// in the background at the first question, kept up to date while it is in
// memory, and in a snapshot after that.
type codeGraphs struct {
	dir    string // of the snapshots
	logger *slog.Logger
	life   context.Context
	end    context.CancelFunc
	work   sync.WaitGroup

	foreign *foreignCode // answers for its project instead; nil when there is none

	mu    sync.Mutex
	open  map[string]*workspace // by root
	roots map[string]string     // project -> the root it was last seen in
	clock uint64                // orders uses
}

var _ diagnose.CodeSource = (*codeGraphs)(nil)

// workspace is a code graph with the goroutine that owns it.
type workspace struct {
	ready chan struct{} // closed when the graph is there, or problem
	graph *codegraph.Graph
	err   error
	used  uint64
	leave context.CancelFunc
	files chan string // whose histories are to be read
}

func newCodeGraphs(dir string, logger *slog.Logger) *codeGraphs {
	c := &codeGraphs{dir: dir, logger: logger, open: map[string]*workspace{}, roots: map[string]string{}}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// close ends the graphs' goroutines, which write their snapshots.
func (c *codeGraphs) close() {
	c.mu.Lock()
	c.end()
	c.mu.Unlock()
	c.work.Wait()
}

// CodeContext implements diagnose.CodeSource. Only the workspace of the
// failure's own project is looked into, whatever folder the event names.
func (c *codeGraphs) CodeContext(ctx context.Context, project, folder string, q learn.CodeQuery) learn.CodeContext {
	if c.foreign != nil && c.foreign.project == project {
		return c.foreign.CodeContext(ctx, project, folder, q)
	}
	absent := func(why string) learn.CodeContext { return learn.CodeContext{State: learn.CodeAbsent, Why: why} }
	root, err := c.root(project, folder)
	if err != nil {
		return absent(err.Error())
	}
	w := c.workspace(root)
	select {
	case <-w.ready:
	default:
		return learn.CodeContext{State: learn.CodeBuilding, Why: "the code of the workspace is being read; ask again later"}
	}
	if w.err != nil {
		return absent(w.err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, codeTime)
	defer cancel()
	found := w.graph.Touches(ctx, q)
	for _, t := range found.Touched {
		w.wantHistory(t.File)
	}
	return found
}

// wantHistory has a file's history read for the next question.
func (w *workspace) wantHistory(file string) {
	select {
	case w.files <- file:
	default: // enough is waiting
	}
}

// root is the workspace of a project: that of folder when it belongs to the
// project, or else where the project was seen last.
func (c *codeGraphs) root(project, folder string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if folder == "" {
		if root, ok := c.roots[project]; ok {
			return root, nil
		}
		return "", errors.New("it is not known in which folder the call was made")
	}
	root, err := codeRoot(folder)
	if err != nil {
		return "", err
	}
	if project != "" && WorkspaceProject(root) != project {
		return "", errors.New("the call's folder is not the project's workspace on this machine")
	}
	if project == "" {
		project = WorkspaceProject(root)
	}
	if len(c.roots) > 1000 {
		clear(c.roots)
	}
	c.roots[project] = root
	return root, nil
}

// codeRoot is the workspace that folder lies in. A folder that nothing marks
// as a workspace is not read: it may be a home directory, or the whole disk.
func codeRoot(folder string) (string, error) {
	if !filepath.IsAbs(folder) {
		return "", fmt.Errorf("%.200q is not an absolute path", folder)
	}
	root := ProjectRoot(filepath.Clean(folder))
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return "", fmt.Errorf("the folder %.200q is not on this machine", folder)
	}
	home, err := os.UserHomeDir()
	if root == "/" || err == nil && root == filepath.Clean(home) {
		return "", fmt.Errorf("%.200q is too wide for a workspace", root)
	}
	for _, mark := range []string{".git", ".lathe", "go.mod", "package.json", "pyproject.toml", "setup.cfg", "setup.py", "requirements.txt", "Cargo.toml", "pom.xml",
		"build.gradle", "build.gradle.kts"} {
		if _, err := os.Stat(filepath.Join(root, mark)); err == nil {
			return root, nil
		}
	}
	return "", fmt.Errorf("%.200q is not marked as a workspace: it has neither .git nor .lathe nor a manifest", root)
}

// workspace finds the graph of a root, or begins to make it.
func (c *codeGraphs) workspace(root string) *workspace {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	if w, ok := c.open[root]; ok {
		w.used = c.clock
		return w
	}
	for len(c.open) >= maxWorkspaces {
		oldest := ""
		for r, w := range c.open {
			if oldest == "" || w.used < c.open[oldest].used {
				oldest = r
			}
		}
		c.open[oldest].leave()
		delete(c.open, oldest)
	}
	w := &workspace{ready: make(chan struct{}), used: c.clock, files: make(chan string, 32)}
	if c.life.Err() != nil {
		w.err = ErrStopping
		w.leave = func() {}
		close(w.ready)
		return w
	}
	var life context.Context
	life, w.leave = context.WithCancel(c.life)
	c.open[root] = w
	c.work.Go(func() { c.keep(life, root, w) })
	return w
}

// keep makes a workspace's graph and keeps it up to date until life ends.
func (c *codeGraphs) keep(life context.Context, root string, w *workspace) {
	g, err := codegraph.New(root, codegraph.Options{Snapshot: filepath.Join(c.dir, ProjectID(root))})
	if err == nil {
		_, err = g.Update(life)
	}
	w.graph, w.err = g, err
	close(w.ready)
	if err != nil {
		c.logger.Warn("no code graph", "workspace", root, "err", err)
		c.mu.Lock()
		if c.open[root] == w { // the next question tries again
			delete(c.open, root)
		}
		c.mu.Unlock()
		w.leave()
	}
	if g == nil {
		return
	}
	report := func(what string, err error) {
		if err != nil && life.Err() == nil && !errors.Is(err, codegraph.ErrNoGit) {
			c.logger.Warn(what, "workspace", root, "err", err)
		}
	}
	var watch sync.WaitGroup
	watch.Go(func() { report("the code graph is not kept up to date", g.Watch(life, codegraph.WatchOptions{})) })
	report("snapshot of the code graph", g.Save())
	report("git history", g.ReadHistory(life))
	for life.Err() == nil {
		select {
		case <-life.Done():
		case file := <-w.files:
			report("git history of a file", g.FileHistory(life, file))
		}
	}
	watch.Wait()
	if err := errors.Join(g.Save(), g.Close()); err != nil {
		c.logger.Warn("leave the code graph", "workspace", root, "err", err)
	}
}

// CodeCall asks about the code of a workspace. Ask is stats, definition,
// callers, callees, imports, importers, neighbourhood, touches, dependencies
// or update.
type CodeCall struct {
	Workspace string          `json:"workspace"`
	Ask       string          `json:"ask"`
	Symbol    string          `json:"symbol,omitempty"`
	Hops      int             `json:"hops,omitempty"`
	Limit     int             `json:"limit,omitempty"`
	Query     learn.CodeQuery `json:"query,omitzero"`
}

// CodeStats are a code graph's numbers with how it is kept.
type CodeStats struct {
	codegraph.Stats
	Workspace string `json:"workspace"`
	Watching  string `json:"watching"`
	Why       string `json:"why,omitempty"` // of polling
	Lost      string `json:"lost,omitempty"`
}

// serveCode mounts the code graph's call.
func (d *Daemon) serveCode(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/code", func(ctx context.Context, call CodeCall) (any, error) { return d.code.ask(ctx, call) })
}

// ask answers a person's question; it waits until the graph is there.
func (c *codeGraphs) ask(ctx context.Context, call CodeCall) (any, error) {
	root, err := c.root("", call.Workspace)
	if err != nil {
		return nil, err
	}
	w := c.workspace(root)
	select {
	case <-w.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	g := w.graph
	if call.Ask == "definition" || call.Ask == "touches" {
		c.readHistories(ctx, g, call)
	}
	switch call.Ask {
	case "stats":
		how, why := g.Watching()
		return CodeStats{g.Stats(), root, how, why, codegraph.Lost}, nil
	case "definition":
		found, err := g.Definition(ctx, call.Symbol)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("the code in %s defines no %.80q, as far as it was read: see `lathe graph code stats`", root, call.Symbol)
		}
		return found, err
	case "callers":
		return g.Callers(ctx, call.Symbol)
	case "callees":
		return g.Callees(ctx, call.Symbol)
	case "imports":
		return g.Imports(strings.TrimPrefix(filepath.ToSlash(call.Symbol), "./")), nil
	case "importers":
		return g.Importers(call.Symbol), nil
	case "neighbourhood":
		return g.Neighbourhood(ctx, call.Symbol, call.Hops, call.Limit)
	case "touches":
		return g.Touches(ctx, call.Query), nil
	case "dependencies":
		return g.CheckDependencies(max(1, call.Limit)), nil
	case "update":
		return g.Update(ctx)
	}
	return nil, fmt.Errorf("the code graph cannot be asked for %.40q", call.Ask)
}

// readHistories reads the histories that an answer will show. Where there is
// no git, there are none.
func (c *codeGraphs) readHistories(ctx context.Context, g *codegraph.Graph, call CodeCall) {
	files := map[string]bool{}
	if found, err := g.Definition(ctx, call.Symbol); err == nil {
		for _, e := range found[:min(5, len(found))] {
			files[e.File] = true
		}
	}
	for _, t := range g.Touches(ctx, call.Query).Touched {
		files[t.File] = true
	}
	for f := range files {
		if err := g.FileHistory(ctx, f); err != nil && !errors.Is(err, codegraph.ErrNoGit) {
			c.logger.Warn("git history of a file", "file", f, "err", err)
		}
	}
}
