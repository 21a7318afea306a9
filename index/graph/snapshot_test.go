package graph_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/index/graph"
	"lathe/learn"
)

func export(t testing.TB, g *graph.Graph) string {
	t.Helper()
	var b bytes.Buffer
	if err := g.Export(&b, graph.JSON, ""); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExport(t *testing.T) {
	a, b := export(t, filled(t, graph.Options{})), export(t, filled(t, graph.Options{}))
	if a != b {
		t.Error("two equal graphs print differently")
	}
	var back graph.Subgraph
	if err := json.Unmarshal([]byte(a), &back); err != nil || len(back.Nodes) < 10 {
		t.Errorf("read back: %v, %d nodes", err, len(back.Nodes))
	}
	var dot bytes.Buffer
	s := graph.Subgraph{Nodes: []graph.Node{{ID: `a"\`, Kind: graph.Tool, Label: "x\ny"}}, Edges: []graph.Edge{{From: `a"\`, Kind: graph.Uses, To: "b", Weight: 2}}}
	if err := s.Write(&dot, graph.DOT); err != nil {
		t.Fatal(err)
	}
	want := `digraph lathe {
  "a\"\\" [label="Tool\nx\ny", kind="Tool"];
  "a\"\\" -> "b" [label="USES", weight="2"];
}
`
	if dot.String() != want {
		t.Errorf("got\n%swant\n%s", dot.String(), want)
	}
}

func TestSnapshot(t *testing.T) {
	g := filled(t, graph.Options{})
	raw, err := g.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	h := graph.New(graph.Options{})
	if err := h.Restore(raw); err != nil {
		t.Fatal(err)
	}
	again, err := h.Snapshot()
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("restored state differs (%v)", err)
	}
	g.Observe(call(10, learn.StatusFailure))
	h.Observe(call(10, learn.StatusFailure))
	if export(t, g) != export(t, h) {
		t.Error("a restored graph goes on differently")
	}
	want := export(t, h)
	for name, bad := range map[string][]byte{
		"nothing":     nil,
		"junk":        []byte("{"),
		"version":     []byte("LATHEKG\x63"),
		"cut":         raw[:len(raw)/2],
		"one more":    append(slices.Clone(raw), 0),
		"huge counts": []byte("LATHEKG\x02\xff\xff\xff\xff\x7f"),
	} {
		if err := h.Restore(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if export(t, h) != want {
			t.Errorf("%s: a refused snapshot changed the state", name)
		}
	}
}

func TestUnreadableBody(t *testing.T) {
	g := graph.New(graph.Options{})
	for _, kind := range []learn.EntryKind{learn.EntryTask, learn.EntryRemedy, learn.EntryState, learn.EntryTrial} {
		err := g.ApplyLedger(learn.LedgerEntry{ID: "e", Kind: kind, Body: json.RawMessage(`[]`)})
		if err == nil || !strings.Contains(err.Error(), string(kind)) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestBounds feeds random records into a very small graph: whatever comes, it
// stays within its bounds, every edge has both ends, and it restores.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := graph.Options{MaxEdges: 30, MaxEvidence: 2, MaxNodes: map[graph.NodeKind]int{}}
		for _, k := range graph.NodeKinds() {
			o.MaxNodes[k] = 3
		}
		g := graph.New(o)
		for n := range rapid.IntRange(1, 60).Draw(t, "records") {
			c := call(n, rapid.SampledFrom([]learn.Status{learn.StatusSuccess, learn.StatusFailure, learn.StatusTimeout}).Draw(t, "status"))
			c.Record.Action.ToolName = rapid.StringN(0, 300, -1).Draw(t, "tool")
			c.Record.Action.TaskID = rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"}).Draw(t, "task")
			for i := range c.Signatures {
				c.Signatures[i].ID = rapid.SampledFrom([]string{"1", "2", "3", "4", "5"}).Draw(t, "signature")
			}
			g.Observe(c)
		}
		s := g.All("")
		nodes := map[string]bool{}
		kinds := map[graph.NodeKind]int{}
		for _, n := range s.Nodes {
			nodes[n.ID] = true
			kinds[n.Kind]++
			if len(n.ID) > 400 || len(n.Label) > 200 {
				t.Fatalf("long node: %q", n.ID)
			}
		}
		for k, n := range kinds {
			if n > 3 {
				t.Fatalf("%d nodes of kind %s", n, k)
			}
		}
		if len(s.Edges) > 30 || len(s.Edges) != g.Stats().Edges {
			t.Fatalf("%d edges, counted %d", len(s.Edges), g.Stats().Edges)
		}
		for _, e := range s.Edges {
			if !nodes[e.From] || !nodes[e.To] || len(e.Evidence) > 2 {
				t.Fatalf("loose or heavy edge %+v", e)
			}
		}
		raw, err := g.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := graph.New(o).Restore(raw); err != nil {
			t.Fatal(err)
		}
	})
}
