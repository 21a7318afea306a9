package graph

import (
	"hash/maphash"
	"sync"
)

// Options bound a Graph. Zero fields take the defaults.
type Options struct {
	// MaxNodes bounds the nodes of one kind; kinds without an entry take
	// 50,000, ExecutionAttempt 20,000.
	MaxNodes    map[NodeKind]int
	MaxEdges    int // edges in all; 0 is 1,000,000
	MaxEvidence int // event ids kept per edge; 0 is 4
	// MaxCode bounds the code layer: its edges, and the nodes that the code
	// alone knows of; 0 is 1,000,000 of each.
	MaxCode int
	// KindName is what an error is called whatever came first of it; "" keeps
	// the name that it came with.
	KindName func(signature string) string
}

// Stats say how large a Graph is and what its bounds dropped.
type Stats struct {
	Nodes map[NodeKind]int `json:"nodes"`
	Edges int              `json:"edges"` // learned
	// CodeNodes and CodeEdges are the code layer: the nodes that the code alone
	// knows of (Nodes counts them too), and its edges.
	CodeNodes int              `json:"code_nodes"`
	CodeEdges int              `json:"code_edges"`
	ByKind    map[EdgeKind]int `json:"edges_by_kind"`
	Projects  int              `json:"projects"`
	Hubs      int              `json:"hubs"` // nodes with so many edges that they are kept in shelves
	// NodesDropped counts the nodes that left for later ones, by kind;
	// EdgesDropped the edges that found no room.
	NodesDropped map[NodeKind]uint64 `json:"nodes_dropped"`
	EdgesDropped uint64              `json:"edges_dropped"`
}

// Graph is the knowledge graph. It is a learn.Learner named "graph". All
// methods may be called concurrently.
type Graph struct {
	o    Options
	seed maphash.Seed

	mu sync.RWMutex
	state
	scratch sync.Pool // *search
}

// state is what a snapshot carries.
type state struct {
	nodes     slab[vertex]
	nodeBy    table // by id
	arcs      slab[arc]
	lasts     []*[pageSize]int64 // by the edge's number
	arcBy     table              // by ends, kind and project
	cells     slab[cell]
	order     [maxKinds]chain // nodes of each kind, untouched for longest first
	projects  projects
	stale     map[uint32]bool       // edges that the change under way did not renew yet
	limbo     []uint32              // nodes removed by the change under way; their numbers are free after it
	edges     int                   // learned
	code      map[uint32]*codeLayer // by project
	codeEdges int
	byKind    [maxKinds]int // edges
	nextSeq   uint32
	hubs      int
	dropped   [maxKinds]uint64
	noEdges   uint64
}

// New makes an empty Graph.
func New(o Options) *Graph {
	if o.MaxEdges <= 0 {
		o.MaxEdges = 1_000_000
	}
	o.MaxEdges = min(o.MaxEdges, incoming-1)
	if o.MaxEvidence <= 0 {
		o.MaxEvidence = 4
	}
	if o.MaxCode <= 0 {
		o.MaxCode = 1_000_000
	}
	g := &Graph{o: o, seed: maphash.MakeSeed()}
	g.state = g.empty()
	g.scratch.New = func() any { return new(search) }
	return g
}

func (g *Graph) empty() state {
	s := state{nodes: newSlab[vertex](), arcs: newSlab[arc](), cells: newSlab[cell](), projects: newProjects(), nextSeq: 1, code: map[uint32]*codeLayer{}}
	s.nodeBy.hash = func(n uint32) uint64 { return maphash.String(g.seed, g.nodes.at(n).id) }
	s.arcBy.hash = func(n uint32) uint64 { a := g.arcs.at(n); return arcHash(a.from, a.kind, a.to, a.project) }
	return s
}

// Name is "graph".
func (g *Graph) Name() string { return "graph" }

// Stats returns the size and what was dropped.
func (g *Graph) Stats() Stats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s := Stats{Nodes: map[NodeKind]int{}, ByKind: map[EdgeKind]int{}, NodesDropped: map[NodeKind]uint64{}, Edges: g.edges, CodeNodes: g.order[codeChain].n, CodeEdges: g.codeEdges,
		Projects: g.projects.known(), Hubs: g.hubs, EdgesDropped: g.noEdges}
	for i, k := range NodeKinds() {
		if n := g.order[i+1].n; n > 0 {
			s.Nodes[k] = n
		}
		if n := g.dropped[i+1]; n > 0 {
			s.NodesDropped[k] = n
		}
	}
	if s.CodeNodes > 0 {
		s.Nodes[CodeEntity] += s.CodeNodes
	}
	for i, k := range EdgeKinds() {
		if n := g.byKind[i+1]; n > 0 {
			s.ByKind[k] = n
		}
	}
	return s
}

func (g *Graph) limit(kind uint8) int {
	if n, ok := g.o.MaxNodes[nodeKinds[kind]]; ok && n > 0 {
		return n
	}
	if nodeKinds[kind] == ExecutionAttempt {
		return 20_000
	}
	return 50_000
}

// settled ends a change: edges that it did not renew go, numbers of removed nodes may be used again, and a
// project that nothing mentions any more is unknown again.
func (g *Graph) settled() {
	for e := range g.stale {
		g.disconnect(e)
	}
	for _, n := range g.limbo {
		g.nodes.give(n)
	}
	g.limbo = g.limbo[:0]
	g.projects.sweep()
}
