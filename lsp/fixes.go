package lsp

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

const (
	maxProblems = 5   // of one request that are answered
	maxFixes    = 3   // for one problem
	maxAnswers  = 500 // problems whose fixes are remembered
)

// offeredFix is a fix with the problem that it is for.
type offeredFix struct {
	Fix
	problem protocol.Diagnostic
}

// fixTarget is the argument of the commands about fixes.
type fixTarget struct {
	RemedyID string `json:"remedy_id"`
	Path     string `json:"path,omitempty"`
	Edited   bool   `json:"edited,omitempty"` // the editor made the edit
	Command  string `json:"command,omitempty"`
}

// fixesFor finds what fixed the problems that other servers see here. It asks
// Experience once for each problem, until experience changes; mu is not held
// meanwhile.
func (c *connection) fixesFor(p *protocol.CodeActionParams) []offeredFix {
	if c.server.o.Experience == nil {
		return nil
	}
	path, err := pathOf(string(p.TextDocument.URI))
	if err != nil {
		return nil
	}
	var out []offeredFix
	asked := 0
	for i := range p.Context.Diagnostics {
		d := &p.Context.Diagnostics[i]
		if from, _ := d.Source.Get(); from == source || asked == maxProblems {
			continue
		}
		asked++
		c.mu.Lock()
		problem := Problem{Root: c.rootOf(path), Path: path, Line: int(d.Range.Start.Line) + 1, Code: codeOf(d.Code), Message: cut(messageOf(d.Message), 4000)}
		problem.Source, _ = d.Source.Get()
		c.mu.Unlock()
		for _, f := range c.fixes(problem) {
			out = append(out, offeredFix{f, *d})
		}
	}
	return out
}

// fixes asks for what fixed a problem, or remembers the answer.
func (c *connection) fixes(p Problem) []Fix {
	key := strings.Join([]string{p.Path, p.Source, p.Code, p.Message}, "\x00")
	c.mu.Lock()
	found, ok := c.answers[key]
	generation := c.snap.generation
	c.mu.Unlock()
	if ok {
		return found
	}
	found = c.server.o.Experience.Fixes(c.ctx, p)
	found = found[:min(len(found), maxFixes)]
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxAnswers {
		clear(c.answers)
	}
	if generation == c.snap.generation {
		c.answers[strings.Clone(key)] = found
	}
	return found
}

func messageOf(m protocol.InlayHintTooltip) string {
	switch m := m.(type) {
	case protocol.String:
		return string(m)
	case *protocol.MarkupContent:
		return m.Value
	}
	return ""
}

func codeOf(code protocol.ProgressToken) string {
	switch code := code.(type) {
	case protocol.String:
		return cut(string(code), 100)
	case protocol.Integer:
		return fmt.Sprint(int64(code))
	}
	return ""
}

// fixActions offer a fix: as an edit when it is one and fits, or as text to
// copy; and, once it was taken here, a person's word on it. mu is held.
func (c *connection) fixActions(d *document, f offeredFix) []protocol.CommandOrCodeAction {
	name := oneLine(f.Description, 120)
	proof := fmt.Sprintf(" (%.0f %%, %s)", 100*f.Confidence, count(f.Sessions, "session"))
	t := fixTarget{RemedyID: f.RemedyID, Path: d.paths[0], Command: f.Command}
	var out []protocol.CommandOrCodeAction
	add := func(title, command string, t fixTarget, edit *protocol.WorkspaceEdit) {
		raw, err := json.Marshal(t)
		if err != nil {
			return
		}
		cmd := protocol.Command{Title: "Lathe: " + title, Command: command, Arguments: []protocol.LSPAny{raw}}
		if !c.can.actionLiterals {
			if edit == nil {
				out = append(out, &cmd)
			}
			return
		}
		kind := protocol.CodeActionKindQuickFix
		a := &protocol.CodeAction{Title: cmd.Title, Kind: &kind, Command: cmd, Edit: edit, Diagnostics: []protocol.Diagnostic{f.problem}}
		if f.Generated && c.can.llmTag {
			a.Tags = []protocol.CodeActionTag{protocol.CodeActionTagLLMGenerated}
		}
		out = append(out, a)
	}
	edit, fits := c.workspaceEdit(d, f.Edits)
	switch {
	case fits && c.can.actionLiterals:
		t.Edited = true
		add("apply what fixed this before: "+name+proof, commandFix, t, edit)
	case f.Command != "" || f.Description != "":
		add("show what fixed this before: "+name+proof, commandFix, t, nil)
	}
	if c.taken[f.RemedyID] && len(out) > 0 && c.server.o.Judge != nil {
		add("this fix worked: "+name, commandWorked, t, nil)
		add("this fix did not work: "+name, commandFailed, t, nil)
	}
	return out
}

// workspaceEdit makes the editor's form of replacements in a document. It is
// false when one of them does not fit at exactly one place.
func (c *connection) workspaceEdit(d *document, edits []Replacement) (*protocol.WorkspaceEdit, bool) {
	if len(edits) == 0 || d.lines == nil {
		return nil, false
	}
	text := d.text()
	var all []protocol.TextEdit
	for _, e := range edits {
		at := strings.Index(text, e.Old)
		if e.Old == "" || at < 0 || strings.Index(text[at+1:], e.Old) >= 0 {
			return nil, false
		}
		all = append(all, protocol.TextEdit{Range: protocol.Range{Start: d.positionOf(at, c.can.encoding),
			End: d.positionOf(at+len(e.Old), c.can.encoding)}, NewText: e.New})
	}
	if !c.can.documentChanges {
		return &protocol.WorkspaceEdit{Changes: map[uri.URI][]protocol.TextEdit{uri.URI(d.uri): all}}, true
	}
	version := d.version
	change := &protocol.TextDocumentEdit{TextDocument: protocol.OptionalVersionedTextDocumentIdentifier{
		TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: uri.URI(d.uri)}, Version: &version}}
	for i := range all {
		change.Edits = append(change.Edits, &all[i])
	}
	return &protocol.WorkspaceEdit{DocumentChanges: []protocol.DocumentChange{change}}, true
}

// positionOf is where a byte of the text is, as the editor counts.
func (d *document) positionOf(at int, enc encoding) protocol.Position {
	for i, line := range d.lines {
		if at < len(line) || i == len(d.lines)-1 {
			return protocol.Position{Line: uint32(i), Character: units(line[:min(at, len(line))], enc)}
		}
		at -= len(line)
	}
	return protocol.Position{}
}

// useFix tells the person what to run, or notes that the editor made the edit.
// The text is in the result too, for editors' own code.
func (c *connection) useFix(t fixTarget) (any, error) {
	c.mu.Lock()
	c.taken[t.RemedyID] = true
	c.mu.Unlock()
	switch {
	case t.Edited:
	case t.Command != "":
		c.tell("what fixed this before, to copy: " + oneLine(t.Command, 500))
	default:
		c.tell("what fixed this before is described in the action's title.")
	}
	return encode(t)
}

// judgeFix takes a person's word on a fix.
func (c *connection) judgeFix(t fixTarget, worked bool) (any, error) {
	c.mu.Lock()
	root := c.rootOf(t.Path)
	c.mu.Unlock()
	if err := c.server.o.Judge(c.ctx, root, t.RemedyID, worked); err != nil {
		return nil, failed("your word on this fix is not recorded: %s", cut(err.Error(), 500))
	}
	if worked {
		c.tell("Noted that it worked.")
	} else {
		c.tell("Noted that it did not work; it will be offered less.")
	}
	return encode(t)
}
