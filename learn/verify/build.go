package verify

import (
	"path"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	goError   = lazyregexp.New(`^(?:vet: )?(\S+\.go:\d+)(?::\d+)?: `)
	gccError  = lazyregexp.New(`^(\S.*?:\d+):\d+: (?:fatal )?error: `)
	ldError   = lazyregexp.New(`^(?:collect2: error: ld returned|clang: error: linker command failed|\S*ld: .*undefined)`)
	makeError = lazyregexp.New(`^g?make(?:\[\d+\])?: \*\*\* (.*)$`)
)

// readGoBuild reads go build, go install and go vet (a linter): places in
// files are errors, silence is success.
func readGoBuild(kind learn.VerificationKind, tool string) func(*output, *invocation) []learn.Verification {
	return func(out *output, inv *invocation) []learn.Verification {
		if inv == nil {
			return nil
		}
		v := learn.Verification{Kind: kind, Tool: tool}
		var places names
		for _, line := range out.lines {
			if m := goError.FindStringSubmatch(line); m != nil {
				v.Errors++
				places.add(m[1])
			}
		}
		if inv.exitKnown && inv.exit == 0 {
			v.Errors, places = 0, names{} // printed by something else in the same call
		}
		if v.Errors == 0 && !silent(out, inv) {
			return nil
		}
		v.OK = v.Errors == 0
		v.FailingNames = places.list
		return []learn.Verification{v}
	}
}

// runsCompiler takes C and C++ compilers that are given something to compile.
func runsCompiler(inv *invocation) bool {
	name := strings.TrimRight(inv.program, "0123456789.-")
	if !runsProgram("gcc", "g++", "cc", "c++", "clang", "clang++")(&invocation{program: name}) {
		return false
	}
	for _, a := range inv.args {
		switch path.Ext(a) {
		case ".c", ".cc", ".cpp", ".cxx", ".C", ".o", ".s", ".S", ".m", ".mm", ".a":
			return true
		}
	}
	return false
}

func readCompiler(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyBuild, Tool: "gcc"}
	var places names
	linker := false
	for _, line := range out.lines {
		if m := gccError.FindStringSubmatch(line); m != nil {
			v.Errors++
			places.add(m[1])
		}
		linker = linker || ldError.MatchString(line)
	}
	if linker && v.Errors == 0 {
		v.Errors = 1
	}
	if v.Errors == 0 && !silent(out, inv) {
		return nil
	}
	v.OK = v.Errors == 0
	v.FailingNames = places.list
	return []learn.Verification{v}
}

// readMake judges a make run whose tools printed nothing known: an error line
// of make is a failure, exit code 0 a success, by what the target is called.
// A target that make does not know is no verdict.
func readMake(out *output, inv *invocation) []learn.Verification {
	kind := scriptKind(makeTarget(inv.args), learn.VerifyBuild)
	if kind == "" {
		return nil
	}
	v := learn.Verification{Kind: kind, Tool: "make"}
	for _, line := range out.lines {
		m := makeError.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if strings.HasPrefix(m[1], "No targets specified") || strings.HasPrefix(m[1], "No rule to make target") && !strings.Contains(m[1], ", needed by ") {
			return nil
		}
		if !strings.HasSuffix(m[1], "Error 127") {
			v.Errors = 1
		}
	}
	if v.Errors > 0 {
		return []learn.Verification{v}
	}
	if kind == learn.VerifyTest || !inv.exitKnown || inv.exit != 0 || asksOnly(inv.args) {
		return nil
	}
	v.OK = true
	return []learn.Verification{v}
}

func makeTarget(args []string) string {
	rest := args
	for len(rest) > 0 {
		rest = dropFlagValue(rest, "-C", "-f", "-j", "-I", "-o", "-W")
		if len(rest) == 0 || !strings.Contains(rest[0], "=") {
			break
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return "all"
	}
	return rest[0]
}

// runsScript takes package managers that run a project's script.
func runsScript(inv *invocation) bool { return scriptName(inv) != "" }

func scriptName(inv *invocation) string {
	if !runsProgram("npm", "yarn", "pnpm", "bun")(inv) || len(inv.args) == 0 {
		return ""
	}
	args := dropFlagValue(inv.args, "--prefix", "-C", "--cwd", "-w", "--workspace", "--filter")
	if len(args) > 1 && (args[0] == "run" || args[0] == "run-script") {
		rest := dropWhile(args[1:], isFlag)
		if len(rest) > 0 {
			return rest[0]
		}
		return ""
	}
	if len(args) > 0 && (args[0] == "test" || inv.program != "npm") {
		return args[0]
	}
	return ""
}

// readScript judges a script of npm and its like by its name and exit code,
// when nothing that it printed was read. A test script that passed without a
// readable result proves nothing.
func readScript(out *output, inv *invocation) []learn.Verification {
	kind := scriptKind(scriptName(inv), "")
	if kind == "" || !inv.exitKnown || inv.exit == 126 || inv.exit == 127 {
		return nil
	}
	v := learn.Verification{Kind: kind, Tool: inv.program + " " + scriptName(inv), OK: inv.exit == 0}
	if kind == learn.VerifyTest {
		return nil
	}
	for _, line := range out.lines {
		if strings.Contains(line, "Missing script") || strings.Contains(line, "not found") || strings.Contains(line, "ENOENT") {
			return nil
		}
	}
	if !v.OK {
		v.Errors = 1
	}
	return []learn.Verification{v}
}

// scriptKind tells from a target's or script's name what it verifies, or "".
func scriptKind(name string, other learn.VerificationKind) learn.VerificationKind {
	name = strings.ToLower(name)
	for _, c := range []struct {
		part string
		kind learn.VerificationKind
	}{
		{"clean", ""}, {"install", ""}, {"format", ""}, {"fmt", ""}, {"deploy", ""}, {"release", ""}, {"help", ""},
		{"run", ""}, {"start", ""}, {"serve", ""}, {"dev", ""}, {"watch", ""}, {"docs", ""},
		{"typecheck", learn.VerifyTypecheck}, {"type-check", learn.VerifyTypecheck}, {"types", learn.VerifyTypecheck},
		{"mypy", learn.VerifyTypecheck}, {"lint", learn.VerifyLint}, {"test", learn.VerifyTest}, {"check", learn.VerifyTest},
		{"build", learn.VerifyBuild}, {"compile", learn.VerifyBuild}, {"bundle", learn.VerifyBuild},
	} {
		if strings.Contains(name, c.part) {
			return c.kind
		}
	}
	return other
}
