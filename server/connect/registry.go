package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// registrySchema is the form of server.json that the MCP registry reads.
const registrySchema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

// Registered describes Lathe for the MCP registry.
type Registered struct {
	// Name is a reversed domain and a name, like io.github.someone/lathe: the
	// registry takes it from who can prove to own the domain or account.
	Name    string
	Version string // exact
	// Image is the OCI image in which Lathe is published, with its tag, like
	// ghcr.io/someone/lathe:0.1.0; "" for none.
	Image string
}

var registryName = regexp.MustCompile(`^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`)

const registryDescription = "Learns from what coding agents do: diagnoses failures, recalls what worked, and makes tools"

// ServerJSON is the server.json for the MCP registry.
func ServerJSON(r Registered) (json.RawMessage, error) {
	if n := len(r.Name); n < 3 || n > 200 || !registryName.MatchString(r.Name) {
		return nil, fmt.Errorf("%.80q is no name for the registry: it is a reversed domain, a slash and a name, like io.github.someone/lathe", r.Name)
	}
	if r.Version == "" || strings.ContainsAny(r.Version, "^~<>=*x ") {
		return nil, fmt.Errorf("%.40q is no exact version", r.Version)
	}
	if utf8.RuneCountInString(registryDescription) > 100 {
		return nil, errors.New("the description is longer than the registry takes")
	}
	pairs := []pair{{"$schema", registrySchema}, {"name", r.Name}, {"title", "Lathe"}, {"description", registryDescription}, {"version", r.Version}}
	if r.Image != "" {
		if !strings.Contains(r.Image, "/") || !strings.Contains(r.Image, ":") {
			return nil, fmt.Errorf("%.80q is no image with a tag, like ghcr.io/someone/lathe:0.1.0", r.Image)
		}
		pairs = append(pairs, pair{"packages", []json.RawMessage{object(
			pair{"registryType", "oci"}, pair{"identifier", r.Image},
			pair{"transport", object(pair{"type", "stdio"})},
			pair{"packageArguments", []json.RawMessage{object(pair{"type", "positional"}, pair{"value", "mcp"})}},
		)}})
	}
	return object(pairs...), nil
}
