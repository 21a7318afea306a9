package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// ocode is a process started as ocode's settings say, spoken to as ocode's own
// client speaks.
type ocode struct {
	t     *testing.T
	in    io.WriteCloser
	lines chan string
}

// startOcode runs `lathe connect ocode` and starts what it wrote.
func startOcode(t *testing.T) *ocode {
	t.Helper()
	dir, err := os.MkdirTemp("", "lathe-ocode-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data, home, root := filepath.Join(dir, "d"), filepath.Join(dir, "home"), filepath.Join(dir, "shop")
	for _, d := range []string{home, filepath.Join(root, ".git"), filepath.Join(home, ".ocode")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, ".ocode", "settings.json"), []byte("{\n  \"model\": \"llama3.2:latest\",\n  \"mcp_servers\": {}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_DATA_HOME="+filepath.Join(dir, "share"), "LATHE_HTTP=off")
	connect := exec.Command("lathe", "connect", "ocode", "--yes", "--data", data)
	connect.Env = env
	if out, err := connect.CombinedOutput(); err != nil {
		t.Fatalf("connect: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(home, ".ocode", "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var settings struct {
		Model   string
		Servers map[string]struct {
			Command string
			Args    []string
		} `json:"mcp_servers"`
	}
	if err := json.Unmarshal(raw, &settings); err != nil || settings.Model != "llama3.2:latest" || settings.Servers["lathe"].Command == "" {
		t.Fatalf("%v\n%s", err, raw)
	}
	cmd := exec.Command(settings.Servers["lathe"].Command, settings.Servers["lathe"].Args...)
	cmd.Env, cmd.Dir, cmd.Stderr = env, root, os.Stderr
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
	o := &ocode{t: t, in: in, lines: make(chan string, 16)}
	go func() {
		defer close(o.lines)
		sc := bufio.NewScanner(out)
		sc.Buffer(nil, 16<<20)
		for sc.Scan() {
			o.lines <- sc.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // ends it
		for range o.lines {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("lathe mcp ended with %v", err)
		}
		endDaemon(t, data)
	})
	return o
}

func (o *ocode) send(line string) {
	o.t.Helper()
	if _, err := io.WriteString(o.in, line+"\n"); err != nil {
		o.t.Fatal(err)
	}
}

// answer is the result of a request, notifications passed over.
func (o *ocode) answer(id string) json.RawMessage {
	o.t.Helper()
	for {
		select {
		case line, ok := <-o.lines:
			if !ok {
				o.t.Fatal("the server ended")
			}
			var r struct {
				ID     json.RawMessage
				Result json.RawMessage
				Error  json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				o.t.Fatalf("%q: %v", line, err)
			}
			if string(r.ID) != id {
				continue
			}
			if r.Error != nil {
				o.t.Fatalf("request %s: %s", id, r.Error)
			}
			return r.Result
		case <-time.After(time.Minute):
			o.t.Fatal("nothing came within a minute")
		}
	}
}

// TestOcodeConnects speaks exactly as ocode's client does, through the entry
// that `lathe connect ocode` wrote; its plan comes back as it was.
func TestOcodeConnects(t *testing.T) {
	o := startOcode(t)
	o.send(`{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "0.1.0", "capabilities": {}, "clientInfo": {"name": "ocode", "version": "0.1.0"}}}`)
	var hello struct {
		ProtocolVersion string
		ServerInfo      struct{ Name string }
	}
	if err := json.Unmarshal(o.answer("1"), &hello); err != nil || hello.ProtocolVersion == "" || hello.ServerInfo.Name == "" {
		t.Fatalf("initialize: %+v, %v", hello, err)
	}
	o.send(`{"jsonrpc": "2.0", "method": "initialized", "params": {}}`)
	o.send(`{"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}`)
	if tools := string(o.answer("2")); !strings.Contains(tools, `"refine_plan"`) || !strings.Contains(tools, `"diagnose_failure"`) {
		t.Fatalf("tools/list: %s", tools)
	}
	const plan = `{"tasks": [{"id": "test", "tool_name": "bash", "arguments": {"command": "python3 run_tests.py", "timeout": 60}, "priority": "high"},
		{"id": "lint", "tool_name": "bash", "arguments": {"command": "ruff check ."}, "priority": "background"},
		{"id": "edit", "tool_name": "file_edit", "arguments": {"path": "a.py"}, "priority": "normal"}],
		"dependencies": {"lint": ["test"], "test": ["edit"]}}`
	for _, target := range []string{"", `, "target": "plain"`} {
		o.send(`{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "refine_plan", "arguments": {"plan": ` + strings.Join(strings.Fields(plan), " ") + target + `}}}`)
		var called struct {
			IsError           bool
			StructuredContent struct{ Plan any }
			Content           []struct{ Text string }
		}
		if err := json.Unmarshal(o.answer("3"), &called); err != nil || called.IsError {
			t.Fatalf("refine_plan: %+v, %v", called, err)
		}
		var want any
		if err := json.Unmarshal([]byte(plan), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(called.StructuredContent.Plan, want) {
			t.Errorf("the plan came back as\n%v\nwant\n%v", called.StructuredContent.Plan, want)
		}
	}
	o.send(`{"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "record_outcome", "arguments": {"outcomes": [{"session_id": "oc-1", "call_id": "c1", "tool_name": "bash", "tool_parameters": {"command": "ls"}, "tool_output": {"stdout": "a", "exit_code": 0}, "status": "success"}]}}}`)
	if r := string(o.answer("4")); !strings.Contains(r, `"accepted":1`) {
		t.Errorf("record_outcome: %s", r)
	}
}
