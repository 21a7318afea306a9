package codegraph

import (
	"context"
	"sort"
	"strings"

	"lathe/index/graph"
	"lathe/learn"
)

// end is what an edge leads to: an entity of the workspace, or what is only
// named in it (a parameter, a module or type from elsewhere).
type end struct {
	ref   ref
	named learn.CodeEntity
}

func (e end) id() string {
	if e.ref.ok() {
		return e.ref.f.id(e.ref.i)
	}
	return e.named.ID
}

// out calls visit with the edges that begin at an entity.
func (g *Graph) out(r ref, visit func(kind graph.EdgeKind, to end)) {
	g.defines(r, func(c ref) { visit(graph.Defines, end{ref: c}) })
	g.refers(r, visit)
}

// defines visits what is defined in an entity.
func (g *Graph) defines(r ref, visit func(ref)) {
	f, e := r.f, r.entity()
	if r.i == 0 {
		visit(ref{f, 1})
		return
	}
	for i := 2; i < len(f.entities); i++ {
		if c := (ref{f, i}); g.parent(c) == r {
			visit(c)
		}
	}
	if isType(e.kind) && (f.lang == "go" || f.lang == "rust") {
		for _, o := range g.module(f.lang, f.module) { // methods that stand in other files
			for i := 2; o != f && i < len(o.entities); i++ {
				if c := (ref{o, i}); strings.HasPrefix(o.entities[i].qualified, e.qualified+".") && g.parent(c) == r {
					visit(c)
				}
			}
		}
	}
}

// refers visits what an entity names: all edges that begin at it but DEFINES.
func (g *Graph) refers(r ref, visit func(kind graph.EdgeKind, to end)) {
	g.says(r, visit)
	for _, s := range g.callees(r) {
		visit(graph.Calls, end{ref: s.callee})
	}
}

// says is refers without what the entity calls.
func (g *Graph) says(r ref, visit func(kind graph.EdgeKind, to end)) {
	f, e := r.f, r.entity()
	if r.i == 0 {
		for n := range f.imports {
			g.importEnds(f, &f.imports[n], func(to end) { visit(graph.Imports, to) })
		}
		return
	}
	for _, p := range e.params {
		visit(graph.HasParameter, end{named: learn.CodeEntity{ID: f.id(r.i) + "(" + p.Name + ")", Kind: learn.CodeParameter, Name: p.Name,
			Qualified: e.qualified + "(" + p.Name + ")", File: f.path, Line: int(e.line), EndLine: int(e.line), Language: f.lang}})
	}
	if e.returns != "" {
		visit(graph.Returns, g.typeEnd(f, r.i, e.returns))
	}
	for _, b := range e.bases {
		visit(graph.InheritsFrom, g.typeEnd(f, int(e.parent), b))
	}
	for _, b := range f.bases {
		if owner, ok := g.typeNamed(f, b.typ); ok && owner == r {
			visit(graph.InheritsFrom, g.typeEnd(f, 1, b.base))
		}
	}
}

// parent is what an entity is defined in.
func (g *Graph) parent(r ref) ref {
	e := r.entity()
	if r.i <= 1 {
		return ref{r.f, 0}
	}
	if cut := len(e.qualified) - len(e.name) - 1; cut > 0 && e.parent <= 1 { // it stands apart from its type
		if owner, ok := g.typeNamed(r.f, e.qualified[:cut]); ok {
			return owner
		}
	}
	return ref{r.f, int(e.parent)}
}

func (g *Graph) importEnds(f *file, i *importFact, visit func(end)) {
	targets := g.targets(f, i)
	for _, t := range targets {
		visit(end{ref: ref{t, 1}})
		if t.lang == "go" || t.lang == "java" {
			return // the files of a package are one module
		}
	}
	if m := g.absolute(f, i); len(targets) == 0 && m != "" {
		visit(end{named: learn.CodeEntity{ID: "module:" + m, Kind: learn.CodeModule, Name: m[strings.LastIndexAny(m, "./")+1:], Qualified: m, Language: f.lang}})
	}
}

func (g *Graph) typeEnd(f *file, scope int, text string) end {
	if v := g.typed(f, scope, text, 0); v.kind == anInstance && v.ref.ok() {
		return end{ref: v.ref}
	}
	return end{named: learn.CodeEntity{ID: "type:" + text, Kind: learn.CodeType, Name: text, Qualified: text, Language: f.lang}}
}

// in calls visit with the edges that end at an entity.
func (g *Graph) in(ctx context.Context, r ref, visit func(from ref, kind graph.EdgeKind)) {
	f := r.f
	switch {
	case r.i == 0:
		return
	case r.i == 1:
		visit(ref{f, 0}, graph.Defines)
		for _, o := range g.importers(f.path) {
			visit(ref{o, 0}, graph.Imports)
		}
		return
	}
	visit(g.parent(r), graph.Defines)
	sites, _ := g.callers(ctx, []ref{r}, maxAnswers)
	for _, s := range sites {
		visit(s.caller, graph.Calls)
	}
	if isType(r.entity().kind) {
		g.derived(r, visit)
	}
}

// derived visits what derives from a type or returns it.
func (g *Graph) derived(r ref, visit func(from ref, kind graph.EdgeKind)) {
	for _, o := range g.typesOf[r.entity().name] {
		e := o.entity()
		if o.i == 1 { // impl Trait for Type
			for _, b := range o.f.bases {
				if owner, ok := g.typeNamed(o.f, b.typ); ok && g.typeEnd(o.f, 1, b.base).ref == r {
					visit(owner, graph.InheritsFrom)
				}
			}
			continue
		}
		for _, b := range e.bases {
			if g.typeEnd(o.f, int(e.parent), b).ref == r {
				visit(o, graph.InheritsFrom)
			}
		}
		if e.returns != "" && g.typeEnd(o.f, o.i, e.returns).ref == r {
			visit(o, graph.Returns)
		}
	}
}

// Neighbourhood implements learn.CodeGraph: breadth first, and of one distance
// what is connected by more edges first.
func (g *Graph) Neighbourhood(ctx context.Context, symbol string, hops, limit int) (learn.CodeNeighbourhood, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	b := &around{g: g, limit: max(1, min(limit, maxAnswers)), at: map[string]int{}, edges: map[learn.CodeEdge]float64{}}
	level := g.lookup(symbol)
	for _, r := range level {
		b.keep(end{ref: r})
	}
	for range min(hops, 4) {
		level = b.widen(ctx, level)
	}
	return b.answer(), ctx.Err()
}

type around struct {
	g     *Graph
	limit int
	kept  []learn.CodeEntity
	at    map[string]int
	edges map[learn.CodeEdge]float64
	more  bool
}

func (b *around) keep(e end) bool {
	id := e.id()
	if _, ok := b.at[id]; ok {
		return false
	}
	if len(b.kept) >= b.limit {
		b.more = true
		return false
	}
	b.at[id] = len(b.kept)
	if e.ref.ok() {
		b.kept = append(b.kept, b.g.described(e.ref))
	} else {
		b.kept = append(b.kept, e.named)
	}
	return true
}

// widen takes one step from every entity of a level and returns those that are
// new.
func (b *around) widen(ctx context.Context, level []ref) []ref {
	fresh := map[string]end{}
	weight := map[string]float64{}
	for _, r := range level {
		id := r.f.id(r.i)
		b.g.out(r, func(kind graph.EdgeKind, to end) {
			b.edges[learn.CodeEdge{From: id, Kind: string(kind), To: to.id()}]++
			fresh[to.id()] = to
			weight[to.id()]++
		})
		incoming := map[learn.CodeEdge]float64{}
		b.g.in(ctx, r, func(from ref, kind graph.EdgeKind) {
			e := end{ref: from}
			incoming[learn.CodeEdge{From: e.id(), Kind: string(kind), To: id}]++
			fresh[e.id()] = e
			weight[e.id()]++
		})
		for e, w := range incoming { // seen from its other end it is the same edge
			b.edges[e] = max(b.edges[e], w)
		}
	}
	var order []string
	for id := range fresh {
		order = append(order, id)
	}
	sort.Slice(order, func(i, j int) bool {
		if weight[order[i]] != weight[order[j]] {
			return weight[order[i]] > weight[order[j]]
		}
		return order[i] < order[j]
	})
	var next []ref
	for _, id := range order {
		if b.keep(fresh[id]) && fresh[id].ref.ok() {
			next = append(next, fresh[id].ref)
		}
	}
	return next
}

func (b *around) answer() learn.CodeNeighbourhood {
	n := learn.CodeNeighbourhood{Entities: b.kept, Edges: []learn.CodeEdge{}, Truncated: b.more}
	if n.Entities == nil {
		n.Entities = []learn.CodeEntity{}
	}
	for e, w := range b.edges {
		_, from := b.at[e.From]
		_, to := b.at[e.To]
		if from && to {
			e.Weight = w
			n.Edges = append(n.Edges, e)
		}
	}
	sort.Slice(n.Edges, func(i, j int) bool {
		a, b := n.Edges[i], n.Edges[j]
		if a.From != b.From {
			return a.From < b.From
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.To < b.To
	})
	return n
}
