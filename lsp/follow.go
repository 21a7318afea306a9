package lsp

import (
	"strings"

	"go.lsp.dev/protocol"
)

// rangeAt is a range given in bytes, as the editor counts.
func (d *document) rangeAt(startLine, startByte, endLine, endByte int, enc encoding) protocol.Range {
	return protocol.Range{
		Start: protocol.Position{Line: uint32(startLine), Character: units(d.lines[startLine][:startByte], enc)},
		End:   protocol.Position{Line: uint32(endLine), Character: units(d.lines[endLine][:endByte], enc)},
	}
}

// follow moves the placements along with an edit that replaces r by text, so
// that what is known of a step is still on it when the step was renamed.
func (d *document) follow(r protocol.Range, text string, enc encoding) {
	if len(d.placed) == 0 {
		return
	}
	lines := splitLines(text)
	last := lines[len(lines)-1]
	end := protocol.Position{Line: r.Start.Line + uint32(len(lines)-1), Character: units(last, enc)}
	if len(lines) == 1 {
		end.Character += r.Start.Character
	}
	// What was sent to the editor stays what it was: placed is a copy.
	moved := make([]placement, len(d.placed))
	for i, p := range d.placed {
		p.place.Start = moveStart(p.place.Start, r, end)
		p.place.End = moveEnd(p.place.End, r, end)
		if before(p.place.End, p.place.Start) {
			p.place.End = p.place.Start
		}
		moved[i] = p
	}
	d.placed = moved
}

// withinLine keeps the part of a range that is on its first line, and there.
func (d *document) withinLine(r protocol.Range, enc encoding) protocol.Range {
	length := units(content(d.lines[r.Start.Line]), enc)
	if r.End.Line != r.Start.Line {
		r.End = protocol.Position{Line: r.Start.Line, Character: length}
	}
	r.End.Character = min(r.End.Character, length)
	r.Start.Character = min(r.Start.Character, r.End.Character)
	return r
}

func before(a, b protocol.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}

// moveStart is where a position is after r was replaced by text that ends at
// end: text at the very place pushes it, inside of r it goes to r's start.
func moveStart(p protocol.Position, r protocol.Range, end protocol.Position) protocol.Position {
	switch {
	case before(p, r.Start):
		return p
	case before(p, r.End):
		return r.Start
	default:
		return shift(p, r.End, end)
	}
}

// moveEnd is the same for a range's end: inside of r it goes to the end of the
// text, and text at the very place does not push it.
func moveEnd(p protocol.Position, r protocol.Range, end protocol.Position) protocol.Position {
	switch {
	case before(p, r.Start) || p == r.Start:
		return p
	case before(p, r.End) || p == r.End:
		return end
	default:
		return shift(p, r.End, end)
	}
}

// shift moves a position behind an edit whose end was old and is now end.
func shift(p, old, end protocol.Position) protocol.Position {
	if p.Line == old.Line {
		p.Character = p.Character - old.Character + end.Character
	}
	p.Line = p.Line - old.Line + end.Line
	return p
}

// defining are the words behind which languages name what they define. Java and
// its kin have none for methods; there a modifier stands before the name.
var defining = map[string]bool{"def": true, "func": true, "function": true, "fn": true, "class": true, "type": true, "struct": true,
	"interface": true, "trait": true, "enum": true, "impl": true, "const": true, "let": true, "var": true, "module": true, "object": true, "fun": true,
	"public": true, "private": true, "protected": true, "static": true, "void": true, "macro_rules": true}

// definitions finds the lines that define the symbols of facts, the first of
// each. Of a qualified name the last part counts.
func definitions(lines []string, facts []*Fact) map[string]mark {
	wanted := map[string][]string{} // last part -> symbols
	for _, f := range facts {
		if f.Symbol != "" {
			name := lastPart(f.Symbol)
			wanted[name] = append(wanted[name], f.Symbol)
		}
	}
	found := make(map[string]mark, len(wanted))
	for i, line := range lines {
		defines := false
		for at := 0; at < len(line); {
			end := wordEnd(line, at)
			if end == at {
				if c := line[at]; c == '"' || c == '\'' || c == '#' || c == '=' || c == ';' || c == '/' {
					break // what follows names, it does not define
				}
				at++
				continue
			}
			word := line[at:end]
			if defines {
				for _, symbol := range wanted[word] {
					if _, ok := found[symbol]; !ok {
						found[symbol] = mark{line: i, start: at, end: end}
					}
				}
			}
			defines = defines || defining[word]
			at = end
		}
	}
	return found
}

func lastPart(symbol string) string {
	if i := strings.LastIndexAny(symbol, ".:#"); i >= 0 {
		return symbol[i+1:]
	}
	return symbol
}

// wordEnd is the end of the name that begins at byte at; at itself when none
// does.
func wordEnd(line string, at int) int {
	i := at
	for i < len(line) {
		c := line[i]
		if c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 || i > at && c >= '0' && c <= '9' {
			i++
			continue
		}
		break
	}
	return i
}
