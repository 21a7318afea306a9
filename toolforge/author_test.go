package toolforge

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
)

// A script is asked for and comes back as one, also for mending.
func TestAuthorInShell(t *testing.T) {
	script := draft("#!/bin/sh\n# Doubles a number.\nset -eu\necho $((ARG_VALUE * 2))\n")
	w := &drafts{list: []learn.ToolDraft{script}}
	spec := learn.ToolSpecification{Name: "double", Description: "doubles"}
	pass := func(_ context.Context, tool learn.ProposedTool) (learn.ValidationResult, error) {
		return learn.ValidationResult{ContentHash: tool.ContentHash, Passed: true}, nil
	}
	out, err := Author{Writer: w, Validate: pass, Language: "shell"}.Write(t.Context(), spec, nil, "")
	if err != nil || out.Tool.Manifest.Language != "shell" || out.Tool.Files["tool.sh"] != script.Source || out.Tool.Files["tool.py"] != "" || w.asked[0].Language != "shell" {
		t.Fatalf("%+v, %v, asked %+v", out.Tool, err, w.asked)
	}
	if back := DraftOf(out.Tool); back.Source != script.Source {
		t.Errorf("the draft is %+v", back)
	}
	if _, err := (Author{Writer: w, Validate: pass, Language: "ruby"}).Write(t.Context(), spec, nil, ""); !errors.Is(err, ErrUnwritten) {
		t.Errorf("ruby: %v", err)
	}
}

// drafts answers with one draft after the other and keeps what it was asked.
type drafts struct {
	list  []learn.ToolDraft
	asked []learn.ToolAsk
}

func (d *drafts) WriteTool(_ context.Context, ask learn.ToolAsk) (learn.ToolDraft, error) {
	d.asked = append(d.asked, ask)
	if len(d.asked) > len(d.list) {
		return learn.ToolDraft{}, errors.New("the model is gone")
	}
	return d.list[len(d.asked)-1], nil
}

func draft(source string) learn.ToolDraft {
	return learn.ToolDraft{Description: "Doubles a number.", Parameters: []byte(`{"type":"object","properties":{"value":{"type":"integer"}},"required":["value"],"additionalProperties":false}`),
		Returns: []byte(`{"type":"integer"}`), Example: []byte(`{"value":2}`), Source: source, Tests: "def test_it(): pass", Readme: "# double"}
}

// An author mends what was found, gives up after its rounds, and never lets a
// draft say what the tool may do.
func TestAuthor(t *testing.T) {
	spec := learn.ToolSpecification{Name: "double", Description: "doubles"}
	bad := draft("def double(): pass")
	bad.Parameters = []byte(`{"type":"string"}`)
	validate := func(_ context.Context, tool learn.ProposedTool) (learn.ValidationResult, error) {
		r := learn.ValidationResult{ContentHash: tool.ContentHash, Passed: strings.Contains(tool.Files["tool.py"], "return value * 2")}
		r.Checks = []learn.Check{{Name: "types", Passed: true}, {Name: "tests", Passed: r.Passed, Summary: "1 failed", Details: []string{"test_it: assert 3 == 4"}}}
		return r, nil
	}
	for _, tt := range []struct {
		name   string
		list   []learn.ToolDraft
		rounds int
		passed bool
		told   []string // in the problems that the last question held
		err    error
	}{
		{"at once", []learn.ToolDraft{draft("def double(): return value * 2")}, 1, true, nil, nil},
		{"after a failing test", []learn.ToolDraft{draft("def double(): return 3"), draft("def double(): return value * 2")}, 2, true, []string{"assert 3 == 4"}, nil},
		{"after what is no tool", []learn.ToolDraft{bad, draft("def double(): return value * 2")}, 2, true, []string{`type "string"`}, nil},
		{"never", []learn.ToolDraft{draft("def double(): return 3"), draft("def double(): return 4"), draft("def double(): return 5"), draft("def double(): return value * 2")}, 3, false, []string{"1 failed"}, nil},
		{"no tool at all", []learn.ToolDraft{bad, bad, bad}, 3, false, nil, ErrUnwritten},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &drafts{list: tt.list}
			out, err := Author{Writer: w, Validate: validate, Rounds: 3}.Write(t.Context(), spec, nil, "")
			if !errors.Is(err, tt.err) || len(out.Rounds) != tt.rounds || len(w.asked) != tt.rounds || out.Validation.Passed != tt.passed {
				t.Fatalf("%v; %d rounds, passed %v", err, len(out.Rounds), out.Validation.Passed)
			}
			last := strings.Join(w.asked[len(w.asked)-1].Problems, "\n")
			for _, word := range tt.told {
				if !strings.Contains(last, word) {
					t.Errorf("told %q, want %q in it", last, word)
				}
			}
			if tt.passed && (out.Tool.Manifest.Provenance.Method != learn.MethodLLM || out.Tool.Manifest.Permissions.Filesystem != "read" || len(out.Tool.Manifest.Permissions.Network) > 0) {
				t.Errorf("manifest %+v", out.Tool.Manifest)
			}
		})
	}
}

func TestAuthorKeepsTheParameters(t *testing.T) {
	given := `{"type":"object","properties":{"path":{"type":"string"}},"required":["path"],"additionalProperties":false}`
	w := &drafts{list: []learn.ToolDraft{draft("def double(): return value * 2")}}
	out, err := Author{Writer: w, Validate: func(_ context.Context, tool learn.ProposedTool) (learn.ValidationResult, error) {
		return learn.ValidationResult{Passed: true}, nil
	}}.Write(t.Context(), learn.ToolSpecification{Name: "double", Parameters: []byte(given)}, nil, "")
	if err != nil || string(out.Tool.Manifest.Parameters) != given {
		t.Errorf("%v: parameters %s", err, out.Tool.Manifest.Parameters)
	}
}

// A reviewer's question goes to the writer with the tool that it is about.
func TestAuthorIsAskedBack(t *testing.T) {
	former := draft("def double(): return value + value")
	same := draft("x")
	same.Unchanged = true
	w := &drafts{list: []learn.ToolDraft{same}}
	a := Author{Writer: w, Validate: func(context.Context, learn.ProposedTool) (learn.ValidationResult, error) {
		t.Error("validated although nothing changed")
		return learn.ValidationResult{}, nil
	}}
	out, err := a.Write(t.Context(), learn.ToolSpecification{Name: "double"}, &former, "why not multiply?")
	if err != nil || !out.Unchanged || len(out.Rounds) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	if q := w.asked[0]; !q.Question || q.Former.Source != former.Source || !slices.Equal(q.Problems, []string{"why not multiply?"}) {
		t.Errorf("asked %+v", q)
	}
	// One that does not say so in answer to findings is a draft like any other.
	w = &drafts{list: []learn.ToolDraft{draft("def double(): return 3"), same}}
	out, err = Author{Writer: w, Rounds: 2, Validate: func(context.Context, learn.ProposedTool) (learn.ValidationResult, error) {
		return learn.ValidationResult{}, nil
	}}.Write(t.Context(), learn.ToolSpecification{Name: "double"}, nil, "")
	if err != nil || out.Unchanged || len(out.Rounds) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestDraftOfComesBack(t *testing.T) {
	tool, err := assemble(learn.ToolSpecification{Name: "double"}, draft("def double(): return 1\n"), languagePython)
	if err != nil {
		t.Fatal(err)
	}
	again, err := assemble(learn.ToolSpecification{Name: "double"}, DraftOf(tool), languagePython)
	if err != nil || again.ContentHash != tool.ContentHash {
		t.Errorf("%v: %s, want %s", err, again.ContentHash, tool.ContentHash)
	}
}
