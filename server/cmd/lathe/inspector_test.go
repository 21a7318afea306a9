package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/server"
)

// mcpSite is a data directory with a daemon that a person's settings start.
type mcpSite struct {
	t    *testing.T
	dir  string
	data string
	env  []string
}

func newMCPSite(t *testing.T) *mcpSite {
	t.Helper()
	dir, err := os.MkdirTemp("", "lathe-mcp-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &mcpSite{t: t, dir: dir, data: filepath.Join(dir, "d")}
	s.env = append(os.Environ(), "LATHE_DATA_DIR="+s.data, "LATHE_HTTP=127.0.0.1:0", "LATHE_IMAGES_DIR=", "LATHE_PROJECT=shop",
		"HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
	t.Cleanup(func() {
		endDaemon(t, s.data)
		_ = os.RemoveAll(dir)
	})
	return s
}

func (s *mcpSite) run(name string, args ...string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s", err, errs.String())
	}
	return out.String(), nil
}

// TestHeavyInspector drives the real program with the protocol's own inspector:
// over stdio and HTTP, in both eras.
func TestHeavyInspector(t *testing.T) {
	folder, node := nodeClients(t)
	inspector := filepath.Join(folder, "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
	s := newMCPSite(t)
	token, err := s.run("lathe", "token", "agent")
	if err != nil {
		t.Fatal(err)
	}
	address, err := os.ReadFile(filepath.Join(s.data, "http.addr"))
	if err != nil {
		t.Fatal(err)
	}
	lathe, err := exec.LookPath("lathe")
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []struct{ name, target, header string }{
		{"stdio", lathe + " mcp", ""},
		{"http", "http://" + strings.TrimSpace(string(address)) + "/mcp", "Authorization: Bearer " + strings.TrimSpace(token)},
	} {
		for _, era := range []string{"legacy", "modern"} {
			t.Run(transport.name+" "+era, func(t *testing.T) {
				for _, c := range []struct {
					args []string
					want string
				}{
					{[]string{"--method", "tools/list", "--strict"}, `"diagnose_failure"`},
					{[]string{"--method", "tools/call", "--tool-name", "search_log", "--tool-arg", "query=pytest"}, `"structuredContent"`},
					{[]string{"--method", "resources/read", "--uri", "lathe://kpi"}, `tool_list`},
					{[]string{"--method", "resources/templates/list"}, `lathe://strategy/{id}`},
					{[]string{"--method", "prompts/get", "--prompt-name", "plan_with_experience", "--prompt-args", "task=release"}, `release`},
				} {
					args := []string{inspector, "--cli"}
					if transport.header != "" {
						args = append(args, "--header", transport.header, "--server-url", transport.target, "--transport", "http")
					} else {
						args = append(args, strings.Fields(transport.target)...)
					}
					args = append(append(args, "--protocol-era", era, "--quiet"), c.args...)
					out, err := s.run(node, args...)
					if err != nil || !strings.Contains(out, c.want) {
						t.Errorf("%v: %v; without %s: %.500s", c.args, err, c.want, out)
					}
				}
			})
		}
	}
}

// TestOcodesClient speaks as ocode's own client does: another protocol version,
// a notification of another name, a message a line.
func TestOcodesClient(t *testing.T) {
	s := newMCPSite(t)
	cmd := exec.CommandContext(t.Context(), "lathe", "mcp", "--agent", "ocode")
	cmd.Dir, cmd.Env = s.dir, s.env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	ask := func(line string) (answer struct {
		ID     int
		Result json.RawMessage
		Error  json.RawMessage
	}) {
		t.Helper()
		if _, err := fmt.Fprintln(in, line); err != nil {
			t.Fatal(err)
		}
		text, err := lines.ReadString('\n')
		if err == nil {
			err = json.Unmarshal([]byte(text), &answer)
		}
		if err != nil || answer.Error != nil {
			t.Fatalf("%s: %v %s", line, err, text)
		}
		return answer
	}
	begun := ask(`{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "0.1.0", "capabilities": {"tools": {}, "resources": {}, "prompts": {}}, "clientInfo": {"name": "ocode", "version": "0.1.0"}}}`)
	var hello struct{ ProtocolVersion string }
	if err := json.Unmarshal(begun.Result, &hello); err != nil || hello.ProtocolVersion < "2024-11-05" {
		t.Errorf("it answers with revision %q: %v", hello.ProtocolVersion, err)
	}
	if _, err := fmt.Fprintln(in, `{"jsonrpc": "2.0", "method": "initialized", "params": {}}`); err != nil {
		t.Fatal(err)
	}
	listed := ask(`{"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}`)
	if listed.ID != 2 || !bytes.Contains(listed.Result, []byte(`"record_outcome"`)) {
		t.Errorf("tools/list: %d %.200s", listed.ID, listed.Result)
	}
	for i, c := range []struct{ call, want string }{
		{`{"name": "record_outcome", "arguments": {"outcomes": [{"call_id": "c1", "tool_name": "bash", "tool_parameters": {"command": "pytest"}, "status": "failure", "error_details": null}]}}`, `"accepted":1`},
		{`{"name": "recall", "arguments": {"prompt": "fix the tests", "plan": null}}`, `"strategies"`},
	} {
		got := ask(fmt.Sprintf(`{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": %s}`, 3+i, c.call))
		if !bytes.Contains(got.Result, []byte(c.want)) {
			t.Errorf("%s: %.300s", c.call, got.Result)
		}
	}
	for i, c := range []struct{ method, params, want string }{
		{"resources/list", `{}`, "lathe://kpi"}, {"resources/read", `{"uri": "lathe://kpi"}`, "tool_list"}, {"prompts/list", `{}`, "plan_with_experience"},
	} {
		got := ask(fmt.Sprintf(`{"jsonrpc": "2.0", "id": %d, "method": %q, "params": %s}`, 10+i, c.method, c.params))
		if !bytes.Contains(got.Result, []byte(c.want)) {
			t.Errorf("%s: %.300s", c.method, got.Result)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	var found struct {
		Hits []struct {
			Project string `json:"project_id"`
			Tool    string `json:"tool_name"`
		}
	}
	client := server.NewClient(server.Config{DataDir: s.data})
	if err := client.Call(t.Context(), http.MethodPost, "/v1/settle", struct{}{}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
	query := map[string]any{"status": learn.StatusFailure}
	if err := client.Call(t.Context(), http.MethodPost, "/v1/log", query, &found); err != nil || len(found.Hits) != 1 || found.Hits[0].Project != "shop" {
		t.Errorf("recorded: %v %+v", err, found)
	}
}
