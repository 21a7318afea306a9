package lsp

import (
	"encoding/json"
	"strings"

	"go.lsp.dev/protocol"
)

const (
	// maxPlaced is how many proposals are shown in one file.
	maxPlaced = 200
	// searchBudget is how many bytes are searched, at most, to place all
	// proposals of a document.
	searchBudget = 16 << 20
)

// placement is a proposal at a place in a document.
type placement struct {
	proposal *Proposal
	place    protocol.Range
}

// same reports whether two placements look the same to the editor.
func (p placement) same(o placement) bool { return p.place == o.place && *p.proposal == *o.proposal }

// mark is a part of a line, in bytes.
type mark struct{ line, start, end int }

// place finds where in the document each proposal belongs.
func (d *document) place(proposals []*Proposal, enc encoding) []placement {
	if len(proposals) > maxPlaced {
		proposals = proposals[:maxPlaced]
	}
	out := make([]placement, 0, len(proposals))
	finder := finder{lines: d.lines, budget: searchBudget}
	for _, p := range proposals {
		out = append(out, placement{proposal: p, place: d.rangeOf(finder.find(p), enc)})
	}
	return out
}

func (d *document) rangeOf(m mark, enc encoding) protocol.Range {
	r := protocol.Range{Start: protocol.Position{Line: uint32(m.line)}, End: protocol.Position{Line: uint32(m.line)}}
	if d.lines != nil {
		line := d.lines[m.line]
		r.Start.Character = units(line[:m.start], enc)
		r.End.Character = r.Start.Character + units(line[m.start:m.end], enc)
	}
	return r
}

// finder places the proposals of one version of one document.
type finder struct {
	lines  []string
	steps  map[string]mark // made when first needed
	budget int
}

func (f *finder) find(p *Proposal) mark {
	if f.lines == nil {
		return mark{}
	}
	if p.Step != "" {
		if f.steps == nil {
			f.steps = steps(f.lines)
		}
		if m, ok := f.steps[p.Step]; ok {
			return m
		}
	}
	if m, ok := f.search(p.Match); ok {
		return m
	}
	if p.Line > 0 && p.Line <= len(f.lines) {
		return f.whole(p.Line - 1)
	}
	return f.whole(0)
}

// whole marks a line without the space around its text.
func (f *finder) whole(i int) mark {
	line := content(f.lines[i])
	text := strings.TrimSpace(line)
	start := strings.Index(line, text)
	return mark{line: i, start: start, end: start + len(text)}
}

func (f *finder) search(text string) (mark, bool) {
	text = strings.TrimSpace(text)
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	if text == "" {
		return mark{}, false
	}
	for i, line := range f.lines {
		if f.budget -= len(line) + 1; f.budget < 0 {
			return mark{}, false
		}
		if at := strings.Index(line, text); at >= 0 {
			return mark{line: i, start: at, end: at + len(text)}, true
		}
	}
	return mark{}, false
}

// steps finds the values of all "id" members, the first of each value. The
// text need not be valid JSON: people edit it.
func steps(lines []string) map[string]mark {
	found := map[string]mark{}
	var key string // the string before, when only space was seen since
	var value bool // a colon was seen behind the key "id"
	for i, line := range lines {
		for at := 0; at < len(line); {
			switch c := line[at]; c {
			case '"':
				end := stringEnd(line, at)
				text := line[at:end]
				if value {
					if id, ok := unquote(text); ok && !has(found, id) {
						found[id] = mark{line: i, start: at, end: end}
					}
				}
				key, value, at = text, false, end
				continue
			case ':':
				value = key == `"id"`
				key = ""
			case ' ', '\t', '\r', '\n':
			default:
				key, value = "", false
			}
			at++
		}
	}
	return found
}

func has(m map[string]mark, key string) bool {
	_, ok := m[key]
	return ok
}

// unquote is the value of a JSON string.
func unquote(text string) (string, bool) {
	if n := len(text); n >= 2 && text[n-1] == '"' && strings.IndexByte(text, '\\') < 0 {
		return text[1 : n-1], true
	}
	var s string
	err := json.Unmarshal([]byte(text), &s)
	return s, err == nil
}

// stringEnd is the byte behind a JSON string that begins at byte at, or the
// line's end when it is not closed there.
func stringEnd(line string, at int) int {
	for i := at + 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(content(line))
}
