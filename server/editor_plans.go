package server

import (
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"lathe/learn/refine"
	"lathe/lsp"
)

// editorPlans knows the language of plan templates, for editors.
type editorPlans struct {
	d *Daemon
	x *experience
}

var _ lsp.Plans = editorPlans{}

// Check implements lsp.Plans with the parser that refinement uses.
func (editorPlans) Check(file string, text []byte) []lsp.Fault {
	_, err := refine.Parse(filepath.Base(file), text)
	var problems refine.Problems
	if !errors.As(err, &problems) {
		return nil
	}
	var out []lsp.Fault
	for _, p := range problems {
		out = append(out, lsp.Fault{Line: p.Line, Column: p.Column, What: p.What})
	}
	return out
}

// Schema implements lsp.Plans.
func (editorPlans) Schema() []byte { return refine.Schema() }

// Tools implements lsp.Plans: generated tools, and those that worked in the
// project.
func (p editorPlans) Tools(root string) []lsp.PlanTool {
	found := map[string]lsp.PlanTool{}
	for _, name := range p.d.learners.plans.Tools(p.x.project(root, false)) {
		t := lsp.PlanTool{Name: name, Detail: "used in this project"}
		if intentOf(name, json.RawMessage(`{"command":"true"}`)) != intentOf(name, json.RawMessage(`{}`)) {
			t.Arguments = []string{"command"} // a shell
		}
		found[name] = t
	}
	for _, m := range p.d.forge.active() {
		var schema struct {
			Properties map[string]json.RawMessage `json:"properties"`
		}
		_ = json.Unmarshal(m.Parameters, &schema) // one that is not readable names nothing
		found[m.Name] = lsp.PlanTool{Name: m.Name, Detail: m.Description, Arguments: slices.Sorted(maps.Keys(schema.Properties))}
	}
	var out []lsp.PlanTool
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

// Values implements lsp.Plans.
func (p editorPlans) Values(_, member string) []string {
	switch member {
	case "tasks/*/preconditions/*/kind":
		return []string{"file_exists", "module_importable", "program_available", "port_open"}
	case "tasks/*/retry/patterns/*":
		var out []string
		for _, pattern := range p.d.learners.reader.signatures.Patterns() {
			if pattern.Transient {
				out = append(out, pattern.ID)
			}
		}
		return out
	}
	return nil
}
