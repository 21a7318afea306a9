package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/fixtures"
	"lathe/server"
	"lathe/server/review"
)

// TestHeavyNeovim drives a real editor against a real daemon: what the recorded
// sessions taught becomes a diagnostic on a plan's step, and a rejection in the
// editor reaches the review queue.
func TestHeavyNeovim(t *testing.T) {
	nvim, err := exec.LookPath("nvim")
	if err != nil {
		t.Fatal("Neovim is missing: apt-get install neovim (lathe setup --dev does it)")
	}
	dir, err := os.MkdirTemp("", "lathe-nvim-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	lathe := filepath.Join(dir, "lathe")
	if out, err := exec.Command("go", "build", "-o", lathe, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	data, root := filepath.Join(dir, "data"), filepath.Join(dir, "workspace")
	plan := workspace(t, root)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config")) // the daemon's, too
	importFixtures(t, lathe, data, dir)
	saw := edit(t, nvim, lathe, data, root, plan)
	if len(saw.Errors) > 0 || saw.Before == 0 || saw.After != saw.Before-1 || saw.RejectError != "" {
		t.Fatalf("the editor saw %+v", saw)
	}
	if saw.Line != 3 || saw.Severity != 3 {
		t.Errorf("the diagnostic is on line %d with severity %d, want the step's line 3 and information (3)", saw.Line, saw.Severity)
	}
	if titles := strings.Join(saw.Actions, "\n"); !strings.Contains(titles, "eject") || !strings.Contains(titles, "vidence") || strings.Contains(titles, "approve (") {
		t.Errorf("actions: %q", saw.Actions)
	}
	rejected := 0
	for _, it := range queue(t, data) {
		if it.State == "rejected" {
			rejected++
		}
	}
	if rejected != 1 {
		t.Errorf("%d rejected proposals in the queue, want 1", rejected)
	}
}

type editorSaw struct {
	Errors, Messages, Actions []string
	Before, After             int
	Line, Severity            int
	Message                   string
	RejectError               string `json:"reject_error"`
}

// workspace writes a project with a plan whose step fails in the recordings.
func workspace(t *testing.T, root string) (plan string) {
	t.Helper()
	demo, err := fixtures.ReadDemo()
	if err != nil {
		t.Fatal(err)
	}
	ev := demo.Failures[0].Event
	arguments, err := json.Marshal(map[string]string{"command": ev.Command()})
	if err != nil {
		t.Fatal(err)
	}
	plan = filepath.Join(root, ".ocode", "plans", "build.json")
	for path, content := range map[string]string{
		filepath.Join(filepath.Dir(root), "config", "lathe", "config.toml"): "[projects]\n\"" + root + "\" = \"" + ev.ProjectID + "\"\n",
		plan: "{\n  \"name\": \"build\",\n  \"tasks\": [\n    {\"id\": \"test\", \"tool_name\": \"bash\", \"arguments\": " + string(arguments) +
			"}\n  ],\n  \"dependencies\": {}\n}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return plan
}

func importFixtures(t *testing.T, lathe, data, dir string) {
	t.Helper()
	recordings := filepath.Join(dir, "recordings")
	if err := os.CopyFS(recordings, onlyJSONL{fixtures.Recordings()}); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(lathe, "--data", data, "--http", "off", "import", "events", recordings).CombinedOutput(); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(lathe, "--data", data, "stop").CombinedOutput(); err != nil {
			t.Errorf("stop: %v\n%s", err, out)
		}
	})
	c := server.NewClient(server.Config{DataDir: data})
	if err := c.Call(t.Context(), http.MethodPost, "/v1/settle", struct{}{}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, nvim, lathe, data, root, plan string) editorSaw {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "editor.lua"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, nvim, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-S", script)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+home, "XDG_CACHE_HOME="+home, "LATHE_TEST_FILE="+plan, "LATHE_TEST_ROOT="+root,
		"LATHE_TEST_LSP="+lathe+" lsp --data "+data+" --http off")
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Run(); err != nil {
		t.Fatalf("nvim: %v\n%s", err, printed.String())
	}
	text := printed.String()
	var saw editorSaw
	if at := strings.LastIndex(text, `{"`); at < 0 || json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &saw) != nil {
		t.Fatalf("nvim printed %q", text)
	}
	return saw
}

func queue(t *testing.T, data string) []review.Item {
	t.Helper()
	var items []review.Item
	if err := server.NewClient(server.Config{DataDir: data}).Call(t.Context(), http.MethodGet, "/v1/reviews", nil, &items); err != nil {
		t.Fatal(err)
	}
	return items
}
