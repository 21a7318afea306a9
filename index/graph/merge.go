package graph

import (
	"slices"
	"strings"
	"time"
)

// codeKinds are the edges of the code graph.
func codeKinds() []EdgeKind {
	return []EdgeKind{Imports, Defines, Calls, InheritsFrom, HasParameter, Returns}
}

// Merge takes a part of a project's code graph in: nodes of kind CodeEntity of
// that project, and edges of the code graph between them. An edge that is
// there keeps the greater weight, so that parts may come in any order and more
// than once. It returns how many nodes and edges were not of that sort.
func (g *Graph) Merge(s Subgraph, projectID string, at time.Time) (refused int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	o := origin{g.projects.number(projectID), micros(at)}
	prefix := ID(CodeEntity, projectID, "")
	for i := range s.Nodes {
		n := &s.Nodes[i]
		name, ours := strings.CutPrefix(n.ID, prefix)
		if !ours || name == "" || len(name) > maxKey || n.Kind != CodeEntity || n.ProjectID != projectID || projectID == "" {
			refused++
			continue
		}
		number := g.node(CodeEntity, o.project, name, n.Label, o)
		for key, value := range n.Properties {
			if len(key) <= maxPropertyKey {
				g.property(number, key, value)
			}
		}
	}
	for i := range s.Edges {
		e := &s.Edges[i]
		if !slices.Contains(codeKinds(), e.Kind) || !strings.HasPrefix(e.From, prefix) || !strings.HasPrefix(e.To, prefix) {
			refused++
			continue
		}
		n := g.edge(g.lookup(e.From), e.Kind, g.lookup(e.To), o)
		if n == 0 {
			refused++
		} else if g.arcs.at(n).weight < e.Weight {
			g.weigh(n, e.Weight)
		}
	}
	return refused
}

// maxPropertyKey bounds the names of properties that come from outside.
const maxPropertyKey = 40
