package toolforge

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// errNoExample says that nothing can be generalised.
var errNoExample = errors.New("no example can be made into a tool")

// parameter is what varies between examples.
type parameter struct {
	name   string
	role   role
	number bool
	owner  string   // program whose argument it is
	values []string // by example
}

// piece is a part of a word: constant text, or a parameter.
type piece struct {
	text  string
	param int // index into params, or -1
}

// proto is a command line with parameters: the least general
// generalisation of the examples (Plotkin, 1970) at the level of words, and
// of runs of digits within a word.
type proto struct {
	stages   []templateStage
	params   []parameter
	examples []learn.ToolExample // those that the template covers, with their arguments
}

type templateStage struct {
	join   join
	words  [][]piece
	stdin  []piece
	merge  bool
	silent bool
}

var digits = lazyregexp.New(`[0-9]+`)

// generaliseExamples finds the commonest form among the examples and turns
// what varies within it into parameters.
func generaliseExamples(examples []learn.ToolExample) (*proto, error) {
	groups := map[string][]int{}
	lines := make([]line, len(examples))
	best := ""
	var last error
	for i, e := range examples {
		l, err := parseLine(e.Command)
		if err != nil {
			last = err
			continue
		}
		lines[i] = l
		k := l.form()
		groups[k] = append(groups[k], i)
		if best == "" || len(groups[k]) > len(groups[best]) {
			best = k
		}
	}
	if best == "" {
		return nil, errors.Join(errNoExample, last)
	}
	var chosen []line
	t := &proto{}
	for _, i := range groups[best] {
		chosen = append(chosen, lines[i])
		t.examples = append(t.examples, examples[i])
	}
	for s := range chosen[0].stages {
		t.addStage(chosen, s)
	}
	t.nameParameters()
	return t, t.bindExamples()
}

func (t *proto) addStage(lines []line, s int) {
	first := lines[0].stages[s]
	ts := templateStage{join: first.join, merge: first.merge, silent: first.silent}
	roles := first.roles()
	for w := range first.words {
		values := make([]string, len(lines))
		for i := range lines {
			values[i] = lines[i].stages[s].words[w]
		}
		hint := first.words[0]
		if w > 0 && roles[w] != roleFlag && roles[w-1] == roleFlag {
			if p, ok := reader(first.words[0]); ok && p.flags[valueFlag(first.words[0], first.words[w-1])] != "" {
				hint = "-" + p.flags[valueFlag(first.words[0], first.words[w-1])]
			}
		}
		pieces := t.unify(values, roles[w], hint)
		if roles[w] == rolePattern && w > 0 && hint == first.words[0] && takesE(hint) && pieces[0].param >= 0 {
			// A pattern may begin with a dash: -e keeps it a pattern.
			ts.words = append(ts.words, []piece{{text: "-e", param: -1}})
		}
		ts.words = append(ts.words, pieces)
	}
	if first.stdin != "" {
		values := make([]string, len(lines))
		for i := range lines {
			values[i] = lines[i].stages[s].stdin
		}
		ts.stdin = t.unify(values, rolePath, first.words[0])
	}
	t.stages = append(t.stages, ts)
}

// unify generalises one word over the examples.
func (t *proto) unify(values []string, r role, owner string) []piece {
	if allEqual(values) {
		return []piece{{text: values[0], param: -1}}
	}
	prefix := ""
	if r == roleFlag {
		if head, _, ok := strings.Cut(values[0], "="); ok {
			prefix = head + "="
			owner = "-" + strings.TrimLeft(head, "-")
			rest := make([]string, len(values))
			for i, v := range values {
				rest[i] = strings.TrimPrefix(v, prefix)
			}
			values, r = rest, roleGlobOf(head)
		}
	}
	if pieces := t.unifyDigits(values, r, owner); pieces != nil {
		return prepend(prefix, pieces)
	}
	return prepend(prefix, []piece{{param: t.param(values, r, owner, false)}})
}

func takesE(program string) bool {
	return slices.Contains([]string{"grep", "egrep", "fgrep", "zgrep", "rg"}, program)
}

func roleGlobOf(flag string) role {
	if r := flagRole(strings.TrimLeft(flag, "-")); r != roleValue {
		return r
	}
	return roleValue
}

func prepend(prefix string, pieces []piece) []piece {
	if prefix == "" {
		return pieces
	}
	return append([]piece{{text: prefix, param: -1}}, pieces...)
}

// unifyDigits handles words that differ only in their numbers, such as
// 10,20p and 5,9p. In a path, digits are part of a name: no.
func (t *proto) unifyDigits(values []string, r role, owner string) []piece {
	if r == rolePath || r == rolePattern || r == roleGlob {
		return nil
	}
	shape := digits.ReplaceAllString(values[0], "\x00")
	rows := make([][]string, len(values))
	for i, v := range values {
		if digits.ReplaceAllString(v, "\x00") != shape {
			return nil
		}
		rows[i] = digits.FindAllString(v, -1)
		for _, d := range rows[i] {
			if len(d) > 9 || len(d) > 1 && d[0] == '0' {
				return nil
			}
		}
	}
	var pieces []piece
	for k, text := range strings.Split(shape, "\x00") {
		if text != "" {
			pieces = append(pieces, piece{text: text, param: -1})
		}
		if k == len(rows[0]) {
			break
		}
		column := make([]string, len(rows))
		for i := range rows {
			column[i] = rows[i][k]
		}
		if allEqual(column) {
			pieces = append(pieces, piece{text: column[0], param: -1})
		} else {
			pieces = append(pieces, piece{param: t.param(column, r, owner, true)})
		}
	}
	return pieces
}

// param finds or adds the parameter with these values: what always agrees is
// one parameter.
func (t *proto) param(values []string, r role, owner string, number bool) int {
	for i, p := range t.params {
		if slices.Equal(p.values, values) && p.number == number && p.role == r {
			return i
		}
	}
	t.params = append(t.params, parameter{role: r, number: number, owner: owner, values: values})
	return len(t.params) - 1
}

// constantBytes is how much of the command needs no typing with the tool.
func (t *proto) constantBytes() int {
	n := 0
	for _, s := range t.stages {
		for _, w := range s.words {
			for _, p := range w {
				n += len(p.text)
			}
			n++
		}
	}
	return n
}

func allEqual(values []string) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}

// tokens splits a word into names, numbers and the like, for comparing.
func tokens(w string) []string {
	return strings.FieldsFunc(w, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '/')
	})
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
