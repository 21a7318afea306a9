package recovery

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// The class of a remedy is what makes two sessions' resolutions the same
// advice: what is run, and with which packages or options, but not about which
// file. Offers are ranked by class, and judged by it.
//
//	use <command>             another program, subcommand or runner
//	with <command> +a -b      the same one with other options or variables
//	in <directory>            the same one elsewhere
//	args <command> {path_dir} the same one about something that the error names
//	do <command>, ...         something done first
//	retry                     the same call again, for a passing failure
//
// The others say too little to be advice, and are counted only so that what is
// offered knows how often they were the answer instead:
const (
	classRetry  = "retry"
	classEdit   = "edit"   // the code was edited
	classScript = "script" // a script of the agent's own making did it
	classLook   = "look"   // it looked elsewhere, or for something else
	classArgs   = "args"   // the same command about something else
	classOther  = "?"      // a remedy that must not leave its project
)

// specific reports whether a class says something that can be done.
func specific(class string) bool {
	switch class {
	case classEdit, classScript, classLook, classArgs, classOther, "":
		return false
	}
	return true
}

// using is the class of a changed call.
func (x *extraction) using() string {
	from, to := commandClass(x.fail.Command), commandClass(x.call.Command)
	switch {
	case isEdit(x.call):
		return classEdit
	case x.ownScript(x.call.Command):
		return classScript
	case x.fail.Intent.ReadOnly() && x.call.Intent.ReadOnly() && x.lookedElsewhere(from == to):
		return classLook
	case x.f.Call.Target != "" && samePath(to, x.f.Call.Target):
		return "use {target}" // what was to be checked, run by itself
	case from != to:
		return "use " + to
	}
	if class := x.options(to); class != "" {
		return class
	}
	for _, w := range words1(x.call.Command) {
		if !slices.Contains(words1(x.fail.Command), w) {
			if b := boundWord(bindWord(w, x.fillers)); b != "" {
				return "args " + to + b
			}
		}
	}
	return classArgs
}

// options is the class of the same command with other options, variables or
// in another directory; "" when these are the same.
func (x *extraction) options(command string) string {
	was, is := optionsOf(x.fail.Command), optionsOf(x.call.Command)
	a, b := setupOf(x.failWhole.Command), setupOf(x.callWhole.Command)
	for _, name := range a.env {
		was = append(was, name+"=")
	}
	for _, name := range b.env {
		is = append(is, name+"=")
	}
	var delta string
	for _, o := range is {
		if !slices.Contains(was, o) {
			delta += " +" + o
		}
	}
	for _, o := range was {
		if !slices.Contains(is, o) {
			delta += " -" + o
		}
	}
	switch {
	case delta != "":
		return "with " + command + delta
	case a.dir != b.dir && b.dir != "":
		return "in " + path.Base(b.dir)
	}
	return ""
}

// doing is the class of inserted actions. What is installed belongs to it, and
// so does what the error names.
func (x *extraction) doing(acts []step, actions []pattern) string {
	var parts []string
	for i := range actions {
		a := &actions[i]
		if a.Words == nil {
			parts = append(parts, a.Tool)
			continue
		}
		text := strings.Join(a.Words, " ")
		if x.ownScript(text) {
			return classScript
		}
		part := commandClass(text)
		if a.Intent == learn.IntentInstall {
			part += packagesOf(a.Words, part)
		} else {
			part += boundWord(text)
		}
		parts = append(parts, part)
	}
	if !slices.ContainsFunc(acts, func(st step) bool { return !looksAround(st) }) {
		return x.reading(actions)
	}
	slices.Sort(parts)
	return "do " + strings.Join(slices.Compact(parts), ", ")
}

// reading is the class of looking around before the same call: where that was at
// what the call is about, a file that must be read before it is written, it is
// the remedy.
func (x *extraction) reading(actions []pattern) string {
	last := &actions[len(actions)-1]
	text := strings.Join(last.Words, " ")
	for _, k := range sortedKeys(last.Params) {
		text += " " + last.Params[k]
	}
	if x.fail.Intent.ReadOnly() || len(parameters(text)) == 0 || strings.Contains(text, anyToken) {
		return classLook
	}
	return "do " + string(last.Intent) + " {target}"
}

// packagesOf lists what an installation is about.
func packagesOf(words []string, command string) string {
	var out string
	seen := strings.Fields(command)
	for i, w := range words {
		switch {
		case w == "-e" || w == "-r":
			out += " " + w
		case i == 0, isFlag(w), isOperator(w), slices.Contains(seen, w), isWrapper(w), isAssignment(w):
		default:
			out += " " + w
		}
	}
	return out
}

// boundWord is the first word of a text that the error fills a part of, as a
// whole: tests/{path_base} is other advice than {path_base}.
func boundWord(text string) string {
	for _, w := range strings.Fields(text) {
		for _, p := range parameters(w) {
			if p != "any" && p != "target" && !strings.HasPrefix(p, "arg") {
				return " " + w
			}
		}
	}
	return ""
}

// ownScript reports whether a command runs code that the agent wrote for the
// purpose: given on the command line, or in a file of the session's making.
func (x *extraction) ownScript(command string) bool {
	return ownScript(command, x.f.Call.Target, x.wrote)
}

func ownScript(command, target string, wrote func(string) bool) bool {
	words := words1(command)
	for i, w := range words {
		if isAssignment(w) || isWrapper(w) {
			continue
		}
		if !isInterpreter(path.Base(w)) {
			return strings.ContainsAny(w, "/.") && wrote(path.Base(w))
		}
		for _, a := range words[i+1:] {
			switch {
			case a == "-c" || a == "-e" || a == "-" || a == anyToken || a == "<":
				return true
			case a == "-m":
				return false
			case isFlag(a):
				continue
			}
			return wrote(path.Base(a)) || a == "{target}" && wrote(path.Base(target))
		}
		return true // an interpreter that reads its standard input
	}
	return false
}

// lookedElsewhere reports whether looking around that failed was answered by
// looking around again: that tells nothing about the next time. Where the
// program itself was the problem, another one does.
func (x *extraction) lookedElsewhere(sameCommand bool) bool {
	_, program, _ := strings.Cut(x.f.PatternID, "/")
	switch program {
	case "command-not-found", "unknown-option", "usage", "is-directory":
		return sameCommand && x.options("") == ""
	}
	return true
}

// parameterClass is the class of a tool call with other parameters.
func (x *extraction) parameterClass(p *pattern) string {
	var delta string
	for _, k := range sortedKeys(x.call.Params) {
		if _, ok := x.fail.Params[k]; !ok {
			delta += " +" + k
		}
	}
	for _, k := range sortedKeys(x.fail.Params) {
		if _, ok := x.call.Params[k]; !ok {
			delta += " -" + k
		}
	}
	if delta != "" {
		return "with " + x.call.Tool + delta
	}
	for _, k := range sortedKeys(p.Params) {
		if b := boundWord(p.Params[k]); b != "" {
			return "args " + x.call.Tool + b
		}
	}
	return classArgs
}

// commandClass names what a command runs: program and subcommand, or the
// script, whoever interprets it.
func commandClass(command string) string {
	h := head(words1(command))
	if i := strings.Index(h, " ; "); i >= 0 {
		h = h[:i]
	}
	h = sameInterpreter(h)
	if first, rest, ok := strings.Cut(h, " "); ok && isInterpreter(first) && !strings.HasPrefix(rest, "-") && strings.ContainsAny(rest, "./") {
		h = rest
	}
	for {
		rest, ok := strings.CutPrefix(h, "../")
		if !ok {
			rest, ok = strings.CutPrefix(h, "./")
		}
		if !ok {
			return h
		}
		h = rest
	}
}

// sameInterpreter makes python3.11 and python3 python, and pip3 pip: which name
// an environment has for them says nothing about what is run.
func sameInterpreter(h string) string {
	first, rest, _ := strings.Cut(h, " ")
	switch {
	case strings.HasPrefix(first, "python"):
		first = "python"
	case first == "pip3":
		first = "pip"
	}
	return strings.TrimSpace(first + " " + rest)
}

// withSetup puts what a command sets up back before its words, for where that
// is the remedy.
func withSetup(command string, words []string) []string {
	for _, c := range simpleCommands(splitWords(command)) {
		if c[0] == "cd" && len(c) == 2 && !slices.Contains(words, "cd") {
			return append([]string{"cd", c[1], "&&"}, words...)
		}
	}
	return words
}
