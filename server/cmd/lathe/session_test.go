package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rogpeppe/go-internal/testscript"
)

// sessionPatience is how long a call in a session may take: the first one of a
// tool checks its image and the sandbox.
const sessionPatience = 3 * time.Minute

type sessionKey struct{}

// openSession DIR: an MCP client over `lathe mcp` with DIR as working directory,
// open until the script ends.
func openSession(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: session DIR")
	}
	path, err := exec.LookPath("lathe")
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	var env []string
	for _, name := range []string{"LATHE_DATA_DIR", "LATHE_HTTP", "LATHE_IMAGES_DIR", "HOME", "XDG_CONFIG_HOME", "PATH"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	c := client.NewClient(transport.NewStdioWithOptions(path, nil, []string{"mcp"},
		transport.WithCommandFunc(func(ctx context.Context, command string, _, args []string) (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, command, args...)
			cmd.Env, cmd.Dir = env, dir
			return cmd, nil
		})))
	ctx, cancel := context.WithCancel(context.Background())
	ts.Defer(func() {
		_ = c.Close() // the process ends with its input
		cancel()
	})
	ts.Check(c.Start(ctx))
	var req mcp.InitializeRequest
	req.Params.ProtocolVersion = "2025-11-25"
	req.Params.ClientInfo = mcp.Implementation{Name: "script", Version: "1"}
	_, err = c.Initialize(ctx, req)
	ts.Check(err)
	ts.Value(sessionKey{}).(*session).client = c
}

// session is what a script's commands share.
type session struct{ client *client.Client }

// ask TOOL ARGUMENTS-JSON FILE: a call in the open session; its text goes to
// FILE. With ! the answer must be an error.
func askTool(ts *testscript.TestScript, neg bool, args []string) {
	c := ts.Value(sessionKey{}).(*session).client
	if len(args) != 3 || c == nil {
		ts.Fatalf("usage: ask TOOL ARGUMENTS-JSON FILE, behind: session DIR")
	}
	ctx, cancel := context.WithTimeout(context.Background(), sessionPatience)
	defer cancel()
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = args[0], json.RawMessage(args[1])
	res, err := c.CallTool(ctx, req)
	ts.Check(err)
	var text strings.Builder
	for _, part := range res.Content {
		if t, ok := part.(mcp.TextContent); ok {
			text.WriteString(t.Text)
		}
	}
	if res.IsError != neg {
		ts.Fatalf("%s answered (error: %v) %s", args[0], res.IsError, text.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text.String()), 0o644))
}

// bar MEASURES COUNT: in what `lathe tool measures --json` printed, at least COUNT
// tools are active, tested, agree with the original command, save more context
// than their place in the list costs, and are listed in the open session with
// no more tokens than was reckoned.
func bar(ts *testscript.TestScript, neg bool, args []string) {
	c := ts.Value(sessionKey{}).(*session).client
	if len(args) != 2 || neg || c == nil {
		ts.Fatalf("usage: bar MEASURES COUNT, behind: session DIR")
	}
	ctx, cancel := context.WithTimeout(context.Background(), sessionPatience)
	defer cancel()
	list, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	ts.Check(err)
	listed := map[string]int64{}
	for _, t := range list.Tools {
		entry, err := json.Marshal(map[string]any{"name": t.Name, "description": t.Description, "parameters": json.RawMessage(t.RawInputSchema)})
		if t.RawInputSchema == nil {
			entry, err = json.Marshal(map[string]any{"name": t.Name, "description": t.Description, "parameters": t.InputSchema})
		}
		ts.Check(err)
		listed[t.Name] = int64(len(entry)+3) / 4
	}
	var rows []Measured
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &rows))
	passed := 0
	for _, m := range rows {
		s := m.Savings
		switch {
		case m.State != "active" || m.Tests == 0 || m.Agreements == 0 || m.Coverage < 0.8 || m.Mutants == 0 || 10*m.Noticed < 7*m.Mutants:
			ts.Logf("%s: not shown to be right: %+v", m.Name, m)
		case s.Calls <= 0 || s.Net <= 0 || s.ReadNet <= 0:
			ts.Logf("%s: saves less than it costs: %d and %d tokens", m.Name, s.Net, s.ReadNet)
		case listed[m.Name] == 0 || listed[m.Name] > s.ListTokens:
			ts.Logf("%s: its entry takes %d tokens, %d were reckoned", m.Name, listed[m.Name], s.ListTokens)
		default:
			passed++
		}
	}
	if want := args[1]; len(want) != 1 || passed < int(want[0]-'0') {
		ts.Fatalf("%d tools pass, want %s", passed, want)
	}
}
