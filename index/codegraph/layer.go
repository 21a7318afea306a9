package codegraph

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"lathe/index/graph"
	"lathe/learn"
)

// defaultLayer bounds the facts (entities, parameters, calls, imports) of the
// files that a Layer takes.
const defaultLayer = 150_000

// Layer keeps the code of a workspace as a layer of the knowledge graph, so
// that what was learned and the code are one graph: an error, the function
// that it touched, and who calls that. A small workspace is taken whole, of a
// larger one the files that something learned names, then those that import
// them or are imported, and so on while there is room.
//
// A changed file costs its own size, and that of the files that call or derive
// from what it defines differently; one that changes what types its fields
// have, or what others import through it, costs the layer.
type Layer struct {
	code    *Graph
	into    *graph.Graph
	project string
	room    int

	mu     sync.Mutex
	synced bool
	files  map[string]bool // taken
	whole  bool            // there is no other
	names  map[string]graph.Named
}

// NewLayer makes a layer of a project, empty until the first Sync. room bounds
// the facts that it takes; 0 is 150,000. A Graph feeds one Layer.
func NewLayer(code *Graph, into *graph.Graph, projectID string, room int) *Layer {
	if room <= 0 {
		room = defaultLayer
	}
	return &Layer{code: code, into: into, project: projectID, room: room, files: map[string]bool{}, names: map[string]graph.Named{}}
}

// LayerChanges say what a Sync did.
type LayerChanges struct {
	Files int `json:"files"` // made again
	Gone  int `json:"gone"`
	Names int `json:"names"` // looked up
	Whole bool
}

// Sync brings the layer up to the code as it is in memory, and to what was
// learned. When ctx ends it stops; the next one does the rest.
func (l *Layer) Sync(ctx context.Context) (c LayerChanges, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed, all, meanings := l.code.takeFeed()
	all = all || !l.synced
	named := l.into.TakeNamed(l.project, all)
	if all {
		clear(l.names)
	}
	for _, n := range named {
		l.names[n.ID] = n
	}
	if all || !l.whole && len(named) > 0 {
		taken := l.choose()
		for name := range l.files {
			if !taken[name] {
				l.into.SetCode(l.project, name, graph.Subgraph{})
				c.Gone++
			}
		}
		for name := range taken {
			if all || !l.files[name] {
				changed = append(changed, name)
			}
		}
		l.files = taken
	}
	l.synced = false // until all is done
	slices.Sort(changed)
	for _, name := range slices.Compact(changed) {
		if ctx.Err() != nil {
			return c, fmt.Errorf("codegraph: layer of %s: %w", l.project, ctx.Err())
		}
		if l.files[name] {
			l.into.SetCode(l.project, name, l.code.Subgraph(l.project, name))
			c.Files++
		}
	}
	if meanings && !all {
		named = slices.Collect(maps.Values(l.names))
	}
	for _, n := range named {
		l.into.SetCode(l.project, "name "+n.ID, l.code.meaning(l.project, n))
		c.Names++
	}
	l.synced, c.Whole = true, l.whole
	return c, nil
}

// Drop takes the layer out of the knowledge graph.
func (l *Layer) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.into.ForgetCode(l.project)
	l.synced, l.files = false, map[string]bool{}
}

// choose says which files are taken: all if there is room, or else breadth
// first over the imports from those that something learned names, and of one
// distance by path.
func (l *Layer) choose() map[string]bool {
	g := l.code
	g.mu.RLock()
	defer g.mu.RUnlock()
	total := 0
	for _, f := range g.files {
		total += f.weight()
	}
	taken := map[string]bool{}
	if l.whole = total <= l.room; l.whole {
		for name := range g.files {
			taken[name] = true
		}
		return taken
	}
	var level []*file
	for _, n := range l.names {
		for _, r := range g.means(n.Entity) {
			level = append(level, r.f)
		}
	}
	left := l.room
	for len(level) > 0 {
		level = inPathOrder(level)
		var next []*file
		for _, f := range level {
			if w := f.weight(); !taken[f.path] && w <= left {
				left -= w
				taken[f.path] = true
				next = append(next, g.beside(f)...)
			}
		}
		level = slices.DeleteFunc(next, func(f *file) bool { return taken[f.path] })
	}
	return taken
}

func inPathOrder(files []*file) []*file {
	sort.Slice(files, func(i, j int) bool { return files[i].path < files[j].path })
	return slices.Compact(files)
}

// weight is about how many edges begin in a file.
func (f *file) weight() int {
	n := 2*len(f.entities) + len(f.calls) + len(f.imports)
	for i := range f.entities {
		n += len(f.entities[i].params)
	}
	return n
}

// beside are the files that a file imports, of the workspace, and those that
// import it.
func (g *Graph) beside(f *file) []*file {
	found := slices.Clone(g.importers(f.path))
	for i := range f.imports {
		found = append(found, g.targets(f, &f.imports[i])...)
	}
	return found
}

// maxMeanings is of how many entities a name may be and still say something.
const maxMeanings = 3

// means is what a name that something learned uses stands for in the code. A
// name like "get" means nothing.
func (g *Graph) means(e learn.Entity) []ref {
	var found []ref
	switch e.Kind {
	case "file":
		if f := g.fileNamed(e.Name); f != nil {
			found = []ref{{f, 0}}
		}
	case "symbol":
		found = g.lookup(e.Name)
	case "module", "package":
		found = g.lookup(e.Name)
		found = slices.DeleteFunc(found, func(r ref) bool { return r.i > 1 })
	}
	if len(found) > maxMeanings {
		return nil
	}
	return found
}

// meaning connects a name with what it means.
func (g *Graph) meaning(projectID string, n graph.Named) graph.Subgraph {
	g.mu.RLock()
	defer g.mu.RUnlock()
	b := &builder{g: g, project: projectID, nodes: map[string]graph.Node{}, edges: map[[3]string]*graph.Edge{}}
	for _, r := range g.means(n.Entity) {
		if id := b.node(r.f.code(r.i)); id != n.ID {
			b.edge(n.ID, graph.References, id)
		}
	}
	return b.subgraph()
}

// fileNamed finds a file as somebody names it: absolute, relative to the
// workspace or to somewhere in it. Of several files with that end, none is
// meant.
func (g *Graph) fileNamed(name string) *file {
	if filepath.IsAbs(name) {
		if rel, err := filepath.Rel(g.dir, name); err == nil && !strings.HasPrefix(rel, "..") {
			return g.files[filepath.ToSlash(rel)]
		}
	}
	name = path.Clean("/" + filepath.ToSlash(name))[1:]
	if f := g.files[name]; f != nil {
		return f
	}
	var only *file
	for _, f := range g.byBase[path.Base(name)] {
		if strings.HasSuffix(f.path, "/"+name) || strings.HasSuffix(name, "/"+f.path) && strings.Contains(f.path, "/") {
			if only != nil {
				return nil
			}
			only = f
		}
	}
	return only
}
