package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/server"
)

// TestHeavyEditorsFix: where another server sees a problem, Neovim is offered
// what fixed it in this project; once that was taken, a person's word on it,
// that it worked and then that it did not, is in the log.
func TestHeavyEditorsFix(t *testing.T) {
	s := newEditorSite(t)
	root, _ := s.workspace("fixes")
	file := filepath.Join(root, "test_stock.py")
	if err := os.WriteFile(file, []byte("import shop\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	past := filepath.Join(t.TempDir(), "past.jsonl") // what works elsewhere is not offered here
	if err := os.WriteFile(past, pastFailures(t, server.WorkspaceProject(root)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.run("lathe", "import", "events", past); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	command := neovim(t, "fix.lua")
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = root, append(slices.Clone(s.env), s.driverEnv(t, root, file)...)
	saw := s.drive(ctx, cmd)
	want := []string{"lathe.fix", "lathe.fixWorked", "lathe.fixDidNotWork"}
	if !slices.Equal(saw.Taken, want) {
		t.Fatalf("taken: %q of %q", saw.Taken, saw.Offered)
	}
	endDaemon(t, s.data)
	l, err := eventlog.Open(t.Context(), eventlog.Options{Dir: filepath.Join(s.data, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var words []learn.Outcome
	var did []string
	if err := l.ReadEvents(t.Context(), 0, func(_ uint64, recs []learn.Record) error {
		for _, rec := range recs {
			if r := rec.Task; r != nil && r.Phase == learn.TaskFeedback && r.RemedyID != "" && r.AgentID == "person" {
				words = append(words, r.Outcome)
			}
			var p struct{ Action string }
			if ev := rec.Action; ev != nil && ev.ToolName == "editor_command" && ev.Status == learn.StatusSuccess && json.Unmarshal(ev.ToolParameters, &p) == nil {
				did = append(did, p.Action)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(words, []learn.Outcome{learn.OutcomeSuccess, learn.OutcomeFailure}) {
		t.Errorf("a person's words in the log: %q", words)
	}
	if !slices.Equal(did, want) {
		t.Errorf("recorded of the editor: %q", did)
	}
}
