package refine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Bounds of a plan's text: beyond them it is a mistake or an attack.
const (
	MaxText  = 1 << 20 // bytes
	maxDepth = 64      // values within values
	maxNodes = 200_000
)

// node is one JSON value with its place in the text: text[start:end].
type node struct {
	start, end int
	kind       byte // '{', '[', '"', '0' for a number, or the first letter of true, false and null
	members    []member
	elems      []*node
}

// member is one name and value of an object.
type member struct {
	start int // of the name, its quote included
	name  string
	value *node
}

// get returns the member of an object, or nil.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

// syntaxError is a place in the text with what is wrong there.
type syntaxError struct {
	offset int
	what   string
}

func (e *syntaxError) Error() string { return e.what }

// scanner reads one JSON text (RFC 8259) and keeps every value's place. It is
// stricter than encoding/json where a plan would be ambiguous: a name may be
// there once in an object, and the text must be valid UTF-8.
type scanner struct {
	text  []byte
	at    int
	nodes int
}

// scan reads a whole text. A byte order mark before it is passed over.
func scan(text []byte) (*node, error) {
	s := scanner{text: text}
	if len(text) > MaxText {
		return nil, &syntaxError{MaxText, fmt.Sprintf("the plan has %d bytes, at most %d are read: split it", len(text), MaxText)}
	}
	if i := invalidUTF8(text); i >= 0 {
		return nil, &syntaxError{i, "the text is not valid UTF-8 here: save the file as UTF-8"}
	}
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		s.at = 3
	}
	n, err := s.value(0)
	if err != nil {
		return nil, err
	}
	s.space()
	if s.at < len(text) {
		return nil, s.fail("the plan ends before this: remove what follows it")
	}
	return n, nil
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func (s *scanner) fail(format string, args ...any) error {
	return &syntaxError{s.at, fmt.Sprintf(format, args...)}
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n' || s.text[s.at] == '\r') {
		s.at++
	}
}

// next is the byte after white space, or 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) value(depth int) (*node, error) {
	c := s.next()
	if s.nodes++; s.nodes > maxNodes {
		return nil, s.fail("the plan has more than %d values: split it", maxNodes)
	}
	if depth > maxDepth {
		return nil, s.fail("values are nested more than %d deep: flatten them", maxDepth)
	}
	n := &node{start: s.at, kind: c}
	var err error
	switch {
	case c == 0 && s.at == len(s.text):
		err = s.fail("the text ends where a value should be: is the file cut off?")
	case c == '{':
		err = s.object(n, depth)
	case c == '[':
		err = s.array(n, depth)
	case c == '"':
		_, err = s.word()
	case c == '-' || c >= '0' && c <= '9':
		n.kind, err = '0', s.number()
	default:
		err = s.literal()
	}
	n.end = s.at
	return n, err
}

func (s *scanner) object(n *node, depth int) error {
	s.at++
	seen := map[string]bool{}
	if s.next() == '}' {
		s.at++
		return nil
	}
	for {
		if c := s.next(); c == '}' {
			return s.fail("a comma stands before this brace: remove it")
		} else if c != '"' {
			return s.fail("a name in quotes should be here, as in \"name\": value")
		}
		m := member{start: s.at}
		var err error
		if m.name, err = s.word(); err != nil {
			return err
		}
		if seen[m.name] {
			s.at = m.start
			return s.fail("%q is there twice in this object: keep one", m.name)
		}
		seen[m.name] = true
		if s.next() != ':' {
			return s.fail("a colon should be here, after the name %q", m.name)
		}
		s.at++
		if m.value, err = s.value(depth + 1); err != nil {
			return err
		}
		n.members = append(n.members, m)
		switch s.next() {
		case ',':
			s.at++
		case '}':
			s.at++
			return nil
		default:
			return s.fail("a comma or a closing brace should be here")
		}
	}
}

func (s *scanner) array(n *node, depth int) error {
	s.at++
	if s.next() == ']' {
		s.at++
		return nil
	}
	for {
		if s.next() == ']' {
			return s.fail("a comma stands before this bracket: remove it")
		}
		v, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		n.elems = append(n.elems, v)
		switch s.next() {
		case ',':
			s.at++
		case ']':
			s.at++
			return nil
		default:
			return s.fail("a comma or a closing bracket should be here")
		}
	}
}

// word reads a string in quotes.
func (s *scanner) word() (string, error) {
	start := s.at
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			var out string
			if err := json.Unmarshal(s.text[start:s.at], &out); err != nil {
				s.at = start
				return "", s.fail("this string has an escape that JSON does not know: use \\\\ for a backslash")
			}
			return out, nil
		case c == '\\':
			s.at++
		case c < 0x20:
			return "", s.fail("a line break or control character stands in a string: write it as \\n or \\u00%02x", c)
		}
	}
	s.at = start
	return "", s.fail("this string has no closing quote")
}

func (s *scanner) number() error {
	start := s.at
	for s.at < len(s.text) && bytes.IndexByte([]byte("+-.eE0123456789"), s.text[s.at]) >= 0 {
		s.at++
	}
	if !json.Valid(s.text[start:s.at]) {
		s.at = start
		return s.fail("this is not a number as JSON writes it")
	}
	return nil
}

func (s *scanner) literal() error {
	for _, w := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.text[s.at:], []byte(w)) {
			s.at += len(w)
			return nil
		}
	}
	return s.fail("a value should be here: a string in quotes, a number, true, false, null, {...} or [...]")
}

// place is the line and the column of an offset, both from 1; columns count
// characters.
func place(text []byte, offset int) (line, column int) {
	offset = min(offset, len(text))
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	head := bytes.TrimPrefix(before[start:], []byte("\xef\xbb\xbf"))
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(head)
}
