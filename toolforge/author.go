package toolforge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

// Writer writes a draft of a tool: a language model, behind the server.
type Writer interface {
	WriteTool(ctx context.Context, ask learn.ToolAsk) (learn.ToolDraft, error)
}

// Author lets a Writer write a tool and mend it until it passes.
type Author struct {
	Writer Writer
	// Validate runs the gates.
	Validate func(ctx context.Context, tool learn.ProposedTool) (learn.ValidationResult, error)
	// Rounds bounds the drafts: 4 when zero.
	Rounds int
	// Language is what it writes in: python when empty, or shell.
	Language string
}

// Round is what became of one draft.
type Round struct {
	ContentHash string   `json:"content_hash,omitempty"`
	Passed      bool     `json:"passed"`
	Problems    []string `json:"problems,omitempty"`
}

// Written is how an Author ended: the last draft that was a tool, its
// validation, and every round.
type Written struct {
	Tool       learn.ProposedTool
	Validation learn.ValidationResult
	Rounds     []Round
	Unchanged  bool // a reviewer's question needed no change
}

// ErrUnwritten says that no draft became a tool.
var ErrUnwritten = errors.New("no tool was written")

// Write asks for drafts against a specification until one passes, at most
// Rounds times; each next one is told what was wrong with the former: findings
// with their places, and failing tests. former and question, when given, begin
// with a tool that is there and what a reviewer asks of it. The error is
// ErrUnwritten, or that of the writer or the sandbox; a tool that does not pass
// is no error.
func (a Author) Write(ctx context.Context, spec learn.ToolSpecification, former *learn.ToolDraft, question string) (Written, error) {
	if !validName(spec.Name) {
		return Written{}, fmt.Errorf("%w: the name %q must be lower-case letters, digits and _", ErrUnwritten, clip(spec.Name, 80))
	}
	if a.Language != "" && a.Language != languagePython && a.Language != languageShell {
		return Written{}, fmt.Errorf("%w: the language %q is not known: python or shell", ErrUnwritten, clip(a.Language, 40))
	}
	ask := learn.ToolAsk{Spec: spec, Former: former, Language: a.Language}
	if question != "" {
		ask.Problems, ask.Question = []string{question}, true
	}
	var out Written
	rounds := a.Rounds
	if rounds == 0 {
		rounds = 4
	}
	for range rounds {
		draft, err := a.Writer.WriteTool(ctx, ask)
		if err != nil {
			return out, fmt.Errorf("round %d: %w", len(out.Rounds)+1, err)
		}
		if ask.Question && draft.Unchanged {
			out.Unchanged = true
			return out, nil
		}
		ask.Former, ask.Question = &draft, false
		tool, err := assemble(spec, draft, cmp.Or(a.Language, languagePython))
		if err != nil {
			ask.Problems = []string{err.Error()}
			out.Rounds = append(out.Rounds, Round{Problems: ask.Problems})
			continue
		}
		result, err := a.Validate(ctx, tool)
		if err != nil {
			return out, err
		}
		out.Tool, out.Validation = tool, result
		ask.Problems = problems(tool, result)
		out.Rounds = append(out.Rounds, Round{ContentHash: tool.ContentHash, Passed: result.Passed, Problems: ask.Problems})
		if result.Passed {
			return out, nil
		}
	}
	if out.Tool.ContentHash == "" {
		return out, fmt.Errorf("%w in %d rounds; last: %s", ErrUnwritten, len(out.Rounds), strings.Join(out.Rounds[len(out.Rounds)-1].Problems, "; "))
	}
	return out, nil
}

// assemble makes a tool of a draft. What a tool may do is not in the draft:
// it reads the workspace, and no more.
func assemble(spec learn.ToolSpecification, d learn.ToolDraft, language string) (learn.ProposedTool, error) {
	parameters := d.Parameters
	if len(spec.Parameters) > 0 {
		parameters = spec.Parameters
	}
	tool := learn.ProposedTool{
		Manifest: learn.ToolManifest{Name: spec.Name, Version: "0.1.0", Description: d.Description, Parameters: parameters, Returns: d.Returns, Language: language,
			Permissions: learn.Permissions{Filesystem: "read", Paths: []string{"."}, Seconds: toolSeconds, MemoryMB: toolMemoryMB},
			Provenance:  learn.Provenance{Method: learn.MethodLLM, Evidence: slices.Clone(spec.Evidence)}},
		Files: map[string]string{SourceName(language): d.Source, "test_tool.py": d.Tests, "README.md": d.Readme}, Spec: spec,
	}
	if len(d.Example) > 0 && json.Valid(d.Example) {
		tool.Manifest.Examples = []learn.ToolExample{{Arguments: d.Example}}
	}
	tool.Spec.Parameters, tool.Spec.Returns = parameters, d.Returns
	for name, text := range tool.Files {
		tool.Files[name] = strings.TrimRight(text, "\n") + "\n"
	}
	return Seal(tool)
}

// DraftOf is a tool as a draft, for mending.
func DraftOf(tool learn.ProposedTool) learn.ToolDraft {
	d := learn.ToolDraft{Description: tool.Manifest.Description, Parameters: tool.Manifest.Parameters, Returns: tool.Manifest.Returns,
		Source: tool.Files[SourceName(tool.Manifest.Language)], Tests: tool.Files["test_tool.py"], Readme: tool.Files["README.md"]}
	if len(tool.Manifest.Examples) > 0 {
		d.Example = tool.Manifest.Examples[0].Arguments
	}
	return d
}

// problems says what to mend: every reason with its place, and what a failing
// gate printed.
func problems(tool learn.ProposedTool, r learn.ValidationResult) []string {
	var out []string
	for _, reason := range VerdictOf(tool, r).Reasons {
		out = append(out, clip(fmt.Sprintf("%s: %s", reason.Stage, located(reason.Finding)), 600))
	}
	for _, c := range r.Checks {
		if c.Passed || len(c.Findings) > 0 {
			continue
		}
		for _, d := range c.Details[:min(len(c.Details), 12)] {
			out = append(out, clip(c.Name+": "+d, 400))
		}
	}
	return out[:min(len(out), 40)]
}
