package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"lathe/learn"
)

// Params lists the parameters in the order of their first place.
func (t JSON) Params() []JSONParam { return slices.Clone(t.Variables) }

// String is the value, compact and with sorted keys, with {name} in the
// parameters' places.
func (t JSON) String() string {
	if t.Root == nil {
		return ""
	}
	return string(t.Root.render(func(i int) json.RawMessage { return json.RawMessage("{" + t.Variables[i].Name + "}") }))
}

// Fill puts values in the parameters' places; the result is compact and has
// sorted keys. A missing or malformed value is an error.
func (t JSON) Fill(values map[string]json.RawMessage) (json.RawMessage, error) {
	if t.Root == nil {
		return nil, fmt.Errorf("fill JSON template: it has no instance yet; add one")
	}
	for _, p := range t.Variables {
		v, ok := values[p.Name]
		if !ok {
			return nil, fmt.Errorf("fill JSON template: no value for {%s}; give one", p.Name)
		}
		if !json.Valid(v) {
			return nil, fmt.Errorf("fill JSON template: the value for {%s} is not JSON; encode it", p.Name)
		}
	}
	return t.Root.render(func(i int) json.RawMessage { return values[t.Variables[i].Name] }), nil
}

// Match gives the values that make the template the JSON value; false when
// there are none.
func (t JSON) Match(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	v, err := parseJSON(raw)
	if err != nil || t.Root == nil {
		return nil, false
	}
	out := map[string]json.RawMessage{}
	return out, t.match(t.Root, v, out)
}

func (t JSON) match(n, v *Node, out map[string]json.RawMessage) bool {
	if n.Param >= 0 {
		p, value := t.Variables[n.Param], v.render(nil)
		if p.Type != learn.TypeString && rawType(value) != p.Type {
			return false
		}
		if was, ok := out[p.Name]; ok {
			return bytes.Equal(was, value)
		}
		out[p.Name] = value
		return true
	}
	if n.Object != v.Object || n.Array != v.Array || !slices.Equal(n.Keys, v.Keys) || len(n.Children) != len(v.Children) {
		return false
	}
	if !n.Object && !n.Array {
		return bytes.Equal(n.Const, v.Const)
	}
	for i := range n.Children {
		if !t.match(n.Children[i], v.Children[i], out) {
			return false
		}
	}
	return true
}
