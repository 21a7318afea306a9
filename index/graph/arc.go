package graph

import (
	"cmp"
	"math"
	"slices"
)

// arc is an edge as queries walk it: 32 bytes, so that it never lies on two
// cache lines, without pointers. When it was seen last lies apart.
type arc struct {
	weight   float64
	from, to uint32
	project  uint32 // who may see it; 0 is everybody
	seq      uint32 // in the order in which the edges came
	evidence uint32 // first cell
	kind     uint8
	code     bool // of the code layer
}

// cell is one event id of an edge's evidence, the oldest first.
type cell struct {
	id   EventID
	next uint32
}

// incoming marks an edge in the list of the node that it leads to.
const incoming = 1 << 31

const (
	hubFrom = 65 // edges at which a node becomes a hub
	hubTo   = 32 // edges at which it is none any more
)

// hub holds the edges of a node with many in shelves, so that those that a
// query follows lie in order: all that one project may see, those of them of
// one kind and direction, and the same for all projects together.
type hub struct {
	shelves map[shelfKey]*shelf
	all     *shelf // everyone's of all kinds
	n       int
}

func newHub() *hub {
	all := &shelf{}
	return &hub{shelves: map[shelfKey]*shelf{{project: everyone}: all}, all: all}
}

type shelfKey struct {
	project uint32 // everyone for the shelf of all projects
	kind    uint8  // 0 for the shelf of all kinds and both directions
	in      bool
}

// everyone is the shelf that holds the edges of all projects.
const everyone = ^uint32(0) - 1

func arcHash(from uint32, kind uint8, to, project uint32) uint64 {
	return mix(mix(uint64(from)<<32|uint64(to), uint64(kind)), uint64(project))
}

// before is the order of edges: the heaviest first, of equals the newest.
func (g *Graph) before(a, b uint32) bool {
	x, y := g.arcs.at(a&^incoming), g.arcs.at(b&^incoming)
	if x.weight != y.weight {
		return x.weight > y.weight
	}
	if p, q := x.rank(), y.rank(); p != q {
		return p > q
	}
	return a&^incoming < b&^incoming
}

// rank orders edges of one weight: the newest first, those of the code layer
// last.
func (a *arc) rank() uint64 {
	if a.code {
		return uint64(a.seq)
	}
	return 1<<32 | uint64(a.seq)
}

func (g *Graph) arcBetween(from uint32, kind uint8, to, project uint32) uint32 {
	return g.arcBy.find(arcHash(from, kind, to, project), func(n uint32) bool {
		a := g.arcs.at(n)
		return a.from == from && a.to == to && a.kind == kind && a.project == project
	})
}

// owner is the project that an edge belongs to; ok is false when its ends
// belong to different ones, which are never connected.
func (g *Graph) owner(from, to uint32, o origin) (p uint32, ok bool) {
	a, b := g.nodes.at(from), g.nodes.at(to)
	switch {
	case from == to || a.kind == 0 || b.kind == 0:
		return 0, false // its node was dropped for a later one of the same record
	case a.project != 0 && b.project != 0:
		return a.project, a.project == b.project
	case a.project != 0 || b.project != 0:
		return a.project | b.project, true
	}
	return o.project, true
}

// edge finds or makes an edge; 0 when its ends cannot be connected or there is
// no room.
func (g *Graph) edge(from uint32, kind EdgeKind, to uint32, o origin) uint32 {
	if from == 0 || to == 0 {
		return 0
	}
	p, ok := g.owner(from, to, o)
	if !ok {
		return 0
	}
	k := edgeNumber[kind]
	if e := g.arcBetween(from, k, to, p); e != 0 {
		last := g.lastOf(e)
		*last = max(*last, o.at)
		delete(g.stale, e)
		return e
	}
	if g.edges >= g.o.MaxEdges && !g.room(from, to) {
		g.noEdges++
		return 0
	}
	for _, end := range []uint32{from, to} {
		g.see(end, origin{project: p, at: o.at}, 0)
	}
	return g.connect(arc{from: from, to: to, project: p, kind: k}, o.at)
}

// room makes room for an edge by dropping what was untouched for longest, the
// most numerous and least lasting kinds first; never the new edge's ends.
func (g *Graph) room(from, to uint32) bool {
	for _, kind := range []NodeKind{ExecutionAttempt, Task, CodeEntity, PlanStep, Environment, PlanFragment, Precondition} {
		k := kindNumber[kind]
		for n := g.order[k].oldest; n != 0 && g.edges >= g.o.MaxEdges; {
			newer := g.nodes.at(n).newer
			if n != from && n != to {
				g.leave(n)
				g.dropped[k]++
			}
			n = newer
		}
		if g.edges < g.o.MaxEdges {
			return true
		}
	}
	return false
}

// connect stores an edge that is not there, as the newest.
func (g *Graph) connect(a arc, last int64) uint32 {
	e := g.store(a, last)
	g.hang(a.from, e)
	g.hang(a.to, e|incoming)
	return e
}

// store gives an edge its number, without a place at its ends.
func (g *Graph) store(a arc, last int64) uint32 {
	if g.nextSeq == math.MaxUint32 {
		g.renumber()
	}
	if a.code {
		g.codeEdges++
	} else {
		a.seq = g.nextSeq
		g.nextSeq++
		g.edges++
	}
	e := g.arcs.take()
	*g.arcs.at(e) = a
	if int(e/pageSize) == len(g.lasts) {
		g.lasts = append(g.lasts, new([pageSize]int64))
	}
	*g.lastOf(e) = last
	g.arcBy.insert(e)
	g.byKind[a.kind]++
	return e
}

// lastOf is when an edge was seen last.
func (g *Graph) lastOf(e uint32) *int64 { return &g.lasts[e/pageSize][e%pageSize] }

func (g *Graph) disconnect(e uint32) {
	a := g.arcs.at(e)
	delete(g.stale, e)
	g.unhang(a.from, e)
	g.unhang(a.to, e|incoming)
	g.arcBy.remove(e)
	if a.code {
		g.codeEdges--
	} else {
		g.edges--
	}
	g.byKind[a.kind]--
	for c := a.evidence; c != 0; {
		next := g.cells.at(c).next
		g.cells.give(c)
		c = next
	}
	g.arcs.give(e)
}

// weigh gives an edge another weight, and its new place in the order.
func (g *Graph) weigh(e uint32, weight float64) {
	a := g.arcs.at(e)
	if a.weight == weight || math.IsNaN(weight) {
		return
	}
	var spots [8]spot // as the edge is ordered now
	found := g.spots(spots[:0], a.from, e)
	found = g.spots(found, a.to, e|incoming)
	a.weight = weight
	for i := range found {
		found[i].list.settle(&found[i], g.before)
	}
	for _, end := range [2]uint32{a.from, a.to} {
		if v := g.nodes.at(end); v.hub == nil {
			k := slices.IndexFunc(v.adj, func(x uint32) bool { return x&^incoming == e })
			g.bubble(v.adj, k)
		}
	}
}

// spots finds an edge in the shelves of one of its ends.
func (g *Graph) spots(found []spot, n, e uint32) []spot {
	v := g.nodes.at(n)
	if v.hub == nil {
		return found
	}
	for _, k := range g.shelfKeys(e) {
		s := v.hub.shelves[k]
		c, at := s.place(e, g.before)
		found = append(found, spot{list: s, edge: e, chunk: c, at: at})
	}
	return found
}

// bubble moves the edge at k to its place in a list that is in order but for
// it.
func (g *Graph) bubble(list []uint32, k int) {
	for ; k > 0 && g.before(list[k], list[k-1]); k-- {
		list[k], list[k-1] = list[k-1], list[k]
	}
	for ; k+1 < len(list) && g.before(list[k+1], list[k]); k++ {
		list[k], list[k+1] = list[k+1], list[k]
	}
}

// hang puts an edge into the order of one of its ends.
func (g *Graph) hang(n, e uint32) {
	v := g.nodes.at(n)
	if v.hub == nil {
		i, _ := slices.BinarySearchFunc(v.adj, e, g.compare)
		v.adj = slices.Insert(v.adj, i, e)
		if len(v.adj) < hubFrom {
			return
		}
		list := v.adj
		v.adj, v.hub = nil, newHub()
		g.hubs++
		for _, e := range list {
			g.shelve(v.hub, e)
		}
		return
	}
	g.shelve(v.hub, e)
}

func (g *Graph) shelve(h *hub, e uint32) {
	for _, k := range g.shelfKeys(e) {
		s := h.shelves[k]
		if s == nil {
			s = &shelf{}
			h.shelves[k] = s
		}
		s.insert(e, g.before)
	}
	h.n++
}

func (g *Graph) shelfKeys(e uint32) [4]shelfKey {
	a := g.arcs.at(e &^ incoming)
	in := e&incoming != 0
	return [4]shelfKey{{everyone, 0, false}, {everyone, a.kind, in}, {a.project, 0, false}, {a.project, a.kind, in}}
}

// unhang takes an edge, as it is ordered now, from one of its ends.
func (g *Graph) unhang(n, e uint32) {
	v := g.nodes.at(n)
	if v.hub == nil {
		i := slices.Index(v.adj, e)
		v.adj = slices.Delete(v.adj, i, i+1)
		return
	}
	for _, k := range g.shelfKeys(e) {
		s := v.hub.shelves[k]
		s.remove(e, g.before)
		if s.n == 0 {
			delete(v.hub.shelves, k)
		}
	}
	if v.hub.n--; v.hub.n > hubTo {
		return
	}
	list := slices.Concat(v.hub.all.chunks...)
	v.hub, v.adj = nil, list
	g.hubs--
}

func (g *Graph) compare(a, b uint32) int {
	switch {
	case a&^incoming == b&^incoming:
		return 0
	case g.before(a, b):
		return -1
	}
	return 1
}

// touching lists the edges at a node, without their direction.
func (g *Graph) touching(v *vertex) []uint32 {
	list := slices.Clone(v.adj)
	if v.hub != nil {
		list = slices.Concat(v.hub.all.chunks...)
	}
	for i := range list {
		list[i] &^= incoming
	}
	return list
}

// renumber gives the edges new numbers in the order that they have.
func (g *Graph) renumber() {
	g.nextSeq = 1
	for _, e := range g.arcsInOrder() {
		if a := g.arcs.at(e); !a.code {
			a.seq = g.nextSeq
			g.nextSeq++
		}
	}
}

// arcsInOrder lists all edges, those of the code layer first, then the oldest.
func (g *Graph) arcsInOrder() []uint32 {
	list := g.arcBy.all()
	slices.SortFunc(list, func(a, b uint32) int { return cmp.Compare(g.arcs.at(a).rank(), g.arcs.at(b).rank()) })
	return list
}
