package toolforge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// maxScript bounds a shell tool, in bytes: its parser calls itself for each
// bracket.
const maxScript = 64 << 10

// argumentPrefix begins the variables that hold a shell tool's arguments.
const argumentPrefix = "ARG_"

// parseScript parses a shell tool. Nothing is executed.
func parseScript(source string) (*syntax.File, error) {
	if len(source) > maxScript {
		return nil, fmt.Errorf("%d bytes, at most %d", len(source), maxScript)
	}
	variant := syntax.LangBash
	if shellOf(source) == shellPOSIX {
		variant = syntax.LangPOSIX // dash reads `&>` and the like in another way than bash
	}
	return syntax.NewParser(syntax.Variant(variant), syntax.KeepComments(true)).Parse(strings.NewReader(source), sourceShell)
}

// shellRules hold a script against a manifest: what may run other programs or
// code, reach files or the network, and where a caller's value could become
// more than data.
type shellRules struct {
	permissions learn.Permissions
	flow        *shellFlow
	all         []learn.Finding
}

// findShell is what the rules find in a script.
func findShell(m learn.ToolManifest, file *syntax.File) []learn.Finding {
	r := &shellRules{permissions: m.Permissions, flow: newShellFlow(m, file)}
	syntax.Walk(file, func(n syntax.Node) bool {
		r.visit(n)
		return true
	})
	return r.all
}

func (r *shellRules) found(n syntax.Node, rule, format string, args ...any) {
	r.all = append(r.all, learn.Finding{File: sourceShell, Line: int(n.Pos().Line()), Rule: rule, Message: fmt.Sprintf(format, args...)})
}

func (r *shellRules) visit(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.Stmt:
		if n.Background || n.Coprocess || n.Disown {
			r.found(n, "background", "a process in the background outlives its caller's look")
		}
		for _, d := range n.Redirs {
			r.redirect(d)
		}
	case *syntax.CoprocClause:
		r.found(n, "background", "a coprocess runs beside the tool")
	case *syntax.BinaryCmd:
		r.pipe(n)
	case *syntax.CallExpr:
		for _, a := range n.Assigns {
			r.assign(n, a)
		}
		if len(n.Args) > 0 {
			r.call(n)
		}
	case *syntax.DeclClause:
		r.declare(n)
	case *syntax.LetClause:
		r.found(n, "denied-call", "let evaluates texts: use $(( ))")
	case *syntax.ParamExp:
		r.parameter(n)
	case *syntax.ArithmExp:
		r.arithmetic(n, n.X)
	case *syntax.ArithmCmd:
		r.arithmetic(n, n.X)
	case *syntax.BinaryTest:
		if slices.Contains([]syntax.BinTestOperator{syntax.TsEql, syntax.TsNeq, syntax.TsLss, syntax.TsGtr, syntax.TsLeq, syntax.TsGeq}, n.Op) {
			r.arithmetic(n, n)
		}
	case *syntax.UnaryTest:
		if n.Op == syntax.TsVarSet || n.Op == syntax.TsRefVar {
			r.found(n, "arithmetic-injection", "-v and -R evaluate subscripts: use ${NAME+x}")
		}
	case *syntax.Comment:
		if strings.Contains(strings.ReplaceAll(strings.ToLower(n.Text), " ", ""), "shellcheckdisable") ||
			strings.Contains(strings.ReplaceAll(strings.ToLower(n.Text), " ", ""), "shellchecksource") {
			r.found(n, "silenced", "a comment that switches off a check")
		}
	}
}

// pipe finds what was fetched and is run at once.
func (r *shellRules) pipe(n *syntax.BinaryCmd) {
	if n.Op != syntax.Pipe && n.Op != syntax.PipeAll {
		return
	}
	if call, ok := n.Y.Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 {
		if name := programName(call.Args[0]); interpreter(name) || name == "source" || name == "." || name == "eval" {
			r.found(n, "pipe-to-shell", "what comes down a pipe is run by %s", name)
		}
	}
}

var steering = lazyregexp.New(`^(PATH|ENV|BASH.*|LD_.*|SHELLOPTS|PS[0-4]|PROMPT_COMMAND|IFS|GIT_.*|PYTHON.*|PERL.*|HOME|CDPATH|GLOBIGNORE|POSIXLY_CORRECT|LESSOPEN|PAGER|EDITOR|VISUAL)$`)

func (r *shellRules) assign(n syntax.Node, a *syntax.Assign) {
	if a.Name == nil {
		return
	}
	name := a.Name.Value
	// `IFS= read` splits nothing, and is how lines are read.
	empty := name == "IFS" && !a.Naked && (a.Value == nil || !dynamic(a.Value))
	if steering.MatchString(name) && !empty {
		r.found(n, "steers", "%s changes which programs run and how", name)
	}
	if a.Value != nil && !dynamic(a.Value) {
		text, _ := constant(a.Value)
		if secretName.MatchString(name) && len(text) >= 4 || secretText.MatchString(text) {
			r.found(n, "secret", "a secret in the source (%s)", clip(name, 60))
		}
	}
	if a.Index != nil {
		r.arithmetic(n, a.Index)
	}
}

func (r *shellRules) declare(n *syntax.DeclClause) {
	for _, a := range n.Args {
		if a.Name != nil {
			r.assign(n, a)
			continue
		}
		option, err := constant(a.Value)
		switch {
		case err != nil:
			r.found(n, "denied-call", "%s of names that are not written here", n.Variant.Value)
		case strings.HasPrefix(option, "-") && strings.ContainsAny(option, "nif"):
			r.found(n, "denied-call", "%s %s makes values into names or code", n.Variant.Value, option)
		}
	}
	if n.Variant.Value == "nameref" {
		r.found(n, "denied-call", "nameref makes values into names")
	}
}

// parameter looks at an expansion: which variable, and how.
func (r *shellRules) parameter(n *syntax.ParamExp) {
	if n.Excl || n.Names != 0 {
		r.found(n, "denied-call", "an indirect expansion makes a value into a name")
	}
	if n.Exp != nil && n.Exp.Op == syntax.OtherParamOps {
		if text, err := constant(n.Exp.Word); err != nil || text != "Q" {
			r.found(n, "denied-call", "a transformation that expands its value again")
		}
	}
	if n.Index != nil {
		r.arithmetic(n, n.Index)
	}
	if n.Slice != nil {
		for _, x := range []syntax.ArithmExpr{n.Slice.Offset, n.Slice.Length} {
			if x != nil {
				r.arithmetic(n, x)
			}
		}
	}
	if n.Param != nil {
		r.variable(n, n.Param.Value)
	}
}

var ownVariable = lazyregexp.New(`^([0-9@*#?$!_-]|[0-9]+|PATH|HOME|LANG|TMPDIR|LC_ALL|PWD|OLDPWD|IFS|LINENO|FUNCNAME|BASH_REMATCH|BASH_SOURCE|PIPESTATUS|RANDOM|SECONDS|EPOCHSECONDS|OPTARG|OPTIND|REPLY|UID|EUID|BASH_VERSION|BASHPID|PPID|HOSTNAME|COLUMNS)$`)

// variable finds variables of the environment that nobody asked for.
func (r *shellRules) variable(n syntax.Node, name string) {
	switch {
	case ownVariable.MatchString(name) || r.flow.assigned[name]:
	case strings.HasPrefix(name, argumentPrefix):
		if _, ok := r.flow.arguments[name]; !ok {
			r.found(n, "arguments", "%s is no argument; there are %s", clip(name, 60), strings.Join(r.flow.argumentNames(), ", "))
		}
	case !slices.Contains(r.permissions.Environment, name) && !slices.Contains(r.permissions.Secrets, name):
		r.found(n, "environment", "reads the variable %s, which the manifest does not ask for", clip(name, 60))
	}
}

// arithmetic finds values of a caller that are evaluated: a subscript in them
// may hold a command substitution.
func (r *shellRules) arithmetic(n, in syntax.Node) {
	for _, name := range names(in) {
		if r.flow.tainted[name] {
			r.found(n, "arithmetic-injection", "%s is evaluated as an expression, in which a caller could name a command: make it an integer in the schema, or check it with case first", clip(name, 60))
			return
		}
	}
}

func (r *shellRules) redirect(d *syntax.Redirect) {
	if d.N != nil && strings.HasPrefix(d.N.Value, "{") {
		r.found(d, "denied-call", "a descriptor with a name")
	}
	if d.Word == nil || d.Hdoc != nil || d.Op == syntax.WordHdoc {
		return
	}
	target, err := constant(d.Word)
	if err == nil && slices.Contains([]string{"/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr"}, target) {
		return
	}
	if strings.HasPrefix(lead(d.Word), "/dev/tcp") || strings.HasPrefix(lead(d.Word), "/dev/udp") {
		if len(r.permissions.Network) == 0 {
			r.found(d, "network-program", "%s needs the network, which the manifest does not ask for", clip(lead(d.Word), 40))
		}
		return
	}
	switch d.Op {
	case syntax.DplIn, syntax.DplOut:
		if err != nil || strings.Trim(target, "0123456789-") != "" {
			r.found(d, "denied-call", "a descriptor that is not written here")
		}
	case syntax.RdrIn:
		r.reads(d, "an input from a file")
	default:
		if !r.flow.temporary(d.Word) {
			r.writes(d, "an output to a file")
		}
	}
}

func (r *shellRules) reads(n syntax.Node, what string) {
	if r.permissions.Filesystem == "none" {
		r.found(n, "reads", "%s reaches files, which the manifest does not ask for", what)
	}
}

func (r *shellRules) writes(n syntax.Node, what string) {
	if r.permissions.Filesystem != "write" {
		r.found(n, "writes", "%s writes files, which the manifest does not ask for", what)
	}
}

// shellPrologue asks for what makes a script stop at its first error, and for
// every argument to be used.
func shellPrologue(m learn.ToolManifest, source string, file *syntax.File) []learn.Finding {
	var out []learn.Finding
	add := func(rule, format string, args ...any) {
		out = append(out, learn.Finding{File: sourceShell, Line: 1, Rule: rule, Message: fmt.Sprintf(format, args...)})
	}
	first, _, _ := strings.Cut(source, "\n")
	if !slices.Contains([]string{"#!/bin/bash", "#!/usr/bin/bash", "#!/usr/bin/env bash", "#!/bin/sh", "#!/usr/bin/sh", "#!/usr/bin/env sh"}, strings.TrimRight(first, " ")) {
		add("shebang", "the first line must be #!/bin/bash or #!/bin/sh: it is run with that")
	}
	strict, reads := "", false
	used := map[string]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			if len(n.Args) > 1 && programName(n.Args[0]) == "set" {
				for _, w := range n.Args[1:] {
					text, _ := constant(w)
					strict += text + " "
				}
			}
			reads = reads || len(n.Args) > 0 && slices.Contains([]string{"jq", "cat", "read", "mapfile", "readarray"}, programName(n.Args[0]))
		case *syntax.ParamExp:
			if n.Param != nil {
				used[n.Param.Value] = true
			}
		}
		return true
	})
	if flags := strings.Join(strings.FieldsFunc(strict, func(c rune) bool { return c == ' ' }), ""); !strings.Contains(flags, "e") || !strings.Contains(flags, "u") || !strings.HasPrefix(flags, "-") {
		add("no-set-eu", "write `set -eu` below the head: errors and missing values must end the tool")
	}
	if names, err := parameterNames(m.Parameters); err == nil && !reads {
		for _, name := range names {
			if !used[argumentName(name)] {
				add("arguments", "%s is not used; the argument %s comes in $%s", argumentName(name), name, argumentName(name))
			}
		}
	}
	if headOf(source) == "" {
		add("no-docstring", "there is no comment below the first line that says what it does")
	}
	return out
}

func argumentName(parameter string) string { return argumentPrefix + strings.ToUpper(parameter) }

// headOf is the comment at the head of a script.
func headOf(source string) string {
	var out []string
	for i, l := range strings.Split(source, "\n") {
		if i == 0 && strings.HasPrefix(l, "#!") {
			continue
		}
		text, ok := strings.CutPrefix(l, "#")
		if !ok {
			break
		}
		out = append(out, strings.TrimPrefix(text, " "))
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// Passwords and keys, as in guest/rules.py.
var (
	secretName = lazyregexp.New(`(?i)(password|passwd|passphrase|secret|api_?key|auth_?token|access_?token|private_?key)`)
	secretText = lazyregexp.New(`AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|xox[abprs]-[0-9A-Za-z-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|sk-[0-9A-Za-z_-]{32,}`)
)

// shellSecrets finds credentials anywhere in a script.
func shellSecrets(source string) []learn.Finding {
	var out []learn.Finding
	for i, l := range strings.Split(source, "\n") {
		if secretText.MatchString(l) || headerSecret.MatchString(l) {
			out = append(out, learn.Finding{File: sourceShell, Line: i + 1, Rule: "secret", Message: "a secret in the source"})
		}
	}
	return out
}

var headerSecret = lazyregexp.New(`(?i)authorization:\s*(bearer|basic)\s+[a-z0-9+/=_.-]{8,}|://[^\s/:@$]+:[^\s/@$]{3,}@`)

// plainSchema is a parameter's schema as far as it says what values can be.
type plainSchema struct {
	Type  any               `json:"type"`
	Enum  []json.RawMessage `json:"enum"`
	Const json.RawMessage   `json:"const"`
}

// harmless reports whether values of the schema cannot be more than data: the
// arguments are checked against it before each call.
func (p plainSchema) harmless() bool {
	return p.Type == "integer" || p.Type == "number" || p.Type == "boolean" || len(p.Enum) > 0 || len(p.Const) > 0
}
