package action

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
)

// Placeholders are printed as private-use runes around an index and resolved
// once the whole skeleton is printed, so that Arguments stand in the order in
// which the printer wrote them.
const (
	markOpen  = '\uE0F0'
	markClose = '\uE0F1'
)

// shell is the state of rewriting one command line.
type shell struct {
	marks    []learn.Argument
	simple   []simple
	programs []string
	writes   []string
	words    []string // literal program arguments, for entities
	group    int      // number of the pipeline being walked
}

// render parses a command line, rewrites it and prints it. depth counts
// shells within shells.
func (s *shell) render(command string, depth int) (string, bool) {
	if len(command) > maxCommand || tooNested(command) || strings.ContainsRune(command, markOpen) {
		return "", false
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(command), "")
	if err != nil {
		return "", false
	}
	w := walker{shell: s, depth: depth}
	w.stmts(file.Stmts)
	var b strings.Builder
	if err := syntax.NewPrinter(syntax.SingleLine(true), syntax.SpaceRedirects(true)).Print(&b, file); err != nil {
		return "", false
	}
	return strings.TrimSpace(b.String()), true
}

// mark makes a placeholder for a value.
func (s *shell) mark(t learn.PlaceholderType, value string) string {
	s.marks = append(s.marks, learn.Argument{Type: t, Value: cut(value, maxValue)})
	return string(markOpen) + strconv.Itoa(len(s.marks)-1) + string(markClose)
}

// resolve replaces the marks of a printed tree by placeholders.
func (s *shell) resolve(printed string) (string, []learn.Argument) {
	var b strings.Builder
	var args []learn.Argument
	for {
		i := strings.IndexRune(printed, markOpen)
		if i < 0 {
			break
		}
		rest := printed[i+len(string(markOpen)):]
		j := strings.IndexRune(rest, markClose)
		n, err := strconv.Atoi(rest[:max(j, 0)])
		if err != nil || n >= len(s.marks) || b.Len()+i > maxSkeleton || len(args) == maxList {
			printed = printed[:i]
			break
		}
		b.WriteString(printed[:i])
		b.WriteString("<" + string(s.marks[n].Type) + ">")
		args = append(args, s.marks[n])
		printed = rest[j+len(string(markClose)):]
	}
	b.WriteString(cut(printed, max(0, maxSkeleton-b.Len())))
	return b.String(), args
}

// salient picks the simple command that says what the line is for: the one of
// highest rank; among equals the last pipeline, and in it the first command.
func (s *shell) salient() (simple, bool) {
	best, found := simple{}, false
	for _, c := range s.simple {
		r := c.rank()
		if !found || r > best.rank() || r == best.rank() && c.group > best.group {
			best, found = c, true
		}
	}
	return best, found
}

// tooNested reports whether brackets nest deeper than the recursive parser
// should be asked to follow. Quotes are not understood: a false alarm costs
// only the skeleton of an absurd command.
func tooNested(command string) bool {
	depth, deepest, ticks := 0, 0, 0
	for i := 0; i < len(command); i++ {
		switch command[i] {
		case '(', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', '}':
			depth = max(0, depth-1)
		case '`':
			ticks++
		}
	}
	return deepest > maxNesting || ticks > 2*maxNesting || keywordRuns(command)
}

// keywordRuns catches nesting by keywords: "if if if", "! ! !".
func keywordRuns(command string) bool {
	n := 0
	for _, word := range []string{"if", "while", "until", "for", "case", "time", "!", "coproc"} {
		n += strings.Count(command, word+" ") + strings.Count(command, word+"\n")
		if n > 50*maxNesting {
			return true
		}
	}
	return false
}
