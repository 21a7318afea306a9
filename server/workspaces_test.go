package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"lathe/learn"
)

// TestCodeOfAWorkspace: the first question begins the reading and says so, a
// later one is answered; another project's folder, one that is no workspace,
// and one that is not here are not read; the snapshot stays.
func TestCodeOfAWorkspace(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data, root := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"go.mod": "module m\n", "a.go": "package a\n\nfunc One() {}\n\nfunc two() { One() }\n", ".lathe/x": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := newCodeGraphs(data, slog.New(slog.DiscardHandler))
	project := WorkspaceProject(root)
	q := learn.CodeQuery{Places: []learn.CodePlace{{File: "a.go", Line: 3}}}
	if got := c.CodeContext(t.Context(), project, root, q); got.State == learn.CodeAbsent {
		t.Fatalf("%+v", got)
	}
	<-c.workspace(root).ready
	for _, folder := range []string{root, ""} { // the project is remembered
		got := c.CodeContext(t.Context(), project, folder, q)
		if got.State != learn.CodeReady || len(got.Touched) != 1 || got.Touched[0].Name != "One" || len(got.Touched[0].Callers) != 1 {
			t.Errorf("%q: %+v", folder, got)
		}
	}
	for what, ask := range map[string][2]string{"another project": {"other", root}, "no workspace": {"", t.TempDir()}, "not here": {"", "/nowhere/at/all"},
		"relative": {"", "a/b"}, "the disk": {"", "/"}, "unknown": {"never seen", ""}} {
		if got := c.CodeContext(t.Context(), ask[0], ask[1], q); got.State != learn.CodeAbsent || got.Why == "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	for range maxWorkspaces + 1 {
		c.workspace(t.TempDir())
	}
	c.mu.Lock()
	if len(c.open) > maxWorkspaces || c.open[root] != nil {
		t.Errorf("%d workspaces are open", len(c.open))
	}
	c.mu.Unlock()
	c.close()
	if _, err := os.Stat(filepath.Join(data, ProjectID(root))); err != nil {
		t.Errorf("no snapshot: %v", err)
	}
	if w := c.workspace(root); w.err == nil {
		t.Error("a graph was begun after the end")
	}
}
