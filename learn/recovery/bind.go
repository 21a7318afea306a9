package recovery

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// filler is a value that a parameter of a remedy can stand for.
type filler struct {
	Name  string // parameter name, without braces
	Kind  string // the capture's name; "call" when it is from the failing call
	Value string
}

// fillers lists what can fill a remedy for one failure: the captures of the
// pattern and what derives from them (directory, base, first part of a dotted
// name), then the target and arguments of the failing call.
func fillers(captures map[string]string, file, target string, args []string) []filler {
	var out []filler
	add := func(name, kind, value string) {
		if len(value) < 2 || isFlag(value) || strings.ContainsAny(value, "{}\n") {
			return
		}
		if !slices.ContainsFunc(out, func(f filler) bool { return f.Name == name }) {
			out = append(out, filler{name, kind, value})
		}
	}
	for _, k := range sortedKeys(captures) {
		add(k, k, captures[k])
	}
	add("file", "file", file)
	for _, k := range sortedKeys(captures) {
		v := captures[k]
		if i := strings.Index(v, "."); i > 1 && !strings.Contains(v, "/") {
			add(k+"_top", k, v[:i])
		}
		if strings.Contains(v, "/") {
			add(k+"_dir", k, path.Dir(v))
			add(k+"_base", k, path.Base(v))
		}
	}
	add("target", "call", target)
	for i, a := range args {
		add("arg"+strconv.Itoa(i+1), "call", a)
	}
	return out
}

// bindWord replaces what a filler can give by its parameter: a whole word
// first, else a part of it with no letter or digit beside it.
func bindWord(word string, fs []filler) string {
	if strings.ContainsAny(word, "{}") {
		return word
	}
	bare := strings.Trim(word, `'"`)
	for _, f := range fs {
		if bare == f.Value {
			return "{" + f.Name + "}"
		}
	}
	if isFlag(word) && !strings.Contains(word, "=") {
		return word
	}
	for _, f := range fs {
		if len(f.Value) < 3 || f.Kind == "call" {
			continue
		}
		if i := strings.Index(word, f.Value); i >= 0 && !wordByte(word, i-1) && !wordByte(word, i+len(f.Value)) {
			return word[:i] + "{" + f.Name + "}" + word[i+len(f.Value):]
		}
	}
	return word
}

func wordByte(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// parameters lists the parameter names in a word, in order.
func parameters(word string) []string {
	var out []string
	for {
		i := strings.IndexByte(word, '{')
		if i < 0 {
			return out
		}
		j := strings.IndexByte(word[i:], '}')
		if j < 0 {
			return out
		}
		if j > 1 {
			out = append(out, word[i+1:i+j])
		}
		word = word[i+j+1:]
	}
}

// unify anti-unifies two sequences of words: a longest common subsequence
// stays. Where both have something else there is a parameter; what only one of
// them has goes, for it worked without.
func unify(a, b []string) []string {
	if slices.Equal(a, b) {
		return a
	}
	common := lcs(a, b)
	var out []string
	gap := func(open bool) {
		if open && (len(out) == 0 || out[len(out)-1] != anyToken) {
			out = append(out, anyToken)
		}
	}
	i, j := 0, 0
	for _, w := range common {
		i0, j0 := i, j
		i += slices.Index(a[i:], w)
		j += slices.Index(b[j:], w)
		gap(differ(a[i0:i], b[j0:j]))
		out = append(out, w)
		i, j = i+1, j+1
	}
	gap(differ(a[i:], b[j:]))
	return out
}

// differ reports whether two stretches need a parameter. One that had a
// parameter before keeps it.
func differ(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 || slices.Contains(a, anyToken) || slices.Contains(b, anyToken)
}

// lcs is the longest common subsequence; parameters that nothing fills never
// match, so that a gap stays a gap.
func lcs(a, b []string) []string {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] && a[i] != anyToken {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	var out []string
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j] && a[i] != anyToken && table[i][j] == table[i+1][j+1]+1:
			out = append(out, a[i])
			i, j = i+1, j+1
		case table[i+1][j] >= table[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}
