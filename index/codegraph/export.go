package codegraph

import (
	"strconv"

	"lathe/index/graph"
	"lathe/learn"
)

// Subgraph is the code graph with the knowledge graph's words: every entity,
// parameter and return type a CodeEntity node of the project, and edges
// IMPORTS (file to module), DEFINES, CALLS (weight: call sites),
// INHERITS_FROM, HAS_PARAMETER and RETURNS. files restricts it to edges that
// start in these files; none means all.
func (g *Graph) Subgraph(projectID string, files ...string) graph.Subgraph {
	g.mu.RLock()
	defer g.mu.RUnlock()
	b := &builder{g: g, project: projectID, nodes: map[string]graph.Node{}, edges: map[[3]string]*graph.Edge{}}
	if len(files) == 0 {
		for name := range g.files {
			files = append(files, name)
		}
	}
	for _, name := range files {
		if f, ok := g.files[name]; ok {
			b.file(f)
		}
	}
	return b.subgraph()
}

func (b *builder) subgraph() graph.Subgraph {
	s := graph.Subgraph{Nodes: []graph.Node{}, Edges: []graph.Edge{}}
	for _, n := range b.nodes {
		s.Nodes = append(s.Nodes, n)
	}
	for _, e := range b.edges {
		s.Edges = append(s.Edges, *e)
	}
	s.Sort()
	return s
}

type builder struct {
	g       *Graph
	project string
	nodes   map[string]graph.Node
	edges   map[[3]string]*graph.Edge
}

func (b *builder) entity(r ref) {
	id := b.node(r.f.code(r.i))
	if r.i > 0 {
		owner := b.g.parent(r)
		b.edge(b.node(owner.f.code(owner.i)), graph.Defines, id)
	}
	b.g.says(r, func(kind graph.EdgeKind, to end) {
		if to.ref.ok() {
			to.named = to.ref.f.code(to.ref.i)
		}
		b.edge(id, kind, b.node(to.named))
	})
}

// file enters what a file says.
func (b *builder) file(f *file) {
	for i := range f.entities {
		b.entity(ref{f, i})
	}
	for i := range f.calls {
		c := &f.calls[i]
		if to, _, _ := b.g.resolve(f, c); to.ok() {
			b.edge(b.node(f.code(int(c.caller))), graph.Calls, b.node(to.f.code(to.i)))
		}
	}
}

// node enters an entity. Files and modules are named as the projection of
// events does, so that both meet in one node.
func (b *builder) node(e learn.CodeEntity) string {
	id := graph.CodeID(b.project, e)
	if _, ok := b.nodes[id]; !ok {
		n := graph.Node{ID: id, Kind: graph.CodeEntity, Label: e.Qualified, ProjectID: b.project,
			Properties: graph.Properties{{Key: "kind", Value: string(e.Kind)}}}
		if e.Kind == learn.CodeParameter {
			n.Label = e.Name
		} else if e.File != "" && e.Kind != learn.CodeFile && e.Kind != learn.CodeModule {
			n.Properties = graph.Properties{{Key: "file", Value: e.File}, {Key: "kind", Value: string(e.Kind)},
				{Key: "language", Value: e.Language}, {Key: "line", Value: strconv.Itoa(e.Line)}}
		}
		b.nodes[id] = n
	}
	return id
}

func (b *builder) edge(from string, kind graph.EdgeKind, to string) {
	key := [3]string{from, string(kind), to}
	if e, ok := b.edges[key]; ok {
		e.Weight++
		return
	}
	b.edges[key] = &graph.Edge{From: from, Kind: kind, To: to, Weight: 1}
}
