package server_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"lathe/learn"
	"lathe/server"
)

// TestForeignCodeGraphIsPartOfDiagnosis: a code graph that an MCP server keeps
// tells a diagnosis of its own project what the failure touches, and no other
// project anything.
func TestForeignCodeGraphIsPartOfDiagnosis(t *testing.T) {
	price := learn.CodeEntity{ID: "shop/price.py#total", Kind: learn.CodeFunction, Name: "total", File: "shop/price.py", Line: 3, EndLine: 9}
	caller := learn.CodeEntity{ID: "shop/cart.py#checkout", Kind: learn.CodeFunction, Name: "checkout", File: "shop/cart.py", Line: 1, EndLine: 20}
	code := mcpserver.NewMCPServer("code", "1")
	for tool, answer := range map[string]any{
		"where":         []learn.CodeEntity{price},
		"callers":       []learn.CodeCall{{Caller: caller, Callee: price, File: "shop/cart.py", Line: 7}},
		"neighbourhood": learn.CodeNeighbourhood{Entities: []learn.CodeEntity{price}},
	} {
		raw, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		code.AddTool(mcp.NewTool(tool), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(string(raw)), nil
		})
	}
	web := httptest.NewServer(mcpserver.NewStreamableHTTPServer(code))
	t.Cleanup(web.Close)
	s := newSite(t)
	s.cfg.CodeGraph = server.CodeGraphConfig{Project: "ours", URL: web.URL + "/mcp", Definition: "where"}
	s.start()
	failure := map[string]any{"tool_name": "bash", "tool_parameters": map[string]any{"command": "python3 run.py"},
		"tool_output": map[string]any{"exit_code": 1, "stderr": "Traceback (most recent call last):\n  File \"shop/price.py\", line 5, in total\n    return a / b\nZeroDivisionError: division by zero\n"}}
	for project, told := range map[string]bool{"ours": true, "theirs": false} {
		text, failed := s.agent(project, "", "session-"+project).call("diagnose_failure", failure)
		var report learn.FailureAnalysisReport
		if err := json.Unmarshal([]byte(text), &report); failed || err != nil {
			t.Fatalf("%s: %s (%v)", project, text, err)
		}
		if told != strings.Contains(text, "shop/cart.py#checkout") || report.Code == nil || (report.Code.State == learn.CodeReady) != told {
			t.Errorf("%s is told: %+v", project, report.Code)
		}
	}
	web.Close()
	text, failed := s.agent("ours", "", "session-2").call("diagnose_failure", failure)
	if failed || !strings.Contains(text, string(learn.CodeAbsent)) {
		t.Errorf("without its server the diagnosis is: %s", text)
	}
}

func TestForeignCodeGraphSettings(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("XDG_DATA_HOME", home)
	for text, want := range map[string]string{
		"[code_graph]\nproject = \"p\"\ncommand = \"code-graph --stdio\"\ntimeout = \"2s\"\ncallers = \"who_calls\"\n": "",
		"[code_graph]\nurl = \"http://example.org/mcp\"\n":                                                             "code_graph.url",
		"[code_graph]\ntimeout = \"5h\"\n":                                                                             "code_graph.timeout",
		"[code_graph]\nspeed = 3\n":                                                                                    "no setting",
	} {
		writeFile(t, filepath.Join(home, "lathe", "config.toml"), text)
		c, _, err := server.LoadConfig("", nil)
		switch {
		case want == "" && (err != nil || c.CodeGraph.Command != "code-graph --stdio" || c.CodeGraph.Callers != "who_calls"):
			t.Errorf("%q: %+v, %v", text, c.CodeGraph, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	work := t.TempDir()
	writeFile(t, filepath.Join(home, "lathe", "config.toml"), "")
	writeFile(t, filepath.Join(work, ".lathe", "config.toml"), "[code_graph]\ncommand = \"touch /tmp/x\"\n")
	if _, _, err := server.LoadConfig(work, nil); err == nil || !strings.Contains(err.Error(), "cannot be set by a workspace") {
		t.Errorf("a checkout names a program: %v", err)
	}
	s := newSite(t)
	s.cfg.CodeGraph = server.CodeGraphConfig{Command: "code-graph"}
	if d, err := server.Open(t.Context(), s.cfg, nil); err == nil || !strings.Contains(err.Error(), "code_graph.project") {
		t.Errorf("a code graph of no project was taken: %v, %v", d, err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
