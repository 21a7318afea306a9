package template

import (
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
)

const (
	// maxSamples is how many instances' values a template remembers.
	maxSamples = 8
	// maxSplits is how many more it remembers because they changed its shape.
	maxSplits = 56
)

// Param is a typed parameter of a template.
type Param struct {
	Name   string                `json:"name"`
	Type   learn.PlaceholderType `json:"type"`
	Values []string              `json:"values"` // of the first instances, in their order
	Bound  bool                  `json:"bound,omitempty"`
}

// Part is a piece of a template: literal text, or the parameter of an index.
type Part struct {
	Text  string `json:"text,omitempty"`
	Param int    `json:"param"` // -1 for text
}

// Template is a text with parameters. The zero value has no instance yet.
// Templates are not changed in place.
type Template struct {
	Parts     []Part  `json:"parts"`
	Variables []Param `json:"params"`
	Instances int     `json:"instances"`
}

// Unify is the least general template of two texts.
func Unify(a, b string) Template { return FromInstances([]string{a, b}) }

// FromInstances is the template of all the texts.
func FromInstances(texts []string) Template {
	var t Template
	for _, text := range texts {
		t = t.Add(text)
	}
	return t
}

// FromBound is the template of one text in which every token that equals a
// capture is a parameter of the capture's name.
func FromBound(text string, captures map[string]string) Template {
	return Template{}.AddBound(text, captures)
}

// Add merges one more instance in.
func (t Template) Add(text string) Template { return t.AddBound(text, nil) }

// AddBound merges an instance whose tokens that equal a capture stand for it.
func (t Template) AddBound(text string, captures map[string]string) Template {
	tokens := bind(Tokens(text), captures)
	if t.Instances == 0 {
		return first(tokens)
	}
	if values, ok := t.Match(text); ok && t.agrees(values, captures) {
		return t.remember(values)
	}
	return t.merge(tokens)
}

// agrees reports whether the bound parameters have their captures' values.
func (t Template) agrees(values, captures map[string]string) bool {
	for _, p := range t.Variables {
		if c, ok := captures[p.Name]; p.Bound && ok && c != values[p.Name] {
			return false
		}
	}
	return true
}

// remember counts an instance that the template already matches.
func (t Template) remember(values map[string]string) Template {
	out := t.clone()
	out.Instances++
	for i := range out.Variables {
		if p := &out.Variables[i]; len(p.Values) < maxSamples {
			p.Values = append(p.Values, values[p.Name])
		}
	}
	return out
}

// token is a token of an instance, with the capture that it stands for.
type token struct {
	text  string
	bound string
}

func bind(words []string, captures map[string]string) []token {
	names := make([]string, 0, len(captures))
	for n, v := range captures {
		if v != "" {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	out := make([]token, len(words))
	for i, w := range words {
		out[i].text = w
		for _, n := range names {
			if captures[n] == w {
				out[i].bound = n
				break
			}
		}
	}
	return out
}

// first is the template of a single instance.
func first(tokens []token) Template {
	t := Template{Instances: 1, Parts: []Part{}, Variables: []Param{}}
	for _, k := range tokens {
		if k.bound == "" {
			t.Parts = append(t.Parts, Part{Text: k.text, Param: -1})
			continue
		}
		at := slices.IndexFunc(t.Variables, func(p Param) bool { return p.Name == k.bound })
		if at < 0 {
			at = len(t.Variables)
			t.Variables = append(t.Variables, Param{Name: k.bound, Type: TypeOf(k.text), Values: []string{k.text}, Bound: true})
		}
		t.Parts = append(t.Parts, Part{Param: at})
	}
	return t
}

// Params lists the parameters in the order of their first place.
func (t Template) Params() []Param { return slices.Clone(t.Variables) }

// String is the text with {name} in the parameters' places.
func (t Template) String() string {
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Param < 0 {
			b.WriteString(p.Text)
		} else {
			b.WriteString("{" + t.Variables[p.Param].Name + "}")
		}
	}
	return b.String()
}

// Constant reports how many of the text's words are fixed, from 0 to 1: a
// template that is all parameter says nothing.
func (t Template) Constant() float64 {
	fixed, all := 0, 0
	for _, p := range t.Parts {
		if p.Param >= 0 {
			all++
		} else if weight(p.Text) == 8 {
			fixed++
			all++
		}
	}
	if all == 0 {
		return 1
	}
	return float64(fixed) / float64(all)
}

// Fill puts values in the parameters' places, literally. A missing value is an
// error; values for no parameter are ignored.
func (t Template) Fill(values map[string]string) (string, error) {
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Param < 0 {
			b.WriteString(p.Text)
			continue
		}
		name := t.Variables[p.Param].Name
		v, ok := values[name]
		if !ok {
			return "", fmt.Errorf("fill template %q: no value for {%s}; give one", t.String(), name)
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// Bind renames the parameters whose remembered values all equal the capture of
// that name in the same instance: captures[i] belongs to the i-th remembered
// instance. A parameter that equals none keeps its name.
func (t Template) Bind(captures []map[string]string) Template {
	out := t.clone()
	for i := range out.Variables {
		p := &out.Variables[i]
		if p.Bound || len(captures) < len(p.Values) || len(p.Values) == 0 {
			continue
		}
		names := make([]string, 0, len(captures[0]))
		for n := range captures[0] {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			taken := slices.ContainsFunc(out.Variables, func(q Param) bool { return q.Name == n })
			same := true
			for k, v := range p.Values {
				same = same && v != "" && captures[k][n] == v
			}
			if same && !taken {
				p.Name, p.Bound = n, true
				break
			}
		}
	}
	return out
}

func (t Template) clone() Template {
	t.Parts = slices.Clone(t.Parts)
	t.Variables = slices.Clone(t.Variables)
	for i := range t.Variables {
		t.Variables[i].Values = slices.Clone(t.Variables[i].Values)
	}
	return t
}

// name gives a new parameter a name that no other has.
func (t Template) name(typ learn.PlaceholderType) string {
	for n := 1; ; n++ {
		name := string(typ)
		if n > 1 {
			name = fmt.Sprintf("%s%d", typ, n)
		}
		if !slices.ContainsFunc(t.Variables, func(p Param) bool { return p.Name == name }) {
			return name
		}
	}
}
