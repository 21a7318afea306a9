package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// maxJSON caps one JSON value, in bytes.
const maxJSON = 1 << 20

// JSON is a JSON value with typed parameters in it. The zero value has no
// instance yet; JSON templates are not changed in place.
type JSON struct {
	Root      *Node       `json:"root,omitempty"`
	Variables []JSONParam `json:"params"`
	Instances int         `json:"instances"`
}

// JSONParam is a parameter of a JSON template.
type JSONParam struct {
	Name   string                `json:"name"`
	Type   learn.PlaceholderType `json:"type"` // string for anything but numbers, paths and URLs
	Values []json.RawMessage     `json:"values"`
}

// Node is one value of a JSON template: a parameter (Param, an index), an
// object (Keys and Children), an array (Children) or a constant.
type Node struct {
	Param    int             `json:"param"` // -1 when it is none
	Object   bool            `json:"object,omitempty"`
	Array    bool            `json:"array,omitempty"`
	Keys     []string        `json:"keys,omitempty"` // sorted
	Children []*Node         `json:"children,omitempty"`
	Const    json.RawMessage `json:"const,omitempty"`
}

// FromJSON is the template of all the values: objects with the same keys and
// arrays of the same length generalise by their members, everything else that
// differs becomes a parameter.
func FromJSON(values []json.RawMessage) (JSON, error) {
	var t JSON
	for _, v := range values {
		var err error
		if t, err = t.Add(v); err != nil {
			return JSON{}, err
		}
	}
	return t, nil
}

// Add merges one more value in.
func (t JSON) Add(raw json.RawMessage) (JSON, error) {
	v, err := parseJSON(raw)
	if err != nil {
		return t, err
	}
	if t.Instances == 0 {
		return JSON{Root: v, Variables: []JSONParam{}, Instances: 1}, nil
	}
	m := &jsonMerger{old: t, origin: map[int]int{}}
	root := m.merge("", t.Root, v)
	return JSON{Root: root, Variables: m.params, Instances: t.Instances + 1}, nil
}

// parseJSON reads a value into nodes, keys sorted and constants compact.
func parseJSON(raw json.RawMessage) (*Node, error) {
	if len(raw) > maxJSON {
		return nil, fmt.Errorf("generalise JSON: %d bytes are more than %d; cut the value first", len(raw), maxJSON)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("generalise JSON: %w", err)
	}
	if dec.More() {
		return nil, fmt.Errorf("generalise JSON: more than one value")
	}
	return toNode(v)
}

func toNode(v any) (*Node, error) {
	n := &Node{Param: -1}
	switch v := v.(type) {
	case map[string]any:
		n.Object = true
		for k := range v {
			n.Keys = append(n.Keys, k)
		}
		slices.Sort(n.Keys)
		for _, k := range n.Keys {
			c, err := toNode(v[k])
			if err != nil {
				return nil, err
			}
			n.Children = append(n.Children, c)
		}
	case []any:
		n.Array = true
		for _, e := range v {
			c, err := toNode(e)
			if err != nil {
				return nil, err
			}
			n.Children = append(n.Children, c)
		}
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("generalise JSON: %w", err)
		}
		n.Const = b
	}
	return n, nil
}

// jsonMerger generalises along the structure.
type jsonMerger struct {
	old    JSON
	params []JSONParam
	origin map[int]int // old parameter to new
}

func (m *jsonMerger) merge(key string, a, b *Node) *Node {
	switch {
	case a.Param >= 0:
		return m.parameter(key, a, b)
	case a.Object && b.Object && slices.Equal(a.Keys, b.Keys), a.Array && b.Array && len(a.Children) == len(b.Children):
		n := &Node{Param: -1, Object: a.Object, Array: a.Array, Keys: a.Keys}
		for i := range a.Children {
			name := key
			if a.Object {
				name = a.Keys[i]
			}
			n.Children = append(n.Children, m.merge(name, a.Children[i], b.Children[i]))
		}
		return n
	case !a.Object && !a.Array && !b.Object && !b.Array && bytes.Equal(a.Const, b.Const):
		return a
	}
	return m.parameter(key, a, b)
}

// parameter makes or continues a parameter; equal values in all remembered
// instances are one parameter.
func (m *jsonMerger) parameter(key string, a, b *Node) *Node {
	now := b.render(nil)
	p := JSONParam{Name: key}
	if a.Param >= 0 {
		old := m.old.Variables[a.Param]
		p.Name, p.Type, p.Values = old.Name, old.Type, slices.Clone(old.Values)
	} else {
		p.Values = m.rendered(a)
		for _, v := range p.Values {
			p.Type = join(p.Type, rawType(v))
		}
		if a.Param < 0 && a.variable() {
			p.Type = learn.TypeString // values beyond the samples are not known
		}
	}
	p.Type = join(p.Type, rawType(now))
	if len(p.Values) < maxSamples+maxSplits {
		p.Values = append(p.Values, now)
	}
	for i, q := range m.params {
		if a.Param < 0 && q.Name == p.Name && q.Type == p.Type && slices.EqualFunc(q.Values, p.Values, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) }) &&
			m.old.Instances < maxSamples+maxSplits && !m.continued(i) {
			return &Node{Param: i}
		}
	}
	if a.Param >= 0 {
		if i, ok := m.origin[a.Param]; ok && bytes.Equal(m.params[i].Values[len(m.params[i].Values)-1], now) {
			return &Node{Param: i}
		}
		m.origin[a.Param] = len(m.params)
	}
	p.Name = m.unique(p.Name)
	m.params = append(m.params, p)
	return &Node{Param: len(m.params) - 1}
}

func (m *jsonMerger) continued(i int) bool {
	for _, to := range m.origin {
		if to == i {
			return true
		}
	}
	return false
}

// rendered is a subtree in each remembered instance.
func (m *jsonMerger) rendered(a *Node) []json.RawMessage {
	samples := 1
	if len(m.old.Variables) > 0 {
		samples = len(m.old.Variables[0].Values)
	}
	var out []json.RawMessage
	for k := range samples {
		out = append(out, a.render(func(i int) json.RawMessage { return m.old.Variables[i].Values[k] }))
	}
	return out
}

func (m *jsonMerger) unique(name string) string {
	if name == "" {
		name = "value"
	}
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s%d", name, n)
		}
		if !slices.ContainsFunc(m.params, func(p JSONParam) bool { return p.Name == try }) {
			return try
		}
	}
}

func (n *Node) variable() bool {
	return n.Param >= 0 || slices.ContainsFunc(n.Children, (*Node).variable)
}

// render prints a node with the values that fill gives.
func (n *Node) render(fill func(int) json.RawMessage) json.RawMessage {
	switch {
	case n.Param >= 0:
		return fill(n.Param)
	case n.Object, n.Array:
		var b strings.Builder
		open, shut := "[", "]"
		if n.Object {
			open, shut = "{", "}"
		}
		b.WriteString(open)
		for i, c := range n.Children {
			if i > 0 {
				b.WriteByte(',')
			}
			if n.Object {
				key, err := json.Marshal(n.Keys[i])
				if err != nil { // not reachable: a string always encodes
					key = []byte(`""`)
				}
				b.Write(key)
				b.WriteByte(':')
			}
			b.Write(c.render(fill))
		}
		b.WriteString(shut)
		return json.RawMessage(b.String())
	}
	return n.Const
}

// rawType is the type of a JSON value by its shape.
func rawType(raw json.RawMessage) learn.PlaceholderType {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"' {
		if t := TypeOf(s); t != learn.TypeNumber {
			return t
		}
		return learn.TypeString
	}
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return learn.TypeNumber
	}
	return learn.TypeString
}
