package graph

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// A snapshot is
//
//	"LATHEKG" | version (1 byte) | projects | property keys | dropped | nodes | edges
//
// Lists begin with their length; numbers are unsigned varints. Projects and
// keys are sorted names. Nodes come by kind, in each kind in the order in which
// they would leave; edges in the order in which they came, and name nodes by
// their place. A time is the zigzag difference from the time before it plus
// one, 0 for none; a weight that is a small whole number is twice it, another
// one is 1 and its eight bytes.
const (
	snapshotMagic   = "LATHEKG"
	snapshotVersion = 2
)

// Snapshot gives the state; equal states give equal bytes.
func (g *Graph) Snapshot() ([]byte, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	w := writer{b: make([]byte, 0, 64*g.edges/2+256)}
	w.b = append(w.b, snapshotMagic...)
	w.b = append(w.b, snapshotVersion)
	names := g.projects.names()
	project := make([]uint64, len(g.projects.list))
	w.uint(uint64(len(names)))
	for i, name := range names {
		project[g.projects.byName[name]] = uint64(i)
		w.text(name)
	}
	keys, keyNumber := g.propertyKeys()
	w.uint(uint64(len(keys)))
	for _, k := range keys {
		w.text(k)
	}
	w.uint(g.noEdges)
	for _, n := range g.dropped[1:len(nodeKinds)] {
		w.uint(n)
	}
	place := make([]uint64, g.nodes.next)
	count := uint64(0)
	for k := 1; k < len(nodeKinds); k++ {
		w.uint(uint64(g.order[k].n))
		for n := g.order[k].oldest; n != 0; n = g.nodes.at(n).newer {
			count++
			place[n] = count
			w.node(g.nodes.at(n), project, keyNumber)
		}
	}
	w.uint(uint64(g.edges))
	for _, e := range g.arcsInOrder() {
		a := g.arcs.at(e)
		if a.code {
			continue
		}
		w.uint(place[a.from])
		w.uint(place[a.to])
		w.uint(uint64(a.kind))
		w.uint(project[a.project])
		w.weight(a.weight)
		w.time(*g.lastOf(e))
		var events []byte
		for c := a.evidence; c != 0; c = g.cells.at(c).next {
			events = append(events, g.cells.at(c).id[:]...)
		}
		w.uint(uint64(len(events) / 16))
		w.b = append(w.b, events...)
	}
	return w.b, nil
}

func (g *Graph) propertyKeys() (keys []string, number map[string]uint64) {
	number = map[string]uint64{}
	for n := uint32(1); n < g.nodes.next; n++ {
		for _, p := range g.nodes.at(n).learnedProps() {
			number[p.Key] = 0
		}
	}
	keys = slices.Sorted(maps.Keys(number))
	for i, k := range keys {
		number[k] = uint64(i)
	}
	return keys, number
}

// learnedProps are a node's properties without those that the code layer gave
// it: of a CodeEntity only its kind is learned.
func (v *vertex) learnedProps() Properties {
	if nodeKinds[v.kind] != CodeEntity {
		return v.props
	}
	if !v.learned {
		return nil
	}
	k := slices.IndexFunc(v.props, func(p Property) bool { return p.Key == "kind" })
	if k < 0 {
		return nil
	}
	return v.props[k : k+1]
}

type writer struct {
	b    []byte
	then int64
}

func (w *writer) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *writer) text(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) time(t int64) {
	if t == noTime {
		w.uint(0)
		return
	}
	d := t - w.then
	w.uint(uint64(d<<1^d>>63) + 1)
	w.then = t
}

func (w *writer) weight(f float64) {
	if n := uint64(f); f >= 0 && f < 1<<53 && float64(n) == f && !math.Signbit(f) {
		w.uint(n << 1)
		return
	}
	w.uint(1)
	w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(f))
}

func (w *writer) node(v *vertex, project []uint64, keys map[string]uint64) {
	w.text(v.id)
	w.text(v.label)
	w.uint(project[v.project])
	w.weight(v.weight)
	w.time(v.first)
	w.time(v.last)
	props := v.learnedProps()
	w.uint(uint64(len(props)))
	for _, p := range props {
		w.uint(keys[p.Key])
		w.text(p.Value)
	}
	seen := slices.Clone(v.seen)
	slices.SortFunc(seen, func(a, b tally) int { return int(project[a.project]) - int(project[b.project]) })
	w.uint(uint64(len(seen)))
	for _, t := range seen {
		w.uint(project[t.project])
		w.weight(t.weight)
		w.time(t.first)
		w.time(t.last)
	}
}

// Restore replaces the state by a snapshot's. It fails, and changes nothing,
// on one that is damaged, of another version, or larger than the bounds.
func (g *Graph) Restore(raw []byte) error {
	n := &Graph{o: g.o, seed: g.seed}
	n.state = n.empty()
	r := reader{b: raw, g: n}
	r.all()
	if r.err != nil {
		return fmt.Errorf("graph: restore: %w; replay the log", r.err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = n.state
	g.rehash()
	return nil
}

// rehash makes the tables look into this Graph's slabs.
func (g *Graph) rehash() {
	fresh := g.empty()
	g.nodeBy.hash, g.arcBy.hash = fresh.nodeBy.hash, fresh.arcBy.hash
}
