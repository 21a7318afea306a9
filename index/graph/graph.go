package graph

import (
	"container/list"
	"sync"
	"time"

	"lathe/learn"
)

// Options bound a Graph. Zero fields take the defaults.
type Options struct {
	// MaxNodes bounds the nodes of one kind; kinds without an entry take
	// 50,000, ExecutionAttempt 20,000.
	MaxNodes    map[NodeKind]int
	MaxEdges    int // edges in all; 0 is 1,000,000
	MaxEvidence int // event ids kept per edge; 0 is 4
}

// Stats say how large a Graph is and what its bounds dropped.
type Stats struct {
	Nodes        map[NodeKind]int `json:"nodes"`
	Edges        int              `json:"edges"`
	NodesDropped uint64           `json:"nodes_dropped"`
	EdgesDropped uint64           `json:"edges_dropped"`
}

type edgeKey struct {
	kind  EdgeKind
	other *vertex
}

type vertex struct {
	Node
	out, in map[edgeKey]*Edge
	place   *list.Element // in its kind's list
}

// Graph is the knowledge graph. It is a learn.Learner named "graph". All
// methods may be called concurrently.
type Graph struct {
	o Options

	mu       sync.RWMutex
	nodes    map[string]*vertex
	byKind   map[NodeKind]*list.List // untouched for longest first
	edges    int
	noNodes  uint64
	noEdges  uint64
	kindSet  map[NodeKind]bool
	edgeKind map[EdgeKind]bool
}

// New makes an empty Graph.
func New(o Options) *Graph {
	if o.MaxEdges <= 0 {
		o.MaxEdges = 1_000_000
	}
	if o.MaxEvidence <= 0 {
		o.MaxEvidence = 4
	}
	g := &Graph{o: o, kindSet: map[NodeKind]bool{}, edgeKind: map[EdgeKind]bool{}}
	for _, k := range NodeKinds() {
		g.kindSet[k] = true
	}
	for _, k := range EdgeKinds() {
		g.edgeKind[k] = true
	}
	g.reset()
	return g
}

func (g *Graph) reset() {
	g.nodes, g.byKind = map[string]*vertex{}, map[NodeKind]*list.List{}
	for _, k := range NodeKinds() {
		g.byKind[k] = list.New()
	}
	g.edges, g.noNodes, g.noEdges = 0, 0, 0
}

// Name is "graph".
func (g *Graph) Name() string { return "graph" }

// Stats returns the size and what was dropped.
func (g *Graph) Stats() Stats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s := Stats{Nodes: map[NodeKind]int{}, Edges: g.edges, NodesDropped: g.noNodes, EdgesDropped: g.noEdges}
	for k, l := range g.byKind {
		if l.Len() > 0 {
			s.Nodes[k] = l.Len()
		}
	}
	return s
}

func (g *Graph) limit(kind NodeKind) int {
	if n, ok := g.o.MaxNodes[kind]; ok && n > 0 {
		return n
	}
	if kind == ExecutionAttempt {
		return 20_000
	}
	return 50_000
}

// node finds or makes a node and marks it as touched at that time. A node
// known without a label, from evidence, gets it when it is seen.
func (g *Graph) node(kind NodeKind, projectID, name, label string, at time.Time) *vertex {
	id := ID(kind, projectID, name)
	v, ok := g.nodes[id]
	if !ok {
		l := g.byKind[kind]
		if l.Len() >= g.limit(kind) {
			g.remove(l.Front().Value.(*vertex))
			g.noNodes++
		}
		v = g.add(Node{ID: id, Kind: kind, Label: cut(label), ProjectID: projectID, First: at.UTC(), Last: at.UTC()})
	}
	g.byKind[kind].MoveToBack(v.place)
	if v.Label == "" {
		v.Label = cut(label)
	}
	if at.After(v.Last) {
		v.Last = at.UTC()
	}
	if at.Before(v.First) {
		v.First = at.UTC()
	}
	return v
}

func (g *Graph) add(n Node) *vertex {
	v := &vertex{Node: n, out: map[edgeKey]*Edge{}, in: map[edgeKey]*Edge{}}
	v.place = g.byKind[n.Kind].PushBack(v)
	g.nodes[n.ID] = v
	return v
}

// remove takes a node away, with its edges.
func (g *Graph) remove(v *vertex) {
	for k := range v.out {
		g.disconnect(v, k.kind, k.other)
	}
	for k := range v.in {
		g.disconnect(k.other, k.kind, v)
	}
	g.byKind[v.Kind].Remove(v.place)
	delete(g.nodes, v.ID)
}

func (g *Graph) disconnect(from *vertex, kind EdgeKind, to *vertex) {
	key := edgeKey{kind, to}
	if _, ok := from.out[key]; !ok {
		return
	}
	delete(from.out, key)
	delete(to.in, edgeKey{kind, from})
	g.edges--
}

// connect finds or makes an edge; nil when either end has left the graph or
// there is no room.
func (g *Graph) connect(from *vertex, kind EdgeKind, to *vertex, at time.Time) *Edge {
	if from == to || g.nodes[from.ID] != from || g.nodes[to.ID] != to {
		return nil // its node was dropped for a later one of the same record
	}
	key := edgeKey{kind, to}
	e, ok := from.out[key]
	if !ok {
		if g.edges >= g.o.MaxEdges {
			g.noEdges++
			return nil
		}
		e = &Edge{From: from.ID, Kind: kind, To: to.ID}
		from.out[key], to.in[edgeKey{kind, from}] = e, e
		g.edges++
	}
	if at.After(e.Last) {
		e.Last = at.UTC()
	}
	return e
}

// count adds one observation to an edge.
func (g *Graph) count(from *vertex, kind EdgeKind, to *vertex, at time.Time, evidence string) {
	if from == nil || to == nil {
		return
	}
	if e := g.connect(from, kind, to, at); e != nil {
		e.Weight++
		g.evidence(e, evidence)
	}
}

// set gives an edge its weight.
func (g *Graph) set(from *vertex, kind EdgeKind, to *vertex, weight float64, at time.Time, evidence ...string) {
	if from == nil || to == nil {
		return
	}
	if e := g.connect(from, kind, to, at); e != nil {
		e.Weight = weight
		for _, id := range evidence {
			g.evidence(e, id)
		}
	}
}

// clear removes a node's outgoing edges of some kinds, before a later version
// of the object sets them again.
func (g *Graph) clear(v *vertex, kinds ...EdgeKind) {
	for _, kind := range kinds {
		for k := range v.out {
			if k.kind == kind {
				g.disconnect(v, k.kind, k.other)
			}
		}
	}
}

func (g *Graph) evidence(e *Edge, id string) {
	if !learn.ValidID(id) {
		return
	}
	for _, have := range e.Evidence {
		if have == id {
			return
		}
	}
	if len(e.Evidence) >= g.o.MaxEvidence {
		e.Evidence = append(e.Evidence[:0], e.Evidence[1:]...)
	}
	e.Evidence = append(e.Evidence, id)
}

func (v *vertex) property(key, value string) {
	if value == "" {
		return
	}
	if v.Properties == nil {
		v.Properties = map[string]string{}
	}
	v.Properties[key] = cut(value)
}
