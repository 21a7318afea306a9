package server

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"lathe/index"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/diagnose"
	"lathe/lsp"
)

// Fixes implements lsp.Experience: what other servers say of code is read like
// the output of the tool that would say it, and what fixed that before is
// looked up: for an editor's check, and for the calls that met the error last
// in this project.
func (x *experience) Fixes(ctx context.Context, p lsp.Problem) []lsp.Fix {
	project := x.project(p.Root, false)
	looked := map[string]bool{} // the same error in other words is the same question
	for _, text := range asTools(p) {
		ev := learn.ActionOutcome{Timestamp: x.d.now(), ProjectID: project, Source: learn.SourceLSP, ActionType: learn.ToolCall,
			ToolName: "editor", ToolOutput: learn.ToolOutput{Content: text}, Status: learn.StatusFailure,
			ContextSnapshot: learn.ContextSnapshot{CWD: p.Root}}
		r, fixes := x.fixesFor(ctx, ev, p)
		if len(fixes) > 0 {
			return fixes
		}
		if r.History == nil || r.History.TimesHere == 0 || looked[r.Signatures[0].ID] {
			continue
		}
		looked[r.Signatures[0].ID] = true
		for _, met := range x.metBy(ctx, project, r.Signatures[0].ID) {
			ev.ToolName, ev.ToolParameters = met.ToolName, met.ToolParameters
			if _, fixes := x.fixesFor(ctx, ev, p); len(fixes) > 0 {
				return fixes
			}
		}
	}
	return nil
}

// fixesFor are the fixes of a failure, and what else is known of it.
func (x *experience) fixesFor(ctx context.Context, ev learn.ActionOutcome, p lsp.Problem) (r learn.FailureAnalysisReport, fixes []lsp.Fix) {
	act := action.Parse(&ev)
	sigs, before := x.d.learners.reader.match(&ev, act)
	if len(sigs) == 0 {
		return r, nil
	}
	r = x.d.learners.diagnose.Diagnose(ctx, diagnose.Request{Event: &ev, Action: act, Signatures: former(sigs, before),
		Trusted: x.d.learners.vocabulary.trusted(ev.ProjectID)})
	return r, fixesOf(r, p)
}

// maxMetBy is how many of the calls that met an error are asked about.
const maxMetBy = 3

// metBy are the last calls of a project that met an error; none when the index
// or the log cannot say.
func (x *experience) metBy(ctx context.Context, project, signature string) (out []*learn.ActionOutcome) {
	found, err := x.d.index.SearchEvents(ctx, index.Query{Project: project, Signature: signature, Limit: maxMetBy})
	if err != nil {
		return nil
	}
	for _, h := range found.Hits {
		if rec, err := x.d.log.Record(ctx, h.ID); err == nil && rec.Action != nil {
			out = append(out, rec.Action)
		}
	}
	return out
}

// asTools is a diagnostic as the tools behind language servers print it.
func asTools(p lsp.Problem) []string {
	place := fmt.Sprintf("%s:%d:1: ", filepath.Base(p.Path), p.Line)
	if rel, err := filepath.Rel(p.Root, p.Path); p.Root != "" && err == nil && filepath.IsLocal(rel) {
		place = fmt.Sprintf("%s:%d:1: ", filepath.ToSlash(rel), p.Line)
	}
	message := strings.TrimSpace(p.Message)
	texts := []string{place + message, place + "error: " + message, message}
	switch strings.ToLower(p.Source) {
	case "ts", "typescript", "deno-ts":
		texts = append([]string{strings.TrimSuffix(place, ": ") + " - error TS" + p.Code + ": " + message}, texts...)
	case "rustc", "rust-analyzer", "cargo":
		texts = append([]string{"error[" + p.Code + "]: " + message + "\n --> " + strings.TrimSuffix(place, ": ")}, texts...)
	case "pyright", "basedpyright", "pylance", "pylsp", "jedi", "pyflakes":
		if name, ok := quoted(message, "Import "); ok {
			texts = append(texts, "ModuleNotFoundError: No module named '"+name+"'")
		}
		if name, ok := quoted(message, ""); ok && strings.Contains(message, "is not defined") {
			texts = append(texts, "NameError: name '"+name+"' is not defined")
		}
	}
	return texts
}

// quoted is the first name in quotes behind a beginning.
func quoted(message, beginning string) (string, bool) {
	rest, ok := strings.CutPrefix(message, beginning)
	if !ok {
		return "", false
	}
	for _, q := range []string{`"`, `'`} {
		if _, after, ok := strings.Cut(rest, q); ok {
			if name, _, ok := strings.Cut(after, q); ok && name != "" && len(name) <= 200 {
				return name, true
			}
		}
	}
	return "", false
}

// fixesOf are the remedies of a report that are worth a line in an editor.
func fixesOf(r learn.FailureAnalysisReport, p lsp.Problem) []lsp.Fix {
	var out []lsp.Fix
	for _, o := range r.Remedies {
		if o.Confidence < learn.AdviceThreshold {
			continue
		}
		f := lsp.Fix{RemedyID: o.RemedyID, Description: learn.Shown(o.Description, 300), Confidence: o.Confidence, Sessions: o.Support}
		if r.ErrorPattern != nil {
			f.Pattern = r.ErrorPattern.Name
		}
		var commands []string
		for _, a := range o.Actions {
			if a.Command != "" {
				commands = append(commands, a.Command)
			}
			if e, ok := replacement(a, p.Path); ok {
				f.Edits = append(f.Edits, e)
			}
		}
		if len(f.Edits) != len(o.Actions) {
			f.Edits = nil // an edit is offered only when it is all of the remedy
		}
		f.Command = strings.Join(commands, " && ")
		out = append(out, f)
	}
	return out
}

// replacement reads an edit of a file, complete and of this file, from a
// remedy's action.
func replacement(a learn.RemedyAction, file string) (lsp.Replacement, bool) {
	text := func(names ...string) string {
		for _, n := range names {
			if s, ok := a.Parameters[n].(string); ok {
				return s
			}
		}
		return ""
	}
	e := lsp.Replacement{Old: text("old_string", "old_str", "old_text", "search"), New: text("new_string", "new_str", "new_text", "replace")}
	if e.Old == "" || unfilled(e.Old) || unfilled(e.New) {
		return e, false
	}
	at := text("path", "file_path", "file")
	return e, at == "" || unfilled(at) || filepath.Base(at) == filepath.Base(file)
}

// unfilled reports whether a template has a parameter that was not filled.
func unfilled(s string) bool {
	for rest := s; ; {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
		name, _, ok := strings.Cut(rest, "}")
		if ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			return true
		}
	}
}
