package graph

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// Direction says which edges of a node are followed.
type Direction string

const (
	Out  Direction = "out"
	In   Direction = "in"
	Both Direction = "both"
)

// Query narrows what is followed. The zero Query follows every edge both ways
// in all projects.
type Query struct {
	Kinds     []EdgeKind // none means all
	Direction Direction  // "" is Both
	Limit     int        // of answers; 0 is 100
	// ProjectID, when set, hides what belongs to other projects.
	ProjectID string
}

// Neighbour is an edge with the node at its other end.
type Neighbour struct {
	Edge Edge `json:"edge"`
	Node Node `json:"node"`
}

const (
	defaultLimit = 100
	maxVisited   = 100_000 // nodes that a search looks at
)

// Node finds a node by its id.
func (g *Graph) Node(id string) (Node, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	v, ok := g.nodes[id]
	if !ok {
		return Node{}, false
	}
	return v.copy(), true
}

// Find lists the nodes of a kind whose label or id contains text, those
// touched last first; kind "" is every kind.
func (g *Graph) Find(kind NodeKind, text, projectID string, limit int) []Node {
	if limit <= 0 {
		limit = defaultLimit
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []Node
	for _, k := range NodeKinds() {
		if kind != "" && k != kind {
			continue
		}
		for at := g.byKind[k].Back(); at != nil && len(found) < limit; at = at.Prev() {
			v := at.Value.(*vertex)
			if v.visible(projectID) && (strings.Contains(v.Label, text) || strings.Contains(v.ID, text)) {
				found = append(found, v.copy())
			}
		}
	}
	return found
}

// Neighbours lists what is connected with a node, the heaviest edges first;
// nil when there is no such node.
func (g *Graph) Neighbours(id string, q Query) []Neighbour {
	g.mu.RLock()
	defer g.mu.RUnlock()
	v, ok := g.nodes[id]
	if !ok || !v.visible(q.ProjectID) {
		return nil
	}
	var all []step
	v.each(q, func(s step) { all = append(all, s) })
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if a.edge.Weight != b.edge.Weight {
			return a.edge.Weight > b.edge.Weight
		}
		return a.before(b)
	})
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	found := make([]Neighbour, 0, min(limit, len(all)))
	for _, s := range all[:min(limit, len(all))] {
		found = append(found, Neighbour{Edge: s.edge.copy(), Node: s.to.copy()})
	}
	return found
}

// step is an edge taken from one node to another, with or against its
// direction.
type step struct {
	edge     *Edge
	from, to *vertex
}

func (a step) before(b step) bool {
	if a.from.ID != b.from.ID {
		return a.from.ID < b.from.ID
	}
	if a.edge.Kind != b.edge.Kind {
		return a.edge.Kind < b.edge.Kind
	}
	if a.to.ID != b.to.ID {
		return a.to.ID < b.to.ID
	}
	return a.edge.From == a.from.ID && b.edge.From != b.from.ID
}

func (v *vertex) each(q Query, visit func(step)) {
	follow := func(edges map[edgeKey]*Edge) {
		for k, e := range edges {
			if (len(q.Kinds) == 0 || slices.Contains(q.Kinds, k.kind)) && k.other.visible(q.ProjectID) {
				visit(step{e, v, k.other})
			}
		}
	}
	if q.Direction != In {
		follow(v.out)
	}
	if q.Direction != Out {
		follow(v.in)
	}
}

func (v *vertex) visible(projectID string) bool {
	return projectID == "" || v.ProjectID == "" || v.ProjectID == projectID
}

func (v *vertex) copy() Node {
	n := v.Node
	n.Properties = maps.Clone(n.Properties)
	return n
}

func (e *Edge) copy() Edge {
	c := *e
	c.Evidence = slices.Clone(e.Evidence)
	return c
}

// Path finds a shortest path of at most hops edges; of several, always the
// same one. It is nil when there is none, and empty from a node to itself.
// q.Limit is not used.
func (g *Graph) Path(from, to string, hops int, q Query) []Neighbour {
	g.mu.RLock()
	defer g.mu.RUnlock()
	a, b := g.nodes[from], g.nodes[to]
	if a == nil || b == nil || !a.visible(q.ProjectID) || !b.visible(q.ProjectID) {
		return nil
	}
	if a == b {
		return []Neighbour{}
	}
	came := map[*vertex]step{a: {}}
	level := []*vertex{a}
	for range hops {
		level = g.widen(level, came, q)
		if s, ok := came[b]; ok {
			return unwind(a, s, came)
		}
		if len(level) == 0 || len(came) > maxVisited {
			return nil
		}
	}
	return nil
}

// widen takes one step from every node of a level and returns the nodes that
// are new. Each is entered by the first of its steps in order, so that map
// order does not show.
func (g *Graph) widen(level []*vertex, came map[*vertex]step, q Query) []*vertex {
	fresh := map[*vertex]step{}
	for _, v := range level {
		v.each(q, func(s step) {
			if _, seen := came[s.to]; seen {
				return
			}
			if have, ok := fresh[s.to]; !ok || s.before(have) {
				fresh[s.to] = s
			}
		})
	}
	next := make([]*vertex, 0, len(fresh))
	for v, s := range fresh {
		came[v] = s
		next = append(next, v)
	}
	return next
}

func unwind(start *vertex, last step, came map[*vertex]step) []Neighbour {
	var path []Neighbour
	for s := last; ; s = came[s.from] {
		path = append(path, Neighbour{Edge: s.edge.copy(), Node: s.to.copy()})
		if s.from == start {
			break
		}
	}
	slices.Reverse(path)
	return path
}

// Around is the part of the graph within some hops of a node, at most q.Limit
// nodes: near before far, within a distance the heaviest edges first.
func (g *Graph) Around(id string, hops int, q Query) Subgraph {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	v, ok := g.nodes[id]
	if !ok || !v.visible(q.ProjectID) {
		return Subgraph{Nodes: []Node{}, Edges: []Edge{}}
	}
	came := map[*vertex]step{v: {}}
	kept := map[*vertex]bool{v: true}
	level := []*vertex{v}
	for range hops {
		level = g.widen(level, came, q)
		sort.Slice(level, func(i, j int) bool {
			a, b := came[level[i]], came[level[j]]
			if a.edge.Weight != b.edge.Weight {
				return a.edge.Weight > b.edge.Weight
			}
			return level[i].ID < level[j].ID
		})
		level = level[:min(len(level), limit-len(kept))]
		for _, n := range level {
			kept[n] = true
		}
		if len(level) == 0 {
			break
		}
	}
	return collect(kept, q)
}

// All is the whole graph as far as the project may see it.
func (g *Graph) All(projectID string) Subgraph {
	g.mu.RLock()
	defer g.mu.RUnlock()
	kept := make(map[*vertex]bool, len(g.nodes))
	for _, v := range g.nodes {
		if v.visible(projectID) {
			kept[v] = true
		}
	}
	return collect(kept, Query{ProjectID: projectID})
}
