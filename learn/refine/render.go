package refine

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// render writes a value whose first line stands at indent.
func (e *splicer) render(v any, indent string, flat bool) string {
	var parts []string
	open, shut := "[", "]"
	switch v := v.(type) {
	case map[string]any:
		open, shut = "{", "}"
		flat = flat || e.style.compact || e.style.flatObjects && plainEntries(v)
		for _, name := range orderedNames(v) {
			parts = append(parts, quote(name)+e.style.colon+e.render(v[name], indent+e.style.unit, flat))
		}
	case []any:
		flat = flat || e.style.compact || e.style.flatArrays && !slices.ContainsFunc(v, nested)
		for _, x := range v {
			parts = append(parts, e.render(x, indent+e.style.unit, flat))
		}
	default:
		return quote(v)
	}
	switch {
	case len(parts) == 0:
		return open + shut
	case flat && e.style.padded && open == "{":
		return "{ " + strings.Join(parts, e.style.comma) + " }"
	case flat:
		return open + strings.Join(parts, e.style.comma) + shut
	}
	inner := e.style.newline + indent + e.style.unit
	return open + inner + strings.Join(parts, ","+inner) + e.style.newline + indent + shut
}

func nested(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

func plainEntries(v map[string]any) bool {
	for _, x := range v {
		if nested(x) {
			return false
		}
	}
	return true
}

// quote writes a scalar, without the escapes that encoding/json makes for HTML.
func quote(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // strings, numbers and literals always can be
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// fieldOrder is the order in which the fields of a step are written; others
// follow by name.
var fieldOrder = []string{"id", "tool_name", "arguments", "priority", "preconditions", "retry", "fallback", "expected_output",
	"kind", "argument", "max_attempts", "backoff_ms", "patterns", "exit_code", "pattern", "schema"}

func orderedNames(v map[string]any) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	rank := func(name string) int {
		if i := slices.Index(fieldOrder, name); i >= 0 {
			return i
		}
		return len(fieldOrder)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}
