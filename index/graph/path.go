package graph

import "slices"

// maxPathLooks bounds the edges that Path looks at.
const maxPathLooks = 400_000

// Path finds a shortest path of at most hops edges; of several, always the
// same one while the graph does not change. It is nil when there is none, and
// empty from a node to itself. q.Limit is not used. complete is false when the
// search ended before it had seen everything: a path may be there all the
// same.
//
// It searches from both ends, always widening the smaller side by a whole
// level (Pohl 1971), so that the first meeting is on a shortest path.
func (g *Graph) Path(from, to string, hops int, q Query) (path []Neighbour, complete bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f := g.filter(q)
	a, b := g.lookup(from), g.lookup(to)
	if a == 0 || b == 0 || !g.nodes.at(a).visible(f.scope) || !g.nodes.at(b).visible(f.scope) {
		return nil, true
	}
	if a == b {
		return []Neighbour{}, true
	}
	back := f
	back.in, back.out = f.out, f.in
	ahead := side{f: &f, came: map[uint32]uint32{a: 0}, level: []uint32{a}}
	behind := side{f: &back, came: map[uint32]uint32{b: 0}, level: []uint32{b}}
	looks := maxPathLooks
	for ; hops > 0 && len(ahead.level) > 0 && len(behind.level) > 0; hops-- {
		one, other := &ahead, &behind
		if len(behind.level) < len(ahead.level) {
			one, other = other, one
		}
		meet := one.widen(other, &looks)
		if looks <= 0 && meet == 0 {
			return nil, false
		}
		if meet != 0 {
			return g.unwind(&ahead, &behind, meet, f.scope), true
		}
	}
	return nil, true
}

// side is one end of the search: how each node was reached.
type side struct {
	f     *filter
	came  map[uint32]uint32 // node to the edge by which it was reached, as its cursor gave it
	level []uint32
}

// widen takes one step from every node of the level. It returns the first node
// that the other side has reached too, or 0.
func (s *side) widen(other *side, looks *int) (meet uint32) {
	var next []uint32
	var c cursor
	for _, n := range s.level {
		c.open(s.f, n)
		for ; *looks > 0; *looks-- {
			e, to, ok := c.next(s.f)
			if !ok {
				break
			}
			if _, seen := s.came[to]; seen {
				continue
			}
			s.came[to] = e
			if _, met := other.came[to]; met {
				return to
			}
			next = append(next, to)
		}
	}
	s.level = next
	return 0
}

// unwind writes down the path through the meeting point.
func (g *Graph) unwind(ahead, behind *side, meet, scope uint32) []Neighbour {
	var path []Neighbour
	for n := meet; ahead.came[n] != 0; {
		e := ahead.came[n]
		path = append(path, Neighbour{Edge: g.copyArc(e&^incoming, scope), Node: g.view(n, scope)})
		n = g.other(e ^ incoming)
	}
	slices.Reverse(path)
	for n := meet; behind.came[n] != 0; {
		e := behind.came[n]
		n = g.other(e ^ incoming)
		path = append(path, Neighbour{Edge: g.copyArc(e&^incoming, scope), Node: g.view(n, scope)})
	}
	return path
}
