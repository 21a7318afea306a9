package graph

import (
	"slices"
	"strings"
	"time"
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
	// ProjectID, when set, hides what belongs to other projects, and what they
	// alone observed.
	ProjectID string
}

func (q Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return q.Limit
}

// Neighbour is an edge with the node at its other end.
type Neighbour struct {
	Edge Edge `json:"edge"`
	Node Node `json:"node"`
}

const defaultLimit = 100

// Node finds a node by its id, as a project may see it; "" sees all.
func (g *Graph) Node(id, projectID string) (Node, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	scope := g.projects.scope(projectID)
	n := g.lookup(id)
	if n == 0 || !g.nodes.at(n).visible(scope) {
		return Node{}, false
	}
	return g.view(n, scope), true
}

// Knows reports whether anything was learned of a project.
func (g *Graph) Knows(projectID string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	p := g.projects.scope(projectID)
	return p != 0 && p != nobody && g.projects.list[p].learned > 0
}

// Filter says which nodes Find lists; zero fields do not narrow.
type Filter struct {
	Kind       NodeKind
	Text       string            // part of the label or id, without regard to case
	Properties map[string]string // all of these, exactly
	Since      time.Time         // seen then or later
	ProjectID  string            // as in Query
	Limit      int               // 0 is 100
}

// Find lists nodes, of each kind those touched last first.
func (g *Graph) Find(f Filter) []Node {
	limit := Query{Limit: f.Limit}.limit()
	text := strings.ToLower(f.Text)
	g.mu.RLock()
	defer g.mu.RUnlock()
	scope := g.projects.scope(f.ProjectID)
	since := micros(f.Since)
	found := []Node{}
	for k := range nodeKinds[1:] {
		if f.Kind != "" && nodeKinds[k+1] != f.Kind {
			continue
		}
		for n := g.order[k+1].newest; n != 0 && len(found) < limit; {
			v := g.nodes.at(n)
			if v.visible(scope) && v.last >= since && v.has(f.Properties) && v.mentions(text) {
				found = append(found, g.view(n, scope))
			}
			n = v.older
		}
		if nodeKinds[k+1] == CodeEntity && len(found) < limit {
			found = append(found, g.findCode(f, text, scope, limit-len(found))...)
		}
	}
	return found
}

// findCode lists nodes that the code alone knows of, by id.
func (g *Graph) findCode(f Filter, text string, scope uint32, limit int) []Node {
	if !f.Since.IsZero() {
		return nil // they were never seen
	}
	var list []uint32
	for n := g.order[codeChain].newest; n != 0; n = g.nodes.at(n).older {
		if v := g.nodes.at(n); v.visible(scope) && v.has(f.Properties) && v.mentions(text) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b uint32) int { return strings.Compare(g.nodes.at(a).id, g.nodes.at(b).id) })
	found := []Node{}
	for _, n := range list[:min(len(list), limit)] {
		found = append(found, g.view(n, scope))
	}
	return found
}

func (v *vertex) has(properties map[string]string) bool {
	for key, value := range properties {
		if v.get(key) != value {
			return false
		}
	}
	return true
}

func (v *vertex) mentions(text string) bool {
	return text == "" || strings.Contains(strings.ToLower(v.label), text) || strings.Contains(strings.ToLower(v.id), text)
}

// Neighbours lists what is connected with a node, the heaviest edges first;
// nil when there is no such node.
func (g *Graph) Neighbours(id string, q Query) []Neighbour {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f := g.filter(q)
	n := g.lookup(id)
	if n == 0 || !g.nodes.at(n).visible(f.scope) {
		return nil
	}
	found := []Neighbour{}
	var c cursor
	c.open(&f, n)
	for limit := q.limit(); len(found) < limit; {
		e, to, ok := c.next(&f)
		if !ok {
			break
		}
		found = append(found, Neighbour{Edge: g.copyArc(e&^incoming, f.scope), Node: g.view(to, f.scope)})
	}
	return found
}

// Degree counts the edges at a node that a project may see, by kind and
// direction, like "out USES".
func (g *Graph) Degree(id, projectID string) map[string]int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f := g.filter(Query{ProjectID: projectID})
	n := g.lookup(id)
	if n == 0 || !g.nodes.at(n).visible(f.scope) {
		return nil
	}
	degree := map[string]int{}
	v := g.nodes.at(n)
	for _, e := range v.adj {
		if a := g.arcs.at(e &^ incoming); f.follows(a.kind, a.project, e&incoming != 0) {
			degree[way(e&incoming != 0, a.kind)]++
		}
	}
	if v.hub != nil {
		for k, s := range v.hub.shelves {
			if k.kind != 0 && (f.scope == 0 && k.project == everyone || f.scope != 0 && (k.project == 0 || k.project == f.scope)) {
				degree[way(k.in, k.kind)] += s.n
			}
		}
	}
	return degree
}

func way(in bool, kind uint8) string {
	if in {
		return "in " + string(edgeKinds[kind])
	}
	return "out " + string(edgeKinds[kind])
}
