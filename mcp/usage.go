package mcp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Offered is a tool as the list has it, and how it was used since the daemon
// started.
type Offered struct {
	Name string `json:"name"`
	// Kind is own, generated or gateway.
	Kind string `json:"kind"`
	// Bytes of the tool's entry in the list, which each session reads.
	Bytes int `json:"bytes"`
	// OutputSchema is the part of Bytes that many clients keep from the model.
	OutputSchema int `json:"output_schema_bytes"`
	Usage
}

// Usage is how a tool was called.
type Usage struct {
	Calls       int64   `json:"calls"`
	Failures    int64   `json:"failures"`
	TotalMS     float64 `json:"total_ms"`
	MaxMS       float64 `json:"max_ms"`
	ResultBytes int64   `json:"result_bytes"`
}

// maxUsers bounds the projects whose use of tools is told apart; those beyond
// are counted together.
const maxUsers = 1000

// usage counts calls, by project and tool.
type usage struct {
	observe func(context.Context, Call) (context.Context, func(time.Duration, bool))

	mu    sync.Mutex
	calls map[string]map[string]*Usage
}

// Call is a call of a tool as it comes in.
type Call struct {
	Tool    string
	Session string // of the transport; "" when there is none
	// TraceParent is the caller's trace (W3C Trace Context, as SEP-414 has it in
	// _meta); "" when it gave none.
	TraceParent string
}

func newUsage(observe func(context.Context, Call) (context.Context, func(time.Duration, bool))) *usage {
	return &usage{observe: observe, calls: map[string]map[string]*Usage{}}
}

// callOf is what is told of a request.
func callOf(ctx context.Context, req *mcp.CallToolRequest) Call {
	c := Call{Tool: req.Params.Name}
	if s := server.ClientSessionFromContext(ctx); s != nil {
		c.Session = s.SessionID()
	}
	if m := req.Params.Meta; m != nil {
		c.TraceParent, _ = m.AdditionalFields["traceparent"].(string)
	}
	return c
}

func (u *usage) add(project, tool string, took time.Duration, failed bool, bytes int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.calls[project] == nil && len(u.calls) >= maxUsers {
		project = ""
	}
	if u.calls[project] == nil {
		u.calls[project] = map[string]*Usage{}
	}
	one := u.calls[project][tool]
	if one == nil {
		one = &Usage{}
		u.calls[project][tool] = one
	}
	ms := float64(took) / float64(time.Millisecond)
	one.Calls++
	if failed {
		one.Failures++
	}
	one.TotalMS += ms
	one.MaxMS = max(one.MaxMS, ms)
	one.ResultBytes += int64(bytes)
}

// of adds up the use of a tool in a project, or in all for "".
func (u *usage) of(project, tool string) (sum Usage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for p, tools := range u.calls {
		one := tools[tool]
		if one == nil || project != "" && p != project {
			continue
		}
		sum.Calls += one.Calls
		sum.Failures += one.Failures
		sum.TotalMS += one.TotalMS
		sum.MaxMS = max(sum.MaxMS, one.MaxMS)
		sum.ResultBytes += one.ResultBytes
	}
	return sum
}

// middleware counts the calls of tools that there are: their number is bounded.
func (u *usage) middleware(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		began, ended := time.Now(), func(time.Duration, bool) {}
		if u.observe != nil {
			ctx, ended = u.observe(ctx, callOf(ctx, &req))
		}
		res, err := next(ctx, req)
		bytes := 0
		if res != nil {
			for _, c := range res.Content {
				if text, ok := c.(mcp.TextContent); ok {
					bytes += len(text.Text)
				}
			}
		}
		took, failed := time.Since(began), err != nil || res != nil && res.IsError
		ended(took, failed)
		u.add(ScopeOf(ctx).ProjectID, req.Params.Name, took, failed, bytes)
		return res, err
	}
}

// Offered lists the tools of this server with their use by a project, or by all
// for "".
func (s *Server) Offered(project string) []Offered {
	var out []Offered
	for name, t := range s.mcp.ListTools() {
		raw, err := json.Marshal(t.Tool)
		if err != nil {
			continue // such a tool would not be in the list either
		}
		kind := "generated"
		if isOwn(name) {
			kind = "own"
		}
		out = append(out, Offered{Name: name, Kind: kind, Bytes: len(raw), OutputSchema: len(t.Tool.RawOutputSchema), Usage: s.usage.of(project, name)})
	}
	slices.SortFunc(out, func(a, b Offered) int { return strings.Compare(a.Name, b.Name) })
	return out
}
