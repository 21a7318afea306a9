package template

import (
	"slices"
	"strings"

	"lathe/learn"
)

// maxCells caps the alignment's table; longer texts keep only what they share
// at their ends.
const maxCells = 1 << 20

// anchor pairs a part of the template with a token of the instance.
type anchor struct{ part, token int }

// merge generalises t so that the instance matches too.
func (t Template) merge(tokens []token) Template {
	anchors := t.align(tokens)
	m := &merger{old: t, out: Template{Instances: t.Instances + 1, Parts: []Part{}, Variables: []Param{}}}
	i, j := 0, 0
	for _, a := range append(anchors, anchor{len(t.Parts), len(tokens)}) {
		m.gap(t.Parts[i:a.part], tokens[j:a.token])
		if a.part < len(t.Parts) {
			m.keep(t.Parts[a.part], tokens[a.token].text)
		}
		i, j = a.part+1, a.token+1
	}
	return m.finish()
}

// align is a heaviest common subsequence of parts and tokens, the common ends
// first. Parameters match only tokens that are bound to their name.
func (t Template) align(tokens []token) []anchor {
	n, m := len(t.Parts), len(tokens)
	var head, tail []anchor
	lo := 0
	for lo < n && lo < m && t.same(t.Parts[lo], tokens[lo]) {
		head = append(head, anchor{lo, lo})
		lo++
	}
	for n > lo && m > lo && t.same(t.Parts[n-1], tokens[m-1]) {
		n, m = n-1, m-1
		tail = append(tail, anchor{n, m})
	}
	slices.Reverse(tail)
	if (n-lo+1)*(m-lo+1) > maxCells {
		return append(head, tail...)
	}
	return append(append(head, t.alignMiddle(tokens, lo, n, m)...), tail...)
}

func (t Template) alignMiddle(tokens []token, lo, n, m int) []anchor {
	w := m - lo + 1
	best := make([]int32, (n-lo+1)*w)
	at := func(i, j int) *int32 { return &best[(i-lo)*w+j-lo] }
	for i := n - 1; i >= lo; i-- {
		for j := m - 1; j >= lo; j-- {
			v := max(*at(i+1, j), *at(i, j+1))
			if t.same(t.Parts[i], tokens[j]) {
				v = max(v, *at(i+1, j+1)+int32(weight(tokens[j].text)))
			}
			*at(i, j) = v
		}
	}
	var out []anchor
	for i, j := lo, lo; i < n && j < m; {
		switch {
		case t.same(t.Parts[i], tokens[j]) && *at(i, j) == *at(i+1, j+1)+int32(weight(tokens[j].text)):
			out = append(out, anchor{i, j})
			i, j = i+1, j+1
		case *at(i+1, j) >= *at(i, j+1):
			i++
		default:
			j++
		}
	}
	return out
}

func (t Template) same(p Part, k token) bool {
	if p.Param < 0 {
		return p.Text == k.text && k.text != ""
	}
	return t.Variables[p.Param].Bound && t.Variables[p.Param].Name == k.bound
}

// merger builds the generalised template.
type merger struct {
	old   Template
	out   Template
	slots []slot // what each parameter of out stands for
	shape bool   // the merge changed more than values
}

// slot is a parameter in the making: its values in the remembered instances,
// and now.
type slot struct {
	from   int // the one old parameter that it continues, -1
	values []string
	value  string
	typ    learn.PlaceholderType
	text   string // the old parts, to tell slots apart
}

func (m *merger) keep(p Part, text string) {
	if p.Param < 0 {
		m.out.Parts = append(m.out.Parts, p)
		return
	}
	v := m.old.Variables[p.Param]
	m.place(slot{from: p.Param, values: v.Values, value: text, typ: join(v.Type, TypeOf(text)), text: "{" + v.Name + "}"})
}

// gap turns a stretch where both differ into one parameter.
func (m *merger) gap(parts []Part, tokens []token) {
	if len(parts) == 0 && len(tokens) == 0 {
		return
	}
	var now strings.Builder
	for _, k := range tokens {
		now.WriteString(k.text)
	}
	if len(parts) == 1 && parts[0].Param >= 0 {
		m.keep(parts[0], now.String())
		return
	}
	m.shape = true
	s := slot{from: -1, value: now.String(), typ: TypeOf(now.String())}
	samples := 1
	if len(m.old.Variables) > 0 {
		samples = len(m.old.Variables[0].Values)
	}
	for k := range samples {
		var b strings.Builder
		for _, p := range parts {
			if p.Param < 0 {
				b.WriteString(p.Text)
			} else {
				b.WriteString(m.old.Variables[p.Param].Values[k])
			}
		}
		s.values = append(s.values, b.String())
		s.typ = join(s.typ, TypeOf(b.String()))
	}
	for _, p := range parts {
		if p.Param >= 0 && len(parts) > 1 {
			s.typ = learn.TypeString // values beyond the samples are not known
		}
		s.text += m.old.partText(p)
	}
	m.place(s)
}

func (t Template) partText(p Part) string {
	if p.Param < 0 {
		return p.Text
	}
	return "\x00" + t.Variables[p.Param].Name + "\x00"
}

// place puts a slot at the end: as the parameter that has the same origin and
// values, or as a new one.
func (m *merger) place(s slot) {
	for i, o := range m.slots {
		if o.text == s.text && o.from == s.from && o.value == s.value && slices.Equal(o.values, s.values) {
			m.out.Parts = append(m.out.Parts, Part{Param: i})
			return
		}
		if o.from >= 0 && o.from == s.from {
			m.shape = true // one parameter becomes two
			s.from = -1
		}
	}
	m.slots = append(m.slots, s)
	m.out.Parts = append(m.out.Parts, Part{Param: len(m.slots) - 1})
}

// finish names the parameters and remembers the new instance's values.
func (m *merger) finish() Template {
	remembered := 1
	if len(m.slots) > 0 {
		remembered = len(m.slots[0].values)
	}
	add := remembered < maxSamples || m.shape && remembered < maxSamples+maxSplits
	m.out.Variables = make([]Param, len(m.slots))
	for i, s := range m.slots {
		if s.from >= 0 {
			m.out.Variables[i].Name = m.old.Variables[s.from].Name
			m.out.Variables[i].Bound = m.old.Variables[s.from].Bound
		}
	}
	for i, s := range m.slots {
		p := &m.out.Variables[i]
		p.Type, p.Values = s.typ, slices.Clone(s.values)
		if add {
			p.Values = append(p.Values, s.value)
		}
		if p.Name == "" {
			p.Name = m.out.name(s.typ)
		}
	}
	return m.out
}
