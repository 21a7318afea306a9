package toolforge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"lathe/learn"
)

// errSchema says that a schema is not one that the forge can work with.
var errSchema = errors.New("bad parameter schema")

const maxParameters = 32

// parameterNames reads the names of a tool's parameters, in order, from their
// JSON Schema: an object whose properties Python accepts as names.
func parameterNames(raw json.RawMessage) ([]string, error) {
	var s struct {
		Type       string                     `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", errSchema, err)
	}
	if s.Type != "object" {
		return nil, fmt.Errorf("%w: type %q, must be object", errSchema, clip(s.Type, 40))
	}
	if len(s.Properties) > maxParameters {
		return nil, fmt.Errorf("%w: %d parameters, at most %d", errSchema, len(s.Properties), maxParameters)
	}
	names := slices.Sorted(maps.Keys(s.Properties))
	for _, name := range names {
		if !validName(name) {
			return nil, fmt.Errorf("%w: parameter name %q: use lower-case letters, digits and _, no Python keyword or built-in", errSchema, clip(name, 80))
		}
	}
	for _, name := range s.Required {
		if _, ok := s.Properties[name]; !ok {
			return nil, fmt.Errorf("%w: required parameter %q is not described", errSchema, clip(name, 80))
		}
	}
	return names, nil
}

// CheckArguments says what is wrong with the arguments of a call, by the
// manifest's schema; nil when they fit.
func CheckArguments(m learn.ToolManifest, arguments json.RawMessage) error {
	return fits(m.Parameters, arguments, "arguments")
}

// fits checks a JSON value against a schema.
func fits(schema, value json.RawMessage, what string) error {
	sch, err := compileSchema(schema)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return fmt.Errorf("the %s are not JSON: %s", what, clip(err.Error(), 200))
	}
	var wrong *jsonschema.ValidationError
	if err := sch.Validate(doc); errors.As(err, &wrong) {
		return fmt.Errorf("the %s do not fit: %s", what, clip(strings.Join(lastLines(wrong.Error(), 4)[1:], "; "), 500))
	} else if err != nil {
		return err
	}
	return nil
}

// readSchema reads the parameters' JSON Schema of a tool that is made from a
// command: an object of strings and integers with names that Python accepts.
func readSchema(raw json.RawMessage) (schema, error) {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("%w: %w", errSchema, err)
	}
	if s.Type != "object" {
		return s, fmt.Errorf("%w: type %q, must be object", errSchema, s.Type)
	}
	if len(s.Properties) > maxParameters {
		return s, fmt.Errorf("%w: %d parameters, at most %d", errSchema, len(s.Properties), maxParameters)
	}
	for name, p := range s.Properties {
		if !validName(name) {
			return s, fmt.Errorf("%w: parameter name %q: use lower-case letters, digits and _, no Python keyword or built-in", errSchema, clip(name, 80))
		}
		if !slices.Contains([]string{"string", "integer"}, p.Type) {
			return s, fmt.Errorf("%w: parameter %s has type %q, must be string or integer", errSchema, name, clip(p.Type, 40))
		}
	}
	for _, name := range s.Required {
		if _, ok := s.Properties[name]; !ok {
			return s, fmt.Errorf("%w: required parameter %q is not described", errSchema, clip(name, 80))
		}
	}
	return s, nil
}
