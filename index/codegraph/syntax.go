package codegraph

import (
	"iter"
	"strings"
)

// flat is a named node of a syntax tree. A tree's nodes lie in preorder: the
// first child of node i is i+1, the sibling behind it is at i.after.
type flat struct {
	kind, field                    uint16
	start, end, row, endRow, after uint32
}

// grammar names the numbers in flat nodes.
type grammar struct {
	kinds, fields []string
}

// tree is a parsed file.
type tree struct {
	*grammar
	src   []byte
	nodes []flat
}

// node is a place in a tree; the zero node is none, and every question to it
// has an empty answer.
type node struct {
	t *tree
	i uint32
}

func (t *tree) root() node {
	if len(t.nodes) == 0 {
		return node{}
	}
	return node{t, 0}
}

func (n node) ok() bool { return n.t != nil }

func (n node) kind() string {
	if n.t == nil {
		return ""
	}
	return name(n.t.kinds, n.t.nodes[n.i].kind)
}

func name(list []string, i uint16) string {
	if int(i) < len(list) {
		return list[i]
	}
	return "" // an error node
}

// fieldName is the part that the node plays in its parent.
func (n node) fieldName() string {
	if n.t == nil {
		return ""
	}
	return name(n.t.fields, n.t.nodes[n.i].field)
}

// children are the named ones, in order.
func (n node) children() iter.Seq[node] {
	return func(yield func(node) bool) {
		if n.t == nil {
			return
		}
		after := n.t.nodes[n.i].after
		for c := n.i + 1; c < after; c = n.t.nodes[c].after {
			if !yield(node{n.t, c}) {
				return
			}
		}
	}
}

// field is the first child that plays the part.
func (n node) field(part string) node {
	for c := range n.children() {
		if c.fieldName() == part {
			return c
		}
	}
	return node{}
}

// child is the first child of one of the kinds.
func (n node) child(kinds ...string) node {
	for c := range n.children() {
		for _, k := range kinds {
			if c.kind() == k {
				return c
			}
		}
	}
	return node{}
}

// first is the first child, last the last one.
func (n node) first() node {
	for c := range n.children() {
		return c
	}
	return node{}
}

func (n node) last() node {
	var found node
	for c := range n.children() {
		found = c
	}
	return found
}

func (n node) line() int    { return int(n.t.nodes[n.i].row) + 1 }
func (n node) endLine() int { return int(n.t.nodes[n.i].endRow) + 1 }

// raw is the node's source as it stands.
func (n node) raw() []byte {
	if n.t == nil {
		return nil
	}
	f := n.t.nodes[n.i]
	return n.t.src[f.start:f.end]
}

// text is the node's source, its white space folded, cut to maxName bytes.
func (n node) text() string {
	raw := n.raw()
	if len(raw) <= maxName && plain(raw) {
		return string(raw)
	}
	raw = raw[:min(len(raw), 2*maxName)]
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(raw), "")), " ")
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// plain reports whether text needs no folding: printable ASCII without spaces.
func plain(raw []byte) bool {
	for _, c := range raw {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
