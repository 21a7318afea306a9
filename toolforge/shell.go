package toolforge

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Limits of a command line that a tool can be made of.
const (
	maxCommand = 2048 // bytes
	maxStages  = 12
	maxWords   = 64 // in one stage
)

// errShape says that a command is more than a line of simple commands.
var errShape = errors.New("not a line of simple commands")

// join says how a stage is connected to the one before it.
type join string

const (
	joinNone join = ""
	joinPipe join = "|"
	joinAnd  join = "&&"
	joinThen join = ";"
)

// stage is one simple command: its words as the program gets them, after the
// shell's quoting was undone.
type stage struct {
	join   join
	words  []string
	stdin  string // file after <, or ""
	merge  bool   // 2>&1
	silent bool   // 2>/dev/null
}

// line is a command line that needs no shell: every word is constant.
type line struct{ stages []stage }

// parseLine reads a command line. It fails with errShape for everything that
// only a shell can do: expansions, substitutions, globs, loops, background
// jobs, and output to files. A leading "cd" to an absolute path is dropped,
// since a tool starts in its workspace.
func parseLine(command string) (line, error) {
	l, err := parseLineOpen(command)
	if err != nil {
		return l, err
	}
	if strings.Contains(command, "{") && hasBraces(command) {
		return line{}, fmt.Errorf("a brace expansion: %w", errShape)
	}
	return l, nil
}

// hasBraces reports whether an unquoted word has a brace expansion, such as
// {a,b} or {1..9}.
func hasBraces(command string) bool {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil {
		return true
	}
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if w, ok := n.(*syntax.Word); ok && syntax.SplitBraces(w) {
			found = true
		}
		return !found
	})
	return found
}

// parseLineOpen is parseLine without the look at brace expansions: in a
// command template, braces are parameters.
func parseLineOpen(command string) (line, error) {
	if len(command) > maxCommand {
		return line{}, fmt.Errorf("command of %d bytes, at most %d: %w", len(command), maxCommand, errShape)
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil {
		return line{}, fmt.Errorf("parse the command: %w", errors.Join(errShape, err))
	}
	var l line
	for i, st := range file.Stmts {
		first := joinThen
		if i == 0 {
			first = joinNone
		}
		if err := l.add(st, first); err != nil {
			return line{}, err
		}
	}
	l.dropDirectory()
	if len(l.stages) == 0 {
		return line{}, fmt.Errorf("nothing is run: %w", errShape)
	}
	return l, nil
}

func (l *line) add(st *syntax.Stmt, how join) error {
	if st.Negated || st.Background || st.Coprocess {
		return fmt.Errorf("negated or in the background: %w", errShape)
	}
	switch cmd := st.Cmd.(type) {
	case *syntax.BinaryCmd:
		if len(st.Redirs) > 0 {
			return fmt.Errorf("redirected group: %w", errShape)
		}
		next := joinPipe
		switch cmd.Op {
		case syntax.Pipe:
		case syntax.AndStmt:
			next = joinAnd
		default:
			return fmt.Errorf("operator %s: %w", cmd.Op, errShape)
		}
		if err := l.add(cmd.X, how); err != nil {
			return err
		}
		return l.add(cmd.Y, next)
	case *syntax.CallExpr:
		s, err := simple(cmd, st.Redirs)
		if err != nil {
			return err
		}
		s.join = how
		if len(l.stages) == maxStages {
			return fmt.Errorf("more than %d commands: %w", maxStages, errShape)
		}
		l.stages = append(l.stages, s)
		return nil
	}
	return fmt.Errorf("compound command: %w", errShape)
}

func simple(cmd *syntax.CallExpr, redirs []*syntax.Redirect) (stage, error) {
	var s stage
	if len(cmd.Assigns) > 0 || len(cmd.Args) == 0 || len(cmd.Args) > maxWords {
		return s, fmt.Errorf("assignments, or too many words: %w", errShape)
	}
	for _, w := range cmd.Args {
		text, err := constant(w)
		if err != nil {
			return s, err
		}
		s.words = append(s.words, text)
	}
	for _, r := range redirs {
		if err := s.redirect(r); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *stage) redirect(r *syntax.Redirect) error {
	target := ""
	if r.Word != nil {
		var err error
		if target, err = constant(r.Word); err != nil {
			return err
		}
	}
	fd := ""
	if r.N != nil {
		fd = r.N.Value
	}
	switch {
	case r.Op == syntax.RdrIn && fd == "" && target != "":
		s.stdin = target
	case r.Op == syntax.RdrOut && fd == "2" && target == "/dev/null":
		s.silent = true
	case r.Op == syntax.DplOut && fd == "2" && target == "1":
		s.merge = true
	default:
		return fmt.Errorf("redirection %s%s %s: %w", fd, r.Op, target, errShape)
	}
	return nil
}

// constant undoes the quoting of a word that needs no expansion.
func constant(w *syntax.Word) (string, error) {
	var b strings.Builder
	for i, part := range w.Parts {
		if err := constantPart(&b, part, i == 0, false); err != nil {
			return "", err
		}
	}
	if strings.ContainsRune(b.String(), 0) {
		return "", fmt.Errorf("a zero byte in a word: %w", errShape)
	}
	return b.String(), nil
}

func constantPart(b *strings.Builder, part syntax.WordPart, first, quoted bool) error {
	switch p := part.(type) {
	case *syntax.Lit:
		return literal(b, p.Value, first, quoted)
	case *syntax.SglQuoted:
		if p.Dollar {
			return fmt.Errorf("$'' quoting: %w", errShape)
		}
		b.WriteString(p.Value)
		return nil
	case *syntax.DblQuoted:
		if p.Dollar {
			return fmt.Errorf(`$"" quoting: %w`, errShape)
		}
		for _, inner := range p.Parts {
			if err := constantPart(b, inner, false, true); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("an expansion in a word: %w", errShape)
}

// literal undoes backslashes. Within double quotes a backslash is special
// only before $ ` " \ and newline (POSIX 2.2.3).
func literal(b *strings.Builder, text string, first, quoted bool) error {
	if !quoted && first && strings.HasPrefix(text, "~") {
		return fmt.Errorf("a home directory: %w", errShape)
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0):
			i++
			if text[i] != '\n' {
				b.WriteByte(text[i])
			}
		case !quoted && strings.IndexByte("*?[", c) >= 0:
			return fmt.Errorf("a file name pattern that the shell expands: %w", errShape)
		default:
			b.WriteByte(c)
		}
	}
	return nil
}

func (l *line) dropDirectory() {
	if len(l.stages) > 1 && l.stages[0].words[0] == "cd" && len(l.stages[0].words) == 2 &&
		path.IsAbs(l.stages[0].words[1]) && l.stages[1].join != joinPipe {
		l.stages = l.stages[1:]
		l.stages[0].join = joinNone
	}
}

// programs lists what the line runs, in order, without duplicates.
func (l line) programs() []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range l.stages {
		for _, name := range s.programs() {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// programs is the stage's program and, behind xargs, the one that it starts.
func (s stage) programs() []string {
	names := []string{s.words[0]}
	if i := s.xargsProgram(); i > 0 {
		names = append(names, s.words[i])
	}
	return names
}

// xargsProgram is the index of the program that xargs starts, or 0.
func (s stage) xargsProgram() int {
	if s.words[0] != "xargs" {
		return 0
	}
	for i := 1; i < len(s.words); i++ {
		w := s.words[i]
		if !strings.HasPrefix(w, "-") {
			return i
		}
		// -n, -I, -L, -P, -s, -d and -a take the next word.
		if len(w) == 2 && strings.Contains("nILPsda", w[1:]) {
			i++
		}
	}
	return 0
}
