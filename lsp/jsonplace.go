package lsp

import "strings"

// jsonPlace is where in a JSON text, which need not be complete, a cursor is.
type jsonPlace struct {
	path []string // the members and indices around it; indices are "*"
	// name says that the cursor is where a member's name stands or could
	// stand; else it is at a value.
	name bool
	// seen are the names that the object around it has, and id, own its
	// members "id" and "tool_name" with plain string values, as those of the
	// nearest object that has them.
	seen     map[string]bool
	id, tool string
	start    int  // byte where the token at the cursor begins, of the text
	end      int  // and where it ends
	quoted   bool // the token is a string
	colon    bool // a colon follows the token
}

// jsonFrame is an open object or array.
type jsonFrame struct {
	object   bool
	name     string // of the member whose value is next
	value    bool   // behind the colon
	seen     map[string]bool
	id, tool string
}

// maxFrames bounds how deep a cursor is followed.
const maxFrames = 100

// placeInJSON finds where byte at is; ok is false where nothing could be
// written, as within a number's neighbourhood or too deep.
func placeInJSON(text string, at int) (p jsonPlace, ok bool) {
	frames := []*jsonFrame{}
	for i := 0; i < at; {
		top := last(frames)
		switch c := text[i]; {
		case c == '"':
			end := closeQuote(text, i)
			open := end == i+1 || text[end-1] != '"'
			if at < end || open && at == end {
				if open {
					end = at // what follows is not of this string
				}
				return endPlace(frames, text, i, end, true)
			}
			top.see(text[i:end])
			i = end
			continue
		case c == '{' || c == '[':
			if len(frames) >= maxFrames {
				return p, false
			}
			frames = append(frames, &jsonFrame{object: c == '{', seen: map[string]bool{}})
		case (c == '}' || c == ']') && len(frames) > 0:
			frames = frames[:len(frames)-1]
		case c == ':' && top != nil:
			top.value = true
		case c == ',' && top != nil:
			top.value, top.name = false, ""
		}
		i++
	}
	start := at
	for start > 0 && wordEnd(text[:at], start-1) == at {
		start--
	}
	return endPlace(frames, text, start, at, false)
}

func last(frames []*jsonFrame) *jsonFrame {
	if len(frames) == 0 {
		return nil
	}
	return frames[len(frames)-1]
}

// closeQuote is the byte behind a string; a string ends with its line at the
// latest.
func closeQuote(text string, at int) int {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return at + stringEnd(text[at:at+i], 0)
	}
	return at + stringEnd(text[at:], 0)
}

// see takes a string that stands in a frame: a name, or a value.
func (f *jsonFrame) see(token string) {
	if f == nil || !f.object {
		return
	}
	s, ok := unquote(token)
	switch {
	case !ok:
	case !f.value:
		f.name = s
		f.seen[s] = true
	case f.name == "id":
		f.id = s
	case f.name == "tool_name":
		f.tool = s
	}
}

// endPlace makes the place of what was seen before a cursor.
func endPlace(frames []*jsonFrame, text string, start, end int, quoted bool) (jsonPlace, bool) {
	top := last(frames)
	if top == nil {
		return jsonPlace{}, false
	}
	p := jsonPlace{name: top.object && !top.value, seen: top.seen, start: start, end: end, quoted: quoted}
	for i, f := range frames {
		if f.id != "" || f.tool != "" {
			p.id, p.tool = f.id, f.tool
		}
		switch {
		case !f.object:
			p.path = append(p.path, "*")
		case i < len(frames)-1 || !p.name:
			p.path = append(p.path, f.name)
		}
	}
	rest := strings.TrimLeft(text[end:], " \t")
	p.colon = strings.HasPrefix(rest, ":")
	p.lookAhead(text[end:])
	return p, true
}

// maxAhead bounds how far behind the cursor other members are looked for.
const maxAhead = 16 << 10

// lookAhead finds the members behind the cursor, of the object around it.
func (p *jsonPlace) lookAhead(text string) {
	text = text[:min(len(text), maxAhead)]
	depth, name, value := 0, "", false
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := closeQuote(text, i)
			if s, ok := unquote(text[i:end]); ok && depth == 0 {
				switch {
				case value && name == "tool_name" && p.tool == "":
					p.tool = s
				case value && name == "id" && p.id == "":
					p.id = s
				case !value:
					name = s
				}
			}
			i = end
			continue
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth < 0 {
				return
			}
		case c == ':' && depth == 0:
			if name != "" && p.name {
				p.seen[name] = true
			}
			value = true
		case c == ',' && depth == 0:
			value, name = false, ""
		}
		i++
	}
}
