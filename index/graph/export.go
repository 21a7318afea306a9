package graph

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
)

// Subgraph is a part of a graph, or all of it: nodes by id, edges by from,
// kind and to, so that equal graphs print equally.
type Subgraph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// collect copies nodes and the edges between them that the query follows.
func collect(kept map[*vertex]bool, q Query) Subgraph {
	s := Subgraph{Nodes: make([]Node, 0, len(kept)), Edges: []Edge{}}
	for v := range kept {
		s.Nodes = append(s.Nodes, v.copy())
		for k, e := range v.out {
			if kept[k.other] && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, k.kind)) {
				s.Edges = append(s.Edges, e.copy())
			}
		}
	}
	s.Sort()
	return s
}

// Sort puts nodes and edges in their order.
func (s *Subgraph) Sort() {
	sort.Slice(s.Nodes, func(i, j int) bool { return s.Nodes[i].ID < s.Nodes[j].ID })
	sort.Slice(s.Edges, func(i, j int) bool {
		a, b := &s.Edges[i], &s.Edges[j]
		if a.From != b.From {
			return a.From < b.From
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.To < b.To
	})
}

// WriteJSON writes {"nodes": [...], "edges": [...]}, indented.
func (s Subgraph) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("graph: export as JSON: %w", err)
	}
	return nil
}

// WriteDOT writes the Graphviz language.
func (s Subgraph) WriteDOT(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph lathe {")
	for _, n := range s.Nodes {
		label := n.Label
		if label == "" {
			label = n.ID
		}
		fmt.Fprintf(b, "  %s [label=%s, kind=%s];\n", quote(n.ID), quote(string(n.Kind)+"\n"+label), quote(string(n.Kind)))
	}
	for _, e := range s.Edges {
		fmt.Fprintf(b, "  %s -> %s [label=%s, weight=%s];\n", quote(e.From), quote(e.To), quote(string(e.Kind)), quote(number(e.Weight)))
	}
	fmt.Fprintln(b, "}")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("graph: export as DOT: %w", err)
	}
	return nil
}

// quote makes a DOT string: only the quote and the backslash have a meaning in
// it, and "\n" is a line break in a label.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "", "\x00", "").Replace(s) + `"`
}
