package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"lathe/server"
)

// demoAgent is a real MCP client over a real `lathe mcp` process.
type demoAgent struct {
	client *client.Client
	change chan struct{}
}

// openAgent starts `lathe mcp` in a workspace and initialises the session.
func openAgent(ctx context.Context, cfg server.Config, workspace, project string) (*demoAgent, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	start := func(ctx context.Context, command string, env, args []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, command, args...)
		cmd.Env, cmd.Dir = append(os.Environ(), env...), workspace
		return cmd, nil
	}
	t := transport.NewStdioWithOptions(exe, nil, []string{"mcp", "--data", cfg.DataDir, "--http", "off", "--project", project, "--agent", "demo"},
		transport.WithCommandFunc(start))
	a := &demoAgent{client: client.NewClient(t), change: make(chan struct{}, 1)}
	a.client.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationToolsListChanged {
			select {
			case a.change <- struct{}{}:
			default: // one is waiting to be seen already
			}
		}
	})
	if err := a.client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("start lathe mcp: %w", err)
	}
	var req mcp.InitializeRequest
	req.Params.ProtocolVersion = "2025-11-25"
	req.Params.ClientInfo = mcp.Implementation{Name: "lathe-demo", Version: server.Version}
	if _, err := a.client.Initialize(ctx, req); err != nil {
		return nil, errors.Join(fmt.Errorf("initialize: %w", err), a.close())
	}
	return a, nil
}

func (a *demoAgent) close() error { return a.client.Close() }

func (a *demoAgent) tools(ctx context.Context) ([]string, error) {
	res, err := a.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range res.Tools {
		names = append(names, t.Name)
	}
	return names, nil
}

// expectChange forgets the changes so far.
func (a *demoAgent) expectChange() {
	select {
	case <-a.change:
	default:
	}
}

// changed waits for the next change of the tool list.
func (a *demoAgent) changed(ctx context.Context) bool {
	select {
	case <-a.change:
		return true
	case <-ctx.Done():
		return false
	}
}

// call calls a tool and reads its structured content.
func (a *demoAgent) call(ctx context.Context, name string, arguments, into any) error {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = name, arguments
	res, err := a.client.CallTool(ctx, req)
	if err != nil {
		return err
	}
	if res.IsError {
		var words []string
		for _, c := range res.Content {
			if t, ok := c.(mcp.TextContent); ok {
				words = append(words, t.Text)
			}
		}
		return fmt.Errorf("%s: %s", name, strings.Join(words, " "))
	}
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
