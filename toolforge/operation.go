package toolforge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// knownOperation is what is known of an operation beforehand: what a tool for
// it takes, and which programs it needs. Its code lies in
// templates/operations, since it is the same whatever was recorded; whether it
// is worth its place, in which folders it may write and with what it is
// called, is learned.
type knownOperation struct {
	name       string
	does       string
	properties string // of the JSON Schema
	required   []string
	example    string // arguments that fit the files of the gates
	programs   []string
	writes     bool
	lacks      string // why no tool can be made
}

const unknownOperation = "the operation is not known to this version"

// known returns an operation by name; of an unknown one that it cannot be
// made.
func known(name string) knownOperation {
	switch name {
	case opView:
		return knownOperation{name: name, does: "Numbered lines of one or several places in files, in one call.",
			properties: `"places":{"type":"array","items":{"type":"string"},"description":"each PATH:FIRST-LAST, PATH:LINE or PATH"}`,
			required:   []string{"places"}, example: `{"places":["sample.txt:2-5"]}`}
	case opSearch:
		return knownOperation{name: name, does: "Search files for patterns, with the lines around each hit.",
			properties: `"patterns":{"type":"array","items":{"type":"string"},"description":"for grep; any is a hit"},"path":{"type":"string"},` +
				`"include":{"type":"string","description":"like *.py"},"context":{"type":"integer","description":"lines around, to 50"}`,
			required: []string{"patterns"}, example: `{"patterns":["alpha"],"context":1}`, programs: []string{"grep"}}
	case opDefine:
		return knownOperation{name: name, does: "The definition of a class, function or type by its name.",
			properties: `"name":{"type":"string"},"path":{"type":"string","description":"file or folder"}`,
			required:   []string{"name"}, example: `{"name":"alpha"}`}
	case opList:
		return knownOperation{name: name, does: "Files below a folder, without version control, caches and compiled files.",
			properties: `"path":{"type":"string"},"depth":{"type":"integer","description":"1 to 20, else 2"},"name":{"type":"string","description":"like *.py"}`,
			example:    `{"depth":2}`}
	case opReplace:
		return knownOperation{name: name, does: "Replace a text that stands once in a file, or lines; shows the place.",
			properties: `"path":{"type":"string"},"new":{"type":"string"},"old":{"type":"string"},"lines":{"type":"string","description":"not old: FIRST-LAST, or behind LINE+"}`,
			required:   []string{"path", "new"}, example: `{"path":"sub/inner.py","old":"return 1","new":"return 1"}`, writes: true}
	case opTest:
		return knownOperation{name: name, does: "Run a test file and say how many passed, which failed and why first.",
			lacks: "a test runs with the project's own packages, which the runtime image does not hold"}
	case opSnippet:
		return knownOperation{name: name, does: "Run a short script once and leave no file behind.",
			lacks: "it would run any code that it is given: that is for a person to allow, not for a tool"}
	}
	return knownOperation{name: name, lacks: unknownOperation}
}

// parameters is how many the tool has.
func (k knownOperation) parameters() int {
	var p map[string]json.RawMessage
	if json.Unmarshal([]byte("{"+k.properties+"}"), &p) != nil {
		return 0
	}
	return len(p)
}

// specify makes the specification; folders are where a tool that writes may.
func (k knownOperation) specify(o learn.ToolOpportunity) (learn.ToolSpecification, error) {
	switch {
	case k.lacks != "":
		return learn.ToolSpecification{}, errors.New(k.lacks)
	case k.writes && len(o.Folders) == 0:
		return learn.ToolSpecification{}, errors.New("it writes, and no folder is known that it may write in")
	}
	required, err := json.Marshal(k.required)
	if err != nil || k.required == nil {
		required = []byte("[]")
	}
	name := o.Name
	if !validName(name) {
		name = k.name
	}
	spec := learn.ToolSpecification{Name: name, Description: k.does, Operation: k.name,
		Parameters: json.RawMessage(`{"type":"object","properties":{` + k.properties + `},"required":` + string(required) + `,"additionalProperties":false}`),
		Returns:    json.RawMessage(`{"type":"string","description":"numbered or listed lines; what was cut is said"}`),
		Examples:   slices.Clone(o.Examples[:min(len(o.Examples), 5)]), Evidence: slices.Clone(o.Evidence)}
	if k.writes {
		spec.Folders = slices.Clone(o.Folders)
	}
	return spec, nil
}

// scaffoldOperation writes the tool of a known operation.
func scaffoldOperation(spec learn.ToolSpecification) (learn.ProposedTool, error) {
	k := known(spec.Operation)
	if k.lacks != "" {
		return learn.ProposedTool{}, fmt.Errorf("%w: %s", ErrNotForgeable, k.lacks)
	}
	permissions := learn.Permissions{Filesystem: "read", Paths: []string{"."}, Seconds: toolSeconds, MemoryMB: toolMemoryMB}
	if k.writes {
		permissions = writeIn(spec.Folders...)
	}
	tool := learn.ProposedTool{
		Manifest: learn.ToolManifest{Name: spec.Name, Version: "0.1.0", Description: spec.Description, Parameters: spec.Parameters, Returns: spec.Returns,
			Permissions: permissions, Language: "python", Examples: []learn.ToolExample{{Arguments: json.RawMessage(k.example)}},
			Provenance: learn.Provenance{Method: learn.MethodRules, Evidence: slices.Clone(spec.Evidence)}},
		Files: map[string]string{}, Spec: spec,
	}
	for _, name := range []string{"tool.py", "test_tool.py"} {
		source, err := templates.ReadFile("templates/operations/" + k.name + "/" + name)
		if err != nil {
			return tool, fmt.Errorf("read the template of %s: %w", k.name, err)
		}
		tool.Files[name] = string(source)
		if spec.Name != k.name {
			tool.Files[name] = strings.ReplaceAll(tool.Files[name], k.name, spec.Name)
		}
	}
	tool.Files["README.md"] = operationReadme(spec, tool)
	return Seal(tool)
}

// operationReadme says what the tool is for, how it is called and what agents
// typed in its place.
func operationReadme(spec learn.ToolSpecification, tool learn.ProposedTool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", spec.Name, spec.Description)
	fmt.Fprintf(&b, "    %s\n\n", docText(string(tool.Manifest.Examples[0].Arguments)))
	fmt.Fprintf(&b, "It %s\n", PermissionsInWords(tool.Manifest.Permissions))
	if len(spec.Examples) > 0 {
		b.WriteString("\nRecorded calls that it stands for:\n\n")
		for _, e := range spec.Examples {
			fmt.Fprintf(&b, "    %s\n", docText(clip(e.Command, 160)))
		}
	}
	return b.String()
}
