package codegraph

import (
	"strconv"

	"lathe/index/graph"
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

func (b *builder) node(kind, name, label string) string {
	id := graph.ID(graph.CodeEntity, b.project, kind+"/"+name)
	if _, ok := b.nodes[id]; !ok {
		b.nodes[id] = graph.Node{ID: id, Kind: graph.CodeEntity, Label: label, ProjectID: b.project,
			Properties: map[string]string{"kind": kind}}
	}
	return id
}

// entity names files and modules as the projection of events does, so that
// both meet in one node.
func (b *builder) entity(e *Entity) string {
	name := e.ID
	if e.Kind == Module {
		name = e.Qualified
	}
	id := b.node(string(e.Kind), name, e.Qualified)
	if e.Kind != File && e.Kind != Module {
		p := b.nodes[id].Properties
		p["file"], p["line"], p["language"] = e.File, strconv.Itoa(e.Line), e.Language
	}
	return id
}

func (b *builder) edge(from string, kind graph.EdgeKind, to string) {
	key := [3]string{from, string(kind), to}
	if e, ok := b.edges[key]; ok {
		e.Weight++
		return
	}
	e := edge(from, kind, to, 1)
	b.edges[key] = &e
}

func (b *builder) file(f *file) {
	file, module := b.entity(&f.entities[0]), b.entity(&f.entities[1])
	b.edge(file, graph.Defines, module)
	for i := range f.entities[2:] {
		e := &f.entities[i+2]
		id := b.entity(e)
		b.edge(b.parent(f, e), graph.Defines, id)
		for _, p := range e.Parameters {
			b.edge(id, graph.HasParameter, b.node("parameter", e.ID+"("+p.Name+")", p.Name))
		}
		if e.Returns != "" {
			b.edge(id, graph.Returns, b.typed(f, e.Returns))
		}
		for _, base := range e.Bases {
			b.edge(id, graph.InheritsFrom, b.typed(f, base))
		}
	}
	for _, i := range f.imports {
		m := b.g.absolute(f, i)
		if t := b.g.targets(f, i); len(t) > 0 {
			m = b.g.files[t[0]].module
		}
		b.edge(file, graph.Imports, b.node("module", m, m))
	}
	for i := range f.calls {
		if to, _, ok := b.g.resolve(f, &f.calls[i]); ok {
			callee := to.entity()
			b.edge(b.entity(&f.entities[f.calls[i].caller]), graph.Calls, b.entity(&callee))
		}
	}
}

// parent is what an entity is defined in.
func (b *builder) parent(f *file, e *Entity) string {
	if n := len(e.Qualified) - len(e.Name) - 1; n > 0 {
		if at, ok := f.qualified[e.Qualified[:n]]; ok {
			return b.entity(&f.entities[at])
		}
		if r, ok := b.g.inPackage(b.g.byModule[f.module], e.Qualified[:n]); ok {
			owner := r.entity()
			return b.entity(&owner)
		}
	}
	return b.entity(&f.entities[1])
}

// typed is the class that a type's name means, or a node of that name.
func (b *builder) typed(f *file, name string) string {
	if r, ok := b.g.named(f, bareType(name)); ok && r.entity().Kind == Class {
		e := r.entity()
		return b.entity(&e)
	}
	return b.node("type", name, name)
}
