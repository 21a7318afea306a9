package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	library "github.com/mark3labs/mcp-go/server"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// describes is an MCP server that says of everything that it has what the file
// says that it is given.
func describes() {
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	said := strings.TrimSpace(string(raw))
	s := library.NewMCPServer("describes", "1", library.WithToolCapabilities(true), library.WithPromptCapabilities(true), library.WithResourceCapabilities(false, true))
	s.AddTool(mcp.NewTool("pay", mcp.WithDescription("Tool: "+said)), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("paid"), nil
	})
	s.AddPrompt(mcp.NewPrompt("greet", mcp.WithPromptDescription("Prompt: "+said)), func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return mcp.NewGetPromptResult("", nil), nil
	})
	s.AddResource(mcp.NewResource("shop://prices", "prices", mcp.WithResourceDescription("Resource: "+said)), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return nil, nil
	})
	s.AddResourceTemplate(mcp.NewResourceTemplate("shop://item/{id}", "item", mcp.WithTemplateDescription("Template: "+said)), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return nil, nil
	})
	if library.ServeStdio(s) != nil {
		os.Exit(1)
	}
}

// told is how a gateway's server is described, by what is listed.
func told(t *testing.T, c *client.Client) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := map[string]string{}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err == nil && len(tools.Tools) == 1 {
		out["tool"] = tools.Tools[0].Description
	}
	prompts, perr := c.ListPrompts(ctx, mcp.ListPromptsRequest{})
	if perr == nil && len(prompts.Prompts) == 1 {
		out["prompt"] = prompts.Prompts[0].Description
	}
	resources, rerr := c.ListResources(ctx, mcp.ListResourcesRequest{})
	if rerr == nil && len(resources.Resources) == 1 {
		out["resource"] = resources.Resources[0].Description
	}
	templates, terr := c.ListResourceTemplates(ctx, mcp.ListResourceTemplatesRequest{})
	if terr == nil && len(templates.ResourceTemplates) == 1 {
		out["template"] = templates.ResourceTemplates[0].Description
	}
	if err := errors.Join(err, perr, rerr, terr); err != nil {
		t.Fatal(err)
	}
	return out
}

// until waits for what is to happen, as long as that takes.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !happened(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what + ": it did not happen")
		}
	}
}

// TestHeavyChangedDescriptionsWaitForThePerson: a server behind the gateway that
// describes its tools, prompts, resources and templates in other words than at
// first is told of in the first words, in each session, until the reviewer
// approved the new ones, one by one; what was rejected is never told.
func TestHeavyChangedDescriptionsWaitForThePerson(t *testing.T) {
	site := newCrashSite(t)
	dir := t.TempDir()
	said, config := filepath.Join(dir, "said"), filepath.Join(dir, "gateway.json")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config, fmt.Sprintf(`{"mcpServers": {"shop": {"command": "describes", "args": [%q]}}}`, said))
	write(said, "pays a bill")
	if err := os.MkdirAll(site.data, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := review.Create(site.data, passphraseOfTests)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *client.Client {
		cmd := site.command("gateway", "--config", config)
		c := client.NewClient(transport.NewStdio("lathe", cmd.Env, cmd.Args[1:]...))
		if err := c.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // the program's exit code after its input ended
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var req mcp.InitializeRequest
		req.Params.ProtocolVersion = mcp.ProtocolVersion20251125
		req.Params.ClientInfo = mcp.Implementation{Name: "agent", Version: "1"}
		if _, err := c.Initialize(ctx, req); err != nil {
			t.Fatal(err)
		}
		return c
	}
	all := func(words string) map[string]string {
		return map[string]string{"tool": "Tool: " + words, "prompt": "Prompt: " + words, "resource": "Resource: " + words, "template": "Template: " + words}
	}
	first := open()
	if got := told(t, first); !maps.Equal(got, all("pays a bill")) {
		t.Fatalf("at first: %v", got)
	}
	_ = first.Close()

	write(said, "pays a bill exactly once")
	agent := open()
	list := func(args ...string) string {
		out, err := site.command(args...).Output()
		if err != nil {
			t.Fatalf("lathe %v: %v", args, err)
		}
		return string(out)
	}
	var waiting []review.Item
	until(t, "four descriptions in the review queue", func() bool {
		if err := json.Unmarshal([]byte(list("review", "list", "--json")), &waiting); err != nil {
			t.Fatal(err)
		}
		return len(waiting) == 4
	})
	if got := told(t, agent); !maps.Equal(got, all("pays a bill")) {
		t.Errorf("before the person decided: %v", got)
	}
	pins := list("gateway", "pins", "--config", config)
	want := all("pays a bill")
	for _, it := range waiting {
		kind := it.Description.Kind
		if kind == "" {
			kind = "tool"
		}
		if shown := list("review", "show", it.ID); !strings.Contains(shown, "pays a bill exactly once") || !strings.Contains(pins, it.ID[:8]) {
			t.Errorf("%s is shown as\n%s\n%s", kind, shown, pins)
		}
		verdict := learn.VerdictApprove
		if kind == "prompt" {
			verdict = learn.VerdictReject
		} else {
			want[kind] += " exactly once"
		}
		var out server.Decided
		if err := site.client.Call(t.Context(), http.MethodPost, "/v1/decisions", key.Decide(it.ID, it.ContentHash, verdict, "read", time.Now()), &out); err != nil {
			t.Fatal(err)
		}
		until(t, "the open session is told of the "+kind, func() bool { return maps.Equal(told(t, agent), want) })
	}
	if got := list("review", "list", "--json"); strings.TrimSpace(got) != "[]" {
		t.Errorf("still in review: %s", got)
	}
	if got := told(t, open()); !maps.Equal(got, want) {
		t.Errorf("in the next session: %v", got)
	}
}
