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

// placement is a proposal, or a fact, at a place in a document.
type placement struct {
	proposal *Proposal // or
	fact     *Fact
	place    protocol.Range
}

// key names what is placed, within its document.
func (p placement) key() string {
	if p.proposal != nil {
		return p.proposal.ID
	}
	return "\x00" + p.fact.key()
}

// mark is a part of a line, in bytes.
type mark struct{ line, start, end int }

// place finds where in the document each proposal and each fact belongs. What
// cannot be found any more, since its step or function was renamed, is where
// edits have moved it to: the placements before have followed them.
func (d *document) place(proposals []*Proposal, facts []*Fact, enc encoding) []placement {
	proposals, facts = proposals[:min(len(proposals), maxPlaced)], facts[:min(len(facts), maxPlaced)]
	out := make([]placement, 0, len(proposals)+len(facts))
	finder := finder{lines: d.lines, budget: searchBudget, facts: facts}
	var before map[string]protocol.Range
	add := func(p placement, m mark, found bool) {
		if !found {
			if before == nil {
				before = make(map[string]protocol.Range, len(d.placed))
				for _, old := range d.placed {
					before[old.key()] = old.place
				}
			}
			if r, ok := before[p.key()]; ok && int64(r.Start.Line) < int64(len(d.lines)) {
				p.place = d.withinLine(r, enc)
				out = append(out, p)
				return
			}
			if p.fact != nil && m == (mark{}) {
				return // of code that is not there
			}
		}
		p.place = d.rangeOf(m, enc)
		out = append(out, p)
	}
	for _, p := range proposals {
		m, found := finder.find(p.Step, "", p.Match, p.Line)
		if !found && m == (mark{}) {
			m = finder.first()
		}
		add(placement{proposal: p}, m, found)
	}
	for _, f := range facts {
		m, found := finder.find(f.Step, f.Symbol, f.Match, f.Line)
		if f.whole() {
			m, found = finder.first(), true
		}
		add(placement{fact: f}, m, found)
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
	lines   []string
	steps   map[string]mark // made when first needed
	facts   []*Fact         // whose symbols are looked for
	symbols map[string]mark // the same
	budget  int
}

// find looks for an anchor. found says that it is there itself; a line alone
// is the second best, since edits move it.
func (f *finder) find(step, symbol, match string, line int) (m mark, found bool) {
	if f.lines == nil {
		return mark{}, false
	}
	if step != "" {
		if f.steps == nil {
			f.steps = steps(f.lines)
		}
		if m, ok := f.steps[step]; ok {
			return m, true
		}
	}
	if symbol != "" {
		if f.symbols == nil {
			f.symbols = definitions(f.lines, f.facts)
		}
		if m, ok := f.symbols[symbol]; ok {
			return m, true
		}
	}
	if m, ok := f.search(match); ok {
		return m, true
	}
	if line > 0 && line <= len(f.lines) {
		return f.whole(line - 1), false
	}
	return mark{}, false
}

func (f *finder) first() mark {
	if f.lines == nil {
		return mark{}
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
