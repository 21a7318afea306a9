package toolforge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// kind says how a tool checks a parameter; the names are those of the
// checking functions in the generated code.
type kind string

const (
	kindNumber  kind = "number"
	kindPath    kind = "path"    // spelled so that it is no option
	kindOperand kind = "operand" // refused when it looks like an option
	kindText    kind = "text"    // cannot be taken for an option where it stands
)

// kind decides by every place where the parameter stands; the strictest wins.
func (t *proto) kind(param int) kind {
	if t.params[param].number {
		return kindNumber
	}
	result := kindText
	for _, s := range t.stages {
		st := t.sampleStage(s)
		roles := st.roles()
		p, _ := reader(st.words[0])
		for i, w := range s.words {
			at := slices.IndexFunc(w, func(x piece) bool { return x.param == param })
			switch {
			case at < 0:
			case roles[i] == rolePath && len(w) == 1:
				result = kindPath
			case at == 0 && i > 0 && p.flags[valueFlag(st.words[0], st.words[i-1])] == "" && result != kindPath:
				result = kindOperand
			}
		}
		for _, x := range s.stdin {
			if x.param == param {
				result = kindPath
			}
		}
	}
	return result
}

// sampleStage fills parameters with a harmless word, so that roles can be
// told.
func (t *proto) sampleStage(s templateStage) stage {
	st := stage{join: s.join}
	for _, w := range s.words {
		st.words = append(st.words, t.render(w, func(int) string { return "1" }))
	}
	return st
}

// hardened are the words of a stage with what keeps parameters from being
// more than data: a sed script that a caller gives runs with --sandbox, which
// refuses the commands that write files or run programs.
func (t *proto) hardened(s templateStage) [][]piece {
	if s.words[0][0].text != "sed" {
		return s.words
	}
	roles := t.sampleStage(s).roles()
	for i, w := range s.words {
		for _, x := range w {
			if roles[i] == roleScript && x.param >= 0 && !t.params[x.param].number {
				return slices.Insert(slices.Clone(s.words), 1, []piece{{text: "--sandbox", param: -1}})
			}
		}
	}
	return s.words
}

func (t *proto) programs() []string {
	var names []string
	for _, s := range t.stages {
		names = append(names, t.sampleStage(s).programs()...)
	}
	return names
}

func (t *proto) usesStdin() bool {
	return slices.ContainsFunc(t.stages, func(s templateStage) bool { return s.stdin != nil })
}

// touchesFiles reports whether a stage reads files or the working directory.
func (t *proto) touchesFiles(s templateStage) bool {
	st := t.sampleStage(s)
	if slices.Contains([]string{"ls", "find", "git", "du", "tree", "rg", "xargs"}, st.words[0]) {
		return true
	}
	for i, r := range st.roles() {
		// -r makes grep read the working directory.
		if r == rolePath || r == roleFlag && strings.HasPrefix(st.words[0], "grep") && strings.ContainsAny(st.words[i], "rR") && i > 0 {
			return true
		}
	}
	return false
}

// oracle is the original command as a bash script in which parameters are the
// positional ones, in quotes. After each pipeline it calls a function "ended"
// that the test defines, with the status of each program and those that are no
// failure of it.
func (t *proto) oracle() string {
	order := t.appearance()
	q := &proto{}
	for _, i := range t.appearance() {
		q.params = append(q.params, t.params[i])
	}
	word := func(w []piece) string {
		var b strings.Builder
		for _, p := range w {
			if p.param >= 0 {
				fmt.Fprintf(&b, `"${%d}"`, slices.Index(order, p.param)+1)
			} else {
				b.WriteString(quote(p.text))
			}
		}
		return b.String()
	}
	var b, statuses strings.Builder
	for k, s := range t.stages {
		switch s.join {
		case joinPipe, joinAnd:
			b.WriteString(" " + string(s.join) + " ")
		case joinThen:
			b.WriteString("; ")
		}
		feeds := k+1 < len(t.stages) && t.stages[k+1].join == joinPipe
		if s.join != joinPipe {
			statuses.Reset()
			if feeds {
				b.WriteString("{ ")
			}
		}
		fmt.Fprintf(&statuses, ` "${PIPESTATUS[%d]} 0`, strings.Count(statuses.String(), "["))
		for _, n := range t.feederAnswers(s) {
			fmt.Fprintf(&statuses, " %d", n)
		}
		statuses.WriteByte('"')
		for i, w := range t.hardened(s) {
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
		if s.join == joinPipe && !feeds {
			b.WriteString("; ended" + statuses.String() + "; }")
		}
	}
	return b.String()
}

// fine is a Python dictionary: with which statuses above 0 a program that
// feeds another has not failed.
func (t *proto) fine() string {
	of := map[string][]int{}
	var names, rows []string
	for i, s := range t.stages {
		if i+1 == len(t.stages) || t.stages[i+1].join != joinPipe {
			continue
		}
		name := s.words[0][0].text
		for _, n := range t.feederAnswers(s) {
			if !slices.Contains(of[name], n) {
				of[name] = append(of[name], n)
			}
		}
		if len(of[name]) > 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		rows = append(rows, py(name)+": ["+numbersBy(of[name], ", ")+"]")
	}
	return "{" + strings.Join(rows, ", ") + "}"
}

// python is the part of the tool that runs the pipelines.
func (t *proto) python() (string, error) {
	var b strings.Builder
	for i := 0; i < len(t.stages); {
		end := i + 1
		for end < len(t.stages) && t.stages[end].join == joinPipe {
			end++
		}
		indent := "        "
		if t.stages[i].join == joinAnd {
			b.WriteString(indent + "if status == 0:\n")
			indent += "    "
		}
		if err := t.pipeline(&b, indent, t.stages[i:end]); err != nil {
			return "", err
		}
		i = end
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

func (t *proto) pipeline(b *strings.Builder, indent string, stages []templateStage) error {
	source := "subprocess.DEVNULL"
	if stages[0].stdin != nil {
		fmt.Fprintf(b, "%swith open(%s, \"rb\") as source:\n", indent, t.pythonWord(stages[0].stdin))
		indent, source = indent+"    ", "source"
	}
	fmt.Fprintf(b, "%sstatus = _run(\n%s    [\n", indent, indent)
	for i, s := range stages {
		if i > 0 && s.stdin != nil {
			return fmt.Errorf("%w: a file as input of a command that has a pipe as its input", ErrNotForgeable)
		}
		var words []string
		for _, w := range t.hardened(s) {
			words = append(words, t.pythonWord(w))
		}
		target := "errors"
		switch {
		case s.silent:
			target = "subprocess.DEVNULL"
		case s.merge:
			target = "subprocess.STDOUT"
		}
		fmt.Fprintf(b, "%s        ([%s], %s),\n", indent, strings.Join(words, ", "), target)
	}
	fmt.Fprintf(b, "%s    ],\n%s    %s,\n%s    output,\n%s)\n", indent, indent, source, indent, indent)
	return nil
}

// pythonWord is a word as a Python expression: a literal, a name, or a
// formatted string.
func (t *proto) pythonWord(w []piece) string {
	if len(w) == 1 && w[0].param < 0 {
		return py(w[0].text)
	}
	if len(w) == 1 && !t.params[w[0].param].number {
		return t.params[w[0].param].name
	}
	if len(w) == 1 {
		return "str(" + t.params[w[0].param].name + ")"
	}
	var b strings.Builder
	b.WriteString(`f"`)
	for _, p := range w {
		if p.param >= 0 {
			b.WriteString("{" + t.params[p.param].name + "}")
			continue
		}
		lit := py(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.text))
		b.WriteString(lit[1 : len(lit)-1])
	}
	return b.String() + `"`
}

// testValues are a parameter's awkward values and a Hypothesis strategy, as
// Python expressions. The first value is an ordinary one.
func (t *proto) testValues(param int, k kind, examples []learn.ToolExample) (values, strategy string) {
	recorded := recordedValues(t.params[param].name, examples)
	letters := py("ab1 ,.:[]^$*\\'\"\u00e9\n-")
	switch {
	case k == kindNumber:
		numbers := []any{2, 0, 1, 5, 40, 1000}
		for _, v := range recorded {
			if n, ok := v.(float64); ok && n >= 0 && n <= maxInteger {
				numbers = append(numbers, int(n))
			}
		}
		return py(numbers), "st.integers(0, 60)"
	case k == kindPath:
		return "PLACES", "st.sampled_from(PLACES)"
	}
	list := ordinary(t.params[param].role)
	for _, v := range recorded {
		if s, ok := v.(string); ok && len(s) <= 200 {
			list = append(list, s)
		}
	}
	if k == kindOperand {
		list = slices.DeleteFunc(list, func(v any) bool { return strings.HasPrefix(v.(string), "-") })
		return py(list), "st.text(" + letters + ", max_size=6).filter(lambda text: not text.startswith(\"-\"))"
	}
	return py(list), "st.text(" + letters + ", max_size=6)"
}

func ordinary(r role) []any {
	switch r {
	case rolePattern:
		return []any{"alpha", "class", "[0-9]", "^a", "two words", "it is", "'", "\"", "-v", "", "[", "\\", "*", "$(id)", "`id`", ";ls", "gr\u00fc\u00df", "a\nb"}
	case roleGlob:
		return []any{"*.txt", "*", "*.py", "* *", "-*", "'*", "[", "gr\u00fc\u00df*", "", "$(id)*"}
	case roleScript:
		return []any{"1,3p", "$p", "/alpha/p", "p;p", "s/a/b/p", "1e id", "w stolen", "r /etc/passwd", "", "{", "/it's/p"}
	case roleDelimiter:
		return []any{",", ":", " ", "\t", "", "ab", "\u00e9", "'"}
	case roleFields:
		return []any{"1", "1,2", "2-", "-2", "0", "x", ""}
	}
	return []any{"1", "alpha", "a", "two words", "'", "\"", "-x", "", "\\n", "gr\u00fc\u00df", "$(id)", ";ls"}
}

// golden are the recorded examples that need no files.
func (t *proto) golden(examples []learn.ToolExample) (text string, any bool) {
	var rows []string
	free := !t.usesStdin() && !slices.ContainsFunc(t.stages, t.touchesFiles)
	for _, e := range examples {
		if free && len(e.Arguments) > 0 && e.Result != "" {
			rows = append(rows, "("+string(e.Arguments)+", "+py(e.Result)+", "+strconv.Itoa(e.ExitCode)+")")
		}
	}
	return "[" + strings.Join(rows, ", ") + "]", len(rows) > 0
}
