package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
	lathemcp "lathe/mcp"
)

const (
	// maxName bounds a tool's name, in bytes: what the strictest agents take.
	maxName = 64
	// maxDescription bounds a tool's description, in bytes.
	maxDescription = 16 << 10
	// maxTools and maxPages bound one server's list.
	maxTools = 2000
	maxPages = 100
)

var oddRE = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// Name is how a server's tool is called behind the gateway: <server>__<tool>.
// A name that agents would refuse is made fit: odd characters become _, the
// rest is cut, and a mark of the original keeps such names apart.
func Name(server, tool string) string {
	name := server + "__" + oddRE.ReplaceAllString(tool, "_")
	if name == server+"__"+tool && len(name) <= maxName {
		return name
	}
	mark := "_" + strings.TrimPrefix(learn.ContentHash([]byte(tool)), "sha256:")[:8]
	return name[:min(len(name), maxName-len(mark))] + mark
}

// tool is one tool of a server as the agent is told it.
type tool struct {
	upstream string // its name on the server
	mcp      mcp.Tool
}

// listTools asks a server for all its tools. Those that would break the
// agent's list are returned as errors.
func listTools(ctx context.Context, c *conn, server string) (tools []tool, refused []error, err error) {
	seen := map[string]bool{}
	cursor := ""
	for range maxPages {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		raw, err := c.call(ctx, "tools/list", params)
		if err != nil {
			return nil, nil, fmt.Errorf("tools/list: %w", err)
		}
		var page struct {
			Tools      []json.RawMessage `json:"tools"`
			NextCursor string            `json:"nextCursor"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, nil, fmt.Errorf("tools/list: its answer cannot be read: %w", err)
		}
		for _, raw := range page.Tools {
			t, err := readTool(server, raw)
			if err == nil && seen[t.mcp.Name] {
				err = fmt.Errorf("tool %s: there are two of this name; the first stands", t.mcp.Name)
			}
			if err == nil && len(tools) == maxTools {
				return tools, append(refused, fmt.Errorf("more than %d tools: the rest is left out", maxTools)), nil
			}
			if err != nil {
				refused = append(refused, err)
				continue
			}
			seen[t.mcp.Name] = true
			tools = append(tools, t)
		}
		if page.NextCursor == "" || page.NextCursor == cursor {
			return tools, refused, nil
		}
		cursor = page.NextCursor
	}
	return tools, append(refused, fmt.Errorf("more than %d pages of tools: the rest is left out", maxPages)), nil
}

// readTool reads one entry of a list and checks what a client checks. The
// schemas stay as they were written.
func readTool(server string, raw json.RawMessage) (tool, error) {
	var t struct {
		Name         string             `json:"name"`
		Title        string             `json:"title"`
		Description  string             `json:"description"`
		InputSchema  json.RawMessage    `json:"inputSchema"`
		OutputSchema json.RawMessage    `json:"outputSchema"`
		Annotations  mcp.ToolAnnotation `json:"annotations"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return tool{}, fmt.Errorf("a tool cannot be read: %w", err)
	}
	if t.Name == "" || len(t.Name) > 256 {
		return tool{}, errors.New("a tool has no name, or one of more than 256 bytes")
	}
	name := Name(server, t.Name)
	if len(t.Description) > maxDescription {
		return tool{}, fmt.Errorf("tool %s: its description has more than %d bytes", name, maxDescription)
	}
	if err := lathemcp.CheckManifest(learn.ToolManifest{Name: name, Parameters: t.InputSchema}); err != nil {
		return tool{}, err
	}
	out := mcp.Tool{Name: name, Title: t.Title, Description: t.Description, RawInputSchema: t.InputSchema, Annotations: t.Annotations}
	if len(t.OutputSchema) > 0 && string(t.OutputSchema) != "null" {
		if err := lathemcp.CheckManifest(learn.ToolManifest{Name: name, Parameters: t.OutputSchema}); err != nil {
			return tool{}, fmt.Errorf("output schema: %w", err)
		}
		out.RawOutputSchema = t.OutputSchema
	}
	return tool{upstream: t.Name, mcp: out}, nil
}

// plain makes text of a server's choosing safe to show: one line, without
// control characters, at most n bytes.
func plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return cutText(s, n)
}

// cutText keeps the first n bytes of s as valid UTF-8 and marks the cut.
func cutText(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:n], "") + fmt.Sprintf(" [%d bytes cut]", len(s)-n)
}
