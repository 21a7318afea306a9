package verify

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// visibility says how much of a program's output can be in the recording.
type visibility int

const (
	full     visibility = iota
	tailed              // through tail: the end is there
	headed              // through head: the end may be missing
	filtered            // through grep, awk, wc, ...
	hidden              // into a file
)

// invocation is one program that a command line runs.
type invocation struct {
	program string   // base name, wrappers such as env, timeout and npx removed
	byPath  bool     // called by a path in the work tree, like ./build/unit_tests
	args    []string // words that are not literal are ""
	seen    visibility
	through through // what it went through, when that is a pipe
	// exit is the program's own exit code as far as the whole command's code
	// implies it.
	exit      int
	exitKnown bool
}

const maxCommand = 64 << 10 // bytes of a command line that are parsed
const maxNesting = 256      // of parentheses, wherever they stand
const maxInvocations = 256
const maxDepth = 64 // of nested compound commands and bash -c

// invocations lists the programs that command runs, in order, when the whole
// ended with code (known or not) and printed output, where an "echo $?" may
// tell another program's code. A command that is no shell gives none.
func invocations(command string, code int, known bool, output string) []invocation {
	if command == "" || len(command) > maxCommand || tooDeep(command) {
		return nil
	}
	w := walker{lastLine: lastLine(output)}
	w.script(command, result{code, known}, full, 0)
	return w.out
}

// tooDeep reports whether parentheses nest so deep that only an attacker
// writes it; the parser would take seconds over them.
func tooDeep(command string) bool {
	depth := 0
	for i := range len(command) {
		switch command[i] {
		case '(':
			if depth++; depth > maxNesting {
				return true
			}
		case ')':
			depth = max(0, depth-1)
		}
	}
	return false
}

// result is an exit code that may be unknown.
type result struct {
	code  int
	known bool
}

type walker struct {
	out      []invocation
	lastLine string // of the output
	through  through
	pipefail bool
	errexit  bool
	ofPipe   bool // the result given is that of a pipe's first program
}

func (w *walker) script(command string, r result, seen visibility, depth int) {
	file, err := syntax.NewParser().Parse(strings.NewReader(command), "")
	if err != nil || depth > maxDepth {
		return
	}
	w.stmts(file.Stmts, r, seen, depth)
}

// stmts gives the result to the last statement: that is whose code a shell
// returns. Under "set -e" a success is everyone's.
func (w *walker) stmts(list []*syntax.Stmt, r result, seen visibility, depth int) {
	for i, s := range list {
		sr := result{}
		if i == len(list)-1 || (w.errexit && r.known && r.code == 0) {
			sr = r
		}
		if i == len(list)-2 && depth == 0 {
			if code, ofPipe, ok := echoedCode(list[i+1], w.lastLine); ok {
				sr, w.ofPipe = result{code, true}, ofPipe
			}
		}
		w.stmt(s, sr, seen, depth)
		w.ofPipe = false
	}
}

func (w *walker) stmt(s *syntax.Stmt, r result, seen visibility, depth int) {
	if s == nil || s.Cmd == nil || depth > maxDepth || len(w.out) >= maxInvocations {
		return
	}
	if s.Negated && r.known { // "! cmd" gives the opposite
		r.code = map[bool]int{true: 1, false: 0}[r.code == 0]
	}
	if s.Background {
		r = result{}
	}
	for _, rd := range s.Redirs {
		switch rd.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
			if rd.N == nil || rd.N.Value == "1" {
				seen = hidden
			}
		}
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		w.call(c, r, seen, depth)
	case *syntax.BinaryCmd:
		w.binary(c, r, seen, depth+1)
	case *syntax.Subshell:
		w.stmts(c.Stmts, r, seen, depth+1)
	case *syntax.Block:
		w.stmts(c.Stmts, r, seen, depth+1)
	case *syntax.TimeClause:
		w.stmt(c.Stmt, r, seen, depth+1)
	case *syntax.IfClause:
		w.stmts(c.Cond, result{}, seen, depth+1)
		if c.Else != nil {
			w.stmts(c.Else.Then, result{}, seen, depth+1)
		}
		w.stmts(c.Then, result{}, seen, depth+1)
	case *syntax.ForClause:
		w.stmts(c.Do, result{}, seen, depth+1)
	case *syntax.WhileClause:
		w.stmts(c.Do, result{}, seen, depth+1)
	}
}

func (w *walker) binary(c *syntax.BinaryCmd, r result, seen visibility, depth int) {
	left, right := result{}, result{}
	switch c.Op {
	case syntax.AndStmt:
		if r.known && r.code == 0 {
			left, right = r, r
		}
	case syntax.OrStmt:
		if r.known && r.code != 0 {
			left, right = result{1, true}, r
		}
	case syntax.Pipe, syntax.PipeAll:
		right = r
		if w.pipefail && r.known && r.code == 0 {
			left = r
		}
		if w.ofPipe {
			left, right = r, result{}
		}
		before := w.through
		var shown visibility
		shown, w.through = throughPipe(c.Y)
		w.stmt(c.X, left, max(seen, shown), depth)
		w.through = before
		w.stmt(c.Y, right, seen, depth)
		return
	}
	w.stmt(c.X, left, seen, depth)
	w.stmt(c.Y, right, seen, depth)
}

func (w *walker) call(c *syntax.CallExpr, r result, seen visibility, depth int) {
	words := make([]string, 0, len(c.Args))
	for _, a := range c.Args {
		words = append(words, literal(a))
	}
	words = unwrap(words)
	if len(words) == 0 {
		return
	}
	inv := invocation{program: path.Base(words[0]), byPath: byPath(words[0]), through: w.through, args: words[1:], seen: seen, exit: r.code, exitKnown: r.known}
	switch inv.program {
	case "set":
		w.set(inv.args)
		return
	case "bash", "sh", "zsh", "dash":
		for i, a := range inv.args {
			if strings.HasPrefix(a, "-") && strings.HasSuffix(a, "c") && i+1 < len(inv.args) {
				w.script(inv.args[i+1], r, seen, depth+1)
				return
			}
		}
	}
	w.out = append(w.out, inv)
}

func (w *walker) set(args []string) {
	for i, a := range args {
		if a == "pipefail" && i > 0 {
			w.pipefail = true
		}
		if strings.HasPrefix(a, "-") && strings.Contains(a, "e") && !strings.HasPrefix(a, "--") {
			w.errexit = true
		}
	}
}

// byPath reports whether a program is called by a path that is not one of the
// system's: what lies there can be anything, a test binary say.
func byPath(word string) bool {
	return strings.Contains(word, "/") && !strings.HasPrefix(word, "/usr/") && !strings.HasPrefix(word, "/bin/") &&
		!strings.HasPrefix(word, "/opt/") && !strings.HasPrefix(word, "/sbin/")
}

// literal is a word's text when the shell would not change it, else "".
func literal(word *syntax.Word) string {
	var b strings.Builder
	for _, part := range word.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, q := range p.Parts {
				lit, ok := q.(*syntax.Lit)
				if !ok {
					return ""
				}
				b.WriteString(lit.Value)
			}
		default:
			return ""
		}
	}
	return b.String()
}
