package recovery

import (
	"slices"
	"strings"

	"lathe/learn"
)

// Of a right class the words can still be wrong: a parameter that nothing
// trusted fills, another file, one option too many. What was offered is right in
// its words when its commands, filled for the failure by the rules of trust, are
// those that resolved it, but for order, for how much they print and for what
// tokens leaves out.

// commandsOf are what actions run, a line each; of a tool that is no shell, its
// name and parameters.
func commandsOf(actions []learn.RemedyAction) []string {
	var out []string
	for i := range actions {
		line := strings.Trim(inWords(&actions[i]), "`")
		if c := actions[i].Command; c != "" {
			line = c
		}
		out = append(out, line)
	}
	return out
}

// done are the commands of a form as they were run.
func (f *failure) done(fm *form) []string {
	values := map[string]string{}
	for _, fl := range fillers(f.Captures, f.File, f.Call.Target, f.Call.Args) {
		values[fl.Name] = fl.Value
	}
	actions := make([]learn.RemedyAction, len(fm.Actions))
	for i := range fm.Actions {
		actions[i] = fm.Actions[i].filled(values)
	}
	return commandsOf(actions)
}

// sameCommands compares two lists of commands as the measure of words does.
func sameCommands(a, b []string) bool {
	return len(a) > 0 && slices.Equal(plainCommands(a), plainCommands(b))
}

func plainCommands(commands []string) []string {
	var out []string
	for _, c := range commands {
		words := slices.DeleteFunc(tokens(c), quiet)
		for i := range words {
			words[i] = strings.TrimPrefix(strings.Trim(words[i], `'"`), "./")
		}
		out = append(out, strings.Join(words, " "))
	}
	slices.Sort(out)
	return out
}

// quiet reports whether a word only says how much to print.
func quiet(w string) bool {
	switch w {
	case "-v", "-vv", "-q", "-s", "--verbose", "--quiet", "2>&1":
		return true
	}
	return strings.HasPrefix(w, "--tb=")
}
