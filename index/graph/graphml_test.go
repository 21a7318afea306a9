package graph_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/index/graph"
)

// readGraphML reads GraphML as NetworkX does, and refuses what the schema
// does: keys are declared once and before they are used, data names a key of
// its element's kind, nodes are there once and before the edges that name
// them.
func readGraphML(raw []byte) (nodes, edges []map[string]string, err error) {
	type key struct{ of, name, kind string }
	keys := map[string]key{}
	known := map[string]bool{}
	var item map[string]string
	var data string
	var inside []string
	dec := xml.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nodes, edges, nil
		}
		if err != nil {
			return nil, nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			inside = append(inside, t.Name.Local)
			at := strings.Join(inside, "/")
			attr := map[string]string{}
			for _, a := range t.Attr {
				attr[a.Name.Local] = a.Value
			}
			if t.Name.Space != "http://graphml.graphdrawing.org/xmlns" {
				return nil, nil, fmt.Errorf("%s is in the namespace %q", at, t.Name.Space)
			}
			switch at {
			case "graphml":
			case "graphml/key":
				k := key{attr["for"], attr["attr.name"], attr["attr.type"]}
				if _, twice := keys[attr["id"]]; twice || len(known) > 0 || !slices.Contains([]string{"string", "double"}, k.kind) || k.name == "" {
					return nil, nil, fmt.Errorf("key %+v", t)
				}
				keys[attr["id"]] = k
			case "graphml/graph":
				if attr["edgedefault"] != "directed" {
					return nil, nil, errors.New("edgedefault")
				}
			case "graphml/graph/node":
				if attr["id"] == "" || known[attr["id"]] || len(edges) > 0 {
					return nil, nil, fmt.Errorf("node %q is there twice, or late", attr["id"])
				}
				known[attr["id"]] = true
				item = map[string]string{"id": attr["id"]}
				nodes = append(nodes, item)
			case "graphml/graph/edge":
				if !known[attr["source"]] || !known[attr["target"]] {
					return nil, nil, fmt.Errorf("edge %+v has a loose end", t)
				}
				item = map[string]string{"source": attr["source"], "target": attr["target"]}
				edges = append(edges, item)
			case "graphml/graph/node/data", "graphml/graph/edge/data":
				k, ok := keys[attr["key"]]
				if !ok || k.of != inside[2] || item[k.name] != "" {
					return nil, nil, fmt.Errorf("data %q of a %s", attr["key"], inside[2])
				}
				data = k.name
			default:
				return nil, nil, fmt.Errorf("element %s", at)
			}
		case xml.CharData:
			if len(inside) > 0 && inside[len(inside)-1] == "data" {
				item[data] += string(t)
			} else if strings.TrimSpace(string(t)) != "" {
				return nil, nil, fmt.Errorf("text %q", t)
			}
		case xml.EndElement:
			inside = inside[:len(inside)-1]
		}
	}
}

func TestGraphML(t *testing.T) {
	g := filled(t, graph.Options{})
	var b bytes.Buffer
	if err := g.Export(&b, graph.GraphML, ""); err != nil {
		t.Fatal(err)
	}
	nodes, edges, err := readGraphML(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	all := g.All("")
	if len(nodes) != len(all.Nodes) || len(edges) != len(all.Edges) {
		t.Fatalf("%d nodes and %d edges, want %d and %d", len(nodes), len(edges), len(all.Nodes), len(all.Edges))
	}
	for i, n := range all.Nodes {
		want := map[string]string{"id": n.ID, "kind": string(n.Kind), "label": n.Label, "project_id": n.ProjectID, "weight": fmt.Sprint(n.Weight),
			"first_seen": n.First.Format(time.RFC3339Nano), "last_seen": n.Last.Format(time.RFC3339Nano)}
		for k, v := range n.Properties.Map() {
			want["property."+k] = v
		}
		maps.DeleteFunc(want, func(_, v string) bool { return v == "" })
		if !maps.Equal(nodes[i], want) {
			t.Errorf("node %v, want %v", nodes[i], want)
		}
	}
	for i, e := range all.Edges {
		if got := edges[i]; got["source"] != e.From || got["target"] != e.To || got["kind"] != string(e.Kind) || got["weight"] != fmt.Sprint(e.Weight) ||
			got["evidence"] != join(e.Evidence) {
			t.Errorf("edge %v, want %+v", got, e)
		}
	}
	if err := g.Export(&b, "xls", ""); err == nil {
		t.Error("an unknown format was written")
	}
}

// TestGraphMLOfAnyText: whatever a name holds, what is written is XML that
// reads back.
func TestGraphMLOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		s := graph.Subgraph{Nodes: []graph.Node{{ID: "a" + text, Kind: graph.Tool, Label: text, Properties: graph.Properties{{Key: "k" + text, Value: text}}}, {ID: "b"}},
			Edges: []graph.Edge{{From: "a" + text, Kind: graph.Uses, To: "b"}}}
		var b bytes.Buffer
		if err := s.Write(&b, graph.GraphML); err != nil {
			t.Fatal(err)
		}
		nodes, edges, err := readGraphML(b.Bytes())
		if err != nil || len(nodes) != 2 || len(edges) != 1 {
			t.Fatalf("%q: %v\n%s", text, err, b.String())
		}
	})
}

func join(ids []graph.EventID) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return strings.Join(texts, " ")
}
