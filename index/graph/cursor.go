package graph

// filter is a Query in numbers.
type filter struct {
	g       *Graph
	kinds   uint32 // bit by kind; 0 is all
	out, in bool
	scope   uint32 // 0 sees all
}

func (g *Graph) filter(q Query) filter {
	f := filter{g: g, out: q.Direction != In, in: q.Direction != Out, scope: g.projects.scope(q.ProjectID)}
	for _, k := range q.Kinds {
		f.kinds |= 1 << edgeNumber[k] // an unknown kind is bit 0, which no edge has
	}
	return f
}

func (f *filter) follows(kind uint8, project uint32, in bool) bool {
	return (f.kinds == 0 || f.kinds&(1<<kind) != 0) && (in && f.in || !in && f.out) &&
		(f.scope == 0 || project == 0 || project == f.scope)
}

// ahead is how many edges a stream looks at together. Edges lie far apart in
// memory: looked at one after another, each would wait for memory alone.
const ahead = 8

// stream is a list of edges in order, with what lies at their other ends.
type stream struct {
	list   []uint32      // the edges of this chunk, from the first of to
	chunks [][]uint32    // those after it
	to     [ahead]uint32 // the nodes that the first edges lead to; 0 where the filter does not follow
	at, n  int32         // in to
}

// read looks at the next edges of node self; false when there are none.
func (s *stream) read(f *filter, self uint32) bool {
	s.list = s.list[s.n:]
	s.at, s.n = 0, 0
	for len(s.list) == 0 {
		if len(s.chunks) == 0 {
			return false
		}
		s.list, s.chunks = s.chunks[0], s.chunks[1:]
	}
	some := s.list[:min(len(s.list), ahead)]
	for i, e := range some { // nothing here depends on what is read, so that the reads overlap
		a := f.g.arcs.at(e &^ incoming)
		s.to[i] = a.from ^ a.to ^ self
	}
	for i, e := range some {
		if a := f.g.arcs.at(e &^ incoming); !f.follows(a.kind, a.project, e&incoming != 0) {
			s.to[i] = 0
		}
	}
	s.n = int32(len(some))
	return true
}

// next gives the next edge that the filter follows.
func (s *stream) next(f *filter, self uint32) (e, to uint32, ok bool) {
	for {
		for s.at < s.n {
			k := s.at
			s.at++
			if to := s.to[k]; to != 0 {
				return s.list[k], to, true
			}
		}
		if !s.read(f, self) {
			return 0, 0, false
		}
	}
}

// cursor walks the edges of a node in order, the heaviest first, those that a
// filter follows.
type cursor struct {
	node  uint32
	best  int32    // of heads, the one to take from next
	one   stream   // all edges of a node with few, or of a hub's only shelf
	heads []stream // or a hub's shelves, each before an edge that the filter follows
}

// open sets a cursor to the beginning, reusing its memory.
func (c *cursor) open(f *filter, n uint32) {
	v := f.g.nodes.at(n)
	c.node, c.heads, c.best = n, c.heads[:0], 0
	c.one = stream{list: v.adj}
	if v.hub == nil {
		return
	}
	if f.kinds == 0 && f.out && f.in {
		if f.scope == 0 {
			c.one.chunks = v.hub.all.chunks
			return
		}
		c.shelf(f, v.hub, shelfKey{project: f.scope})
		c.shelf(f, v.hub, shelfKey{project: 0})
	} else {
		c.shelves(f, v.hub)
	}
	if len(c.heads) == 1 {
		c.one, c.heads = c.heads[0], c.heads[:0]
	}
	c.choose(f)
}

// shelves opens those of the kinds that a filter follows.
func (c *cursor) shelves(f *filter, h *hub) {
	for kind := uint8(1); int(kind) < len(edgeKinds); kind++ {
		for _, in := range []bool{false, true} {
			switch {
			case !f.follows(kind, 0, in):
			case f.scope == 0:
				c.shelf(f, h, shelfKey{everyone, kind, in})
			default:
				c.shelf(f, h, shelfKey{0, kind, in})
				c.shelf(f, h, shelfKey{f.scope, kind, in})
			}
		}
	}
}

func (c *cursor) shelf(f *filter, h *hub, key shelfKey) {
	if s := h.shelves[key]; s != nil {
		c.heads = append(c.heads, stream{chunks: s.chunks})
		c.heads[len(c.heads)-1].read(f, c.node)
	}
}

// choose finds the head whose edge comes first.
func (c *cursor) choose(f *filter) {
	c.best = 0
	for i := 1; i < len(c.heads); i++ {
		if x, y := &c.heads[i], &c.heads[c.best]; f.g.before(x.list[x.at], y.list[y.at]) {
			c.best = int32(i)
		}
	}
}

// next gives the next edge, and the node at its other end; ok is false when
// there is none.
func (c *cursor) next(f *filter) (e, other uint32, ok bool) {
	if len(c.heads) == 0 {
		return c.one.next(f, c.node)
	}
	h := &c.heads[c.best]
	e, other = h.list[h.at], h.to[h.at]
	if h.at++; h.at == h.n && !h.read(f, c.node) {
		last := len(c.heads) - 1
		c.heads[c.best] = c.heads[last]
		c.heads = c.heads[:last]
	}
	c.choose(f)
	return e, other, true
}

func (g *Graph) other(e uint32) uint32 {
	a := g.arcs.at(e &^ incoming)
	if e&incoming != 0 {
		return a.from
	}
	return a.to
}

// search is the working memory of one query.
type search struct {
	mark    []uint32 // by node: epoch<<markBits | what was noted of it
	epoch   uint32
	cursors []cursor
	heap    []leg
	nodes   []uint32
	came    []uint32
	edges   []uint32 // of the answer
}

// What is noted of a node that a query found.
const (
	isHub    = 1 << iota
	isListed // its edges were
	markBits = iota
)

// reset forgets the marks of the query before.
func (s *search) reset(nodes uint32) {
	if int(nodes) > len(s.mark) {
		s.mark = make([]uint32, nodes+nodes/8)
		s.epoch = 0
	}
	if s.epoch++; s.epoch == 1<<(32-markBits) {
		clear(s.mark)
		s.epoch = 1
	}
	s.heap, s.nodes, s.came = s.heap[:0], s.nodes[:0], s.came[:0]
}

func (s *search) found(n uint32) bool { return s.mark[n]>>markBits == s.epoch }
func (s *search) note(n, what uint32) { s.mark[n] = s.epoch<<markBits | what }
