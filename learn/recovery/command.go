package recovery

import (
	"path"
	"strings"
)

// maxTokens is the number of words of a command that a template keeps.
const maxTokens = 48

// anyToken is a parameter that nothing is known to fill.
const anyToken = "{any}"

// tokens splits a command into words for comparing and templating. It drops
// what does not change what the command does: a leading "cd ... &&", trailing
// "| head", "| tail" and "2>&1". Words that are long, span lines or hold
// braces of their own become parameters. A here-document is one parameter.
func tokens(command string) []string {
	words := splitWords(command)
	for len(words) > 3 && words[0] == "cd" && (words[2] == "&&" || words[2] == ";") {
		words = words[3:]
	}
	words = dropPagers(words)
	out := make([]string, 0, min(len(words), maxTokens))
	first := true // a program comes next
	for _, w := range words {
		if first {
			w = bareProgram(w)
		}
		script := !first && len(out) > 0 && isRunAlias(out[len(out)-1], w)
		first = isOperator(w) || first && isAssignment(w)
		if script {
			out = append(out, "run")
		}
		if len(w) > 120 || strings.Contains(w, "\n") || strings.ContainsAny(w, "{}") && w != "{}" || isProse(w) {
			w = anyToken
		}
		if w == anyToken && len(out) > 0 && out[len(out)-1] == anyToken {
			continue
		}
		if len(out) == maxTokens {
			break
		}
		out = append(out, w)
	}
	return out
}

// isProse reports whether a word is quoted text of several words: somebody's own
// words, which have no place in advice for another session.
func isProse(w string) bool {
	return strings.ContainsAny(w, " \t") && strings.ContainsAny(w, "'\"")
}

// bareProgram drops the directory of a program that every search path has, and
// a leading ./ that a path with a directory does not need.
func bareProgram(w string) string {
	if rest, ok := strings.CutPrefix(w, "./"); ok && strings.Contains(rest, "/") {
		return rest
	}
	for _, dir := range []string{"/usr/bin/", "/bin/", "/usr/local/bin/"} {
		if name, ok := strings.CutPrefix(w, dir); ok && name != "" {
			return name
		}
	}
	return w
}

// isRunAlias reports whether the program's subcommand is short for running the
// script of that name: npm test is npm run test.
func isRunAlias(program, sub string) bool {
	return (program == "npm" || program == "pnpm") && (sub == "test" || sub == "start" || sub == "stop" || sub == "restart")
}

func isAssignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	return ok && name != "" && !isFlag(w)
}

// dropPagers cuts trailing output limiters.
func dropPagers(words []string) []string {
	for {
		last := -1
		for i, w := range words {
			if w == "|" {
				last = i
			}
		}
		if last <= 0 || last+1 >= len(words) || !isPager(words[last+1]) {
			break
		}
		words = words[:last]
	}
	for len(words) > 1 && words[len(words)-1] == "2>&1" {
		words = words[:len(words)-1]
	}
	return words
}

func isPager(w string) bool {
	switch w {
	case "head", "tail", "less", "more", "cat", "grep", "tee", "wc":
		return true
	}
	return false
}

// splitWords splits at blanks outside quotes and sets operators apart. The
// quotes stay in the word, so joining the words gives a command again. A
// here-document is one parameter.
func splitWords(command string) []string {
	command = withoutDocuments(command)
	var out []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	quote := byte(0)
	for i := 0; i < len(command) && len(out) < 4*maxTokens; i++ {
		c := command[i]
		switch {
		case quote != 0:
			word.WriteByte(c)
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
			word.WriteByte(c)
		case c == '\\' && i+1 < len(command) && command[i+1] != '\n':
			word.WriteByte(c)
			i++
			word.WriteByte(command[i])
		case c == ' ' || c == '\t' || c == '\r' || c == '\\':
			flush()
		case c == ';' || c == '\n' || c == '|' || c == '&' && (word.Len() == 0 || i+1 < len(command) && command[i+1] == '&'):
			flush()
			op := string(c)
			if c == '\n' {
				op = ";"
			}
			if i+1 < len(command) && command[i+1] == c && (c == '|' || c == '&') {
				op += op
				i++
			}
			out = append(out, op)
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return out
}

func isOperator(w string) bool {
	switch w {
	case "&&", "||", "|", ";", "&":
		return true
	}
	return false
}

func isFlag(w string) bool { return len(w) > 1 && w[0] == '-' }

// head is what makes two commands the same kind of remedy: for each simple
// command its program, and the subcommand or script that it runs.
func head(toks []string) string {
	var parts []string
	start := true
	for i := 0; i < len(toks); i++ {
		w := toks[i]
		switch {
		case isOperator(w):
			start = true
			continue
		case !start:
			continue
		case strings.Contains(w, "=") && !isFlag(w), isWrapper(w):
			continue
		}
		start = false
		if w == "cd" || w == "export" || w == "source" || w == "." {
			continue
		}
		part := w
		if path.IsAbs(w) {
			part = path.Base(w)
		}
		for j, next := range toks[i+1:] {
			if isOperator(next) {
				break
			}
			if j > 0 && toks[i+j] == "-C" {
				continue // the value of an option that says where
			}
			if isFlag(next) {
				if next == "-c" || next == "-e" {
					part += " " + next
					break
				}
				if next == "-m" {
					part += " -m"
				}
				continue
			}
			if part == "npm" && next == "run" || part == "pnpm" && next == "run" {
				part += " run"
				continue
			}
			if isInterpreter(path.Base(w)) || strings.HasSuffix(part, " -m") || hasSubcommands(path.Base(w)) {
				part += " " + next
			}
			break
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ; ")
}

func isWrapper(w string) bool {
	switch w {
	case "sudo", "env", "time", "nohup", "exec", "command", "xvfb-run":
		return true
	}
	return false
}

func isInterpreter(program string) bool {
	switch program {
	case "bash", "sh", "node", "ruby", "perl", "php", "deno", "bun", "npx":
		return true
	}
	return strings.HasPrefix(program, "python")
}

func hasSubcommands(program string) bool {
	switch program {
	case "git", "go", "cargo", "npm", "pnpm", "yarn", "pip", "pip3", "uv", "poetry", "conda", "apt", "apt-get",
		"brew", "docker", "podman", "kubectl", "make", "systemctl", "service", "dotnet", "mvn", "gradle", "rustup",
		"gem", "bundle", "composer", "helm", "terraform", "gh", "apk", "dnf", "yum":
		return true
	}
	return false
}
