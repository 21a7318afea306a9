package graph

import (
	"fmt"
	"io"
	"sort"
)

// Subgraph is a part of a graph, or all of it. Sort gives it the order in
// which equal graphs print equally; Around gives its answer nearest first.
type Subgraph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
	// Truncated: there was more than the limit allowed.
	Truncated bool `json:"truncated,omitempty"`

	events     []EventID  // the evidence of the edges
	properties Properties // those of the nodes
	cells      []uint32   // working memory
}

// empty makes room for another answer in the same memory.
func (s *Subgraph) empty() {
	if s.Nodes == nil {
		s.Nodes, s.Edges = []Node{}, []Edge{} // an answer without any is a list too
	}
	s.Nodes, s.Edges, s.Truncated = s.Nodes[:0], s.Edges[:0], false
	s.events, s.properties = s.events[:0], s.properties[:0]
}

// Sort orders nodes by id, edges by from, kind, to and project.
func (s *Subgraph) Sort() {
	sort.Slice(s.Nodes, func(i, j int) bool { return s.Nodes[i].ID < s.Nodes[j].ID })
	sort.Slice(s.Edges, func(i, j int) bool { return s.Edges[i].before(&s.Edges[j]) })
}

func (e *Edge) before(o *Edge) bool {
	if e.From != o.From {
		return e.From < o.From
	}
	if e.Kind != o.Kind {
		return e.Kind < o.Kind
	}
	if e.To != o.To {
		return e.To < o.To
	}
	return e.ProjectID < o.ProjectID
}

// All is the whole graph as far as the project may see it, sorted.
func (g *Graph) All(projectID string) Subgraph {
	s := Subgraph{Nodes: []Node{}, Edges: []Edge{}}
	g.mu.RLock()
	defer g.mu.RUnlock()
	f := g.filter(Query{ProjectID: projectID})
	for n := uint32(1); n < g.nodes.next; n++ {
		if v := g.nodes.at(n); v.kind != 0 && v.visible(f.scope) {
			s.Nodes = append(s.Nodes, g.view(n, f.scope))
		}
	}
	for _, e := range g.arcsInOrder() {
		if a := g.arcs.at(e); f.follows(a.kind, a.project, false) {
			g.copyArcs(&s, []uint32{e}, f.scope)
		}
	}
	s.Sort()
	return s
}

// Format is a form of export.
type Format string

const (
	JSON    Format = "json"    // {"nodes": [...], "edges": [...]}
	GraphML Format = "graphml" // http://graphml.graphdrawing.org
	DOT     Format = "dot"     // Graphviz
)

// Export writes the graph as far as the project may see it, sorted. It works
// on a copy, so that a slow reader keeps nobody waiting.
func (g *Graph) Export(w io.Writer, format Format, projectID string) error {
	raw, err := g.Snapshot()
	if err != nil {
		return err
	}
	c := New(g.o)
	if err := c.Restore(raw); err != nil {
		return fmt.Errorf("graph: export: copy: %w", err)
	}
	g.copyCode(c)
	return c.All(projectID).Write(w, format)
}

// Write writes the subgraph in a format.
func (s Subgraph) Write(w io.Writer, format Format) error {
	var err error
	switch format {
	case JSON:
		err = s.writeJSON(w)
	case GraphML:
		err = s.writeGraphML(w)
	case DOT:
		err = s.writeDOT(w)
	default:
		return fmt.Errorf("graph: there is no export format %.20q: take json, graphml or dot", format)
	}
	if err != nil {
		return fmt.Errorf("graph: export as %s: %w", format, err)
	}
	return nil
}

// WriteJSON is Write in the format JSON.
func (s Subgraph) WriteJSON(w io.Writer) error { return s.Write(w, JSON) }
