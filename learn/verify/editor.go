package verify

import (
	"encoding/json"

	"lathe/learn"
)

// editorDiagnostics is the tool under whose name Lathe records what an editor's
// language servers say of a file before and after an agent's edit.
const editorDiagnostics = "editor_diagnostics"

// readEditor reads such a record. Only Lathe itself writes them; what an agent
// reports under the name is read as any tool's output.
func readEditor(ev *learn.ActionOutcome) []learn.Verification {
	var v struct {
		Source       string `json:"source"`
		ErrorsBefore int    `json:"errors_before"`
		ErrorsAfter  int    `json:"errors_after"`
	}
	if json.Unmarshal(ev.ToolParameters, &v) != nil || v.ErrorsAfter < 0 || v.ErrorsBefore < 0 {
		return nil
	}
	tool := v.Source
	if tool == "" {
		tool = "editor"
	}
	out := learn.Verification{Kind: learn.VerifyTypecheck, Tool: tool, OK: v.ErrorsAfter == 0, Errors: v.ErrorsAfter}
	if out.OK {
		out.Passed = 1 // one file without errors
	}
	return []learn.Verification{out}
}
