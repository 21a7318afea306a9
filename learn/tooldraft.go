package learn

import "encoding/json"

// ToolAsk is what a writer of tools is asked: a specification, and from the
// second round on what became of the former draft.
type ToolAsk struct {
	Spec ToolSpecification
	// Former is the draft before this one, and Problems what is wrong with it:
	// findings and failing tests, or a reviewer's question.
	Former   *ToolDraft
	Problems []string
	// Question is set when Problems came from a reviewer: the draft may then be
	// fine as it is.
	Question bool
	// Language is what it is to be written in: python when empty, or shell.
	Language string
}

// ToolDraft is a tool as it was written: its permissions are not the writer's
// to choose.
type ToolDraft struct {
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema of an object
	Returns     json.RawMessage `json:"returns"`    // JSON Schema
	Example     json.RawMessage `json:"example"`    // arguments of one call
	Source      string          `json:"source"`     // tool.py or tool.sh
	Tests       string          `json:"tests"`      // test_tool.py
	Readme      string          `json:"readme"`
	// Unchanged says that a reviewer's question asks for no change.
	Unchanged bool `json:"unchanged,omitempty"`
}
