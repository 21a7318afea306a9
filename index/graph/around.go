package graph

import "slices"

const (
	// lookFactor bounds the edges that Around looks at, as a multiple of the
	// nodes asked for: where the nodes found are connected with each other a
	// hundredfold, it ends with those that it has.
	lookFactor = 48
	// edgeFactor bounds the edges of an answer likewise.
	edgeFactor = 2
	// betweenFactor bounds what it looks at to find those edges, as a multiple
	// of them.
	betweenFactor = 4
)

// leg is an edge with the cursor that it comes from.
type leg struct {
	weight float64
	rank   uint64
	edge   uint32
	to     uint32
	cursor uint32
}

func (a *leg) before(b *leg) bool {
	if a.weight != b.weight {
		return a.weight > b.weight
	}
	return a.rank > b.rank
}

// Around is the part of the graph within some hops of a node, at most q.Limit
// nodes: near before far, and of those at one distance the ones that the
// heaviest edges lead to (of equally heavy edges the newest). Nodes come in
// that order, the root first; edges are those by which the nodes were reached,
// in the same order, then others between them, at most two a node in all.
// Truncated says that there is more within the distance.
func (g *Graph) Around(id string, hops int, q Query) Subgraph {
	var out Subgraph
	g.AroundInto(&out, id, hops, q)
	return out
}

// AroundInto is Around into out, whose memory is used again: who asks often
// then leaves nothing behind for the garbage collector.
func (g *Graph) AroundInto(out *Subgraph, id string, hops int, q Query) {
	out.empty()
	limit := q.limit()
	g.mu.RLock()
	defer g.mu.RUnlock()
	f := g.filter(q)
	root := g.lookup(id)
	if root == 0 || !g.nodes.at(root).visible(f.scope) {
		return
	}
	s := g.scratch.Get().(*search)
	defer g.scratch.Put(s)
	s.reset(g.nodes.next)
	s.note(root, 0)
	s.nodes = append(s.nodes, root)
	looks, more := lookFactor*max(limit, 64), false
	for level := s.nodes; hops > 0 && len(level) > 0 && !more; hops-- {
		from := len(s.nodes)
		more = s.widen(&f, level, limit, &looks)
		level = s.nodes[from:]
	}
	edges := s.between(&f, edgeFactor*limit)
	out.Truncated = more
	out.Nodes = slices.Grow(out.Nodes, len(s.nodes))
	g.copyArcs(out, edges, f.scope)
	count := 0
	for _, n := range s.nodes {
		count += len(g.nodes.at(n).props)
	}
	out.properties = slices.Grow(out.properties, count)
	for _, n := range s.nodes {
		out.Nodes = append(out.Nodes, g.viewIn(&out.properties, n, f.scope))
	}
}

// widen takes the nodes one step from a level into s.nodes, by their heaviest
// edge, until there are limit of them. It merges the ordered edges of the
// level's nodes, so that it looks at little more than it takes. more says that
// it ended before it had seen all.
func (s *search) widen(f *filter, level []uint32, limit int, looks *int) (more bool) {
	for len(s.cursors) < len(level) {
		s.cursors = append(s.cursors, cursor{})
	}
	s.heap = s.heap[:0]
	for i, n := range level {
		s.cursors[i].open(f, n)
	}
	for i := range level {
		if l, ok := s.advance(f, i, looks); ok {
			s.heap = append(s.heap, l)
		}
	}
	for i := len(s.heap)/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
	for len(s.heap) > 0 {
		top := s.heap[0]
		if !s.found(top.to) {
			if len(s.nodes) >= limit {
				return true
			}
			s.note(top.to, 0)
			s.nodes = append(s.nodes, top.to)
			s.came = append(s.came, top.edge&^incoming)
		}
		if l, ok := s.advance(f, int(top.cursor), looks); ok {
			s.heap[0] = l
		} else {
			last := len(s.heap) - 1
			s.heap[0] = s.heap[last]
			s.heap = s.heap[:last]
		}
		s.sink(0)
	}
	return *looks <= 0
}

// advance moves a cursor to its next edge to a node that is not taken yet.
func (s *search) advance(f *filter, i int, looks *int) (leg, bool) {
	for *looks > 0 {
		e, to, ok := s.cursors[i].next(f)
		if !ok {
			return leg{}, false
		}
		*looks--
		if !s.found(to) {
			a := f.g.arcs.at(e &^ incoming)
			return leg{a.weight, a.rank(), e, to, uint32(i)}, true
		}
	}
	return leg{}, false
}

// sink restores the heap below i.
func (s *search) sink(i int) {
	for {
		first := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(s.heap); c++ {
			if s.heap[c].before(&s.heap[first]) {
				first = c
			}
		}
		if first == i {
			return
		}
		s.heap[i], s.heap[first] = s.heap[first], s.heap[i]
		i = first
	}
}

// hubLooks bounds the edges that between looks at from one hub.
const hubLooks = 32

// between lists edges between the nodes found, without repetition: those by
// which they were reached, then others in the order of the nodes, whatever
// their direction. An edge is listed by its end that is no hub (the first, if
// neither is); between two hubs by the one that it leaves, if it is among the
// heaviest there.
func (s *search) between(f *filter, limit int) []uint32 {
	both := *f
	both.out, both.in = true, true
	edges := append(s.edges[:0], s.came...)
	defer func() { s.edges = edges }()
	slices.Sort(s.came)
	for _, n := range s.nodes {
		if f.g.nodes.at(n).hub != nil {
			s.note(n, isHub)
		}
	}
	var c cursor
	looks := betweenFactor * limit
	for _, n := range s.nodes {
		c.open(&both, n)
		hub := s.mark[n]&isHub != 0
		s.mark[n] |= isListed
		for k := 0; looks > 0 && (k < hubLooks || !hub); k++ {
			looks--
			e, to, ok := c.next(&both)
			if !ok {
				break
			}
			if !s.found(to) {
				continue
			}
			toHub, listed := s.mark[to]&isHub != 0, s.mark[to]&isListed != 0
			if hub && (!toHub || e&incoming != 0) || !hub && !toHub && listed {
				continue
			}
			if _, tree := slices.BinarySearch(s.came, e&^incoming); tree {
				continue
			}
			if len(edges) >= limit {
				return edges
			}
			edges = append(edges, e&^incoming)
		}
	}
	return edges
}
