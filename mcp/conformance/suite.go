package conformance

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	lathe "lathe/mcp"
)

// step is the time between two notifications of one call.
const step = 50 * time.Millisecond

// suite makes the fixed things of one server.
type suite struct {
	lathe  *lathe.Server
	server *server.MCPServer
	key    []byte // signs the state that clients bring back
}

// New returns the suite's part of a server.
func New() *lathe.Suite {
	return &lathe.Suite{
		Options: []server.ServerOption{server.WithLogging(), server.WithPromptCapabilities(true)},
		Add: func(l *lathe.Server, m *server.MCPServer) []server.ServerTool {
			key := make([]byte, 32)
			_, _ = rand.Read(key) // never fails, see crypto/rand
			s := suite{lathe: l, server: m, key: key}
			s.addResources()
			s.addPrompts()
			tools := append(contentTools(), s.clientTools()...)
			tools = append(tools, s.inputTools()...)
			tools = append(tools, s.taskTools()...)
			return append(tools, s.changeTools()...)
		},
	}
}

// tool makes a tool without parameters, with all hints set.
func tool(name, description string, handler server.ToolHandlerFunc, options ...mcp.ToolOption) server.ServerTool {
	yes, no := true, false
	options = append([]mcp.ToolOption{mcp.WithDescription(description)}, options...)
	t := mcp.NewTool(name, options...)
	t.Annotations = mcp.ToolAnnotation{Title: name, ReadOnlyHint: &yes, DestructiveHint: &no, IdempotentHint: &yes, OpenWorldHint: &no}
	return server.ServerTool{Tool: t, Handler: handler}
}

// says is a handler that always answers the same.
func says(content ...mcp.Content) server.ToolHandlerFunc {
	return func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	}
}

// sign makes state that nobody else can make.
func (s suite) sign(state string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(state))
	return state + "." + hex.EncodeToString(mac.Sum(nil))
}

// opens returns the state in what sign made, or a protocol error.
func (s suite) opens(signed string) (string, error) {
	state, _, _ := strings.Cut(signed, ".")
	if !hmac.Equal([]byte(s.sign(state)), []byte(signed)) {
		return "", lathe.InvalidParams("the request state is not one that this server gave out")
	}
	return state, nil
}

// pause waits a step, or until the call is over.
func pause(ctx context.Context) error { return wait(ctx, step) }
