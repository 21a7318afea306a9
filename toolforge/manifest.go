package toolforge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"lathe/learn"
)

// Bounds of what a manifest may ask for.
const (
	maxSeconds  = 600
	maxMemoryMB = 4096
)

// manifestFile is tool.json as it lies in a folder: learn.ToolManifest, except
// that network may be "none" and that an example's result may be any value.
type manifestFile struct {
	Name            string            `json:"name"`
	Version         string            `json:"version"`
	Description     string            `json:"description"`
	Parameters      json.RawMessage   `json:"parameters"`
	Returns         json.RawMessage   `json:"returns"`
	Examples        []exampleFile     `json:"examples,omitempty"`
	Permissions     permissionsFile   `json:"permissions"`
	Dependencies    []dependencyFile  `json:"dependencies,omitempty"`
	Language        string            `json:"language"`
	Digest          string            `json:"digest,omitempty"`
	Provenance      *learn.Provenance `json:"provenance,omitempty"`
	CommandTemplate string            `json:"command_template,omitempty"`
}

type exampleFile struct {
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	EventID   string          `json:"event_id,omitempty"`
}

type permissionsFile struct {
	Filesystem string          `json:"filesystem"`
	Paths      []string        `json:"paths,omitempty"`
	Network    json.RawMessage `json:"network,omitempty"`
	Seconds    float64         `json:"seconds"`
	MemoryMB   int             `json:"memory_mb"`
	// Names of variables whose values a call gets from Lathe's environment.
	Environment []string `json:"environment,omitempty"`
	Secrets     []string `json:"secrets,omitempty"`
}

func (m manifestFile) manifest() (learn.ToolManifest, error) {
	out := learn.ToolManifest{Name: m.Name, Version: m.Version, Description: m.Description, Parameters: m.Parameters,
		Returns: m.Returns, Dependencies: pinnedLines(m.Dependencies), Language: m.Language,
		Permissions: learn.Permissions{Filesystem: m.Permissions.Filesystem, Paths: m.Permissions.Paths,
			Seconds: m.Permissions.Seconds, MemoryMB: m.Permissions.MemoryMB,
			Environment: m.Permissions.Environment, Secrets: m.Permissions.Secrets}}
	if m.Provenance != nil {
		out.Provenance = *m.Provenance
	}
	if len(m.Permissions.Network) > 0 {
		var word string
		if json.Unmarshal(m.Permissions.Network, &word) != nil {
			if err := json.Unmarshal(m.Permissions.Network, &out.Permissions.Network); err != nil {
				return out, fmt.Errorf(`%w: permissions.network must be "none" or a list of host names`, ErrFolder)
			}
		} else if word != "none" {
			return out, fmt.Errorf(`%w: permissions.network is %q, must be "none" or a list of host names`, ErrFolder, clip(word, 40))
		}
	}
	for _, e := range m.Examples {
		out.Examples = append(out.Examples, learn.ToolExample{Arguments: e.Arguments, Result: string(e.Result), EventID: e.EventID})
	}
	return out, nil
}

// manifestJSON is tool.json.
func manifestJSON(tool learn.ProposedTool) ([]byte, error) {
	t := tool.Manifest
	m := manifestFile{Name: t.Name, Version: t.Version, Description: t.Description, Parameters: t.Parameters, Returns: t.Returns,
		Language: t.Language, CommandTemplate: tool.Spec.CommandTemplate, Provenance: &t.Provenance,
		Permissions: permissionsFile{Filesystem: t.Permissions.Filesystem, Paths: t.Permissions.Paths, Network: json.RawMessage(`"none"`),
			Seconds: t.Permissions.Seconds, MemoryMB: t.Permissions.MemoryMB,
			Environment: t.Permissions.Environment, Secrets: t.Permissions.Secrets}}
	if len(t.Permissions.Network) > 0 {
		raw, err := json.Marshal(t.Permissions.Network)
		if err != nil {
			return nil, err
		}
		m.Permissions.Network = raw
	}
	for _, d := range t.Dependencies {
		m.Dependencies = append(m.Dependencies, dependencyFile(d))
	}
	for _, e := range t.Examples {
		x := exampleFile{Arguments: e.Arguments, EventID: e.EventID}
		if e.Result != "" {
			x.Result = json.RawMessage(e.Result)
			if !json.Valid(x.Result) {
				x.Result, _ = json.Marshal(e.Result)
			}
		}
		m.Examples = append(m.Examples, x)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	return append(raw, '\n'), err
}

// checkTool checks what the gates rely on.
func checkTool(tool learn.ProposedTool) error {
	m := tool.Manifest
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrFolder, fmt.Sprintf(format, args...))
	}
	switch {
	case !validName(m.Name):
		return bad("name %q: use lower-case letters, digits and _, no Python keyword or built-in", clip(m.Name, 80))
	case !version.MatchString(m.Version):
		return bad("version %q: write a semantic version such as 0.1.0", clip(m.Version, 40))
	case strings.TrimSpace(m.Description) == "" || len(m.Description) > 2000:
		return bad("the description must have 1 to 2000 bytes, it has %d", len(m.Description))
	case m.Language != languagePython && m.Language != languageShell:
		return bad("language %q: python or shell", clip(m.Language, 40))
	case len(m.Examples) > 50:
		return bad("%d examples, at most 50", len(m.Examples))
	}
	if err := checkDependencies(m); err != nil {
		return err
	}
	if err := checkPermissions(m.Permissions); err != nil {
		return err
	}
	if _, err := parameterNames(m.Parameters); err != nil {
		return fmt.Errorf("%w: parameters: %w", ErrFolder, err)
	}
	for what, raw := range map[string]json.RawMessage{"parameters": m.Parameters, "returns": m.Returns} {
		if _, err := compileSchema(raw); err != nil {
			return bad("%s: %v", what, err)
		}
	}
	for name, content := range tool.Files {
		if !slices.Contains(filesFor(m.Language), name) {
			return bad("file %q does not belong in a tool in %s", clip(name, 80), m.Language)
		}
		if err := checkText(name, content); err != nil {
			return err
		}
	}
	return nil
}

// compileSchema compiles a JSON Schema; references to elsewhere are not
// followed.
func compileSchema(raw json.RawMessage) (*jsonschema.Schema, error) {
	if len(raw) > 64<<10 {
		return nil, fmt.Errorf("schema of %d bytes, at most 65536", len(raw))
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("lathe:schema", doc); err != nil {
		return nil, err
	}
	return c.Compile("lathe:schema")
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("reference to %s: schemas may refer to themselves only", clip(url, 80))
}
