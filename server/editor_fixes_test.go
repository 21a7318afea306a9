package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/lsp"
)

// experienced is a daemon that saw an error and what fixed it, in as many
// sessions, and the problem that a language server would make of it.
func experienced(t testing.TB, sessions int) (*Daemon, lsp.Problem) {
	t.Helper()
	a, root := newAlone(t, defaultAutonomy()), t.TempDir()
	var recs []learn.Record
	for i := range sessions {
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
				ToolParameters: raw, ToolOutput: learn.ToolOutput{Stdout: call.output, ExitCode: &call.code}, Timestamp: time.Now().Add(-time.Duration(i+1)*time.Hour + time.Duration(k)*time.Minute)}})
		}
	}
	if _, err := a.d.accept(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	if err := a.d.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a.d, lsp.Problem{Root: root, Path: root + "/serve.py", Line: 1, Source: "pyright", Message: `Import "yaml" could not be resolved`}
}

// TestWhatFixedAProblemBeforeIsOffered: what a language server says of a file
// finds what fixed the same error when a program printed it in this project.
func TestWhatFixedAProblemBeforeIsOffered(t *testing.T) {
	d, problem := experienced(t, 10)
	fixes := newExperience(d).Fixes(t.Context(), problem)
	if len(fixes) == 0 || !strings.Contains(fixes[0].Command, "pip install pyyaml") {
		t.Errorf("offered: %+v", fixes)
	}
}

// BenchmarkFixes is the first question about a problem, before its answer is
// remembered: in a project that met the error 5,000 times, and of an error that
// nobody met.
//
//	go test ./server -run '^$' -bench Fixes
func BenchmarkFixes(b *testing.B) {
	d, problem := experienced(b, 5000)
	x, unmet := newExperience(d), problem
	unmet.Message = `Import "nowhere" could not be resolved`
	for name, p := range map[string]lsp.Problem{"met": problem, "unmet": unmet} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				x.Fixes(b.Context(), p)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			for name, at := range map[string]int{"p50-ms": len(took) / 2, "p95-ms": len(took) * 95 / 100} {
				b.ReportMetric(float64(took[at].Microseconds())/1e3, name)
			}
		})
	}
}
