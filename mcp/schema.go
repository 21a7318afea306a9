package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaOf returns the JSON Schema of T as clients are told it. The library's
// form says too much for real clients: it closes every object, so that a field
// which a newer peer adds is an error; it lets every list be null; and it
// takes raw JSON for a list of bytes.
func schemaOf[T any]() map[string]any {
	schema := mcp.SchemaFor[T]()
	if schema == nil {
		panic(fmt.Sprintf("mcp: there is no JSON Schema for %T", *new(T)))
	}
	loosen(schema)
	return schema
}

func loosen(schema map[string]any) {
	if types, ok := schema["type"].([]any); ok {
		types = slices.DeleteFunc(types, func(t any) bool { return t == "null" })
		if len(types) == 1 {
			schema["type"] = types[0]
		}
	}
	items, _ := schema["items"].(map[string]any)
	if items != nil && items["minimum"] == 0.0 && items["maximum"] == 255.0 { // a json.RawMessage: any value
		delete(schema, "items")
		delete(schema, "type")
		return
	}
	if items != nil {
		loosen(items)
	}
	switch more := schema["additionalProperties"].(type) {
	case bool:
		delete(schema, "additionalProperties")
	case map[string]any:
		if _, closed := more["not"]; closed {
			delete(schema, "additionalProperties")
		} else {
			loosen(more)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, p := range properties {
		if p, ok := p.(map[string]any); ok {
			loosen(p)
		}
	}
}

// withoutNulls puts empty lists and objects where v has null for one, and
// leaves out what is null and not required. Agents written in languages with
// optional values send nulls; Go sends them for nil slices.
func withoutNulls(v any, schema map[string]any) any {
	switch schema["type"] {
	case "array":
		list, ok := v.([]any)
		if v == nil {
			return []any{}
		}
		items, _ := schema["items"].(map[string]any)
		if ok && items != nil {
			for i := range list {
				list[i] = withoutNulls(list[i], items)
			}
		}
	case "object":
		object, ok := v.(map[string]any)
		if v == nil {
			return map[string]any{}
		}
		if !ok {
			return v
		}
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		others, _ := schema["additionalProperties"].(map[string]any)
		for name, value := range object {
			p, known := properties[name].(map[string]any)
			if known && value == nil && !slices.Contains(required, any(name)) {
				delete(object, name)
			} else if known {
				object[name] = withoutNulls(value, p)
			} else if others != nil {
				object[name] = withoutNulls(value, others)
			}
		}
	}
	return v
}

// tidy encodes v without nulls where schema wants a list or an object.
func tidy(v any, schema map[string]any) (json.RawMessage, error) {
	raw, err := json.Marshal(v)
	if err != nil || !bytes.Contains(raw, []byte("null")) {
		return raw, err
	}
	decoded, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(withoutNulls(decoded, schema))
}

// decode reads JSON and keeps numbers as they are written.
func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// checker validates the arguments of one tool.
type checker struct {
	schema   map[string]any
	compiled *jsonschema.Schema
}

// noLoader keeps schemas from reading files and addresses by $ref.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema may not refer to %.100q: only to its own parts", url)
}

func newChecker(schema map[string]any) (*checker, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("urn:lathe:schema", any(schema)); err != nil {
		return nil, err
	}
	compiled, err := c.Compile("urn:lathe:schema")
	if err != nil {
		return nil, err
	}
	return &checker{schema: schema, compiled: compiled}, nil
}

// mustChecker is newChecker for schemas of this package's own making.
func mustChecker(schema map[string]any) *checker {
	c, err := newChecker(schema)
	if err != nil {
		panic("mcp: " + err.Error())
	}
	return c
}

// check returns the arguments as JSON, without nulls, if they fit the schema.
func (c *checker) check(arguments any) (json.RawMessage, error) {
	arguments = withoutNulls(arguments, c.schema)
	if err := c.compiled.Validate(arguments); err != nil {
		return nil, explain(err)
	}
	return json.Marshal(arguments)
}

// arguments is check for the arguments of a call.
func (c *checker) arguments(req mcp.CallToolRequest) (json.RawMessage, error) {
	given, err := argumentsOf(req)
	if err != nil {
		return nil, err
	}
	return c.check(given)
}

// explain says in a line what does not fit, without the address of the schema.
func explain(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	text := invalid.Error()
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		text = rest
	}
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\n- ", "; ")), " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return errors.New(strings.TrimPrefix(text, "- "))
}
