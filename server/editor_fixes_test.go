package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/lsp"
)

// TestWhatFixedAProblemBeforeIsOffered: what a language server says of a file
// finds what fixed the same error when a program printed it in this project.
func TestWhatFixedAProblemBeforeIsOffered(t *testing.T) {
	a := newAlone(t, defaultAutonomy())
	root := t.TempDir()
	var recs []learn.Record
	for i := range 10 {
		for k, call := range []struct {
			command, output string
			code            int
		}{
			{"python3 serve.py", "Traceback (most recent call last):\n  File \"serve.py\", line 1, in <module>\n    import yaml\nModuleNotFoundError: No module named 'yaml'", 1},
			{"pip install pyyaml", "Successfully installed pyyaml-6.0", 0},
			{"python3 serve.py", "serving", 0},
		} {
			raw, err := json.Marshal(map[string]string{"command": call.command})
			if err != nil {
				t.Fatal(err)
			}
			recs = append(recs, learn.Record{Action: &learn.ActionOutcome{ProjectID: WorkspaceProject(root), SessionID: fmt.Sprint("past-", i), CallID: fmt.Sprint(k), ToolName: "bash",
				ToolParameters: raw, ToolOutput: learn.ToolOutput{Stdout: call.output, ExitCode: &call.code}, Timestamp: time.Now().Add(-time.Duration(24*(i+1))*time.Hour + time.Duration(k)*time.Minute)}})
		}
	}
	if _, err := a.d.accept(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	if err := a.d.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	fixes := newExperience(a.d).Fixes(t.Context(), lsp.Problem{Root: root, Path: root + "/serve.py", Line: 1, Source: "pyright", Message: `Import "yaml" could not be resolved`})
	if len(fixes) == 0 || !strings.Contains(fixes[0].Command, "pip install pyyaml") {
		t.Errorf("offered: %+v", fixes)
	}
}
