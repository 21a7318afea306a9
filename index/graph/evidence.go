package graph

import (
	"encoding/hex"
	"slices"

	"lathe/learn"
)

// tallied adds one observation to an edge.
func (g *Graph) tallied(from uint32, kind EdgeKind, to uint32, o origin, evidence string) {
	if e := g.edge(from, kind, to, o); e != 0 {
		g.weigh(e, g.arcs.at(e).weight+1)
		g.witness(e, evidence)
	}
}

// set gives an edge its weight.
func (g *Graph) set(from uint32, kind EdgeKind, to uint32, weight float64, o origin, evidence ...string) {
	if e := g.edge(from, kind, to, o); e != 0 {
		g.weigh(e, weight)
		for _, id := range evidence {
			g.witness(e, id)
		}
	}
}

// renew marks a node's outgoing edges of some kinds: those that the change
// under way does not set again go when it ends.
func (g *Graph) renew(n uint32, kinds ...EdgeKind) {
	if g.stale == nil {
		g.stale = map[uint32]bool{}
	}
	for _, e := range g.touching(g.nodes.at(n)) {
		if a := g.arcs.at(e); a.from == n && slices.Contains(kinds, edgeKinds[a.kind]) {
			g.stale[e] = true
		}
	}
}

// settle makes an edge of weight 1 unless observations count it already.
func (g *Graph) settle(from uint32, kind EdgeKind, to uint32, o origin) {
	if e := g.edge(from, kind, to, o); e != 0 && g.arcs.at(e).weight == 0 {
		g.weigh(e, 1)
	}
}

// witness adds an event to an edge's evidence; the oldest leaves when there is
// no room.
func (g *Graph) witness(e uint32, event string) {
	if id, ok := eventID(event); ok {
		g.testify(e, id)
	}
}

func (g *Graph) testify(e uint32, id EventID) {
	a := g.arcs.at(e)
	n, last := 0, uint32(0)
	for c := a.evidence; c != 0; c = g.cells.at(c).next {
		if g.cells.at(c).id == id {
			return
		}
		n, last = n+1, c
	}
	fresh := g.cells.take()
	g.cells.at(fresh).id = id
	if last == 0 {
		a.evidence = fresh
		return
	}
	g.cells.at(last).next = fresh
	if n == g.o.MaxEvidence {
		first := a.evidence
		a.evidence = g.cells.at(first).next
		g.cells.give(first)
	}
}

func eventID(s string) (id EventID, ok bool) {
	if !learn.ValidID(s) {
		return id, false
	}
	var plain [32]byte
	copy(plain[:], s[:8])
	copy(plain[8:], s[9:13])
	copy(plain[12:], s[14:18])
	copy(plain[16:], s[19:23])
	copy(plain[20:], s[24:])
	_, err := hex.Decode(id[:], plain[:])
	return id, err == nil
}

// copyArc is an edge as a project may see it.
func (g *Graph) copyArc(e, scope uint32) Edge {
	return g.copyArcs(new(Subgraph), []uint32{e}, scope)[0]
}

// copyArcs are edges as a project may see them: the evidence of what all may
// know stays with those who see everything. They are put into s, behind those
// that it has, and returned.
func (g *Graph) copyArcs(s *Subgraph, list []uint32, scope uint32) []Edge {
	had := len(s.Edges)
	s.Edges = slices.Grow(s.Edges, len(list))
	events := slices.Grow(s.events, g.countEvidence(s, list, scope))
	for _, e := range list {
		a := g.arcs.at(e)
		edge := Edge{From: g.nodes.at(a.from).id, Kind: edgeKinds[a.kind], To: g.nodes.at(a.to).id, Weight: a.weight,
			ProjectID: g.projects.list[a.project].name, Last: fromMicros(*g.lastOf(e))}
		if scope != 0 && a.project != scope || a.evidence == 0 {
			s.Edges = append(s.Edges, edge)
			continue
		}
		from := len(events)
		for c := a.evidence; c != 0; {
			cell := g.cells.at(c)
			events = append(events, cell.id)
			c = cell.next
		}
		edge.Evidence = events[from:len(events):len(events)]
		s.Edges = append(s.Edges, edge)
	}
	s.events = events
	return s.Edges[had:]
}

// countEvidence counts the event ids of edges. It goes to the second of all
// edges after the first of all, so that no read waits for the one before it;
// whoever reads them next finds them near.
func (g *Graph) countEvidence(s *Subgraph, list []uint32, scope uint32) (n int) {
	at := s.cells[:0]
	for _, e := range list {
		if a := g.arcs.at(e); a.evidence != 0 && (scope == 0 || a.project == scope) {
			at = append(at, a.evidence)
		}
	}
	s.cells = at
	for len(at) > 0 {
		n += len(at)
		left := at[:0]
		for _, c := range at {
			if next := g.cells.at(c).next; next != 0 {
				left = append(left, next)
			}
		}
		at = left
	}
	return n
}

// idLength is the length of an event id's text.
const idLength = 36
