package toolforge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
)

// shellMutant is a script that was broken in one place.
type shellMutant struct{ what, source string }

// shellMutants break a script in up to n places, evenly chosen (mutation
// analysis; DeMillo, Lipton and Sayward, 1978): a condition is negated, && and
// || are exchanged, a comparison is turned round, a number grows, an option or
// the last part of a pipe goes, a command does nothing. The second result is
// how many places there are.
func shellMutants(source string, n int) ([]shellMutant, int, error) {
	file, err := parseScript(source)
	if err != nil {
		return nil, 0, err
	}
	possible := len(spots(file))
	var out []shellMutant
	for i := range min(n, possible) {
		k := i
		if possible > n {
			k = i * possible / n
		}
		// Each mutant is a tree of its own.
		fresh, err := parseScript(source)
		if err != nil {
			return nil, 0, err
		}
		s := spots(fresh)[k]
		s.breakIt()
		text, err := rewritten(fresh)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, shellMutant{fmt.Sprintf("line %d: %s", s.line, s.kind), text})
	}
	return out, possible, nil
}

func rewritten(file *syntax.File) (string, error) {
	var b bytes.Buffer
	err := syntax.NewPrinter(syntax.Indent(2)).Print(&b, file)
	return b.String(), err
}

// spot is a place where a script can be broken.
type spot struct {
	line    int
	kind    string
	breakIt func()
}

func spots(file *syntax.File) []spot {
	var out []spot
	add := func(n syntax.Node, kind string, f func()) {
		out = append(out, spot{int(n.Pos().Line()), kind, f})
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			if call, ok := n.Cmd.(*syntax.CallExpr); ok && message(call, n) {
				return false // words of messages can change without being wrong
			}
		case *syntax.IfClause:
			if len(n.Cond) == 1 {
				add(n, "negate", func() { n.Cond[0].Negated = !n.Cond[0].Negated })
			}
		case *syntax.WhileClause:
			// A loop that never ends says nothing of its tests.
		case *syntax.BinaryCmd:
			binarySpots(n, add)
		case *syntax.BinaryTest:
			if other, ok := otherTest(n.Op); ok {
				add(n, "compare", func() { n.Op = other })
			}
		case *syntax.BinaryArithm:
			if other, ok := otherArithm(n.Op); ok {
				add(n, "operator", func() { n.Op = other })
			}
		case *syntax.CallExpr:
			callSpots(n, add)
		}
		return true
	})
	return out
}

// message reports whether a command writes to standard error.
func message(call *syntax.CallExpr, st *syntax.Stmt) bool {
	for _, r := range st.Redirs {
		if r.Op == syntax.DplOut && r.Word != nil && r.Word.Lit() == "2" {
			return true
		}
	}
	return len(call.Args) > 0 && programName(call.Args[0]) == "set"
}

func binarySpots(n *syntax.BinaryCmd, add func(syntax.Node, string, func())) {
	switch n.Op {
	case syntax.AndStmt:
		add(n, "and-or", func() { n.Op = syntax.OrStmt })
	case syntax.OrStmt:
		add(n, "and-or", func() { n.Op = syntax.AndStmt })
	case syntax.Pipe:
		add(n.Y, "pipe", func() { n.Y.Cmd = command("cat") })
	}
}

func command(words ...string) *syntax.CallExpr {
	c := &syntax.CallExpr{}
	for _, w := range words {
		c.Args = append(c.Args, &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: w}}})
	}
	return c
}

func otherTest(op syntax.BinTestOperator) (syntax.BinTestOperator, bool) {
	others := map[syntax.BinTestOperator]syntax.BinTestOperator{syntax.TsEql: syntax.TsNeq, syntax.TsNeq: syntax.TsEql, syntax.TsLss: syntax.TsGeq,
		syntax.TsGeq: syntax.TsLss, syntax.TsGtr: syntax.TsLeq, syntax.TsLeq: syntax.TsGtr, syntax.TsMatch: syntax.TsNoMatch, syntax.TsNoMatch: syntax.TsMatch,
		syntax.TsMatchShort: syntax.TsNoMatch}
	o, ok := others[op]
	return o, ok
}

func otherArithm(op syntax.BinAritOperator) (syntax.BinAritOperator, bool) {
	others := map[syntax.BinAritOperator]syntax.BinAritOperator{syntax.Add: syntax.Sub, syntax.Sub: syntax.Add, syntax.Mul: syntax.Add, syntax.Quo: syntax.Mul,
		syntax.Rem: syntax.Mul, syntax.Lss: syntax.Geq, syntax.Geq: syntax.Lss, syntax.Gtr: syntax.Leq, syntax.Leq: syntax.Gtr, syntax.Eql: syntax.Neq, syntax.Neq: syntax.Eql}
	o, ok := others[op]
	return o, ok
}

// callSpots breaks a simple command: its comparison, its numbers, its options,
// and that it is run at all.
func callSpots(n *syntax.CallExpr, add func(syntax.Node, string, func())) {
	if len(n.Args) == 0 || programName(n.Args[0]) == "set" {
		return
	}
	name := programName(n.Args[0])
	for i, w := range n.Args[1:] {
		text := w.Lit()
		number, err := strconv.Atoi(text)
		switch {
		case name == "[" || name == "test":
			if other, ok := map[string]string{"-eq": "-ne", "-ne": "-eq", "-lt": "-ge", "-ge": "-lt", "-gt": "-le", "-le": "-gt", "=": "!=", "!=": "=", "-z": "-n", "-n": "-z"}[text]; ok {
				add(w, "compare", func() { n.Args[i+1] = command(other).Args[0] })
			}
		case err == nil && name != "exit" && name != "return":
			add(w, "constant", func() { n.Args[i+1] = command(strconv.Itoa(number + 1)).Args[0] })
		case len(text) == 2 && text[0] == '-' && text != "--" && !valued.MatchString(text):
			add(w, "option", func() { n.Args = append(n.Args[:i+1:i+1], n.Args[i+2:]...) })
		}
	}
	if name != ":" && name != "true" && name != "shift" && name != "exit" && name != "rm" && name != "trap" {
		add(n, "command", func() { n.Args = command(":").Args })
	}
}

// shellMutation refuses tests that pass on broken scripts.
func shellMutation(ctx context.Context, j *job) (learn.Check, error) {
	source := j.tool.Files[sourceShell]
	broken, possible, err := shellMutants(source, mutants)
	if err != nil {
		return learn.Check{Summary: "the script cannot be read: " + clip(err.Error(), 300)}, nil
	}
	if len(broken) == 0 {
		return learn.Check{Summary: "nothing in the tool could be broken: it does nothing"}, nil
	}
	file, err := parseScript(source)
	if err != nil {
		return learn.Check{}, err
	}
	whole, err := rewritten(file)
	if err != nil {
		return learn.Check{}, err
	}
	extra := map[string]string{"mutants/whole": whole + "\n# written out anew\n"}
	for i, m := range broken {
		extra["mutants/"+strconv.Itoa(i)] = m.source
	}
	r, err := j.run(ctx, nil, extra, "python3", "-I", "gate/mutate_shell.py", strconv.Itoa(len(broken)), "60")
	if err != nil {
		return learn.Check{}, err
	}
	var a struct {
		Alive []int
		Whole bool
		Wrong string
	}
	if r.ExitCode != 0 || json.Unmarshal(r.Stdout, &a) != nil {
		return failed("the mutation check", r), nil
	}
	var survivors []string
	for _, i := range a.Alive {
		if i >= 0 && i < len(broken) {
			survivors = append(survivors, broken[i].what)
		}
	}
	return j.mutated(mutationAnswer{Total: len(broken), Killed: len(broken) - len(survivors), Possible: possible, Survivors: survivors, Whole: a.Whole, Wrong: a.Wrong}), nil
}

// mutationAnswer is what a mutation check found.
type mutationAnswer struct {
	Total, Killed, Possible int
	Survivors               []string
	Whole                   bool // the tests pass on the tool when it is only written otherwise
	// Wrong is how they took a tool whose results are all wrong, and of the
	// right type: noticed, survived, or unchanged (there was no result in them).
	Wrong string
}

// mutated judges a mutation check.
func (j *job) mutated(a mutationAnswer) learn.Check {
	if a.Total == 0 {
		return learn.Check{Summary: "nothing in the tool could be broken: it does nothing"}
	}
	if !a.Whole {
		return learn.Check{Summary: "the tests fail on the whole tool when it is only written otherwise or lies elsewhere: they must look at what it does"}
	}
	j.result.Mutants, j.result.Noticed = a.Total, a.Killed
	if a.Wrong == "survived" && j.givesValues() {
		return learn.Check{Summary: "the tests pass on a tool whose results are all wrong: they look at the type or the size of a result, or at nothing, and not at its value"}
	}
	c := learn.Check{Passed: float64(a.Killed)/float64(a.Total) >= minMutants,
		Summary: fmt.Sprintf("the tests noticed %d of %d broken tools (of %d possible), at least %.0f %% is asked for", a.Killed, a.Total, a.Possible, 100*minMutants)}
	for _, s := range a.Survivors {
		c.Details = append(c.Details, "not noticed: "+strings.TrimSpace(s))
	}
	return c
}

// givesValues reports whether a tool's result is what it is called for, and is
// the same for the same call: what it writes may say more, and of chance only
// the form can be known.
func (j *job) givesValues() bool {
	m := j.tool.Manifest
	return m.Permissions.Filesystem != "write" && !saysChance.MatchString(m.Description+" "+j.tool.Files["README.md"])
}
