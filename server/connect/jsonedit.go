package connect

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// layout is how a document is laid out.
type layout struct {
	newline string // "\n" or "\r\n"
	unit    string // of indentation
}

func layoutOf(text string) layout {
	l := layout{newline: "\n"}
	if strings.Contains(text, "\r\n") {
		l.newline = "\r\n"
	}
	for line := range strings.Lines(text) {
		rest := strings.TrimLeft(line, " \t")
		if n := len(line) - len(rest); n > 0 && n <= 8 && strings.HasPrefix(rest, `"`) && (l.unit == "" || n < len(l.unit)) {
			l.unit = line[:n]
		}
	}
	if l.unit == "" {
		l.unit = "  "
	}
	return l
}

// lineIndent is the white space that the line of a position begins with.
func lineIndent(text string, at int) string {
	line := text[strings.LastIndexByte(text[:at], '\n')+1:]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// indented lays a value out behind a prefix; a list of plain values stays on
// one line.
func (l layout) indented(value json.RawMessage, prefix string) string {
	text := string(value)
	n, err := parseJSONC(text)
	if err != nil || n == nil {
		return text // not reached: the table's values are valid
	}
	return l.lay(text, n, prefix)
}

func (l layout) lay(text string, n *node, prefix string) string {
	if n.kind != '{' && n.kind != '[' || len(n.members) == 0 {
		return text[n.start:n.end]
	}
	between, inner, end := l.newline+prefix+l.unit, prefix+l.unit, l.newline+prefix
	if n.kind == '[' && !slices.ContainsFunc(n.members, func(m member) bool { return m.value.kind == '{' || m.value.kind == '[' }) {
		between, end = "", ""
	}
	items := make([]string, len(n.members))
	for i, m := range n.members {
		if n.kind == '{' {
			items[i] = string(value(m.key)) + ": "
		}
		items[i] += l.lay(text, &m.value, inner)
	}
	comma := ","
	if between == "" {
		comma = ", "
	}
	return string(n.kind) + between + strings.Join(items, comma+between) + end + string(n.kind+2)
}

// insert puts one more member (key and value, or an element) at the end of an
// object or array.
func (l layout) insert(text string, n *node, key string, value json.RawMessage) string {
	closing := lineIndent(text, n.start)
	indent := closing + l.unit
	item := l.newline + indent // the break ends a comment that stands before
	if n.kind == '{' {
		name, _ := json.Marshal(key) // a string always encodes
		item += string(name) + ": "
	}
	item += l.indented(value, indent)
	end := n.end - 1
	inner := strings.TrimRight(text[n.start+1:end], " \t\r\n")
	at := n.start + 1 + len(inner)
	tail := ""
	if !strings.Contains(text[at:end], "\n") {
		tail = l.newline + closing
	}
	k := len(n.members)
	switch {
	case k > 0 && n.members[k-1].comma < 0:
		v := n.members[k-1].value.end
		return text[:v] + "," + text[v:at] + item + tail + text[at:]
	case k > 0:
		return text[:at] + item + "," + tail + text[at:] // as its neighbours have it
	}
	return text[:at] + item + tail + text[at:]
}

// drop takes member i out of an object or array, with its comma and its line.
func drop(text string, n *node, i int) string {
	m := n.members[i]
	start, end := m.start, m.value.end
	if m.comma >= 0 {
		end = m.comma + 1
	}
	// Its line goes when nothing else stands on it. Otherwise the line break
	// stays: what is behind must not end up in a comment before.
	rest, _, _ := strings.Cut(text[end:], "\n")
	lead := strings.TrimRight(text[:start], " \t")
	if strings.TrimSpace(rest) == "" && strings.HasSuffix(lead, "\n") {
		start = len(strings.TrimSuffix(strings.TrimSuffix(lead, "\n"), "\r"))
	}
	out := text[:start] + text[end:]
	if i == len(n.members)-1 && i > 0 && m.comma < 0 { // the one before is the last now, and had no comma before
		c := n.members[i-1].comma
		out = out[:c] + out[c+1:]
	}
	return out
}

// editJSON applies fn to the document's root and checks that the result is a
// document. An empty document becomes an object.
func editJSON(text string, fn func(text string, root *node) (string, error)) (string, error) {
	root, err := parseJSONC(text)
	if err != nil {
		return "", err
	}
	if root == nil {
		text = strings.TrimRight(text, " \t\r\n")
		if text != "" {
			text += "\n"
		}
		text += "{}\n"
		if root, err = parseJSONC(text); err != nil {
			return "", err
		}
	}
	if root.kind != '{' {
		return "", errNotObject
	}
	out, err := fn(text, root)
	if err != nil {
		return "", err
	}
	if _, err := decodeJSONC(out); err != nil {
		return "", fmt.Errorf("the edit would break the document (%w): add the entry by hand", err)
	}
	return out, nil
}

// at finds the value under a path of keys, or how far the path is there.
func (n *node) at(path []string) (deepest *node, found int, err error) {
	for i, key := range path {
		if n.kind != '{' {
			return n, i, fmt.Errorf("%q is not an object", strings.Join(path[:i], "."))
		}
		m := n.child(key)
		if m == nil {
			return n, i, nil
		}
		n = &m.value
	}
	return n, len(path), nil
}

// nested is a value within objects of the names of path.
func nested(path []string, value json.RawMessage) json.RawMessage {
	for i := len(path) - 1; i >= 0; i-- {
		key, _ := json.Marshal(path[i])
		value = json.RawMessage("{" + string(key) + ":" + string(value) + "}")
	}
	return value
}

// setMember gives the member at a path a value.
func setMember(text string, path []string, value json.RawMessage) (string, error) {
	return editJSON(text, func(text string, root *node) (string, error) {
		n, found, err := root.at(path)
		if err != nil {
			return "", err
		}
		if found < len(path) {
			if n.kind != '{' {
				return "", fmt.Errorf("%q is not an object", strings.Join(path[:found], "."))
			}
			return layoutOf(text).insert(text, n, path[found], nested(path[found+1:], value)), nil
		}
		if sameJSON(plainJSON(text, n), value) {
			return text, nil
		}
		return text[:n.start] + layoutOf(text).indented(value, lineIndent(text, n.start)) + text[n.end:], nil
	})
}

// dropMember takes the member at a path out, and the objects around it that are
// empty then, unless keep says that they were there before.
func dropMember(text string, path []string, keep func(path []string) bool) (string, error) {
	return editJSON(text, func(text string, root *node) (string, error) {
		for len(path) > 0 {
			parent, found, err := root.at(path[:len(path)-1])
			if err != nil || found < len(path)-1 || parent.kind != '{' {
				return text, nil
			}
			i := -1
			for k := range parent.members {
				if parent.members[k].key == path[len(path)-1] {
					i = k
				}
			}
			if i < 0 {
				return text, nil
			}
			text = drop(text, parent, i)
			path = path[:len(path)-1]
			if len(parent.members) > 1 || len(path) == 0 || keep(path) {
				return text, nil
			}
			if root, err = parseJSONC(text); err != nil {
				return "", err
			}
		}
		return text, nil
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
