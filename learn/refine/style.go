package refine

import (
	"bytes"
	"strings"
)

// styleOf reads from a text how it is written. What it does not show is
// written as most tools do: two spaces, every entry on a line of its own.
func styleOf(text []byte, root *node) style {
	st := style{newline: "\n", unit: "  ", colon: ": ", comma: ", "}
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		st.newline = "\r\n"
	}
	v := styleVotes{text: text}
	v.walk(root, "")
	st.compact = v.broken == 0 && v.flat > 0
	if v.unit != "" {
		st.unit = v.unit
	}
	if v.tightColons > v.wideColons {
		st.colon = ":"
	}
	if v.tightCommas > v.wideCommas {
		st.comma = ","
	}
	st.flatArrays = v.flatArrays > v.brokenArrays
	st.flatObjects = v.flatObjects > v.brokenObjects
	st.padded = 2*v.padded > v.flatObjects+v.otherFlat && v.padded > 0
	return st
}

// styleVotes counts how values are written.
type styleVotes struct {
	text                       []byte
	unit                       string
	flat, broken               int
	tightColons, wideColons    int
	tightCommas, wideCommas    int
	flatArrays, brokenArrays   int // of scalars alone
	flatObjects, brokenObjects int // the same
	padded, otherFlat          int // objects on one line
}

func (v *styleVotes) walk(n *node, indent string) {
	if n.size() == 0 {
		return
	}
	first, _ := n.span(0)
	onOneLine := bytes.IndexByte(v.text[n.start:first], '\n') < 0
	scalars := true
	for i := range n.size() {
		child := n.child(i)
		scalars = scalars && child.kind != '{' && child.kind != '['
		start, end := n.span(i)
		inner := indent
		if !onOneLine {
			line := v.text[bytes.LastIndexByte(v.text[:start], '\n')+1 : start]
			if len(bytes.TrimLeft(line, " \t")) == 0 {
				inner = string(line)
				if rest, ok := strings.CutPrefix(inner, indent); ok && rest != "" && v.unit == "" {
					v.unit = rest
				}
			}
		}
		if n.kind == '{' {
			gap := bytes.TrimRight(v.text[n.members[i].start:child.start], " \t\r\n")
			count(len(n.members[i].value0(v.text, len(gap))) == 0, &v.tightColons, &v.wideColons)
		}
		if onOneLine && i+1 < n.size() {
			next, _ := n.span(i + 1)
			count(next == end+1, &v.tightCommas, &v.wideCommas)
		}
		v.walk(child, inner)
	}
	count(onOneLine, &v.flat, &v.broken)
	switch {
	case n.kind == '[' && scalars:
		count(onOneLine, &v.flatArrays, &v.brokenArrays)
	case n.kind == '{' && scalars:
		count(onOneLine, &v.flatObjects, &v.brokenObjects)
	case n.kind == '{' && onOneLine:
		v.otherFlat++
	}
	if n.kind == '{' && onOneLine && first > n.start+1 {
		v.padded++
	}
}

// value0 is the white space between a member's colon and its value, head being
// the bytes from the name to the colon.
func (m *member) value0(text []byte, head int) []byte { return text[m.start+head : m.value.start] }

func (n *node) child(i int) *node {
	if n.kind == '{' {
		return n.members[i].value
	}
	return n.elems[i]
}

func count(first bool, a, b *int) {
	if first {
		*a++
	} else {
		*b++
	}
}
