package toolforge

import (
	"slices"
	"strings"

	"lathe/learn/lazyregexp"

	"mvdan.cc/sh/v3/syntax"
)

// interpreter reports whether a program runs other programs or code that it is
// given. The lists are those of guest/reach.py.
func interpreter(name string) bool {
	return slices.Contains(strings.Fields(`sh bash dash zsh ksh ash fish csh tcsh busybox python python3 perl ruby node nodejs deno php lua tclsh expect
env nohup sudo su doas make gdb strace script ed ex vi vim nvim emacs gcc cc g++ tcc go cargo npm npx pip pip3 apt-get dpkg docker podman chroot unshare
nsenter setsid at batch crontab parallel watch systemd-run`), name)
}

func launcher(name string) bool {
	return slices.Contains(strings.Fields("xargs timeout nice ionice stdbuf time taskset chrt command builtin exec"), name)
}

func networkProgram(name string) bool {
	return slices.Contains(strings.Fields("curl wget nc ncat ssh scp sftp rsync ftp telnet socat dig nslookup host ping"), name)
}

func writingProgram(name string) bool {
	return slices.Contains(strings.Fields(`tee cp mv rm rmdir mkdir touch dd ln install truncate shred chmod chown chgrp mkfifo mknod split csplit patch
unzip gunzip bunzip2 unxz sponge unlink tar gzip bzip2 xz zip`), name)
}

// builtinDenied are built-in commands that make texts into code or names, or
// change how the rest runs.
func builtinDenied(name string) bool {
	return slices.Contains(strings.Fields(`eval source . exec command builtin trap alias enable hash kill ulimit umask disown bg fg jobs wait suspend
complete compgen compopt bind fc history logout caller dirs pushd popd times`), name)
}

// plainBuiltin are commands to which a word with a dash is no option that does
// anything, or that take none.
func plainBuiltin(name string) bool {
	return slices.Contains(strings.Fields("echo printf test [ : true false return exit shift read set local export declare readonly unset break continue"), name)
}

// call looks at a simple command.
func (r *shellRules) call(n *syntax.CallExpr) {
	r.unquoted(n)
	args := n.Args
	for {
		if dynamic(args[0]) {
			r.found(n, "dynamic-command", "which program runs depends on a value")
			return
		}
		name := programName(args[0])
		if r.flow.functions[name] {
			return
		}
		r.program(n, name, args)
		if !launcher(name) || builtinDenied(name) {
			return
		}
		// The program that it starts is a command of its own.
		next := slices.IndexFunc(args[1:], func(w *syntax.Word) bool { return r.starts(name, w) })
		if next < 0 {
			return
		}
		args = args[1+next:]
	}
}

var launcherValue = lazyregexp.New(`^[0-9.]+[smhd]?$`)

// starts reports whether a word after xargs, timeout and the like is the
// program: no option, and no number.
func (r *shellRules) starts(_ string, w *syntax.Word) bool {
	text := lead(w)
	return !strings.HasPrefix(text, "-") && !launcherValue.MatchString(text) && text != "{}"
}

// program looks at a program and its words.
func (r *shellRules) program(n *syntax.CallExpr, name string, args []*syntax.Word) {
	switch {
	case name == "":
		r.found(n, "dynamic-command", "which program runs depends on a file name pattern")
	case builtinDenied(name):
		r.found(n, "denied-call", "%s is never allowed", name)
	case interpreter(name):
		r.found(n, "interpreter", "%s runs other programs or code", name)
	case networkProgram(name) && len(r.permissions.Network) == 0:
		r.found(n, "network-program", "%s needs the network, which the manifest does not ask for", name)
	case writingProgram(name) && !r.onTemporary(args[1:]):
		r.writes(n, name)
	case name == "printenv" || name == "set" && len(args) == 1 || name == "export" && len(args) == 1:
		r.found(n, "environment", "takes all variables: name those that are needed")
	case (name == "test" || name == "[") && slices.ContainsFunc(args, func(w *syntax.Word) bool { return w.Lit() == "-v" || w.Lit() == "-R" }):
		r.found(n, "arithmetic-injection", "-v and -R evaluate subscripts: use ${NAME+x}")
	case name == "printf" && len(args) > 1 && args[1].Lit() == "-v", name == "mapfile" && slices.ContainsFunc(args, func(w *syntax.Word) bool { return w.Lit() == "-C" }):
		r.found(n, "denied-call", "%s with such an option makes values into names or code", name)
	case (name == "read" || name == "unset" || name == "mapfile") && slices.ContainsFunc(args, dynamic):
		r.found(n, "denied-call", "%s of a name that is not written here", name)
	}
	if name == "rm" {
		r.removes(n, args)
	}
	r.options(n, name, args)
	if !plainBuiltin(name) {
		r.dashes(n, name, args)
	}
	r.paths(n, name, args)
}

// onTemporary reports whether all operands are what mktemp gave.
func (r *shellRules) onTemporary(args []*syntax.Word) bool {
	operands := 0
	for _, w := range args {
		if strings.HasPrefix(lead(w), "-") {
			continue
		}
		operands++
		if !r.flow.temporary(w) {
			return false
		}
	}
	return operands > 0
}

// removes finds rm -r of something that a value decides: an empty one removes
// more than was meant.
func (r *shellRules) removes(n *syntax.CallExpr, args []*syntax.Word) {
	recursive := slices.ContainsFunc(args, func(w *syntax.Word) bool {
		l := w.Lit()
		return strings.HasPrefix(l, "-") && !strings.HasPrefix(l, "--") && strings.ContainsAny(l, "rR") || l == "--recursive"
	})
	for _, w := range args[1:] {
		if recursive && dynamic(w) && !r.flow.temporary(w) {
			r.found(n, "rm-variable", "rm -r of what a value says")
			return
		}
	}
}

// valued are options that take the next word.
var valued = lazyregexp.New(`^(-[A-Za-z]*[ednmfckFvABCsLIogt]|-name|-iname|-path|-type|-maxdepth|-mindepth|-size|-mtime|-regex|-newer|--arg|--argjson|--regexp|--expression|--format|--since|--until|--author|--grep|--include|--exclude|--delimiter|--fields)$`)

// dashes finds values of a caller where a program would take them for an
// option (CWE-88).
func (r *shellRules) dashes(n *syntax.CallExpr, name string, args []*syntax.Word) {
	for i, w := range args[1:] {
		before := args[i].Lit()
		if before == "--" {
			return
		}
		if !r.flow.dashes(w) || i > 0 && valued.MatchString(before) || i > 1 && (args[i-1].Lit() == "--arg" || args[i-1].Lit() == "--argjson") {
			continue
		}
		r.found(n, "option-injection", "%s takes a value that begins with a dash for an option: write -- before it, or check it with case", name)
		return
	}
}

var (
	awkRuns   = lazyregexp.New(`\bsystem\s*\(|\|\s*&?\s*getline|(^|[^|])\|&?\s*"|(^|[^|])\|\s*[a-z_]`)
	awkWrites = lazyregexp.New(`\bprintf?\b[^;}\n]*>|\bgetline\b[^;}\n]*<`)
)

// options finds what makes a program that reads do more.
func (r *shellRules) options(n *syntax.CallExpr, name string, args []*syntax.Word) {
	has := func(match func(string) bool) bool {
		return slices.ContainsFunc(args[1:], func(w *syntax.Word) bool { return match(lead(w)) })
	}
	switch name {
	case "sed":
		if has(func(l string) bool {
			return strings.HasPrefix(l, "--in-place") || strings.HasPrefix(l, "-") && !strings.HasPrefix(l, "--") && strings.Contains(l, "i")
		}) {
			r.writes(n, "sed -i")
		}
		if !has(func(l string) bool { return l == "--sandbox" }) && !r.plainSed(args) {
			r.found(n, "interpreter", "sed can run programs and write files: add --sandbox, or write a plain script without values of a caller but numbers")
		}
	case "awk", "gawk", "mawk":
		r.awk(n, args)
	case "find":
		if has(func(l string) bool { return slices.Contains([]string{"-exec", "-execdir", "-ok", "-okdir"}, l) }) {
			r.found(n, "interpreter", "find starts programs: pipe its names, with -print0, to xargs -0")
		}
		if has(func(l string) bool { return l == "-delete" || strings.HasPrefix(l, "-fprint") || l == "-fls" }) {
			r.writes(n, "find with such an option")
		}
	case "sort":
		if has(func(l string) bool { return strings.HasPrefix(l, "-o") || strings.HasPrefix(l, "--output") }) {
			r.writes(n, "sort -o")
		}
		if has(func(l string) bool { return strings.HasPrefix(l, "--compress-program") }) {
			r.found(n, "interpreter", "sort --compress-program starts programs")
		}
	case "git":
		if has(func(l string) bool {
			return l == "-c" || strings.HasPrefix(l, "--exec-path") || strings.HasPrefix(l, "--upload-pack") || l == "-O" || l == "--ext-diff"
		}) {
			r.found(n, "interpreter", "git with such an option starts programs")
		}
		if len(args) > 1 && !slices.Contains(gitReads(), args[1].Lit()) {
			r.writes(n, "git "+clip(args[1].Lit(), 20))
		}
	case "jq":
		if words := jqOperands(args); len(words) > 0 && r.flow.taints(words[0]) {
			r.found(n, "code-injection", "a value within a program for jq: give it with --arg")
		}
	}
}

// jqOperands are jq's program and the files that it is given.
func jqOperands(args []*syntax.Word) []*syntax.Word {
	var out []*syntax.Word
	for i := 1; i < len(args); i++ {
		switch l := lead(args[i]); {
		case l == "--arg" || l == "--argjson":
			i += 2
		case l == "--indent":
			i++
		case !strings.HasPrefix(l, "-"):
			out = append(out, args[i])
		}
	}
	return out
}

func gitReads() []string {
	p, _ := reader("git")
	return p.subcommands
}

// awk holds its program to computing: a value comes in with -v.
func (r *shellRules) awk(n *syntax.CallExpr, args []*syntax.Word) {
	skip := false
	for _, w := range args[1:] {
		l := lead(w)
		switch {
		case skip:
			skip = false
		case l == "-F" || l == "-v":
			skip = true
		case l == "-f" || l == "-i" || strings.HasPrefix(l, "--file") || strings.HasPrefix(l, "--include") || strings.HasPrefix(l, "-E") || l == "-l":
			r.found(n, "interpreter", "a program for awk from elsewhere")
			return
		case strings.HasPrefix(l, "-"):
		default:
			text := spelled(w)
			if r.flow.taints(w) || computed(w) {
				r.found(n, "code-injection", "a value within a program for awk: give it with -v")
			}
			if awkRuns.MatchString(text) {
				r.found(n, "interpreter", "a program for awk that starts programs")
			}
			if awkWrites.MatchString(text) {
				r.writes(n, "a program for awk that opens files")
			}
			return
		}
	}
}

// paths finds programs that look at files.
func (r *shellRules) paths(n *syntax.CallExpr, name string, args []*syntax.Word) {
	if r.permissions.Filesystem != "none" {
		return
	}
	if slices.Contains([]string{"find", "ls", "du", "tree", "git", "stat", "readlink", "realpath", "file"}, name) {
		r.reads(n, name)
		return
	}
	if name == "jq" {
		if len(jqOperands(args)) > 1 {
			r.reads(n, name)
		}
		return
	}
	st := stage{}
	for _, w := range args {
		text, err := constant(w)
		if err != nil {
			text = "x"
		}
		st.words = append(st.words, text)
	}
	st.words[0] = name
	if _, known := reader(name); !known || name == "xargs" {
		return
	}
	for i, role := range st.roles() {
		if role == rolePath && st.words[i] != "-" && st.words[i] != "--" {
			r.reads(n, name)
			return
		}
	}
}

// unquoted finds expansions that the shell splits into words and file names.
func (r *shellRules) unquoted(n *syntax.CallExpr) {
	for _, w := range n.Args {
		for _, p := range w.Parts {
			switch p := p.(type) {
			case *syntax.ParamExp:
				if p.Param != nil && slices.Contains([]string{"#", "?", "$", "!"}, p.Param.Value) || p.Length {
					continue
				}
				r.found(n, "unquoted", "a value without quotes becomes several words and file names: write \"$...\"")
				return
			case *syntax.CmdSubst:
				r.found(n, "unquoted", "a substitution without quotes becomes several words and file names: write \"$(...)\"")
				return
			}
		}
	}
}
