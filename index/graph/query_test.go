package graph_test

import (
	"slices"
	"testing"

	"lathe/index/graph"
)

func TestNeighbours(t *testing.T) {
	g := filled(t, graph.Options{})
	for _, c := range []struct {
		name  string
		id    string
		q     graph.Query
		first string
		n     int
	}{
		{"what mitigates", "ErrorPattern:python/module-not-found", graph.Query{Kinds: []graph.EdgeKind{graph.MitigatedBy}, Direction: graph.Out}, "RecoveryStrategy:p:m", 1},
		{"against the edge", "RecoveryStrategy:p:m", graph.Query{Kinds: []graph.EdgeKind{graph.MitigatedBy}, Direction: graph.In}, "ErrorPattern:python/module-not-found", 1},
		{"wrong way", "RecoveryStrategy:p:m", graph.Query{Kinds: []graph.EdgeKind{graph.MitigatedBy}, Direction: graph.Out}, "", 0},
		{"heaviest first", "Error:sig", graph.Query{Kinds: []graph.EdgeKind{graph.SucceededWith, graph.FailedWith, graph.AppliesTo}, Limit: 1}, "RecoveryStrategy:p:m", 1},
		{"another project", "Error:sig", graph.Query{Kinds: []graph.EdgeKind{graph.SucceededWith}, ProjectID: "q"}, "", 0},
		{"hidden node", "Task:p:t", graph.Query{ProjectID: "q"}, "", 0},
		{"absent", "Task:p:none", graph.Query{}, "", 0},
	} {
		got := g.Neighbours(c.id, c.q)
		if len(got) != c.n || c.n > 0 && got[0].Node.ID != c.first {
			t.Errorf("%s: %+v, want %d, first %s", c.name, got, c.n, c.first)
		}
	}
}

func TestPath(t *testing.T) {
	g := filled(t, graph.Options{})
	env := graph.ID(graph.Environment, "p", "os=linux python=3.11")
	for _, c := range []struct {
		name     string
		from, to string
		hops     int
		q        graph.Query
		want     []graph.EdgeKind
	}{
		{"itself", "Tool:bash", "Tool:bash", 3, graph.Query{}, []graph.EdgeKind{}},
		{"one", "Tool:bash", env, 3, graph.Query{Direction: graph.Out}, []graph.EdgeKind{graph.OccurredIn}},
		{"three", "Agent:ocode", "RecoveryStrategy:p:m", 4, graph.Query{Direction: graph.Out, Kinds: []graph.EdgeKind{graph.Uses, graph.FailedWith, graph.IsInstanceOf, graph.MitigatedBy}},
			[]graph.EdgeKind{graph.Uses, graph.FailedWith, graph.FailedWith}},
		{"too far", "Agent:ocode", "RecoveryStrategy:p:m", 1, graph.Query{Direction: graph.Out}, nil},
		{"no way", env, "Tool:bash", 5, graph.Query{Direction: graph.Out}, nil},
		{"hidden", "Tool:bash", env, 3, graph.Query{ProjectID: "q"}, nil},
	} {
		for range 5 { // map order must not show
			path, _ := g.Path(c.from, c.to, c.hops, c.q)
			if (path == nil) != (c.want == nil) || len(path) != len(c.want) {
				t.Errorf("%s: %v, want %v", c.name, path, c.want)
				break
			}
			for i, s := range path {
				if s.Edge.Kind != c.want[i] {
					t.Errorf("%s: step %d is %s, want %s", c.name, i, s.Edge.Kind, c.want[i])
				}
			}
		}
	}
}

func TestAroundIsBounded(t *testing.T) {
	g := filled(t, graph.Options{})
	s := g.Around("Tool:bash", 2, graph.Query{Limit: 5})
	if len(s.Nodes) != 5 || !slices.ContainsFunc(s.Nodes, func(n graph.Node) bool { return n.ID == "Tool:bash" }) {
		t.Errorf("%d nodes, want 5 with the root", len(s.Nodes))
	}
	if s := g.Around("absent", 2, graph.Query{}); s.Nodes == nil || len(s.Nodes) != 0 {
		t.Errorf("absent root: %+v", s)
	}
	found := g.Find(graph.Filter{Kind: graph.Tool, Text: "Count", ProjectID: "p"})
	if len(found) != 1 || found[0].ID != "Tool:count_lines" {
		t.Errorf("found %v", found)
	}
}
