package graph

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// writeJSON writes an object with one node or edge a line.
func (s Subgraph) writeJSON(w io.Writer) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	b.WriteString("{\"nodes\": [\n")
	for i := range s.Nodes {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(&s.Nodes[i]); err != nil {
			return err
		}
	}
	b.WriteString("], \"edges\": [\n")
	for i := range s.Edges {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(&s.Edges[i]); err != nil {
			return err
		}
	}
	fmt.Fprintf(b, "], \"truncated\": %t}\n", s.Truncated)
	return b.Flush()
}

// writeDOT writes the Graphviz language.
func (s Subgraph) writeDOT(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString("digraph lathe {\n")
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
	b.WriteString("}\n")
	return b.Flush()
}

// quote makes a DOT string: only the quote and the backslash have a meaning in
// it, and "\n" is a line break in a label.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "", "\x00", "").Replace(s) + `"`
}

// writeGraphML writes GraphML 1.0 with typed attributes (keys n0, n1, ... of
// nodes, e0, ... of edges). Evidence is event ids with spaces between.
func (s Subgraph) writeGraphML(w io.Writer) error {
	m := markup{bufio.NewWriter(w)}
	m.raw(xml.Header + `<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">` + "\n")
	node := []string{"kind", "label", "project_id", "weight", "first_seen", "last_seen"}
	fixed := len(node)
	properties := map[string]bool{}
	for _, n := range s.Nodes {
		for _, p := range n.Properties {
			k := p.Key
			properties[k] = true
		}
	}
	extra := slices.Sorted(maps.Keys(properties))
	for _, k := range extra {
		node = append(node, "property."+k)
	}
	m.keys("node", node)
	m.keys("edge", []string{"kind", "project_id", "weight", "last_seen", "evidence"})
	m.raw(`<graph id="lathe" edgedefault="directed">` + "\n")
	for _, n := range s.Nodes {
		m.raw(`<node id="`)
		m.text(n.ID)
		m.raw(`">`)
		m.data("n", string(n.Kind), n.Label, n.ProjectID, exact(n.Weight), stamp(n.First), stamp(n.Last))
		for i, k := range extra {
			m.datum("n", fixed+i, n.Properties.Get(k))
		}
		m.raw("</node>\n")
	}
	for _, e := range s.Edges {
		m.raw(`<edge source="`)
		m.text(e.From)
		m.raw(`" target="`)
		m.text(e.To)
		m.raw(`">`)
		m.data("e", string(e.Kind), e.ProjectID, exact(e.Weight), stamp(e.Last), spaced(e.Evidence))
		m.raw("</edge>\n")
	}
	m.raw("</graph>\n</graphml>\n")
	return m.b.Flush()
}

// markup writes XML; its writer keeps the first error for Flush.
type markup struct{ b *bufio.Writer }

func (m markup) raw(s string)  { _, _ = m.b.WriteString(s) }
func (m markup) text(s string) { _ = xml.EscapeText(m.b, []byte(s)) }

func (m markup) keys(of string, names []string) {
	for i, name := range names {
		kind := "string"
		if name == "weight" {
			kind = "double"
		}
		fmt.Fprintf(m.b, `<key id="%c%d" for="%s" attr.name="`, of[0], i, of)
		m.text(name)
		m.raw(`" attr.type="` + kind + "\"/>\n")
	}
}

func (m markup) data(of string, values ...string) {
	for i, v := range values {
		m.datum(of, i, v)
	}
}

func (m markup) datum(of string, i int, value string) {
	if value != "" {
		fmt.Fprintf(m.b, `<data key="%s%d">`, of, i)
		m.text(value)
		m.raw("</data>")
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
