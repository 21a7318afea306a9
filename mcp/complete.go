package mcp

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// Completer offers values for what a person begins to type in a client.
type Completer interface {
	// Complete returns the values of a kind (those of resources, and project
	// and failure) that begin with prefix, the likeliest first.
	Complete(ctx context.Context, s Scope, kind, prefix string) ([]string, error)
}

// maxCompletions is the most values of one answer, set by the specification.
const maxCompletions = 100

// completions answers completion/complete for prompts and resource templates.
type completions struct{ s *Server }

// promptKinds are the kinds of value that prompts' arguments take.
var promptKinds = map[string]string{"explain_this_failure": "failure"}

// CompletePromptArgument completes an argument of a prompt.
func (c completions) CompletePromptArgument(ctx context.Context, prompt string, a mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	if c.s.mcp.ListPrompts()[prompt] == nil {
		err := InvalidParams("there is no prompt %.80q", prompt)
		note(ctx, err)
		return nil, err
	}
	kind, ok := promptKinds[prompt]
	if !ok {
		return &mcp.Completion{Values: []string{}}, nil // it takes free words
	}
	return c.of(ctx, kind, a.Value)
}

// CompleteResourceArgument completes the variable of a resource template.
func (c completions) CompleteResourceArgument(ctx context.Context, uri string, a mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	rest, own := strings.CutPrefix(uri, "lathe://")
	kind, variable, _ := strings.Cut(rest, "/")
	for _, k := range resourceKinds {
		if own && k.kind == kind && variable == "{"+k.variable+"}" && a.Name == k.variable {
			if k.variable == "project" {
				kind = "project"
			}
			return c.of(ctx, kind, a.Value)
		}
	}
	if !own { // of the conformance suite
		return &mcp.Completion{Values: []string{}}, nil
	}
	err := InvalidParams("there is no resource template %.80q with a variable %.40q", uri, a.Name)
	note(ctx, err)
	return nil, err
}

func (c completions) of(ctx context.Context, kind, prefix string) (*mcp.Completion, error) {
	if len(prefix) > 1024 {
		return &mcp.Completion{Values: []string{}}, nil
	}
	found, err := c.s.backend.Complete(ctx, ScopeOf(ctx), kind, prefix)
	if err != nil {
		return nil, err
	}
	out := &mcp.Completion{Values: found, Total: len(found)}
	if len(found) > maxCompletions {
		out.Values, out.HasMore = found[:maxCompletions], true
	}
	return out, nil
}
