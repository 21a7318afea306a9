package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.uber.org/goleak"

	"lathe/learn"
)

// serverKind makes the test binary one of the servers below.
const serverKind = "GATEWAY_TEST_SERVER"

// patience bounds waits for what must happen; it is no measure.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	switch os.Getenv(serverKind) {
	case "":
		goleak.VerifyTestMain(m)
	case "library":
		if err := server.ServeStdio(libraryServer()); err != nil {
			os.Exit(1)
		}
	case "code":
		if err := server.ServeStdio(codeServer()); err != nil {
			os.Exit(1)
		}
	case "broken":
		brokenServer(os.Stdin, os.Stdout)
	case "raw":
		rawServer(os.Stdin, os.Stdout)
	case "others":
		othersServer(os.Stdin, os.Stdout)
	case "hand":
		handServer(false, os.Stdin, os.Stdout)
	case "hand-modern":
		handServer(true, os.Stdin, os.Stdout)
	}
}

// libraryServer is an ordinary server: mcp-go as anyone uses it.
func libraryServer() *server.MCPServer {
	s := server.NewMCPServer("library", "1", server.WithToolCapabilities(true))
	said := "gives back text"
	if _, err := os.Stat(os.Getenv("TURNED")); err == nil {
		said += " and more"
	}
	if os.Getenv("TURNED") != "" {
		s.AddTool(mcp.NewTool("poison", mcp.WithDescription("adds\u200b numbers")), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("2"), nil
		})
	}
	s.AddTool(mcp.NewTool("echo", mcp.WithDescription(said), mcp.WithString("text", mcp.Required())),
		func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(req.GetString("text", "")), nil
		})
	s.AddTool(mcp.NewTool("fail"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("ModuleNotFoundError: No module named 'pytest'"), nil
	})
	s.AddTool(mcp.NewTool("where"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		wd, err := os.Getwd()
		return mcp.NewToolResultText(wd + " " + os.Getenv("AGENT_SAID") + " " + os.Getenv("CONFIG_SAID")), err
	})
	s.AddTool(mcp.NewTool("env"), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(os.Getenv(req.GetString("name", ""))), nil
	})
	s.AddTool(mcp.NewTool("crash"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		_, _ = os.Stderr.WriteString("the last words\n")
		os.Exit(3)
		return nil, nil
	})
	s.AddTool(mcp.NewTool("wait"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		return mcp.NewToolResultError("cancelled"), nil
	})
	s.AddTool(mcp.NewTool("steps"), func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			err := s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": req.Params.Meta.ProgressToken, "progress": i + 1, "total": 3})
			if err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("done"), nil
	})
	s.AddTool(mcp.NewTool("grow"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		s.AddTool(mcp.NewTool("grown"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("new"), nil
		})
		return mcp.NewToolResultText("ok"), nil
	})
	return s
}

// rawServer answers as no library would let it: a list with tools that would
// break it, junk on its output, answers of any size.
func rawServer(in io.Reader, out io.Writer) {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				Name      string         `json:"name"`
				Arguments map[string]int `json:"arguments"`
			} `json:"params"`
		}
		if dec.Decode(&m) != nil {
			return
		}
		var result any = map[string]any{}
		switch m.Method {
		case "initialize":
			_, _ = io.WriteString(out, "Welcome! {not json\n")
			result = map[string]any{"protocolVersion": protocolVersion, "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]string{"name": "raw", "version": "1"}}
		case "tools/list":
			result = json.RawMessage(`{"tools":[` + rawTools + `]}`)
		case "tools/call":
			if m.Params.Name == "refuse" {
				_ = enc.Encode(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32010, "message": "no such thing"}})
				continue
			}
			result = map[string]any{"content": []any{map[string]string{"type": "text", "text": strings.Repeat("x", m.Params.Arguments["bytes"])}}}
		}
		if m.ID != nil {
			_ = enc.Encode(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": result})
		}
	}
}

// rawSchema has what a schema type of a library would drop.
const rawSchema = `{"type":"object","properties":{"bytes":{"type":"integer","maximum":9007199254740993}},"oneOf":[{"required":["bytes"]}],"x-more":{"b":1,"a":2}}`

const rawTools = `{"name":"big","description":"","inputSchema":` + rawSchema + `},
{"name":"refuse","inputSchema":{"type":"object"}},
{"name":"bad.schema","inputSchema":{"type":"strange"}},
{"name":"no_schema"},
{"name":7,"inputSchema":{"type":"object"}},
{"name":"odd name/ü","inputSchema":{"type":"object"}},
{"name":"foreign","inputSchema":{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}},
{"name":"header","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"bad header"}}}}`

// memory is a Recorder that keeps what it is given.
type memory struct {
	mu   sync.Mutex
	recs []learn.Record
	hold chan struct{} // when set, Accept waits for it
	err  error
}

func (m *memory) Accept(ctx context.Context, recs []learn.Record) error {
	if m.hold != nil {
		select {
		case <-m.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.recs = append(m.recs, recs...)
	return nil
}

// of returns what was recorded of one tool.
func (m *memory) of(tool string) (out []learn.ActionOutcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.recs {
		if r.Action.ToolName == tool {
			out = append(out, *r.Action)
		}
	}
	return out
}

// adviserFunc is an Adviser.
type adviserFunc func(context.Context, learn.ActionOutcome) (learn.FailureAnalysisReport, error)

func (f adviserFunc) Advise(ctx context.Context, ev learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
	return f(ctx, ev)
}

// testServer is this binary as a server.
func testServer(t testing.TB, name, kind string) ServerConfig {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return ServerConfig{Name: name, Command: exe, Env: map[string]string{serverKind: kind, "CONFIG_SAID": "b"}}
}

func servers(list ...ServerConfig) Config { return Config{Servers: list} }

// until waits for what must come to be, asking again and again.
func (r *rig) until(ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			r.t.Fatal("it did not come to be")
		}
	}
}

// rig is a gateway with real servers behind it and a real client before it.
type rig struct {
	t       testing.TB
	g       *Gateway
	c       *client.Client
	log     *lockedWriter
	logText *bytes.Buffer
	notices chan mcp.JSONRPCNotification
	closed  func()
}

func newRig(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{t: t, logText: &bytes.Buffer{}, notices: make(chan mcp.JSONRPCNotification, 100)}
	r.log = &lockedWriter{w: r.logText}
	o.ProjectID, o.SessionID, o.AgentID = "project", "session", "agent"
	o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	o.Stderr = r.log
	if o.Env == nil {
		o.Env = os.Environ()
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.g = g
	agentIn, gatewayOut := io.Pipe()
	gatewayIn, agentOut := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- g.Serve(context.Background(), gatewayIn, gatewayOut)
		gatewayOut.Close()
	}()
	r.c = client.NewClient(transport.NewIO(agentIn, agentOut, io.NopCloser(strings.NewReader(""))), client.WithLegacyProtocolOnly())
	r.c.OnNotification(func(n mcp.JSONRPCNotification) { r.notices <- n })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.c.Initialize(ctx, mcp.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	r.closed = sync.OnceFunc(func() {
		_ = r.c.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		g.Close()
	})
	t.Cleanup(r.closed)
	return r
}

func (r *rig) tools() map[string]mcp.Tool {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	list, err := r.c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]mcp.Tool{}
	for _, t := range list.Tools {
		out[t.Name] = t
	}
	return out
}

func (r *rig) call(ctx context.Context, name string, arguments any) (*mcp.CallToolResult, error) {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = name, arguments
	return r.c.CallTool(ctx, req)
}

// mustCall returns the text blocks of a call.
func (r *rig) mustCall(name string, arguments any) (texts []string, failed bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	res, err := r.call(ctx, name, arguments)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	for _, c := range res.Content {
		text, ok := c.(mcp.TextContent)
		if !ok {
			r.t.Fatalf("%s: a block of %T", name, c)
		}
		texts = append(texts, text.Text)
	}
	return texts, res.IsError
}

// await returns the next notification of a method.
func (r *rig) await(method string) mcp.JSONRPCNotification {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case n := <-r.notices:
			if n.Method == method {
				return n
			}
		case <-deadline:
			r.t.Fatalf("%s did not come", method)
		}
	}
}

func (r *rig) logged() string {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.logText.String()
}
