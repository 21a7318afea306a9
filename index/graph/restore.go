package graph

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// reader reads a snapshot into an empty Graph. After the first error it reads
// nothing more.
type reader struct {
	b     []byte
	then  int64
	err   error
	g     *Graph
	names int // projects
	keys  []string
	nodes []uint32 // by place
}

var errShort = errors.New("the snapshot ends too early")

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail(errShort)
		return 0
	}
	r.b = r.b[size:]
	return n
}

// length reads the length of a list whose items have at least so many bytes.
func (r *reader) length(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/size) {
		r.fail(errShort)
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.fail(errShort)
		return nil
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) text() string { return string(r.bytes(r.length(1))) }

// below reads a number less than n.
func (r *reader) below(n int) int {
	v := r.uint()
	if r.err == nil && v >= uint64(n) {
		r.fail(fmt.Errorf("the snapshot names item %d of %d", v, n))
	}
	if r.err != nil {
		return 0
	}
	return int(v)
}

func (r *reader) time() int64 {
	u := r.uint()
	if u == 0 {
		return noTime
	}
	u--
	r.then += int64(u>>1) ^ -int64(u&1)
	return micros(fromMicros(r.then)) // in range, whatever was read
}

func (r *reader) weight() float64 {
	u := r.uint()
	if u&1 == 0 {
		return float64(u >> 1)
	}
	raw := r.bytes(8)
	if len(raw) < 8 {
		return 0
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(raw))
	if math.IsNaN(f) {
		r.fail(errors.New("a weight in the snapshot is not a number"))
	}
	return f
}

func (r *reader) all() {
	head := string(r.bytes(len(snapshotMagic) + 1))
	if head != snapshotMagic+string(rune(snapshotVersion)) {
		r.fail(fmt.Errorf("not a snapshot of version %d", snapshotVersion))
		return
	}
	r.names = r.length(1)
	for i := range r.names {
		if name := r.text(); r.err == nil && r.g.projects.number(name) != uint32(i) {
			r.fail(fmt.Errorf("project %.80q is there twice", name))
		}
	}
	for range r.length(1) {
		r.keys = append(r.keys, r.text())
	}
	r.g.noEdges = r.uint()
	for k := 1; k < len(nodeKinds); k++ {
		r.g.dropped[k] = r.uint()
	}
	r.nodes = []uint32{0}
	for k := 1; k < len(nodeKinds); k++ {
		n := r.length(7)
		if n > r.g.limit(uint8(k)) {
			r.fail(fmt.Errorf("%d nodes of kind %s, more than the bound of %d", n, nodeKinds[k], r.g.limit(uint8(k))))
		}
		for i := 0; i < n && r.err == nil; i++ {
			r.node(uint8(k))
		}
	}
	r.edges()
	if r.err == nil && len(r.b) > 0 {
		r.fail(errors.New("the snapshot goes on after its end"))
	}
	r.g.projects.sweep()
}

func (r *reader) node(kind uint8) {
	v := vertex{learned: true, id: r.text(), label: r.text(), kind: kind, project: uint32(r.below(r.names)), weight: r.weight(), first: r.time(), last: r.time()}
	for range r.length(2) {
		key := r.below(len(r.keys))
		value := r.text()
		if r.err == nil {
			v.props = append(v.props, Property{r.keys[key], value})
		}
	}
	for range r.length(4) {
		v.seen = append(v.seen, tally{project: uint32(r.below(r.names)), weight: r.weight(), first: r.time(), last: r.time()})
	}
	if r.err != nil {
		return
	}
	for i := 1; i < len(v.seen); i++ {
		if v.seen[i].project <= v.seen[i-1].project {
			r.fail(fmt.Errorf("node %.80q names a project twice", v.id))
			return
		}
	}
	if !slices.IsSortedFunc(v.props, func(a, b Property) int { return cmp.Compare(a.Key, b.Key) }) || v.project != 0 && len(v.seen) > 0 ||
		!strings.HasPrefix(v.id, string(nodeKinds[kind])+":") || r.g.lookup(v.id) != 0 {
		r.fail(fmt.Errorf("node %.80q is not as a node should be, or there twice", v.id))
		return
	}
	for _, t := range v.seen {
		r.g.projects.hold(t.project, true)
	}
	r.nodes = append(r.nodes, r.g.add(v))
}

func (r *reader) edges() {
	n := r.length(7)
	if n > r.g.o.MaxEdges {
		r.fail(fmt.Errorf("%d edges, more than the bound of %d", n, r.g.o.MaxEdges))
	}
	for i := 0; i < n && r.err == nil; i++ {
		a := arc{from: r.nodes[r.below(len(r.nodes))], to: r.nodes[r.below(len(r.nodes))], kind: uint8(r.below(len(edgeKinds))),
			project: uint32(r.below(r.names)), weight: r.weight()}
		last := r.time()
		events := r.bytes(16 * r.length(16))
		if r.err != nil {
			return
		}
		if !r.g.sound(&a) {
			r.fail(fmt.Errorf("edge %d of kind %d has ends that cannot be connected, or is there twice", i, a.kind))
			return
		}
		e := r.g.lay(a, last)
		for events = events[max(0, len(events)-16*r.g.o.MaxEvidence):]; len(events) > 0; events = events[16:] {
			r.g.testify(e, EventID(events))
		}
	}
	if r.err == nil {
		r.g.arrange()
	}
}

// lay stores an edge at the end of its ends' lists, which arrange sorts: that
// is much cheaper for many edges than to find the place of each.
func (g *Graph) lay(a arc, last int64) uint32 {
	e := g.store(a, last)
	from, to := g.nodes.at(a.from), g.nodes.at(a.to)
	from.adj = append(from.adj, e)
	to.adj = append(to.adj, e|incoming)
	return e
}

// arrange puts the edges of every node in order.
func (g *Graph) arrange() {
	for _, n := range g.nodeBy.all() {
		v := g.nodes.at(n)
		slices.SortFunc(v.adj, g.compare)
		if len(v.adj) < hubFrom {
			v.adj = slices.Clip(v.adj)
			continue
		}
		h := newHub()
		h.n = len(v.adj)
		for _, e := range v.adj {
			for _, k := range g.shelfKeys(e) {
				if h.shelves[k] == nil {
					h.shelves[k] = &shelf{}
				}
				h.shelves[k].push(e)
			}
		}
		v.adj, v.hub = nil, h
		g.hubs++
	}
}

// sound reports whether an edge may be connected: both ends are there, its
// project is that of its ends or, where they belong to none, one that observed
// both, and it is new.
func (g *Graph) sound(a *arc) bool {
	if a.from == 0 || a.to == 0 || a.kind == 0 {
		return false
	}
	p, ok := g.owner(a.from, a.to, origin{project: a.project})
	if !ok || p != a.project || g.arcBetween(a.from, a.kind, a.to, a.project) != 0 {
		return false
	}
	for _, end := range []uint32{a.from, a.to} {
		v := g.nodes.at(end)
		if _, seen := slices.BinarySearchFunc(v.seen, p, byProject); v.project == 0 && !seen {
			return false
		}
	}
	return true
}
