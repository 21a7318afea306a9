package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"lathe/learn"
)

const (
	// maxSchema bounds the schema of a generated tool's parameters, in bytes.
	maxSchema = 64 << 10
	// maxDescription bounds a generated tool's description, in bytes: every
	// session pays for it.
	maxDescription = 4 << 10
)

var toolNameRE = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// CheckManifest says why a generated tool cannot be registered, or nil. One
// tool with an invalid schema would break the list for every client.
func CheckManifest(m learn.ToolManifest) error {
	_, err := checkerOf(m)
	return err
}

func checkerOf(m learn.ToolManifest) (*checker, error) {
	if !toolNameRE.MatchString(m.Name) {
		return nil, fmt.Errorf("tool name %.40q: 1 to 128 of A-Z a-z 0-9 _ . - are allowed", m.Name)
	}
	if isOwn(m.Name) {
		return nil, fmt.Errorf("tool %s: the name is Lathe's own", m.Name)
	}
	if len(m.Parameters) > maxSchema || len(m.Description) > maxDescription {
		return nil, fmt.Errorf("tool %s: at most %d bytes of schema and %d of description are allowed", m.Name, maxSchema, maxDescription)
	}
	if bytes.Contains(m.Parameters, []byte("x-mcp-header")) {
		return nil, fmt.Errorf("tool %s: parameters of generated tools do not travel in headers (x-mcp-header)", m.Name)
	}
	var schema map[string]any
	if err := json.Unmarshal(m.Parameters, &schema); err != nil {
		return nil, fmt.Errorf("tool %s: parameters are not a JSON object: %w", m.Name, err)
	}
	if schema["type"] != "object" {
		return nil, fmt.Errorf(`tool %s: the schema of the parameters must have "type": "object"`, m.Name)
	}
	c, err := newChecker(schema)
	if err != nil {
		return nil, fmt.Errorf("tool %s: parameters are not a JSON Schema: %w", m.Name, err)
	}
	return c, nil
}

// SetGenerated makes tools the generated tools of every live session, which
// are told once if the list changed. Tools that cannot be registered are left
// out and returned as errors; the others stand.
func (s *Server) SetGenerated(tools []learn.ToolManifest) (refused []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := map[string]learn.ToolManifest{}
	entries := map[string]server.ServerTool{}
	for _, m := range tools {
		c, err := checkerOf(m)
		if _, twice := want[m.Name]; err == nil && twice {
			err = fmt.Errorf("tool %s: there are two of this name; the first stands", m.Name)
		}
		if err != nil {
			refused = append(refused, err)
			continue
		}
		want[m.Name] = m
		entries[m.Name] = s.generatedTool(m, c)
	}
	if maps.EqualFunc(want, s.generated, sameTool) {
		return refused
	}
	all := slices.Clone(s.own)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		all = append(all, entries[name])
	}
	if err := s.setTools(all); err != nil {
		return append(refused, err)
	}
	s.generated = want
	return refused
}

// sameTool reports whether two manifests are one tool to a client.
func sameTool(a, b learn.ToolManifest) bool {
	return a.Digest == b.Digest && a.Version == b.Version && a.Description == b.Description && bytes.Equal(a.Parameters, b.Parameters)
}

// setTools replaces the list in one step, hence with one notification. The
// library panics about tools that it does not want.
func (s *Server) setTools(tools []server.ServerTool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the tool list stays as it was: %v", r)
		}
	}()
	s.mcp.SetTools(tools...)
	return nil
}

func (s *Server) generatedTool(m learn.ToolManifest, c *checker) server.ServerTool {
	t := mcp.NewToolWithRawSchema(m.Name, m.Description, m.Parameters)
	// Not in the description: agents keep that in every prompt.
	t.Meta = mcp.NewMetaFromMap(map[string]any{"lathe/version": m.Version})
	readOnly := m.Permissions.Filesystem != "write" && len(m.Permissions.Network) == 0
	t.Annotations = hints(m.Name, readOnly, false, readOnly, len(m.Permissions.Network) > 0)
	return server.ServerTool{Tool: t, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		raw, err := c.arguments(req)
		if err != nil {
			return mcp.NewToolResultErrorf("%s: the arguments do not fit: %v", m.Name, err), nil
		}
		return s.run(ctx, m.Name, raw), nil
	}}
}

// argumentsOf returns a call's arguments, numbers as they were written; none is
// an empty object.
func argumentsOf(req mcp.CallToolRequest) (any, error) {
	raw, ok := req.GetRawArguments().(json.RawMessage)
	if !ok {
		if a := req.GetRawArguments(); a != nil {
			return a, nil
		}
		return map[string]any{}, nil
	}
	return decode(raw)
}
