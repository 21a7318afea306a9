package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lathe/index/codegraph"
	"lathe/index/graph"
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

	foreign   *foreignCode // answers for its project instead; nil when there is none
	knowledge *graph.Graph // takes the code in as a layer; nil keeps it apart
	folders   *folders     // where projects were seen; nil for nowhere

	mu    sync.Mutex
	open  map[string]*workspace // by root
	roots map[string]string     // project -> the root it was last seen in
	laid  map[string]*workspace // project -> whose code is its layer of the knowledge graph
	clock uint64                // orders uses
}

var _ diagnose.CodeSource = (*codeGraphs)(nil)

// workspace is a code graph with the goroutine that owns it.
type workspace struct {
	ready chan struct{} // closed when the graph is there, or problem
	graph *codegraph.Graph
	layer *codegraph.Layer // under codeGraphs.mu; nil when the project has another
	err   error
	used  uint64
	leave context.CancelFunc
	files chan string // whose histories are to be read
}

func newCodeGraphs(dir string, logger *slog.Logger) *codeGraphs {
	c := &codeGraphs{dir: dir, logger: logger, open: map[string]*workspace{}, roots: map[string]string{}, laid: map[string]*workspace{}}
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
		if c.folders != nil {
			folder = c.folders.of(project)
		}
	}
	if folder == "" {
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
	if err == nil {
		if _, lack := c.lay(life, root, w); lack != nil && life.Err() == nil {
			c.logger.Warn("the knowledge graph lacks the code", "workspace", root, "err", lack)
		}
	}
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
	after := func(codegraph.Changes) {
		_, err := c.lay(life, root, w)
		report("the knowledge graph lacks what changed in the code", err)
	}
	watch.Go(func() {
		report("the code graph is not kept up to date", g.Watch(life, codegraph.WatchOptions{After: after}))
	})
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
	c.lift(root, w)
	if err := errors.Join(g.Save(), g.Close()); err != nil {
		c.logger.Warn("leave the code graph", "workspace", root, "err", err)
	}
}

// lay makes a workspace's code a layer of the knowledge graph, or brings the
// layer up to date. Of two folders that are one project the first has it; then
// there is none.
func (c *codeGraphs) lay(life context.Context, root string, w *workspace) (laid bool, err error) {
	if c.knowledge == nil {
		return false, nil
	}
	project := WorkspaceProject(root)
	c.mu.Lock()
	if c.laid[project] == nil && c.open[root] == w {
		c.laid[project] = w
		w.layer = codegraph.NewLayer(w.graph, c.knowledge, project, 0)
	}
	l := w.layer
	c.mu.Unlock()
	if l == nil {
		return false, nil
	}
	_, err = l.Sync(life)
	return true, err
}

// lift takes the layer away when the workspace leaves memory.
func (c *codeGraphs) lift(root string, w *workspace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.layer == nil {
		return
	}
	w.layer.Drop()
	w.layer = nil
	delete(c.laid, WorkspaceProject(root))
}

// CodeLayer says whether the knowledge graph has a project's code.
type CodeLayer struct {
	State     learn.CodeState `json:"state"`
	Why       string          `json:"why,omitempty"` // of a state that is not ready
	Workspace string          `json:"workspace,omitempty"`
}

// connect brings the code of a project's workspace, as it is now and with what
// was learned, into the knowledge graph; it waits for it no longer than ctx
// lasts. Without a project it is the one whose workspace folder lies in. The
// code of a project of which nothing was learned is left alone.
func (c *codeGraphs) connect(ctx context.Context, project, folder string) CodeLayer {
	absent := func(why string) CodeLayer { return CodeLayer{State: learn.CodeAbsent, Why: why} }
	if project != "" {
		folder = ""
	} else if folder == "" {
		return absent("no project and no folder is named")
	}
	root, err := c.root(project, folder)
	if err != nil {
		return absent(err.Error())
	}
	if project = WorkspaceProject(root); c.knowledge == nil || !c.knowledge.Knows(project) {
		return absent("nothing was learned of the project yet")
	}
	w := c.workspace(root)
	select {
	case <-w.ready:
	case <-ctx.Done():
		return CodeLayer{learn.CodeBuilding, "the code of the workspace is being read; ask again later", root}
	}
	if w.err != nil {
		return absent(w.err.Error())
	}
	laid, err := c.lay(ctx, root, w)
	switch {
	case err != nil:
		return CodeLayer{learn.CodeBuilding, "the code of the workspace is being connected; ask again later", root}
	case !laid:
		return absent("the project's code is that of another folder")
	}
	return CodeLayer{State: learn.CodeReady, Workspace: root}
}
