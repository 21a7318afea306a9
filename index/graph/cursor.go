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

// cursor walks the edges of a node in order, the heaviest first, those that a
// filter follows.
type cursor struct {
	list  []uint32 // of a node with few edges: what is left
	heads []head   // of a hub: where each shelf stands
	best  int      // the head to take next
}

type head struct {
	chunks [][]uint32
	at     int // in the first chunk
}

func (h *head) edge() uint32 { return h.chunks[0][h.at] }

// open sets a cursor to the beginning, reusing its memory.
func (c *cursor) open(f *filter, v *vertex) {
	c.list, c.heads = v.adj, c.heads[:0]
	if v.hub == nil {
		return
	}
	shelf := func(key shelfKey) {
		s := v.hub.shelves[key]
		if s == nil {
			return
		}
		c.heads = append(c.heads, head{chunks: s.chunks})
	}
	if f.kinds == 0 && f.out && f.in {
		if f.scope == 0 {
			shelf(shelfKey{project: everyone})
		} else {
			shelf(shelfKey{project: f.scope})
			shelf(shelfKey{project: 0})
			c.choose(f)
		}
		return
	}
	for kind := uint8(1); int(kind) < len(edgeKinds); kind++ {
		for _, in := range []bool{false, true} {
			switch {
			case !f.follows(kind, 0, in):
			case f.scope == 0:
				shelf(shelfKey{everyone, kind, in})
			default:
				shelf(shelfKey{0, kind, in})
				shelf(shelfKey{f.scope, kind, in})
			}
		}
	}
	c.choose(f)
}

// choose finds the head whose edge comes first.
func (c *cursor) choose(f *filter) {
	c.best = 0
	for i := 1; i < len(c.heads); i++ {
		if f.g.before(c.heads[i].edge(), c.heads[c.best].edge()) {
			c.best = i
		}
	}
}

// next gives the next edge, and the node at its other end; ok is false when
// there is none.
func (c *cursor) next(f *filter) (e, other uint32, ok bool) {
	if len(c.heads) > 0 {
		h := &c.heads[c.best]
		e = h.edge()
		if h.at++; h.at == len(h.chunks[0]) {
			h.chunks, h.at = h.chunks[1:], 0
			if len(h.chunks) == 0 {
				last := len(c.heads) - 1
				c.heads[c.best] = c.heads[last]
				c.heads = c.heads[:last]
			}
		}
		if len(c.heads) > 1 {
			c.choose(f)
		} else {
			c.best = 0
		}
		return e, f.g.other(e), true
	}
	for len(c.list) > 0 {
		e, c.list = c.list[0], c.list[1:]
		if a := f.g.arcs.at(e &^ incoming); f.follows(a.kind, a.project, e&incoming != 0) {
			return e, f.g.other(e), true
		}
	}
	return 0, 0, false
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
	mark    []uint32 // by node: epoch<<2 | what for
	epoch   uint32
	cursors []cursor
	heap    []leg
	nodes   []uint32
	came    []uint32
}

// reset forgets the marks of the query before.
func (s *search) reset(nodes uint32) {
	if int(nodes) > len(s.mark) {
		s.mark = make([]uint32, nodes+nodes/8)
		s.epoch = 0
	}
	if s.epoch++; s.epoch == 1<<30 {
		clear(s.mark)
		s.epoch = 1
	}
	s.heap, s.nodes, s.came = s.heap[:0], s.nodes[:0], s.came[:0]
}

func (s *search) marked(n, as uint32) bool { return s.mark[n] == s.epoch<<2|as }
func (s *search) set(n, as uint32)         { s.mark[n] = s.epoch<<2 | as }
