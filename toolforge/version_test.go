package toolforge_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"lathe/learn"
	"lathe/toolforge"
)

func TestCompareVersions(t *testing.T) {
	// In order, as semver.org 2.0.0 gives it in point 11.
	order := []string{"none", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
		"1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "2.0.0"}
	for i, a := range order {
		for k, b := range order {
			want := 0
			if i < k {
				want = -1
			} else if i > k {
				want = 1
			}
			if got := toolforge.CompareVersions(a, b); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestNextVersion(t *testing.T) {
	for _, c := range []struct {
		prev   string
		change toolforge.Change
		want   string
	}{
		{"0.1.0", toolforge.Same, "0.1.1"}, {"0.1.0", toolforge.Addition, "0.2.0"}, {"0.1.9", toolforge.Breaking, "1.0.0"},
		{"1.2.3", toolforge.Breaking, "2.0.0"}, {"1.2.3-rc.1", toolforge.Same, "1.2.4"},
	} {
		if got, err := toolforge.NextVersion(c.prev, c.change); err != nil || got != c.want {
			t.Errorf("%s after a %v change: %s, %v, want %s", c.prev, c.change, got, err, c.want)
		}
	}
	if _, err := toolforge.NextVersion("one", toolforge.Same); err == nil {
		t.Error("a version after none")
	}
}

func TestInterface(t *testing.T) {
	base := learn.ToolManifest{
		Parameters:  json.RawMessage(`{"type":"object","additionalProperties":false,"required":["path"],"properties":{"path":{"type":"string"},"top":{"type":"integer","minimum":1,"maximum":10},"order":{"enum":["up","down"]}}}`),
		Returns:     json.RawMessage(`{"type":"object","required":["n"],"properties":{"n":{"type":"integer"},"note":{"type":"string"}}}`),
		Permissions: learn.Permissions{Filesystem: "read", Paths: []string{"src"}, Seconds: 5, MemoryMB: 100},
	}
	for what, c := range map[string]struct {
		change func(*learn.ToolManifest)
		want   toolforge.Change
	}{
		"nothing":            {func(*learn.ToolManifest) {}, toolforge.Same},
		"description":        {func(m *learn.ToolManifest) { m.Description = "other" }, toolforge.Same},
		"text in the schema": {replaced(`"path":{"type":"string"}`, `"path":{"type":"string","description":"where"}`), toolforge.Same},
		"key order":          {replaced(`"minimum":1,"maximum":10`, `"maximum":10,"minimum":1`), toolforge.Same},
		"new optional":       {replaced(`"properties":{"path"`, `"properties":{"deep":{"type":"boolean"},"path"`), toolforge.Addition},
		"no longer required": {replaced(`"required":["path"]`, `"required":[]`), toolforge.Addition},
		"wider type":         {replaced(`"top":{"type":"integer"`, `"top":{"type":"number"`), toolforge.Addition},
		"wider bound":        {replaced(`"maximum":10`, `"maximum":20`), toolforge.Addition},
		"no bound":           {replaced(`,"maximum":10`, ``), toolforge.Addition},
		"more choices":       {replaced(`["up","down"]`, `["up","down","none"]`), toolforge.Addition},
		"new required":       {replaced(`"required":["path"]`, `"required":["path","top"]`), toolforge.Breaking},
		"gone":               {replaced(`"path":{"type":"string"},`, ``), toolforge.Breaking},
		"other type":         {replaced(`"path":{"type":"string"}`, `"path":{"type":"integer"}`), toolforge.Breaking},
		"narrower bound":     {replaced(`"minimum":1`, `"minimum":2`), toolforge.Breaking},
		"fewer choices":      {replaced(`["up","down"]`, `["up"]`), toolforge.Breaking},
		"unknown keyword":    {replaced(`"path":{"type":"string"}`, `"path":{"type":"string","pattern":"^a"}`), toolforge.Breaking},
		"result without":     {replacedResult(`"note"`, `"remark"`), toolforge.Breaking},
		"result adds":        {replacedResult(`"note":{"type":"string"}`, `"note":{"type":"string"},"more":{"type":"string"}`), toolforge.Addition},
		"result less sure":   {replacedResult(`"required":["n"],`, ``), toolforge.Breaking},
		"result wider":       {replacedResult(`"n":{"type":"integer"}`, `"n":{"type":["integer","null"]}`), toolforge.Breaking},
		"result narrower":    {replacedResult(`"note":{"type":"string"}`, `"note":{"type":"string","maxLength":9}`), toolforge.Addition},
		"may write":          {func(m *learn.ToolManifest) { m.Permissions.Filesystem = "write" }, toolforge.Breaking},
		"reads nothing": {func(m *learn.ToolManifest) {
			m.Permissions = learn.Permissions{Filesystem: "none", Seconds: 5, MemoryMB: 100}
		}, toolforge.Addition},
		"another folder":  {func(m *learn.ToolManifest) { m.Permissions.Paths = []string{"src", "docs"} }, toolforge.Breaking},
		"whole workspace": {func(m *learn.ToolManifest) { m.Permissions.Paths = nil }, toolforge.Breaking},
		"a host":          {func(m *learn.ToolManifest) { m.Permissions.Network = []string{"example.test"} }, toolforge.Breaking},
		"more time":       {func(m *learn.ToolManifest) { m.Permissions.Seconds = 9 }, toolforge.Addition},
	} {
		to := base
		c.change(&to)
		got, words := toolforge.Interface(base, to)
		if got != c.want || (got == toolforge.Same) != (len(words) == 0) {
			t.Errorf("%s: %v %q, want %v", what, got, words, c.want)
		}
	}
}

func replaced(old, by string) func(*learn.ToolManifest) {
	return func(m *learn.ToolManifest) { m.Parameters = bytes.Replace(m.Parameters, []byte(old), []byte(by), 1) }
}

func replacedResult(old, by string) func(*learn.ToolManifest) {
	return func(m *learn.ToolManifest) { m.Returns = bytes.ReplaceAll(m.Returns, []byte(old), []byte(by)) }
}

// What is not called breaking does not break: arguments that fitted before
// still do, and results that fit now would have fitted before.
func TestInterfaceIsSound(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := drawSchema(r, "from", 2), drawSchema(r, "to", 2)
		if rapid.Bool().Draw(r, "near") {
			b = near(r, a)
		}
		from, to := rawJSON(r, a), rawJSON(r, b)
		value := drawValue(r, 2)
		in, _ := toolforge.Interface(learn.ToolManifest{Parameters: from}, learn.ToolManifest{Parameters: to})
		if in != toolforge.Breaking && fits(r, from, value) && !fits(r, to, value) {
			r.Fatalf("%v, but %v fits only the first:\n%s\n%s", in, value, from, to)
		}
		out, _ := toolforge.Interface(learn.ToolManifest{Returns: from}, learn.ToolManifest{Returns: to})
		if out != toolforge.Breaking && fits(r, to, value) && !fits(r, from, value) {
			r.Fatalf("a result, %v, but %v fits only the second:\n%s\n%s", out, value, from, to)
		}
	})
}

// drawSchema draws a schema whose objects are closed: an open one gives every
// new name a meaning that it had not.
func drawSchema(r *rapid.T, label string, depth int) map[string]any {
	kinds := []string{"string", "integer", "number", "boolean", "array", "object"}
	if depth == 0 {
		kinds = kinds[:4]
	}
	s := map[string]any{"type": rapid.SampledFrom(kinds).Draw(r, label)}
	switch s["type"] {
	case "string":
		if rapid.Bool().Draw(r, "bound") {
			s["maxLength"] = rapid.IntRange(0, 3).Draw(r, "most")
		}
		if rapid.Bool().Draw(r, "enum") {
			s["enum"] = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "cc"}), 1, 3, rapid.ID[string]).Draw(r, "of")
		}
	case "integer", "number":
		for _, key := range []string{"minimum", "maximum"} {
			if rapid.Bool().Draw(r, key) {
				s[key] = rapid.IntRange(-2, 2).Draw(r, key)
			}
		}
	case "array":
		if rapid.Bool().Draw(r, "items") {
			s["items"] = drawSchema(r, "item", depth-1)
		}
	case "object":
		props, required := map[string]any{}, []string{}
		for _, name := range []string{"x", "y"} {
			if rapid.Bool().Draw(r, name) {
				props[name] = drawSchema(r, name, depth-1)
				if rapid.Bool().Draw(r, "must") {
					required = append(required, name)
				}
			}
		}
		s["properties"], s["required"], s["additionalProperties"] = props, required, false
	}
	return s
}

// near is a schema with one thing changed.
func near(r *rapid.T, a map[string]any) map[string]any {
	b := map[string]any{}
	for k, v := range a {
		b[k] = v
	}
	other := drawSchema(r, "other", 1)
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"minimum", "maximum", "maxLength", "enum", "items", "required", "properties", "type"}), 1, 2).Draw(r, "changed") {
		if v, ok := other[key]; ok && slices.Contains([]any{other["type"], "number"}, a["type"]) {
			b[key] = v
		} else if key != "type" && key != "properties" {
			delete(b, key)
		}
	}
	return b
}

func drawValue(r *rapid.T, depth int) any {
	kinds := []string{"string", "integer", "number", "boolean", "array", "object"}
	if depth == 0 {
		kinds = kinds[:4]
	}
	switch rapid.SampledFrom(kinds).Draw(r, "value") {
	case "string":
		return rapid.SampledFrom([]string{"", "a", "b", "cc", "dddd"}).Draw(r, "text")
	case "integer":
		return rapid.IntRange(-3, 3).Draw(r, "n")
	case "number":
		return float64(rapid.IntRange(-6, 6).Draw(r, "n")) / 2
	case "boolean":
		return rapid.Bool().Draw(r, "b")
	case "array":
		list := []any{}
		for range rapid.IntRange(0, 2).Draw(r, "length") {
			list = append(list, drawValue(r, depth-1))
		}
		return list
	}
	m := map[string]any{}
	for _, name := range []string{"x", "y"} {
		if rapid.Bool().Draw(r, name) {
			m[name] = drawValue(r, depth-1)
		}
	}
	return m
}

func rawJSON(r *rapid.T, v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		r.Fatal(err)
	}
	return raw
}

func fits(r *rapid.T, schema json.RawMessage, value any) bool {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		r.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s", doc); err != nil {
		r.Fatal(err)
	}
	s, err := c.Compile("s")
	if err != nil {
		r.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(rawJSON(r, value)))
	if err != nil {
		r.Fatal(err)
	}
	return s.Validate(v) == nil
}
