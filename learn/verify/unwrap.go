package verify

import (
	"path"
	"strings"
)

// unwrap removes programs that only run another one, so that
// "env X=1 timeout 60 python -m pytest -q" becomes "pytest -q".
func unwrap(words []string) []string {
	for range 16 {
		next, ok := unwrapOnce(words)
		if !ok {
			return words
		}
		words = next
	}
	return words
}

func unwrapOnce(words []string) ([]string, bool) {
	if len(words) == 0 {
		return words, false
	}
	program, args := path.Base(words[0]), words[1:]
	switch program {
	case "env":
		return dropWhile(args, func(s string) bool { return strings.HasPrefix(s, "-") || strings.Contains(s, "=") }), true
	case "sudo", "nohup", "command", "exec", "time", "stdbuf", "ionice", "xvfb-run", "unbuffer", "npx", "bunx", "setsid":
		return dropWhile(args, isFlag), true
	case "nice":
		return dropFlagValue(args, "-n"), true
	case "timeout", "gtimeout":
		rest := dropFlagValue(args, "-k", "-s", "--signal", "--kill-after")
		if len(rest) == 0 {
			return nil, true
		}
		return rest[1:], true
	case "uv", "poetry", "pipenv", "pdm", "hatch", "rye", "conda", "micromamba":
		if len(args) > 1 && args[0] == "run" {
			return dropFlagValue(args[1:], "-n", "-p", "--name", "--with", "--python"), true
		}
	case "coverage":
		if len(args) > 1 && args[0] == "run" {
			return append([]string{"python"}, args[1:]...), true
		}
	case "pnpm", "yarn", "bun":
		if len(args) > 1 && (args[0] == "exec" || args[0] == "dlx" || args[0] == "x") {
			return args[1:], true
		}
	case "npm":
		if len(args) > 1 && args[0] == "exec" {
			return dropWhile(args[1:], isFlag), true
		}
	case "bundle":
		if len(args) > 1 && args[0] == "exec" {
			return args[1:], true
		}
	case "php", "perl", "ruby":
		// "php vendor/bin/phpunit", "ruby -S rspec": the tool is the script.
		if rest := dropWhile(args, isFlag); len(rest) > 0 && oneOf("phpunit", "pest", "paratest", "prove", "rspec", "rake")(path.Base(rest[0])) {
			return rest, true
		}
	}
	if isPython(program) {
		return unwrapPython(args)
	}
	return words, false
}

// unwrapPython turns "python -W ignore -m pytest -q" into "pytest -q" and
// "python tests/runtests.py" into "tests/runtests.py".
func unwrapPython(args []string) ([]string, bool) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-m" && i+1 < len(args):
			return args[i+1:], true
		case a == "-W" || a == "-X":
			i++
		case a == "-c" || a == "" || a == "-":
			return nil, false
		case isFlag(a):
		default:
			return args[i:], true
		}
	}
	return nil, false
}

func isPython(program string) bool {
	rest, ok := strings.CutPrefix(program, "python")
	if !ok {
		rest, ok = strings.CutPrefix(program, "pypy")
	}
	return ok && strings.Trim(rest, "0123456789.") == ""
}

func isFlag(s string) bool { return len(s) > 1 && s[0] == '-' }

func dropWhile(words []string, drop func(string) bool) []string {
	for len(words) > 0 && drop(words[0]) {
		words = words[1:]
	}
	return words
}

// dropFlagValue drops leading flags, and the word after those named.
func dropFlagValue(words []string, withValue ...string) []string {
	for len(words) > 0 && isFlag(words[0]) {
		n := 1
		for _, f := range withValue {
			if words[0] == f && len(words) > 1 {
				n = 2
			}
		}
		words = words[n:]
	}
	return words
}
