package lsp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.lsp.dev/protocol"
)

// maxCompletions bounds one answer.
const maxCompletions = 500

// choice is one thing that can be written at the cursor.
type choice struct {
	text   string // without quotes
	raw    bool   // text is JSON itself, not a string's content
	detail string
	kind   protocol.CompletionItemKind
}

// complete offers what can stand at the cursor in a plan template.
func (c *connection) complete(p *protocol.CompletionParams) (*protocol.CompletionList, error) {
	out := &protocol.CompletionList{Items: []protocol.CompletionItem{}}
	plans := c.server.o.Plans
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.docs.get(string(p.TextDocument.URI))
	if plans == nil || d == nil || d.lines == nil || !isPlan(d.paths[0]) {
		return out, nil
	}
	line, offset := d.locate(p.Position, c.can.encoding)
	text, start := d.text(), 0
	for _, l := range d.lines[:line] {
		start += len(l)
	}
	at, ok := placeInJSON(text, start+offset)
	if !ok || at.start < start || at.end > start+len(d.lines[line]) {
		return out, nil
	}
	r := d.rangeOf(mark{line: line, start: at.start - start, end: at.end - start}, c.can.encoding)
	for i, ch := range c.choices(d, &at) {
		if i == maxCompletions {
			out.IsIncomplete = true
			break
		}
		out.Items = append(out.Items, c.item(ch, &at, r, i))
	}
	return out, nil
}

// choices are what can be written at a place. mu is held.
func (c *connection) choices(d *document, at *jsonPlace) []choice {
	root, plans := c.schema(), c.server.o.Plans
	workspace := c.rootOf(d.paths[0])
	path := slices.Clone(at.path)
	member := strings.Join(path, "/")
	if len(path) > 1 && path[0] == "dependencies" {
		member = "dependencies/*" + strings.Repeat("/*", len(path)-2)
	}
	if at.name {
		if member == "tasks/*/arguments" {
			return argumentsOf(plans.Tools(workspace), at)
		}
		if member == "dependencies" {
			return ids(d, "", at.seen)
		}
		return members(root.at(path), at.seen)
	}
	switch member {
	case "tasks/*/tool_name":
		var out []choice
		for _, t := range plans.Tools(workspace) {
			out = append(out, choice{text: t.Name, detail: t.Detail, kind: protocol.CompletionItemKindFunction})
		}
		return out
	case "tasks/*/fallback/*":
		return ids(d, at.id, nil)
	case "dependencies/*/*":
		return ids(d, path[1], nil)
	}
	var out []choice
	if n := root.at(path); n != nil {
		for _, v := range n.Enum {
			if s, ok := v.(string); ok {
				out = append(out, choice{text: s, detail: n.Description, kind: protocol.CompletionItemKindEnumMember})
			}
		}
	}
	for _, v := range plans.Values(workspace, member) {
		out = append(out, choice{text: v, kind: protocol.CompletionItemKindValue})
	}
	return out
}

// schema is the plans' schema, read once for a connection. mu is held.
func (c *connection) schema() *schemaNode {
	if c.planSchema == nil {
		c.planSchema = &schemaNode{}
		if err := json.Unmarshal(c.server.o.Plans.Schema(), c.planSchema); err != nil {
			c.log.Error("lsp: the plans' schema is not readable", "why", err)
		}
	}
	return c.planSchema
}

// members are the names that an object lacks.
func members(n *schemaNode, seen map[string]bool) []choice {
	if n == nil {
		return nil
	}
	var out []choice
	for _, name := range n.names() {
		if seen[name] {
			continue
		}
		m := n.Properties[name]
		detail := m.Description
		if detail == "" {
			detail = m.kind()
		}
		out = append(out, choice{text: name, detail: detail, kind: protocol.CompletionItemKindProperty})
	}
	return out
}

// argumentsOf are the names of the arguments that the step's tool takes.
func argumentsOf(tools []PlanTool, at *jsonPlace) []choice {
	var out []choice
	for _, t := range tools {
		if t.Name != at.tool {
			continue
		}
		for _, a := range t.Arguments {
			if !at.seen[a] {
				out = append(out, choice{text: a, detail: "argument of " + t.Name, kind: protocol.CompletionItemKindProperty})
			}
		}
	}
	return out
}

// ids are the ids of the plan's steps, without own and those that are there.
func ids(d *document, own string, seen map[string]bool) []choice {
	var out []choice
	for id, m := range steps(d.lines) {
		if id != own && !seen[id] {
			out = append(out, choice{text: id, detail: fmt.Sprintf("step on line %d", m.line+1), kind: protocol.CompletionItemKindReference})
		}
	}
	slices.SortFunc(out, func(a, b choice) int { return strings.Compare(a.text, b.text) })
	return out
}

// item is a choice as the editor takes it: it replaces the token at the cursor.
func (c *connection) item(ch choice, at *jsonPlace, r protocol.Range, order int) protocol.CompletionItem {
	quoted, err := json.Marshal(ch.text)
	if err != nil || ch.raw {
		quoted = []byte(ch.text)
	}
	text := string(quoted)
	if at.name && !at.colon {
		text += ": "
	}
	it := protocol.CompletionItem{Label: oneLine(ch.text, 200), Kind: ch.kind, FilterText: protocol.NewOptional(string(quoted)),
		SortText: protocol.NewOptional(fmt.Sprintf("%05d", order)), TextEdit: &protocol.TextEdit{Range: r, NewText: text}}
	if !at.quoted {
		it.FilterText = protocol.NewOptional(ch.text)
	}
	if ch.detail != "" {
		it.Detail = protocol.NewOptional(oneLine(ch.detail, 200))
	}
	return it
}
