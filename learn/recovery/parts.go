package recovery

import (
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/action"
)

// maxParts is the number of simple commands of a call that are looked at.
const maxParts = 12

// split takes a compound command apart: a step for each simple command that
// does something, and which of them the call was about. Agents chain what a
// person would type in three lines; taken apart, "mkdir x && pytest" is a
// directory made before the same test.
func split(st step) (parts []step, main int) {
	if st.Command == "" {
		return []step{st}, 0
	}
	for _, words := range simpleCommands(tokens(st.Command)) {
		if len(parts) == maxParts {
			break
		}
		if name := commandName(words); name == "" || setsUp(name) && !redirects(words) {
			continue
		}
		parts = append(parts, partOf(st, words))
	}
	if len(parts) <= 1 {
		return []step{st}, 0
	}
	main = len(parts) - 1
	for i, p := range parts {
		if p.Intent == st.Intent {
			main = i
		}
	}
	parts[main].Target, parts[main].Intent = st.Target, st.Intent
	return parts, main
}

func partOf(st step, words []string) step {
	command := strings.Join(words, " ")
	act := action.ParseCommand(command)
	p := step{
		EventID: st.EventID, At: st.At, Tool: st.Tool, Intent: act.Intent, Program: cut(act.Program, maxText),
		Command: command, Target: cut(act.Target, maxText), Failed: st.Failed,
	}
	for _, a := range act.Arguments[:min(len(act.Arguments), maxItems)] {
		p.Args = append(p.Args, cut(a.Value, maxText))
	}
	for _, w := range act.Writes[:min(len(act.Writes), maxItems)] {
		p.Writes = append(p.Writes, cut(w, maxText))
	}
	return p
}

// simpleCommands splits words at their operators. A pipeline is one command:
// what is piped into belongs to what it reads.
func simpleCommands(words []string) [][]string {
	var out [][]string
	from := 0
	for i := 0; i <= len(words); i++ {
		if i == len(words) || isOperator(words[i]) && words[i] != "|" {
			if i > from {
				out = append(out, words[from:i])
			}
			from = i + 1
		}
	}
	return out
}

// commandName is the program that a simple command runs, without assignments
// and wrappers.
func commandName(words []string) string {
	for _, w := range words {
		if !isAssignment(w) && !isWrapper(w) && !isFlag(w) {
			return w
		}
	}
	return ""
}

// setsUp reports whether a command only sets up the shell for those after it.
func setsUp(name string) bool {
	switch name {
	case "cd", "export", "set", "source", ".", "true", "pushd", "popd", "unset", "if", "then", "fi", "do", "done", "else", "for", "while", "echo", "{any}":
		return true
	}
	return false
}

// redirects reports whether a command writes its output to a file.
func redirects(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, ">") && !strings.HasSuffix(w, "/dev/null") })
}

// setup is what a command sets up: the directory it runs in, relative to where
// the agent is, and the names of the variables it sets.
type setup struct {
	dir string
	env []string
}

func setupOf(command string) setup {
	var s setup
	for _, words := range simpleCommands(splitWords(command)) {
		switch words[0] {
		case "cd":
			if len(words) > 1 {
				s.dir = words[1]
			}
			continue
		case "export":
			words = words[1:]
		}
		for _, w := range words {
			if !isAssignment(w) {
				if isWrapper(w) {
					continue
				}
				break
			}
			name, _, _ := strings.Cut(w, "=")
			s.env = append(s.env, name)
		}
	}
	slices.Sort(s.env)
	s.env = slices.Compact(s.env)
	return s
}

// withoutDocuments replaces the here-documents of a command by a parameter.
// What follows a document stays: agents write a file and run it in one call.
func withoutDocuments(command string) string {
	if !strings.Contains(command, "<<") {
		return command
	}
	lines := strings.Split(command, "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		line, end, ok := documentIn(lines[i])
		out = append(out, line)
		if !ok {
			continue
		}
		for i++; i < len(lines) && strings.Trim(lines[i], " \t\r") != end; i++ {
		}
	}
	return strings.Join(out, "\n")
}

// documentIn finds the start of a here-document in a line: the line with a
// parameter in its place, and the line that ends the document.
func documentIn(line string) (rest, end string, ok bool) {
	i := strings.Index(line, "<<")
	if i < 0 || strings.HasPrefix(line[i:], "<<<") {
		return line, "", false
	}
	after := strings.TrimLeft(line[i+2:], "- \t")
	if after == "" {
		return line, "", false
	}
	word := after
	if q := after[0]; q == '\'' || q == '"' {
		j := strings.IndexByte(after[1:], q)
		if j < 0 {
			return line, "", false
		}
		end, word = after[1:1+j], after[:j+2]
	} else {
		if j := strings.IndexAny(after, " \t|;&<>)"); j >= 0 {
			word = after[:j]
		}
		end = strings.TrimPrefix(word, `\`)
	}
	if end == "" {
		return line, "", false
	}
	return line[:i] + anyToken + after[len(word):], end, true
}

// writtenNames notes the files that a step wrote, by base name, so that a
// script that the session made can be told from one of the project.
func writtenNames(st step) []string {
	var out []string
	if st.Intent == learn.IntentEdit || st.Intent == learn.IntentCreate || len(st.Writes) > 0 {
		for _, w := range append(slices.Clone(st.Writes), st.Target) {
			if w != "" && len(out) < maxItems {
				out = append(out, w[strings.LastIndexByte(w, '/')+1:])
			}
		}
	}
	return out
}
