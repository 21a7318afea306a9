package graph

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
)

// drawCode is what a file says: some functions and who calls whom.
func drawCode(t *rapid.T, project string) Subgraph {
	var s Subgraph
	id := func(i int) string { return ID(CodeEntity, project, fmt.Sprint("file/file", i)) }
	own := rapid.IntRange(1, 6).Draw(t, "entities")
	for i := range own {
		s.Nodes = append(s.Nodes, Node{ID: id(i), Kind: CodeEntity, Label: fmt.Sprint("qualified", i), ProjectID: project,
			Properties: Properties{{"kind", "file"}, {"line", fmt.Sprint(i)}}})
	}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 8).Draw(t, "edges") {
		e := Edge{From: id(rapid.IntRange(0, own-1).Draw(t, "from")), To: id(rapid.IntRange(0, own-1).Draw(t, "to")),
			Kind: rapid.SampledFrom(codeKinds()).Draw(t, "kind"), Weight: float64(rapid.IntRange(1, 5).Draw(t, "weight"))}
		if key := e.From + string(e.Kind) + e.To; e.From != e.To && !seen[key] {
			seen[key] = true
			s.Edges = append(s.Edges, e)
		}
	}
	return s
}

// TestCodeLayer: whatever is set, in which order, among which observations,
// what is there in the end is what was set last; what was learned is, in every
// byte of its snapshot, as if there were no code; and without the code the
// graph is as it would have been.
func TestCodeLayer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{MaxNodes: map[NodeKind]int{CodeEntity: rapid.SampledFrom([]int{2, 100}).Draw(t, "room")}, MaxEdges: rapid.SampledFrom([]int{12, 1000}).Draw(t, "edges")}
		list := observations(t)
		plain, layered, after := New(o), New(o), New(o)
		last := map[string]Subgraph{}
		for _, ob := range list {
			plain.Observe(ob)
			after.Observe(ob)
			if rapid.Bool().Draw(t, "code changes") {
				part, s := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "part"), drawCode(t, "project1")
				if part == "y" { // parts make edges of their own
					s.Edges = nil
				}
				if refused := layered.SetCode("project1", part, s); refused != 0 {
					t.Fatalf("%d refused", refused)
				}
				last[part] = s
			}
			layered.Observe(ob)
			sane(t, layered)
		}
		a, errA := plain.Snapshot()
		b, errB := layered.Snapshot()
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("what was learned differs: %d bytes without code, %d with it", len(a), len(b))
		}
		for part, s := range last {
			after.SetCode("project1", part, s)
		}
		if o.MaxEdges == 1000 && o.MaxNodes[CodeEntity] == 100 {
			if x, y := contents(after, true), contents(layered, true); x != y {
				t.Fatalf("code that came last:\n%s\ncode that came among it:\n%s", x, y)
			}
			for _, n := range after.All("").Nodes {
				if x, y := printed(after.Around(n.ID, 2, Query{})), printed(layered.Around(n.ID, 2, Query{})); x != y {
					t.Fatalf("around %s:\n%s\n%s", n.ID, x, y)
				}
			}
		}
		layered.ForgetCode("project1")
		sane(t, layered)
		if x, y := contents(plain, true), contents(layered, true); x != y {
			t.Fatalf("without code:\n%s\ncode forgotten:\n%s", x, y)
		}
	})
}

func TestCodeLayerTakesOnlyCodeOfTheProject(t *testing.T) {
	g := New(Options{})
	own := func(p, name string) string { return ID(CodeEntity, p, name) }
	s := Subgraph{
		Nodes: []Node{
			{ID: own("p", "file/a"), Kind: CodeEntity, ProjectID: "p"}, {ID: own("p", "file/b"), Kind: CodeEntity, ProjectID: "p"},
			{ID: own("q", "file/c"), Kind: CodeEntity, ProjectID: "q"}, {ID: "Tool:bash", Kind: Tool}, {ID: "CodeEntity:p:x", Kind: Tool, ProjectID: "p"},
		},
		Edges: []Edge{
			{From: own("p", "file/a"), Kind: Imports, To: own("p", "file/b"), Weight: 1},
			{From: own("p", "file/a"), Kind: MitigatedBy, To: own("p", "file/b"), Weight: 1},
			{From: own("p", "file/a"), Kind: Imports, To: own("q", "file/c"), Weight: 1},
			{From: own("p", "file/a"), Kind: Imports, To: own("p", "file/absent"), Weight: 1},
		},
	}
	refused := g.SetCode("p", "a", s)
	if st := g.Stats(); refused != 6 || st.Nodes[CodeEntity] != 2 || st.CodeNodes != 2 || st.CodeEdges != 1 || st.Edges != 0 {
		t.Errorf("%d refused, %+v", refused, st)
	}
	if refused := g.SetCode("", "a", s); refused != 9 {
		t.Errorf("of no project: %d refused", refused)
	}
	if refused := g.SetCode("p", "a", Subgraph{}); refused != 0 || g.Stats().CodeNodes != 0 {
		t.Errorf("%d refused, %+v", refused, g.Stats())
	}
	g.Forget("p")
	sane(t, g)
	small := New(Options{MaxCode: 1})
	if refused := small.SetCode("p", "a", s); refused != 8 || small.Stats().CodeNodes != 1 || small.Stats().EdgesDropped == 0 {
		t.Errorf("beyond the bound: %d refused, %+v", refused, small.Stats())
	}
}

// TestNamed: what was learned of code is told once, and all of it when asked.
func TestNamed(t *testing.T) {
	g := New(Options{})
	observe := func(file string) {
		g.Observe(&learn.Observation{Record: learn.Record{Action: &learn.ActionOutcome{ID: learn.UUIDv8("e", file), ProjectID: "p", TaskID: "t",
			ToolName: "bash", Status: learn.StatusSuccess, Timestamp: time.Unix(1, 0)}}, Action: learn.Action{Writes: []string{file}}})
	}
	observe("a.py")
	for i, want := range []int{1, 0, 1, 3} {
		if i == 2 {
			observe("a.py")
			observe("b.py")
		}
		if i == 3 {
			observe("c.py")
		}
		if got := g.TakeNamed("p", i == 3); len(got) != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if got := g.TakeNamed("q", false); len(got) != 0 {
		t.Errorf("another project is told %+v", got)
	}
}
