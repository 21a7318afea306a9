package template

import (
	"strings"

	"lathe/learn"
)

// maxSteps caps the search of one Match.
const maxSteps = 200000

// Match gives the values that make the template the text; false when there are
// none. The leftmost parameters get the shortest stretches that work, cut at
// token boundaries; a parameter in two places has one value, and each value has
// the parameter's type.
func (t Template) Match(text string) (map[string]string, bool) {
	if t.Instances == 0 {
		return nil, false
	}
	m := &matcher{t: t, text: text, values: make([]*string, len(t.Variables)), left: maxSteps, failed: map[[2]int]bool{}}
	m.cuts = make([]bool, len(text)+1)
	at := 0
	for _, k := range Tokens(text) {
		m.cuts[at] = true
		at += len(k)
	}
	m.cuts[len(text)] = true
	m.shared = t.shares()
	if !m.match(0, 0) {
		return nil, false
	}
	out := make(map[string]string, len(m.values))
	for i, v := range m.values {
		if v != nil {
			out[t.Variables[i].Name] = *v
		}
	}
	return out, true
}

// shares reports whether a parameter stands in two places.
func (t Template) shares() bool {
	seen := make([]bool, len(t.Variables))
	for _, p := range t.Parts {
		if p.Param >= 0 && seen[p.Param] {
			return true
		} else if p.Param >= 0 {
			seen[p.Param] = true
		}
	}
	return false
}

type matcher struct {
	t      Template
	text   string
	cuts   []bool
	values []*string
	left   int
	shared bool
	failed map[[2]int]bool // (part, position) that cannot succeed; only without sharing
}

func (m *matcher) match(part, at int) bool {
	for ; part < len(m.t.Parts); part++ {
		p := m.t.Parts[part]
		if p.Param >= 0 {
			break
		}
		if !strings.HasPrefix(m.text[at:], p.Text) {
			return false
		}
		at += len(p.Text)
	}
	if part == len(m.t.Parts) {
		return at == len(m.text)
	}
	key := [2]int{part, at}
	if m.failed[key] {
		return false
	}
	ok := m.parameter(part, at)
	if !ok && !m.shared {
		m.failed[key] = true
	}
	return ok
}

// parameter tries every stretch for the parameter at part.
func (m *matcher) parameter(part, at int) bool {
	i := m.t.Parts[part].Param
	if v := m.values[i]; v != nil {
		return strings.HasPrefix(m.text[at:], *v) && m.match(part+1, at+len(*v))
	}
	typ := m.t.Variables[i].Type
	for end := at; end <= len(m.text); end++ {
		if !m.cuts[end] {
			continue
		}
		if m.left--; m.left < 0 {
			return false
		}
		value := m.text[at:end]
		if typ != learn.TypeString && TypeOf(value) != typ {
			continue
		}
		m.values[i] = &value
		if m.match(part+1, end) {
			return true
		}
		m.values[i] = nil
	}
	return false
}
