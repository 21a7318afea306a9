package graph

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
)

// drawn makes a graph by random changes: nodes of two projects and of none,
// edges that come, change their weight and go; in the larger ones most edges
// are at two hubs. The changes come from a drawn seed: rapid's own numbers are
// too small to make hubs.
func drawn(t *rapid.T) *Graph {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	span := rapid.SampledFrom([]int{5, 20, 200}).Draw(t, "nodes")
	g := New(Options{MaxEvidence: 2})
	owners := []string{"", "", "a", "b"}
	kinds := []EdgeKind{Uses, References, Calls}
	node := func(i int) uint32 {
		owner := g.projects.number(owners[i%len(owners)])
		return g.node(NodeKinds()[i%5], owner, fmt.Sprint("n", i), "", origin{owner, int64(i)})
	}
	for range r.IntN(6 * span) {
		i := r.IntN(span)
		if span == 200 {
			i = r.IntN(2)
		}
		from, to := node(i), node(r.IntN(span))
		if r.IntN(2) == 0 {
			from, to = to, from
		}
		o := origin{project: g.projects.number(owners[r.IntN(len(owners))]), at: 1}
		e := g.edge(from, kinds[r.IntN(len(kinds))], to, o)
		switch what := r.IntN(200); {
		case e == 0:
		case what < 20:
			g.disconnect(e)
		case what < 21:
			g.remove(from)
		default:
			g.weigh(e, float64(1+r.IntN(4)))
			g.witness(e, learn.UUIDv8("x", fmt.Sprint(e)))
		}
		g.settled()
	}
	g.settled()
	return g
}

// ends are the edges of each node, recomputed from the edges and sorted.
func ends(g *Graph) map[uint32][]uint32 {
	all := map[uint32][]uint32{}
	for _, e := range g.arcsInOrder() {
		a := g.arcs.at(e)
		all[a.from] = append(all[a.from], e)
		all[a.to] = append(all[a.to], e|incoming)
	}
	for _, list := range all {
		slices.SortFunc(list, g.compare)
	}
	return all
}

// sane fails unless every order that is kept incrementally is what sorting
// anew gives, and every count is right.
func sane(t interface{ Fatalf(string, ...any) }, g *Graph) {
	all := ends(g)
	hubs, nodes := 0, 0
	for n := uint32(1); n < g.nodes.next; n++ {
		v := g.nodes.at(n)
		if v.kind == 0 {
			continue
		}
		nodes++
		if v.hub == nil {
			if !slices.Equal(v.adj, all[n]) {
				t.Fatalf("node %s: edges %v, want %v", v.id, v.adj, all[n])
			}
			continue
		}
		hubs++
		want := map[shelfKey][]uint32{}
		for _, e := range all[n] {
			for _, k := range g.shelfKeys(e) {
				want[k] = append(want[k], e)
			}
		}
		for k, s := range v.hub.shelves {
			if got := slices.Concat(s.chunks...); !slices.Equal(got, want[k]) || s.n != len(got) {
				t.Fatalf("hub %s shelf %v: %v (%d), want %v", v.id, k, got, s.n, want[k])
			}
		}
		if len(want) != len(v.hub.shelves) || v.hub.n != len(all[n]) {
			t.Fatalf("hub %s: %d shelves of %d edges, want %d of %d", v.id, len(v.hub.shelves), v.hub.n, len(want), len(all[n]))
		}
	}
	chained := 0
	for _, c := range g.order {
		chained += c.n
	}
	if hubs != g.hubs || nodes != chained || len(g.limbo)+len(g.stale) > 0 {
		t.Fatalf("%d hubs counted as %d, %d nodes as %d; left over: %v %v", hubs, g.hubs, nodes, chained, g.limbo, g.stale)
	}
	for i, p := range g.projects.list[1:] {
		if (p.name == "") != (p.refs == 0) {
			t.Fatalf("project %d %q has %d references", i+1, p.name, p.refs)
		}
	}
}

func TestOrderKeptIncrementallyIsThatOfSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { sane(t, drawn(t)) })
}

func drawQuery(t *rapid.T) Query {
	return Query{
		ProjectID: rapid.SampledFrom([]string{"", "a", "b", "unknown"}).Draw(t, "project"),
		Direction: rapid.SampledFrom([]Direction{"", Out, In}).Draw(t, "direction"),
		Kinds:     rapid.SampledFrom([][]EdgeKind{nil, {Uses}, {Calls, References}}).Draw(t, "kinds"),
		Limit:     rapid.SampledFrom([]int{1, 3, 10, 500}).Draw(t, "limit"),
	}
}

// brute is the neighbourhood by the book: level by level, all candidates of a
// level sorted by the best edge that leads to them.
func brute(g *Graph, root uint32, hops int, q Query) (nodes []uint32, cut bool) {
	f := g.filter(q)
	all := ends(g)
	kept := map[uint32]bool{root: true}
	nodes = []uint32{root}
	level := nodes
	for range hops {
		best := map[uint32]uint32{}
		for _, n := range level {
			for _, e := range all[n] {
				a := g.arcs.at(e &^ incoming)
				to := g.other(e)
				if !f.follows(a.kind, a.project, e&incoming != 0) || kept[to] {
					continue
				}
				if have, ok := best[to]; !ok || g.before(e, have) {
					best[to] = e
				}
			}
		}
		var next []uint32
		for to := range best {
			next = append(next, to)
		}
		slices.SortFunc(next, func(a, b uint32) int { return g.compare(best[a], best[b]) })
		if len(next) > q.Limit-len(nodes) {
			next, cut = next[:q.Limit-len(nodes)], true
		}
		for _, n := range next {
			kept[n] = true
		}
		nodes = append(nodes, next...)
		if level = next; cut {
			break
		}
	}
	return nodes, cut
}

func TestNeighbourhoodIsBreadthFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawn(t)
		q := drawQuery(t)
		hops := rapid.IntRange(1, 3).Draw(t, "hops")
		for n := uint32(1); n < g.nodes.next; n++ {
			v := g.nodes.at(n)
			if v.kind == 0 {
				continue
			}
			got := g.Around(v.id, hops, q)
			if !v.visible(g.projects.scope(q.ProjectID)) {
				if len(got.Nodes) > 0 {
					t.Fatalf("%s is shown to %q", v.id, q.ProjectID)
				}
				continue
			}
			want, cut := brute(g, n, hops, q)
			var a, b []string
			for i := range got.Nodes {
				a = append(a, got.Nodes[i].ID)
			}
			for _, n := range want {
				b = append(b, g.nodes.at(n).id)
			}
			if !slices.Equal(a, b) || cut != got.Truncated {
				t.Fatalf("around %s, %d hops, %+v:\ngot  %v (cut %v)\nwant %v (cut %v)", v.id, hops, q, a, got.Truncated, b, cut)
			}
			between(t, g, got, q)
			first := g.Neighbours(v.id, q)
			k := 0
			for _, e := range ends(g)[n] {
				f := g.filter(q)
				if a := g.arcs.at(e &^ incoming); k < q.Limit && f.follows(a.kind, a.project, e&incoming != 0) {
					if k >= len(first) || first[k].Node.ID != g.nodes.at(g.other(e)).id || first[k].Edge.Weight != a.weight {
						t.Fatalf("neighbour %d of %s is not %s", k, v.id, g.nodes.at(g.other(e)).id)
					}
					k++
				}
			}
			if k != len(first) {
				t.Fatalf("%d neighbours of %s, want %d", len(first), v.id, k)
			}
		}
	})
}

// between checks the edges of a neighbourhood: each between two of its nodes
// and there once; and all of them, where nothing was cut.
func between(t *rapid.T, g *Graph, s Subgraph, q Query) {
	kept := map[string]bool{}
	for _, n := range s.Nodes {
		kept[n.ID] = true
	}
	key := func(e *Edge) string { return fmt.Sprint(e.From, e.Kind, e.To, e.ProjectID) }
	seen := map[string]bool{}
	for i := range s.Edges {
		e := &s.Edges[i]
		if !kept[e.From] || !kept[e.To] || seen[key(e)] {
			t.Fatalf("edge %+v is loose or there twice", e)
		}
		seen[key(e)] = true
	}
	if q.Limit < 500 || g.hubs > 0 {
		return
	}
	f := g.filter(q)
	for _, n := range g.arcsInOrder() {
		a := g.arcs.at(n)
		e := g.copyArc(n, f.scope)
		if (f.kinds == 0 || f.kinds&(1<<a.kind) != 0) && f.follows(a.kind, a.project, !f.out) && kept[e.From] && kept[e.To] && !seen[key(&e)] {
			t.Fatalf("edge %s %s %s is missing", e.From, e.Kind, e.To)
		}
	}
}

func TestPathIsShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawn(t)
		q := drawQuery(t)
		q.Limit = 100_000
		hops := rapid.IntRange(1, 6).Draw(t, "hops")
		all := g.All(q.ProjectID).Nodes
		if len(all) < 2 {
			return
		}
		from := rapid.SampledFrom(all).Draw(t, "from").ID
		to := rapid.SampledFrom(all).Draw(t, "to").ID
		want := -1
		for d := 0; d <= hops && want < 0; d++ {
			nodes, _ := brute(g, g.lookup(from), d, q)
			if slices.Contains(nodes, g.lookup(to)) {
				want = d
			}
		}
		path, complete := g.Path(from, to, hops, q)
		if path == nil != (want < 0) || path != nil && len(path) != want || !complete {
			t.Fatalf("path from %s to %s within %d: %v, want length %d", from, to, hops, path, want)
		}
		at := from
		for _, s := range path {
			if s.Edge.From != at && s.Edge.To != at || s.Node.ID != s.Edge.From && s.Node.ID != s.Edge.To {
				t.Fatalf("step %+v does not go on from %s", s, at)
			}
			at = s.Node.ID
		}
		if path != nil && at != to {
			t.Fatalf("the path ends at %s, not at %s", at, to)
		}
	})
}

func TestSnapshotCarriesEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawn(t)
		raw, err := g.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		h := New(g.o)
		if err := h.Restore(raw); err != nil {
			t.Fatal(err)
		}
		sane(t, h)
		again, err := h.Snapshot()
		if err != nil || !bytes.Equal(raw, again) {
			t.Fatalf("the restored state differs: %d bytes, then %d (%v)", len(raw), len(again), err)
		}
		for n := uint32(1); n < g.nodes.next; n++ {
			if v := g.nodes.at(n); v.kind != 0 {
				q := Query{Limit: 7, ProjectID: "a"}
				if a, b := g.Around(v.id, 2, q), h.Around(v.id, 2, q); printed(a) != printed(b) {
					t.Fatalf("around %s: %v, restored %v", v.id, a, b)
				}
			}
		}
	})
}

// observations are calls of two projects that share tools, errors and agents.
func observations(t *rapid.T) []*learn.Observation {
	var list []*learn.Observation
	for i := range rapid.IntRange(1, 25).Draw(t, "calls") {
		pick := func(what string, n int) string { return fmt.Sprint(what, rapid.IntRange(1, n).Draw(t, what)) }
		p := pick("project", 2)
		file := pick("file", 3)
		ev := &learn.ActionOutcome{ID: learn.UUIDv8("e", fmt.Sprint(i)), ProjectID: p, SessionID: "s", TaskID: pick("task", 3),
			AgentID: pick("agent", 2), ToolName: pick("tool", 2), Status: learn.StatusSuccess,
			Timestamp:       time.Unix(int64(rapid.IntRange(1, 1e6).Draw(t, "at")), 0),
			ContextSnapshot: learn.ContextSnapshot{Environment: map[string]string{"os": pick("os", 2)}}}
		o := &learn.Observation{Record: learn.Record{Action: ev}, Action: learn.Action{Skeleton: "make <path>", Writes: []string{file}}}
		if rapid.Bool().Draw(t, "fails") {
			ev.Status = learn.StatusFailure
			s := pick("error", 4)
			o.Signatures = []learn.ErrorSignature{{ID: s, PatternID: "pattern of " + s, Name: "a name", File: file}}
		}
		list = append(list, o)
	}
	return list
}

// contents is everything but the evidence, of which the latest is kept.
func contents(g *Graph, evidence bool) string {
	s := g.All("")
	for i := range s.Edges {
		if !evidence {
			s.Edges[i].Evidence = nil
		}
	}
	var b strings.Builder
	if err := s.Write(&b, JSON); err != nil {
		return err.Error()
	}
	return b.String()
}

func TestOrderOfObservationsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := observations(t)
		a, b := New(Options{}), New(Options{})
		for _, o := range list {
			a.Observe(o)
		}
		for _, o := range rapid.Permutation(list).Draw(t, "order") {
			b.Observe(o)
		}
		if x, y := contents(a, false), contents(b, false); x != y {
			t.Fatalf("in order:\n%s\nin another:\n%s", x, y)
		}
	})
}

func TestForgettingAProjectIsNeverHavingKnownIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := observations(t)
		a, b := New(Options{}), New(Options{})
		for _, o := range list {
			a.Observe(o)
			if o.Record.Action.ProjectID != "project1" {
				b.Observe(o)
			}
		}
		got := a.Forget("project1")
		sane(t, a)
		if x, y := contents(a, true), contents(b, true); x != y {
			t.Fatalf("after forgetting (%+v):\n%s\nwithout it:\n%s", got, x, y)
		}
		raw, err := a.Snapshot()
		if err != nil || bytes.Contains(raw, []byte("project1")) {
			t.Fatalf("its name is still there (%v)", err)
		}
		if again := a.Forget("project1"); again != (Forgotten{}) {
			t.Fatalf("forgotten twice: %+v", again)
		}
	})
}

// TestProjectsAreApart: what one project did shows to the other neither as a
// node nor in a count, an edge, a path or a text.
func TestProjectsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := observations(t)
		all, alone := New(Options{}), New(Options{})
		for _, o := range list {
			all.Observe(o)
			if o.Record.Action.ProjectID == "project2" {
				alone.Observe(o)
			}
		}
		var a, b strings.Builder
		if err := all.All("project2").Write(&a, JSON); err != nil {
			t.Fatal(err)
		}
		if err := alone.All("project2").Write(&b, JSON); err != nil {
			t.Fatal(err)
		}
		if a.String() != b.String() {
			t.Fatalf("project 2 sees\n%s\nof its own it knows\n%s", a.String(), b.String())
		}
	})
}

// TestNumbersRunOut: when the numbers of edges are used up, they are given
// anew in the same order.
func TestNumbersRunOut(t *testing.T) {
	g := New(Options{})
	o := origin{project: g.projects.number("p")}
	g.nextSeq = 1<<32 - 4
	for i := range 20 {
		g.set(g.node(Task, o.project, "t", "", o), Uses, g.node(Tool, 0, fmt.Sprint(i), "", o), 1, o)
	}
	g.settled()
	sane(t, g)
	for i, n := range g.Neighbours(ID(Task, "p", "t"), Query{}) {
		if n.Node.ID != fmt.Sprint("Tool:", 19-i) {
			t.Errorf("neighbour %d is %s", i, n.Node.ID)
		}
	}
}

func FuzzRestore(f *testing.F) {
	g := New(Options{})
	for i := range 3 {
		g.Observe(&learn.Observation{Record: learn.Record{Action: &learn.ActionOutcome{ID: learn.UUIDv8("e", fmt.Sprint(i)), ProjectID: "p",
			TaskID: "t", AgentID: "a", ToolName: "bash", Status: learn.StatusFailure, Timestamp: time.Unix(int64(i), 0)}},
			Signatures: []learn.ErrorSignature{{ID: "sig", PatternID: "pat", Name: "n", File: "x.py"}}})
	}
	raw, err := g.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(snapshotMagic + "\x02"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := New(Options{MaxEdges: 1000})
		if h.Restore(raw) != nil {
			return
		}
		sane(t, h)
		again, err := h.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := New(Options{MaxEdges: 1000}).Restore(again); err != nil {
			t.Fatalf("what was restored cannot be restored again: %v", err)
		}
	})
}

// printed is what an answer says, without its memory.
func printed(s Subgraph) string { return fmt.Sprint(s.Nodes, s.Edges, s.Truncated) }
