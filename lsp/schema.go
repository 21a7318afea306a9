package lsp

import (
	"encoding/json"
	"slices"
	"strings"
)

// schemaNode is the part of JSON Schema that completion understands.
type schemaNode struct {
	Ref         string                 `json:"$ref"`
	Defs        map[string]*schemaNode `json:"$defs"`
	Description string                 `json:"description"`
	Type        any                    `json:"type"`
	Enum        []any                  `json:"enum"`
	Properties  map[string]*schemaNode `json:"properties"`
	Additional  json.RawMessage        `json:"additionalProperties"`
	Items       *schemaNode            `json:"items"`
	Required    []string               `json:"required"`
}

// at follows a path of members and indices; nil where the schema says nothing.
func (root *schemaNode) at(path []string) *schemaNode {
	n := root.resolve(root)
	for _, part := range path {
		if n == nil {
			return nil
		}
		switch {
		case part == "*" && n.Items != nil:
			n = root.resolve(n.Items)
		case n.Properties[part] != nil:
			n = root.resolve(n.Properties[part])
		default:
			var more schemaNode
			if len(n.Additional) == 0 || json.Unmarshal(n.Additional, &more) != nil {
				return nil
			}
			n = root.resolve(&more)
		}
	}
	return n
}

// resolve follows a reference into $defs, once: schemas here have no chains.
func (root *schemaNode) resolve(n *schemaNode) *schemaNode {
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		return root.Defs[name]
	}
	return n
}

// names are the members that an object can have, required ones first.
func (n *schemaNode) names() []string {
	var out []string
	for name := range n.Properties {
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b string) int {
		ra, rb := slices.Contains(n.Required, a), slices.Contains(n.Required, b)
		if ra != rb {
			if ra {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return out
}

// kind is the schema's first type, or that of its values.
func (n *schemaNode) kind() string {
	switch t := n.Type.(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			s, _ := t[0].(string)
			return s
		}
	}
	if len(n.Enum) > 0 {
		if _, ok := n.Enum[0].(string); ok {
			return "string"
		}
	}
	return ""
}
