package toolforge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// errSchema says that a schema is not one that the forge can work with.
var errSchema = errors.New("bad parameter schema")

const maxParameters = 32

// readSchema reads the parameters' JSON Schema: an object of strings,
// integers, numbers and booleans with names that Python accepts.
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
