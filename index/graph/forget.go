package graph

// Forgotten says what Forget removed.
type Forgotten struct {
	Nodes int `json:"nodes"`
	Edges int `json:"edges"`
}

// Forget removes a project: its nodes, the edges that it observed between
// nodes that belong to none, its share in their weights, and those of them
// that nobody else knows. It costs a look at the whole graph. What the ledger
// concluded for all projects stays until the ledger revises it.
func (g *Graph) Forget(projectID string) Forgotten {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	p := g.projects.scope(projectID)
	if p == 0 || p == nobody {
		return Forgotten{}
	}
	g.forgetCode(p)
	edges := g.edges
	for _, e := range g.arcsInOrder() {
		if g.arcs.at(e).project == p {
			g.disconnect(e)
		}
	}
	removed := 0
	for n := uint32(1); n < g.nodes.next; n++ {
		v := g.nodes.at(n)
		if v.kind == 0 {
			continue
		}
		if v.project == p || g.unsee(v, p) {
			g.remove(n)
			removed++
		}
	}
	return Forgotten{Nodes: removed, Edges: edges - g.edges}
}

// unsee takes a project's observations from a node that belongs to none. It
// reports whether nobody else knows of the node.
func (g *Graph) unsee(v *vertex, p uint32) bool {
	rest := v.seen[:0]
	for _, t := range v.seen {
		if t.project == p {
			v.weight -= t.weight
			g.projects.release(p, true)
			continue
		}
		rest = append(rest, t)
	}
	if len(rest) == len(v.seen) {
		return false
	}
	v.seen = rest
	v.first, v.last = noTime, noTime
	for _, t := range rest {
		v.first, v.last = span(v.first, v.last, t.first)
		v.first, v.last = span(v.first, v.last, t.last)
	}
	return len(rest) == 0
}
