package graph

import (
	"slices"
	"strings"

	"lathe/learn"
)

// The code layer is what the code of a workspace says: entities, and edges
// between them. It is a projection of the workspace and not of the log, so
// that it is kept apart from what was learned, though in the same nodes: a
// snapshot does not carry it, the bounds of what is learned do not count it,
// and it takes nothing along when it goes. Its edges all begin at a
// CodeEntity, as no learned edge does.
type codeLayer struct {
	parts map[string]*codePart
	fresh []uint32 // code entities that were learned of since TakeNamed
	whole bool     // TakeNamed never asked
}

// codePart is what one source, mostly a file, says: the nodes that it holds
// and the edges that it made.
type codePart struct{ nodes, arcs []uint32 }

// codeChain is where the nodes are chained that the code alone knows of.
const codeChain = maxKinds - 1

// codeKinds are the edges of the code layer. A CodeEntity that is only a name,
// as errors use them, REFERENCES what it means.
func codeKinds() []EdgeKind {
	return []EdgeKind{Imports, Defines, Calls, InheritsFrom, HasParameter, Returns, References}
}

// maxPropertyKey bounds the names of properties that come from outside.
const maxPropertyKey = 40

// SetCode replaces what a part of a project's code said by s: nodes of kind
// CodeEntity of that project, and edges between them. It costs the size of the
// part, before and after. What the part no longer names and nobody else names
// is forgotten, but not what was learned of it. It returns how many nodes and
// edges were not of that sort, or found no room.
func (g *Graph) SetCode(projectID, part string, s Subgraph) (refused int) {
	if projectID == "" {
		return len(s.Nodes) + len(s.Edges)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	project := g.projects.number(projectID)
	l := g.layer(project)
	old := l.parts[part]
	if old == nil {
		old = &codePart{}
	}
	for _, e := range old.arcs {
		g.disconnect(e)
	}
	now := &codePart{}
	prefix := ID(CodeEntity, projectID, "")
	for i := range s.Nodes {
		if n := g.codeNode(&s.Nodes[i], prefix, project); n != 0 {
			now.nodes = append(now.nodes, n)
		} else {
			refused++
		}
	}
	for i := range s.Edges {
		if e := g.codeArc(&s.Edges[i], prefix, project); e != 0 {
			now.arcs = append(now.arcs, e)
			now.nodes = append(now.nodes, g.held(e)...)
		} else {
			refused++
		}
	}
	for _, n := range old.nodes {
		g.release(n)
	}
	l.parts[part] = now
	if len(now.nodes) == 0 {
		delete(l.parts, part)
	}
	return refused
}

func (g *Graph) layer(project uint32) *codeLayer {
	l := g.code[project]
	if l == nil {
		l = &codeLayer{parts: map[string]*codePart{}, whole: true}
		g.code[project] = l
	}
	return l
}

// codeNode finds or makes an entity and holds it.
func (g *Graph) codeNode(n *Node, prefix string, project uint32) uint32 {
	name, ours := strings.CutPrefix(n.ID, prefix)
	if !ours || name == "" || len(name) > maxKey || n.Kind != CodeEntity || n.ProjectID != g.projects.list[project].name {
		return 0
	}
	number := g.lookup(n.ID)
	if number == 0 {
		if g.order[codeChain].n >= g.o.MaxCode {
			g.noEdges++
			return 0
		}
		number = g.add(vertex{id: strings.Clone(n.ID), label: cut(n.Label), kind: kindNumber[CodeEntity], project: project, first: noTime, last: noTime})
	}
	v := g.nodes.at(number)
	v.parts++
	if v.learned && v.get("kind") != "" && v.get("kind") != n.Properties.Get("kind") {
		return number // an id that was hashed
	}
	for _, p := range n.Properties {
		if len(p.Key) <= maxPropertyKey {
			g.property(number, p.Key, p.Value)
		}
	}
	return number
}

// codeArc makes an edge of the code layer.
func (g *Graph) codeArc(e *Edge, prefix string, project uint32) uint32 {
	if !slices.Contains(codeKinds(), e.Kind) || !strings.HasPrefix(e.From, prefix) || !strings.HasPrefix(e.To, prefix) || !(e.Weight > 0) {
		return 0
	}
	from, to, k := g.lookup(e.From), g.lookup(e.To), edgeNumber[e.Kind]
	if from == 0 || to == 0 || from == to || g.arcBetween(from, k, to, project) != 0 {
		return 0
	}
	if g.codeEdges >= g.o.MaxCode {
		g.noEdges++
		return 0
	}
	return g.connect(arc{weight: e.Weight, from: from, to: to, project: project, kind: k, code: true, seq: codeRank(e)}, noTime)
}

// CodeID is the id of the node that an entity of a project's code has. Files
// and modules are called as the events do that name them.
func CodeID(projectID string, e learn.CodeEntity) string {
	kind, name := codeName(&e)
	return ID(CodeEntity, projectID, string(kind)+"/"+name)
}

func codeName(e *learn.CodeEntity) (learn.CodeKind, string) {
	if e.Kind == learn.CodeModule && e.ID == "module:"+e.Qualified || e.Kind == learn.CodeType && e.File == "" {
		return e.Kind, e.Qualified
	}
	return e.Kind, e.ID
}

// codeRank orders code edges of one weight: by a hash of what they connect
// (FNV-1a, 32 bits), so that the order is the same in whatever order they came.
func codeRank(e *Edge) uint32 {
	h := uint32(2166136261)
	for _, s := range [...]string{e.From, string(e.Kind), e.To} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		h = (h ^ 0xff) * 16777619
	}
	return h
}

// held holds the ends of an edge.
func (g *Graph) held(e uint32) []uint32 {
	a := g.arcs.at(e)
	g.nodes.at(a.from).parts++
	g.nodes.at(a.to).parts++
	return []uint32{a.from, a.to}
}

// release gives up a part's hold on a node; what nobody holds and nobody
// learned of goes.
func (g *Graph) release(n uint32) {
	v := g.nodes.at(n)
	if v.parts--; v.parts > 0 {
		return
	}
	if !v.learned {
		g.remove(n)
		return
	}
	v.props = slices.DeleteFunc(v.props, func(p Property) bool { return p.Key != "kind" })
}

// leave takes a node away from what was learned; one that the code names stays
// in its layer.
func (g *Graph) leave(n uint32) {
	v := g.nodes.at(n)
	if v.parts == 0 {
		g.remove(n)
		return
	}
	for _, e := range g.touching(v) {
		if !g.arcs.at(e).code {
			g.disconnect(e)
		}
	}
	g.unlink(n)
	v.learned, v.weight, v.first, v.last = false, 0, noTime, noTime
	g.link(n)
	g.projects.list[v.project].learned--
}

// ForgetCode removes a project's code layer. What was learned stays.
func (g *Graph) ForgetCode(projectID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	if p := g.projects.scope(projectID); p != 0 && p != nobody {
		g.forgetCode(p)
	}
}

func (g *Graph) forgetCode(project uint32) {
	l := g.code[project]
	if l == nil {
		return
	}
	for _, part := range l.parts {
		for _, e := range part.arcs {
			g.disconnect(e)
		}
		for _, n := range part.nodes {
			g.release(n)
		}
	}
	delete(g.code, project)
}

// Named is a CodeEntity that something learned names.
type Named struct {
	ID string
	learn.Entity
}

// TakeNamed lists the code entities of a project that were learned of since it
// was asked last; all of them when all is set, or at the first time.
func (g *Graph) TakeNamed(projectID string, all bool) []Named {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	if projectID == "" {
		return nil
	}
	project := g.projects.number(projectID)
	l := g.layer(project)
	fresh := l.fresh
	if all || l.whole {
		fresh = nil
		for n := g.order[kindNumber[CodeEntity]].oldest; n != 0; n = g.nodes.at(n).newer {
			fresh = append(fresh, n)
		}
	}
	l.fresh, l.whole = nil, false
	var list []Named
	for _, n := range fresh {
		if v := g.nodes.at(n); v.project == project && v.learned {
			list = append(list, Named{v.id, learn.Entity{Kind: v.get("kind"), Name: v.label}})
		}
	}
	return list
}

// learnedOf notes that something learned names a code entity.
func (g *Graph) learnedOf(n, project uint32) {
	l := g.code[project]
	if l == nil || l.whole {
		return
	}
	if len(l.fresh) >= 10_000 { // nobody asks
		l.fresh, l.whole = nil, true
		return
	}
	l.fresh = append(l.fresh, n)
}

// copyCode gives another Graph the same code layer.
func (g *Graph) copyCode(to *Graph) {
	g.mu.RLock()
	parts := map[uint32]*Subgraph{}
	for project, l := range g.code {
		s := &Subgraph{}
		parts[project] = s
		seen := map[uint32]bool{}
		for _, part := range l.parts {
			for _, n := range part.nodes {
				if !seen[n] {
					seen[n] = true
					s.Nodes = append(s.Nodes, g.view(n, 0))
				}
			}
			g.copyArcs(s, part.arcs, 0)
		}
	}
	names := map[uint32]string{}
	for p := range parts {
		names[p] = g.projects.list[p].name
	}
	g.mu.RUnlock()
	for p, s := range parts {
		to.SetCode(names[p], "", *s)
	}
}
