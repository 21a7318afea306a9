package graph

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"
)

// vertex is a node as it is stored.
type vertex struct {
	id, label    string
	props        Properties // by key
	adj          []uint32   // edges in order, while there are few; incoming has the top bit
	hub          *hub       // the edges, when they are many
	seen         []tally    // of a node that belongs to no project: by whom it was observed
	weight       float64
	first, last  int64
	project      uint32
	older, newer uint32 // in its kind's chain
	parts        uint32 // holds of the code layer
	kind         uint8  // 0: the node was removed
	learned      bool   // the log or the ledger names it
}

// tally is what one project knows of a node that belongs to none.
type tally struct {
	weight      float64
	first, last int64
	project     uint32
}

func byProject(t tally, p uint32) int { return cmp.Compare(t.project, p) }

// chain is a list of nodes through vertex.older and vertex.newer.
type chain struct {
	oldest, newest uint32
	n              int
}

// origin says where a piece of knowledge comes from: which project observed it
// (0 for what all may know) and when.
type origin struct {
	project uint32
	at      int64
}

const noTime = math.MinInt64

// micros is a time as the graph keeps it: microseconds since 1970, within the
// years that JSON can print.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	if y := t.UTC().Year(); y < 1 || y > 9998 {
		return noTime
	}
	return t.UnixMicro()
}

func fromMicros(m int64) time.Time {
	if m == noTime {
		return time.Time{}
	}
	return time.UnixMicro(m).UTC()
}

func (g *Graph) lookup(id string) uint32 {
	return g.nodeBy.find(maphash.String(g.seed, id), func(n uint32) bool { return g.nodes.at(n).id == id })
}

// node finds or makes a node that belongs to a project (or, owner 0, to none)
// and marks it as touched. A node known without a label, from evidence, gets
// it when it is seen.
func (g *Graph) node(kind NodeKind, owner uint32, name, label string, o origin) uint32 {
	id := ID(kind, g.projects.list[owner].name, name)
	n := g.lookup(id)
	if k := kindNumber[kind]; n == 0 || !g.nodes.at(n).learned {
		if g.order[k].n >= g.limit(k) {
			g.leave(g.order[k].oldest)
			g.dropped[k]++
		}
		n = g.learn(n, vertex{id: id, kind: k, project: owner})
	} else {
		g.unlink(n)
		g.link(n)
	}
	v := g.nodes.at(n)
	if v.label == "" {
		v.label = cut(label)
	}
	v.first, v.last = span(v.first, v.last, o.at)
	g.see(n, o, 0)
	return n
}

// learn makes a node that was learned of, or one of a node n of the code layer.
func (g *Graph) learn(n uint32, v vertex) uint32 {
	if n == 0 {
		v.id, v.first, v.last, v.learned = strings.Clone(v.id), noTime, noTime, true
		n = g.add(v)
	} else {
		g.unlink(n)
		known := g.nodes.at(n)
		known.learned, known.label = true, ""
		g.link(n)
		g.projects.list[known.project].learned++
	}
	if nodeKinds[v.kind] == CodeEntity {
		g.learnedOf(n, v.project)
	}
	return n
}

// label gives a node another label.
func (g *Graph) label(n uint32, label string) {
	if v := g.nodes.at(n); v.kind != 0 && v.label != label {
		v.label = cut(label)
	}
}

// weight gives a node its weight, which the object's owner knows.
func (g *Graph) weight(n uint32, weight float64, o origin) {
	v := g.nodes.at(n)
	if v.kind == 0 || math.IsNaN(weight) {
		return
	}
	v.weight = weight
	if i, known := slices.BinarySearchFunc(v.seen, o.project, byProject); known {
		v.seen[i].weight = weight
	}
}

// span widens a time span by a moment.
func span(first, last, at int64) (int64, int64) {
	if at == noTime {
		return first, last
	}
	if first == noTime || at < first {
		first = at
	}
	return first, max(last, at)
}

func (g *Graph) add(v vertex) uint32 {
	n := g.nodes.take()
	*g.nodes.at(n) = v
	g.nodeBy.insert(n)
	g.link(n)
	g.projects.hold(v.project, v.learned)
	return n
}

// count says that a node was observed once more.
func (g *Graph) count(n uint32, o origin) {
	if v := g.nodes.at(n); v.kind != 0 {
		v.weight++
		g.see(n, o, 1)
	}
}

// see notes which project knows of a node that belongs to none.
func (g *Graph) see(n uint32, o origin, weight float64) {
	v := g.nodes.at(n)
	if v.kind == 0 || v.project != 0 {
		return
	}
	i, known := slices.BinarySearchFunc(v.seen, o.project, byProject)
	if !known {
		v.seen = slices.Insert(v.seen, i, tally{project: o.project, first: noTime, last: noTime})
		g.projects.hold(o.project, true)
	}
	t := &v.seen[i]
	t.weight += weight
	t.first, t.last = span(t.first, t.last, o.at)
}

// remove takes a node away, with its edges. Its number stays out of use until
// the change under way has ended, since it may still hold it.
func (g *Graph) remove(n uint32) {
	v := g.nodes.at(n)
	for _, e := range g.touching(v) {
		g.disconnect(e)
	}
	g.unlink(n)
	g.nodeBy.remove(n)
	g.projects.release(v.project, v.learned)
	for _, t := range v.seen {
		g.projects.release(t.project, true)
	}
	*v = vertex{}
	g.limbo = append(g.limbo, n)
}

// chainOf is the chain that a node is in: of its kind, or of the code layer.
func (g *Graph) chainOf(v *vertex) *chain {
	if v.learned {
		return &g.order[v.kind]
	}
	return &g.order[codeChain]
}

func (g *Graph) link(n uint32) {
	v := g.nodes.at(n)
	c := g.chainOf(v)
	v.older, v.newer = c.newest, 0
	if c.newest != 0 {
		g.nodes.at(c.newest).newer = n
	} else {
		c.oldest = n
	}
	c.newest = n
	c.n++
}

func (g *Graph) unlink(n uint32) {
	v := g.nodes.at(n)
	c := g.chainOf(v)
	if v.older != 0 {
		g.nodes.at(v.older).newer = v.newer
	} else {
		c.oldest = v.newer
	}
	if v.newer != 0 {
		g.nodes.at(v.newer).older = v.older
	} else {
		c.newest = v.older
	}
	c.n--
}

// property sets a property; an empty value sets nothing.
func (g *Graph) property(n uint32, key, value string) {
	v := g.nodes.at(n)
	if value == "" || v.kind == 0 {
		return
	}
	value = cut(value)
	i, known := slices.BinarySearchFunc(v.props, key, byKey)
	if known {
		v.props[i].Value = value
		return
	}
	v.props = slices.Insert(v.props, i, Property{key, value})
}

func (v *vertex) get(key string) string { return v.props.Get(key) }

// visible reports whether a project (0: everybody) may see a node: its own,
// and of those that belong to none the ones that it observed itself or that
// all may know.
func (v *vertex) visible(scope uint32) bool {
	if scope == 0 || v.project == scope {
		return true
	}
	if v.project != 0 || len(v.seen) == 0 {
		return false
	}
	_, own := slices.BinarySearchFunc(v.seen, scope, byProject)
	return own || v.seen[0].project == 0
}

// view is a node as a project may see it: of one that belongs to none, only
// its own observations count.
func (g *Graph) view(n uint32, scope uint32) Node { return g.viewIn(new(Properties), n, scope) }

// viewIn puts the node's properties into room.
func (g *Graph) viewIn(room *Properties, n, scope uint32) Node {
	v := g.nodes.at(n)
	out := Node{ID: v.id, Kind: nodeKinds[v.kind], Label: v.label, ProjectID: g.projects.list[v.project].name,
		Weight: v.weight, First: fromMicros(v.first), Last: fromMicros(v.last)}
	if len(v.props) > 0 {
		from := len(*room)
		*room = append(*room, v.props...)
		out.Properties = (*room)[from:len(*room):len(*room)]
	}
	if scope != 0 && v.project == 0 {
		var t tally
		t.first, t.last = noTime, noTime
		for _, s := range v.seen {
			if s.project == 0 || s.project == scope {
				t.weight += s.weight
				t.first, t.last = span(t.first, t.last, s.first)
				t.first, t.last = span(t.first, t.last, s.last)
			}
		}
		out.Weight, out.First, out.Last = t.weight, fromMicros(t.first), fromMicros(t.last)
	}
	return out
}
