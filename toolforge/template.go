package toolforge

import (
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
)

// errTemplate says that a command template cannot be read.
var errTemplate = errors.New("bad command template")

// render fills a word with values.
func (t *proto) render(w []piece, value func(param int) string) string {
	var b strings.Builder
	for _, p := range w {
		if p.param < 0 {
			b.WriteString(p.text)
		} else {
			b.WriteString(value(p.param))
		}
	}
	return b.String()
}

// String is the command template: shell syntax in which {name} stands for a
// parameter and {{ and }} for braces.
func (t *proto) String() string {
	var b strings.Builder
	word := func(w []piece) string {
		var inner strings.Builder
		for _, p := range w {
			if p.param >= 0 {
				inner.WriteString("{" + t.params[p.param].name + "}")
			} else {
				inner.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.text))
			}
		}
		if len(w) == 1 && w[0].param >= 0 {
			return inner.String()
		}
		return quote(inner.String())
	}
	for _, s := range t.stages {
		switch s.join {
		case joinPipe, joinAnd:
			b.WriteString(" " + string(s.join) + " ")
		case joinThen:
			b.WriteString("; ")
		}
		for i, w := range s.words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word(w))
		}
		if s.stdin != nil {
			b.WriteString(" < " + word(s.stdin))
		}
		if s.merge {
			b.WriteString(" 2>&1")
		}
		if s.silent {
			b.WriteString(" 2>/dev/null")
		}
	}
	return b.String()
}

// quote makes one shell word of s (POSIX 2.2.2).
func quote(s string) string {
	plain := s != ""
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./,:=+@%", r)) {
			plain = false
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// readTemplate reads a specification's command template; its parameters are
// those of the specification's JSON Schema.
func readTemplate(spec learn.ToolSpecification) (*proto, schema, error) {
	sch, err := readSchema(spec.Parameters)
	if err != nil {
		return nil, sch, err
	}
	l, err := parseLineOpen(spec.CommandTemplate)
	if err != nil {
		return nil, sch, fmt.Errorf("%w: %w", errTemplate, err)
	}
	t := &proto{}
	for _, s := range l.stages {
		ts := templateStage{join: s.join, merge: s.merge, silent: s.silent}
		roles := s.roles()
		for i, w := range s.words {
			pieces, err := t.split(w, roles[i], s.words[0], sch)
			if err != nil {
				return nil, sch, err
			}
			ts.words = append(ts.words, pieces)
		}
		if s.stdin != "" {
			if ts.stdin, err = t.split(s.stdin, rolePath, s.words[0], sch); err != nil {
				return nil, sch, err
			}
		}
		t.stages = append(t.stages, ts)
	}
	for name := range sch.Properties {
		if t.index(name) < 0 {
			return nil, sch, fmt.Errorf("%w: parameter %q is not in the command", errTemplate, name)
		}
	}
	return t, sch, nil
}

// split divides a word of a template into text and parameters.
func (t *proto) split(w string, r role, owner string, sch schema) ([]piece, error) {
	var pieces []piece
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, piece{text: text.String(), param: -1})
			text.Reset()
		}
	}
	for i := 0; i < len(w); i++ {
		switch {
		case (w[i] == '{' || w[i] == '}') && i+1 < len(w) && w[i+1] == w[i]:
			text.WriteByte(w[i])
			i++
		case w[i] == '{':
			end := strings.IndexByte(w[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("%w: a brace in %q is not closed; write {{ for a brace", errTemplate, w)
			}
			name := w[i+1 : i+end]
			p, ok := sch.Properties[name]
			if !ok {
				return nil, fmt.Errorf("%w: {%s} is not a parameter", errTemplate, name)
			}
			flush()
			k := t.index(name)
			if k < 0 {
				k = len(t.params)
				t.params = append(t.params, parameter{name: name, role: r, owner: owner, number: p.Type == "integer"})
			}
			pieces = append(pieces, piece{param: k})
			i += end
		case w[i] == '}':
			return nil, fmt.Errorf("%w: a brace in %q was not opened; write }} for a brace", errTemplate, w)
		default:
			text.WriteByte(w[i])
		}
	}
	flush()
	if pieces == nil {
		pieces = []piece{{param: -1}}
	}
	return pieces, nil
}

func (t *proto) index(name string) int {
	for i, p := range t.params {
		if p.name == name {
			return i
		}
	}
	return -1
}
