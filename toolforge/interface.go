package toolforge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lathe/learn"
)

// Change says what a new version means to those who call the former one.
type Change int

// The changes, the worse the higher.
const (
	Same     Change = iota // the interface is the same: a patch
	Addition               // what worked still works, and there is more: minor
	Breaking               // something that worked may not work any more: major
)

func (c Change) String() string { return [...]string{"same", "addition", "breaking"}[c] }

// Interface compares what callers see of two versions: parameters, returns and
// permissions. It says in words what changed. What it cannot judge counts as
// breaking.
func Interface(from, to learn.ToolManifest) (Change, []string) {
	d := &difference{}
	d.permissions(from.Permissions, to.Permissions)
	for _, side := range []struct {
		name     string
		from, to json.RawMessage
		input    bool
	}{{"parameters", from.Parameters, to.Parameters, true}, {"returns", from.Returns, to.Returns, false}} {
		a, errA := decodeSchema(side.from)
		b, errB := decodeSchema(side.to)
		if errA != nil || errB != nil {
			d.note(Breaking, "%s: the schema is not readable", side.name)
			continue
		}
		d.schema(side.name, a, b, side.input, 0)
	}
	return d.worst, d.words
}

// difference collects what changed.
type difference struct {
	worst Change
	words []string
}

const maxDifferences = 50

func (d *difference) note(c Change, format string, args ...any) {
	d.worst = max(d.worst, c)
	if len(d.words) < maxDifferences {
		d.words = append(d.words, c.String()+": "+fmt.Sprintf(format, args...))
	}
}

// permissions: whoever lets a tool run must be asked when it wants more.
func (d *difference) permissions(from, to learn.Permissions) {
	rank := map[string]int{"none": 0, "read": 1, "write": 2}
	switch a, b := rank[from.Filesystem], rank[to.Filesystem]; {
	case b > a:
		d.note(Breaking, "permissions: filesystem %s instead of %s", to.Filesystem, from.Filesystem)
	case b < a:
		d.note(Addition, "permissions: filesystem %s is enough instead of %s", to.Filesystem, from.Filesystem)
	default:
		if more := wider(from.Paths, to.Paths); more && to.Filesystem != "none" {
			d.note(Breaking, "permissions: other folders: %s", strings.Join(to.Paths, ", "))
		} else if wider(to.Paths, from.Paths) {
			d.note(Addition, "permissions: fewer folders")
		}
	}
	for _, h := range to.Network {
		if !slices.Contains(from.Network, h) {
			d.note(Breaking, "permissions: network to %s", clip(h, 80))
		}
	}
	if slices.ContainsFunc(from.Network, func(h string) bool { return !slices.Contains(to.Network, h) }) {
		d.note(Addition, "permissions: fewer hosts")
	}
	if from.Seconds != to.Seconds || from.MemoryMB != to.MemoryMB {
		d.note(Addition, "permissions: %g s and %d MB instead of %g s and %d MB", to.Seconds, to.MemoryMB, from.Seconds, from.MemoryMB)
	}
}

// wider reports whether b reaches what a does not; no paths at all is the
// whole workspace.
func wider(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(b) == 0 && len(a) > 0
	}
	return slices.ContainsFunc(b, func(p string) bool { return !slices.Contains(a, p) })
}

func decodeSchema(raw json.RawMessage) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return map[string]any{}, nil
	}
	decode := json.NewDecoder(bytes.NewReader(raw))
	decode.UseNumber()
	var v any
	return v, decode.Decode(&v)
}

// annotations of a schema, which decide nothing.
var annotations = []string{"title", "description", "examples", "$comment", "deprecated", "readOnly", "writeOnly", "$schema", "default"}

// described are the keywords that schema looks into; all others must be the same.
var described = []string{"type", "properties", "required", "items", "enum", "additionalProperties",
	"minimum", "minLength", "minItems", "maximum", "maxLength", "maxItems"}

// maxDepth bounds how deep schemas are compared; beyond, they must be the same.
const maxDepth = 16

// schema compares two JSON Schemas. Input is read by the tool, so it may
// become wider; output is read by callers, so it may become narrower.
func (d *difference) schema(at string, from, to any, input bool, depth int) {
	if equalJSON(from, to) {
		return
	}
	a, okA := from.(map[string]any)
	b, okB := to.(map[string]any)
	if !okA || !okB || depth > maxDepth {
		d.note(Breaking, "%s: another schema", at)
		return
	}
	for key := range union(a, b) {
		if !slices.Contains(annotations, key) && !slices.Contains(described, key) && !equalJSON(a[key], b[key]) {
			d.note(Breaking, "%s: %s changed", at, clip(key, 40))
		}
	}
	if !equalJSON(a["default"], b["default"]) {
		d.note(Addition, "%s: another default", at)
	}
	d.listed(at, "type", a, b, input)
	d.listed(at, "enum", a, b, input)
	d.bounds(at, a, b, input)
	d.properties(at, a, b, input, depth)
	if a["items"] != nil && b["items"] != nil {
		d.schema(at+"[]", a["items"], b["items"], input, depth+1)
	} else if !equalJSON(a["items"], b["items"]) {
		d.widened(b["items"] == nil, input, "%s: items", at)
	}
}

// widened notes a change that allows more values, or fewer.
func (d *difference) widened(more, input bool, format string, args ...any) {
	word := " allows less"
	if more {
		word = " allows more"
	}
	c := Breaking
	if more == input {
		c = Addition
	}
	d.note(c, format+word, args...)
}

// listed compares a keyword that lists what is allowed; without it all is.
func (d *difference) listed(at, key string, a, b map[string]any, input bool) {
	x, y := listOf(a, key), listOf(b, key)
	if equalJSON(a[key], b[key]) {
		return
	}
	covers := func(wide, narrow []string) bool {
		return wide == nil || narrow != nil && !slices.ContainsFunc(narrow, func(s string) bool {
			return !slices.Contains(wide, s) && !(key == "type" && s == `"integer"` && slices.Contains(wide, `"number"`))
		})
	}
	switch more, less := covers(y, x), covers(x, y); {
	case more && less:
	case more:
		d.widened(true, input, "%s: %s", at, key)
	case less:
		d.widened(false, input, "%s: %s", at, key)
	default:
		d.note(Breaking, "%s: another %s", at, key)
	}
}

// listOf is a keyword's values as JSON; nil when it is absent.
func listOf(m map[string]any, key string) []string {
	v, ok := m[key]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := []string{}
	for _, x := range list {
		out = append(out, jsonText(x))
	}
	return out
}

// bounds compares the least and most of values and lengths.
func (d *difference) bounds(at string, a, b map[string]any, input bool) {
	for _, key := range []string{"minimum", "minLength", "minItems", "maximum", "maxLength", "maxItems"} {
		if equalJSON(a[key], b[key]) {
			continue
		}
		x, okX := numberOf(a[key])
		y, okY := numberOf(b[key])
		more := !okY || okX && (y < x) == strings.HasPrefix(key, "min")
		d.widened(more, input, "%s: %s", at, key)
	}
}

func numberOf(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// properties compares the members of objects.
func (d *difference) properties(at string, a, b map[string]any, input bool, depth int) {
	x, _ := a["properties"].(map[string]any)
	y, _ := b["properties"].(map[string]any)
	mustX, mustY := listOf(a, "required"), listOf(b, "required")
	openA, openB := a["additionalProperties"], b["additionalProperties"]
	if !equalJSON(openA, openB) {
		d.widened(openB == nil || openB == true, input, "%s: members that are not named", at)
	}
	for _, name := range slices.Sorted(maps.Keys(union(x, y))) {
		here, there := x[name], y[name]
		must, mustNow := slices.Contains(mustX, jsonText(name)), slices.Contains(mustY, jsonText(name))
		path := at + "." + clip(name, 80)
		switch {
		case there == nil:
			d.note(Breaking, "%s is gone", path)
		case here == nil && (mustNow || openA == nil || openA == true) && input:
			// Without additionalProperties: false the name was free for any value.
			d.added(path, mustNow)
		case here == nil:
			d.note(Addition, "%s is new", path)
		default:
			if must != mustNow {
				d.widened(must, input, "%s: being left out", path)
			}
			d.schema(path, here, there, input, depth+1)
		}
	}
	for _, name := range mustY {
		if _, named := y[unquoted(name)]; !named && !slices.Contains(mustX, name) {
			d.note(Breaking, "%s.%s must be given now", at, clip(name, 80))
		}
	}
}

// added notes a new parameter: one that must be given breaks callers.
func (d *difference) added(path string, must bool) {
	if must {
		d.note(Breaking, "%s is new and must be given", path)
		return
	}
	d.note(Addition, "%s is new", path)
}

func unquoted(s string) string {
	var out string
	if json.Unmarshal([]byte(s), &out) != nil {
		return s
	}
	return out
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	for k, v := range b {
		if _, ok := all[k]; !ok {
			all[k] = v
		}
	}
	return all
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func equalJSON(a, b any) bool { return jsonText(a) == jsonText(b) }
