package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxDepth is how deep a document may nest.
const maxDepth = 200

// node is a value of a JSON document with comments and trailing commas, by
// where it stands in the text.
type node struct {
	start, end int // of the value, end exclusive
	kind       byte
	members    []member // of an object ('{') or an array ('[')
}

// member is a member of an object, or an element of an array, whose key is "".
type member struct {
	key   string
	start int // of the key, or of the element
	value node
	comma int // where the comma behind it stands, or -1
}

// child is the last member of an object with a key: the one that counts.
func (n *node) child(key string) *member {
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].key == key {
			return &n.members[i]
		}
	}
	return nil
}

// scanner reads a document.
type scanner struct {
	text string
	at   int
}

// parseJSONC reads a document: JSON, in which comments and trailing commas may
// stand as editors allow them. A document of nothing but comments is nil.
func parseJSONC(text string) (*node, error) {
	s := &scanner{text: text}
	if strings.HasPrefix(text, "\ufeff") {
		s.at = len("\ufeff")
	}
	if err := s.blank(); err != nil {
		return nil, err
	}
	if s.at == len(text) {
		return nil, nil
	}
	n, err := s.value(0)
	if err != nil {
		return nil, err
	}
	if err := s.blank(); err != nil {
		return nil, err
	}
	if s.at < len(text) {
		return nil, s.wrong("something stands behind the end of the document")
	}
	return &n, nil
}

func (s *scanner) wrong(what string) error {
	return fmt.Errorf("line %d: %s", 1+strings.Count(s.text[:s.at], "\n"), what)
}

// blank passes over white space and comments.
func (s *scanner) blank() error {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				s.at += i
			} else {
				s.at = len(s.text)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return s.wrong("a comment does not end")
			}
			s.at += i + 4
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			s.at++
		default:
			return nil
		}
	}
	return nil
}

func (s *scanner) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, s.wrong("it nests too deep")
	}
	if s.at >= len(s.text) {
		return node{}, s.wrong("the document ends early")
	}
	switch c := s.text[s.at]; c {
	case '{', '[':
		return s.list(c, depth)
	case '"':
		start := s.at
		_, err := s.str()
		return node{start: start, end: s.at, kind: '"'}, err
	}
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(",]}:/ \t\r\n\"[{", s.text[s.at]) < 0 {
		s.at++
	}
	if !json.Valid([]byte(s.text[start:s.at])) {
		s.at = start
		return node{}, s.wrong("a value is expected")
	}
	return node{start: start, end: s.at, kind: '0'}, nil
}

func (s *scanner) str() (string, error) {
	start := s.at
	for s.at++; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	if s.at >= len(s.text) {
		s.at = start
		return "", s.wrong("a string does not end")
	}
	s.at++
	var text string
	if err := json.Unmarshal([]byte(s.text[start:s.at]), &text); err != nil {
		s.at = start
		return "", s.wrong("a string is not valid")
	}
	return text, nil
}

// list reads an object or an array.
func (s *scanner) list(open byte, depth int) (node, error) {
	n := node{start: s.at, kind: open}
	end := byte('}')
	if open == '[' {
		end = ']'
	}
	s.at++
	for {
		if err := s.blank(); err != nil {
			return n, err
		}
		if s.at < len(s.text) && s.text[s.at] == end {
			s.at++
			n.end = s.at
			return n, nil
		}
		if k := len(n.members); k > 0 && n.members[k-1].comma < 0 {
			return n, s.wrong("a comma is missing")
		}
		m, err := s.member(open == '{', depth)
		if err != nil {
			return n, err
		}
		n.members = append(n.members, m)
	}
}

func (s *scanner) member(named bool, depth int) (m member, err error) {
	m.start, m.comma = s.at, -1
	if named {
		if s.at >= len(s.text) || s.text[s.at] != '"' {
			return m, s.wrong("a name in quotes is expected")
		}
		if m.key, err = s.str(); err != nil {
			return m, err
		}
		if err := s.blank(); err != nil {
			return m, err
		}
		if s.at >= len(s.text) || s.text[s.at] != ':' {
			return m, s.wrong("a colon is missing")
		}
		s.at++
		if err := s.blank(); err != nil {
			return m, err
		}
	}
	if m.value, err = s.value(depth + 1); err != nil {
		return m, err
	}
	if err := s.blank(); err != nil {
		return m, err
	}
	if s.at < len(s.text) && s.text[s.at] == ',' {
		m.comma = s.at
		s.at++
	}
	return m, nil
}

// plainJSON is a value of the text without comments and trailing commas.
func plainJSON(text string, n *node) []byte {
	switch n.kind {
	case '{', '[':
		out := []byte{n.kind}
		for i, m := range n.members {
			if i > 0 {
				out = append(out, ',')
			}
			if n.kind == '{' {
				key, _ := json.Marshal(m.key) // a string always encodes
				out = append(append(out, key...), ':')
			}
			out = append(out, plainJSON(text, &m.value)...)
		}
		return append(out, n.kind+2) // '{' and '}', '[' and ']' are two apart
	}
	return []byte(text[n.start:n.end])
}

var errNotObject = errors.New("the document is not an object")

// decodeJSONC reads a document into Go values.
func decodeJSONC(text string) (any, error) {
	n, err := parseJSONC(text)
	if err != nil || n == nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal(plainJSON(text, n), &v)
	return v, err
}
