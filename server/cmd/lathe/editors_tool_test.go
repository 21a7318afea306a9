package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"lathe/server/review"
)

// liveSession is an agent's MCP session that is open while a person works in an
// editor.
type liveSession struct {
	t       *testing.T
	client  *client.Client
	changes chan struct{} // one for each tools/list_changed
}

// openLive opens a session over `lathe mcp`, with dir as working directory.
func openLive(t *testing.T, s *mcpSite, dir string) *liveSession {
	t.Helper()
	path, err := exec.LookPath("lathe")
	if err != nil {
		t.Fatal(err)
	}
	l := &liveSession{t: t, changes: make(chan struct{}, 100)}
	l.client = client.NewClient(transport.NewStdioWithOptions(path, nil, []string{"mcp"},
		transport.WithCommandFunc(func(ctx context.Context, command string, _, args []string) (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, command, args...)
			cmd.Env, cmd.Dir = s.env, dir
			return cmd, nil
		})))
	l.client.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == "notifications/tools/list_changed" {
			l.changes <- struct{}{}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		_ = l.client.Close() // the process ends with its input
		cancel()
	})
	if err := l.client.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var req mcp.InitializeRequest
	req.Params.ProtocolVersion = "2025-11-25"
	req.Params.ClientInfo = mcp.Implementation{Name: "live", Version: "1"}
	if _, err := l.client.Initialize(ctx, req); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *liveSession) lists(name string) bool {
	l.t.Helper()
	list, err := l.client.ListTools(l.t.Context(), mcp.ListToolsRequest{})
	if err != nil {
		l.t.Fatal(err)
	}
	return slices.ContainsFunc(list.Tools, func(tool mcp.Tool) bool { return tool.Name == name })
}

// awaitTool waits until the session was told that the list of tools changed and
// the tool is in it.
func (l *liveSession) awaitTool(name string) {
	l.t.Helper()
	late := time.After(sessionPatience)
	for {
		select {
		case <-l.changes:
		case <-late:
			l.t.Fatalf("the session was not told of %s", name)
		}
		if l.lists(name) {
			return
		}
	}
}

func (l *liveSession) call(name, arguments string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), sessionPatience)
	defer cancel()
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = name, json.RawMessage(arguments)
	res, err := l.client.CallTool(ctx, req)
	if err != nil {
		l.t.Fatal(err)
	}
	var text strings.Builder
	for _, part := range res.Content {
		if c, ok := part.(mcp.TextContent); ok {
			text.WriteString(c.Text)
		}
	}
	if res.IsError {
		l.t.Fatalf("%s: %s", name, text.String())
	}
	return text.String()
}

// writeTool writes the tool greet under another name into a folder of the
// workspace root.
func writeTool(t *testing.T, root, name string) (folder string) {
	t.Helper()
	folder = filepath.Join(root, "tools", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"tool.json", "tool.py", "test_tool.py", "README.md"} {
		text, err := os.ReadFile(driver(t, filepath.Join("greet", file)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), []byte(strings.ReplaceAll(string(text), "greet", name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestHeavyEditorsTool: a tool that a person proposed is shown in Neovim at its
// source, and in Emacs with eglot, which has Lathe in JSON, at its manifest. The
// approval given there deploys it: a session that is open all the while is told,
// lists it and calls it.
func TestHeavyEditorsTool(t *testing.T) {
	s := &editorSite{mcpSite: newMCPSite(t)}
	s.forEditors(t)
	s.env = append(slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "LATHE_IMAGES_DIR=") }), "LATHE_IMAGES_DIR="+baseImages(t))
	for _, editor := range []string{"neovim", "emacs"} {
		if _, err := s.run("lathe", "connect", editor, "--yes"); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(s.dir, "a workspace of tools")
	if err := os.MkdirAll(filepath.Join(root, ".ocode"), 0o755); err != nil {
		t.Fatal(err)
	}
	public, err := review.Public(s.data)
	if err != nil {
		t.Fatal(err)
	}
	live := openLive(t, s.mcpSite, root)
	cases := []struct {
		editor, tool, file string
		line               int
		command            []string
	}{
		{"neovim", "greet", "tool.py", 5, neovim(t, "neovim.lua")},
		{"eglot", "hail", "tool.json", 0, emacs(t, "eglot.el")},
	}
	var proposing sync.WaitGroup // beside each other: each waits for many processes
	for _, c := range cases {
		folder := writeTool(t, root, c.tool)
		proposing.Go(func() {
			propose := exec.CommandContext(t.Context(), "lathe", "tool", "propose", folder)
			propose.Dir, propose.Env = root, s.env
			if out, err := propose.CombinedOutput(); err != nil {
				t.Errorf("propose %s: %v\n%s", c.tool, err, out)
			}
		})
	}
	if proposing.Wait(); t.Failed() {
		t.FailNow()
	}
	for _, c := range cases {
		t.Run(c.editor, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			if live.lists(c.tool) {
				t.Fatalf("the session lists %s before anybody approved it", c.tool)
			}
			cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
			cmd.Dir = root
			cmd.Env = append(append(slices.Clone(s.env), s.driverEnv(t, root, filepath.Join(root, "tools", c.tool, c.file))...), "LATHE_TEST_TOOL=yes")
			mine := *s.mcpSite
			mine.t = t
			saw := (&editorSite{mcpSite: &mine}).drive(ctx, cmd)
			saw.check(t, c.line)
			mineLive := *live
			mineLive.t = t
			mineLive.awaitTool(c.tool)
			if got := mineLive.call(c.tool, `{"name":"Ada"}`); !strings.Contains(got, "Hello, Ada!") {
				t.Errorf("%s answered %s", c.tool, got)
			}
			it := (&editorSite{mcpSite: &mine}).inForce(t, func(it review.Item) bool { return it.Tool != nil && it.Tool.Tool.Manifest.Name == c.tool })
			if err := review.Check(public, it.Decisions[0], it.ContentHash); err != nil {
				t.Errorf("the decision: %v", err)
			}
		})
	}
}
