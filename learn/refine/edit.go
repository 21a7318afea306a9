package refine

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// splice replaces text[start:end]. Those of one edit do not overlap.
type splice struct {
	start, end int
	with       string
}

// splicer collects the smallest edits of a text that bring values about, in
// the form that the text has already: its line ends, indentation, spaces, and
// whether lists and objects are written on one line.
type splicer struct {
	text  []byte
	root  *node
	style style
	out   []splice
}

// style is how a text is written.
type style struct {
	newline, unit string
	colon, comma  string // on one line: ": " and ", ", or without the space
	compact       bool   // no line break at all
	flatArrays    bool   // lists of scalars stand on one line
	flatObjects   bool   // objects without objects and lists do
	padded        bool   // { "a": 1 } instead of {"a": 1}
}

func newSplicer(text []byte, root *node) *splicer {
	return &splicer{text: text, root: root, style: styleOf(text, root)}
}

// done applies the edits.
func (e *splicer) done() []byte {
	slices.SortStableFunc(e.out, func(a, b splice) int { return a.start - b.start })
	var b bytes.Buffer
	at := 0
	for _, s := range e.out {
		b.Write(e.text[at:s.start])
		b.WriteString(s.with)
		at = s.end
	}
	b.Write(e.text[at:])
	return b.Bytes()
}

// set turns the value at n into v, touching only what differs.
func (e *splicer) set(n *node, v any) {
	now := decodeNode(e.text, n)
	if equal(now, v) {
		return
	}
	switch want := v.(type) {
	case map[string]any:
		if n.kind != '{' {
			break
		}
		// Removing all and adding others is no smaller than writing anew.
		if !slices.ContainsFunc(n.members, func(m member) bool { _, kept := want[m.name]; return kept }) {
			break
		}
		e.setObject(n, want)
		return
	case []any:
		if n.kind == '[' && len(n.elems) > 0 && len(want) > 0 {
			e.setArray(n, want)
			return
		}
	}
	e.out = append(e.out, splice{n.start, n.end, e.render(v, e.indentAt(n.start), e.flat(n))})
}

func (e *splicer) setObject(n *node, want map[string]any) {
	var gone []int
	for i, m := range n.members {
		if v, kept := want[m.name]; kept {
			e.set(m.value, v)
		} else {
			gone = append(gone, i)
		}
	}
	e.cut(n, gone)
	for _, name := range orderedNames(want) {
		if n.get(name) == nil {
			e.insert(n, len(n.members), name, want[name])
		}
	}
}

// setArray keeps the common beginning and end of a list.
func (e *splicer) setArray(n *node, want []any) {
	head, tail := 0, 0
	for head < len(n.elems) && head < len(want) && equal(decodeNode(e.text, n.elems[head]), want[head]) {
		head++
	}
	for tail < len(n.elems)-head && tail < len(want)-head && equal(decodeNode(e.text, n.elems[len(n.elems)-1-tail]), want[len(want)-1-tail]) {
		tail++
	}
	old, fresh := n.elems[head:len(n.elems)-tail], want[head:len(want)-tail]
	both := min(len(old), len(fresh))
	for i := range both {
		e.set(old[i], fresh[i])
	}
	var gone []int
	for i := both; i < len(old); i++ {
		gone = append(gone, head+i)
	}
	e.cut(n, gone)
	for _, v := range fresh[both:] {
		e.insert(n, head+both, "", v)
	}
}

// size and span see members and elements alike.
func (n *node) size() int { return max(len(n.members), len(n.elems)) }

func (n *node) span(i int) (start, end int) {
	if n.kind == '{' {
		return n.members[i].start, n.members[i].value.end
	}
	return n.elems[i].start, n.elems[i].end
}

// insert adds a member (or, without a name, an element) before the i-th of n.
func (e *splicer) insert(n *node, i int, name string, v any) {
	entry := func(indent string, flat bool) string {
		value := e.render(v, indent, flat)
		if n.kind != '{' {
			return value
		}
		return quote(name) + e.style.colon + value
	}
	if n.size() == 0 {
		e.out = append(e.out, splice{n.start, n.end, e.wrap(n, entry)})
		return
	}
	flat := e.flat(n)
	sibling := e.sibling(n, v)
	at, _ := n.span(0)
	indent := e.indentAt(at)
	between := "," + e.style.newline + indent
	if flat {
		between = e.style.comma
	}
	if i < n.size() {
		at, _ = n.span(i)
		e.out = append(e.out, splice{at, at, entry(indent, sibling) + between})
		return
	}
	_, at = n.span(n.size() - 1)
	e.out = append(e.out, splice{at, at, between + entry(indent, sibling)})
}

// wrap writes an empty object or list with its first entry.
func (e *splicer) wrap(n *node, entry func(indent string, flat bool) string) string {
	open, shut := "[", "]"
	if n.kind == '{' {
		open, shut = "{", "}"
	}
	if e.style.compact {
		return open + entry("", true) + shut
	}
	outer := e.indentAt(n.start)
	inner := outer + e.style.unit
	return open + e.style.newline + inner + entry(inner, false) + e.style.newline + outer + shut
}

// cut removes members or elements, in ascending order.
func (e *splicer) cut(n *node, gone []int) {
	if len(gone) == 0 {
		return
	}
	if len(gone) == n.size() {
		open, shut := "[", "]"
		if n.kind == '{' {
			open, shut = "{", "}"
		}
		e.out = append(e.out, splice{n.start, n.end, open + shut})
		return
	}
	for i := 0; i < len(gone); {
		first := gone[i]
		last := first
		for i++; i < len(gone) && gone[i] == last+1; i++ {
			last = gone[i]
		}
		from, _ := n.span(first)
		_, to := n.span(last)
		if first > 0 {
			_, from = n.span(first - 1) // with the comma before
		} else {
			to, _ = n.span(last + 1) // or the one behind
		}
		e.out = append(e.out, splice{from, to, ""})
	}
}

// flat reports whether a list or object stands on one line; one that is empty
// says nothing, and is taken for what the text does elsewhere.
func (e *splicer) flat(n *node) bool {
	if n.size() == 0 {
		return e.style.compact
	}
	first, _ := n.span(0)
	return bytes.IndexByte(e.text[n.start:first], '\n') < 0
}

// sibling reports whether a new entry of n is written on one line: as the
// other entries of its kind are.
func (e *splicer) sibling(n *node, v any) bool {
	if e.style.compact || e.flat(n) {
		return true
	}
	var kind byte
	switch v.(type) {
	case map[string]any:
		kind = '{'
	case []any:
		kind = '['
	default:
		return false
	}
	for i := n.size() - 1; i >= 0; i-- {
		other := n.elems
		if n.kind == '{' {
			other = []*node{n.members[i].value}
		} else {
			other = other[i : i+1]
		}
		if o := other[0]; o.kind == kind && o.size() > 0 {
			return bytes.IndexByte(e.text[o.start:o.end], '\n') < 0
		}
	}
	return false
}

// indentAt is the white space that the line of an offset begins with.
func (e *splicer) indentAt(offset int) string {
	start := bytes.LastIndexByte(e.text[:offset], '\n') + 1
	end := start
	for end < len(e.text) && (e.text[end] == ' ' || e.text[end] == '\t') {
		end++
	}
	return string(e.text[start:end])
}

// equal compares decoded JSON; numbers by value.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, there := b[k]; !there || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(string(a), string(b))
	}
	return a == b
}

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	// Beyond 2^53 two integers may fall together as floats.
	return errX == nil && errY == nil && x == y && (x < 1<<53 && x > -1<<53)
}

// decodeNode is a value of the text as encoding/json gives it, numbers as they
// are written.
func decodeNode(text []byte, n *node) any {
	return decodeText(text[n.start:n.end])
}

func decodeText(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil { // it was scanned before
		return nil
	}
	return v
}
