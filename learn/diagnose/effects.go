package diagnose

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/action"
)

// effectKind is what a step does to the world.
type effectKind string

const (
	effectRemove    effectKind = "deleted"
	effectMove      effectKind = "moved"
	effectEdit      effectKind = "changed"
	effectRevert    effectKind = "switched, under version control,"
	effectInstall   effectKind = "installed"
	effectUninstall effectKind = "uninstalled"
	effectRights    effectKind = "changed the rights of"
)

// effect is one thing that a step does, and to what. No names means that it
// can concern anything in the workspace.
type effect struct {
	Kind  effectKind `json:"kind"`
	Names []string   `json:"names,omitempty"`
}

// maxEffects bounds the effects of one step.
const maxEffects = 32

// trace is a history with what each step changed, found when it is asked for.
type trace struct {
	steps   []learn.Step
	effects [][]effect
	known   []bool
}

func traceOf(steps []learn.Step) *trace {
	return &trace{steps, make([][]effect, len(steps)), make([]bool, len(steps))}
}

// at lists what step i changed.
func (t *trace) at(i int) []effect {
	if !t.known[i] {
		t.effects[i], t.known[i] = effectsOf(&t.steps[i]), true
	}
	return t.effects[i]
}

// effectsOf lists what a step changes.
func effectsOf(st *learn.Step) []effect {
	if !mayChange(st) {
		return nil
	}
	if st.Command == "" || !mayWrite(st.Command) {
		return effectsWith(st, nil)
	}
	return effectsWith(st, action.ParseCommand(st.Command).Writes)
}

// effectsWith is effectsOf where the files that the call writes are known.
func effectsWith(st *learn.Step, written []string) []effect {
	if st.Command == "" {
		switch st.Intent {
		case learn.IntentDelete:
			return []effect{{effectRemove, []string{st.Target}}}
		case learn.IntentEdit, learn.IntentCreate, learn.IntentFormat:
			return []effect{{effectEdit, []string{st.Target}}}
		}
		return nil
	}
	var out []effect
	for _, words := range simpleCommands(st.Command) {
		if e, ok := effectOfWords(words); ok && len(out) < maxEffects {
			out = append(out, e)
		}
	}
	writes := slices.DeleteFunc(slices.Clone(written), func(w string) bool {
		return slices.ContainsFunc(out, func(e effect) bool { return slices.Contains(e.Names, w) })
	})
	if len(writes) == 0 && len(out) == 0 && changesFiles(st.Intent) && st.Target != "" {
		writes = []string{st.Target}
	}
	if len(writes) > 0 {
		out = append(out, effect{effectEdit, writes})
	}
	return out
}

// mayChange spares the parser the commands that only look.
func mayChange(st *learn.Step) bool {
	return !st.Intent.ReadOnly() || strings.ContainsAny(st.Command, ">;&|\n")
}

// mayWrite spares the parser the commands that surely write no file.
func mayWrite(command string) bool {
	if strings.ContainsAny(command, ">") {
		return true
	}
	for _, w := range []string{"sed", "tee", "cp ", "patch", "perl", "python", "touch", "mkdir", "ln ", "dd ", "awk", "tar", "unzip", "install", "ruby", "node", "ed ", "truncate", "rsync", "format", "fmt", "black", "prettier", "curl", "wget"} {
		if strings.Contains(command, w) {
			return true
		}
	}
	return false
}

// simpleCommands splits a command line at its operators, which is wrong within
// quotes, where what follows seldom looks like a command that changes things.
func simpleCommands(line string) [][]string {
	var out [][]string
	for _, part := range strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == '&' || r == '|' || r == '\n' }) {
		words := strings.Fields(part)
		for len(words) > 0 && (words[0] == "sudo" || words[0] == "env" || words[0] == "command" || isAssignment(words[0])) {
			words = words[1:]
		}
		if len(words) > 0 {
			out = append(out, words)
		}
	}
	return out
}

func isAssignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func effectOfWords(words []string) (effect, bool) {
	args := arguments(words[1:])
	sub := ""
	if len(args) > 0 {
		sub = args[0]
	}
	switch program := path.Base(words[0]); program {
	case "rm", "unlink", "rmdir", "shred":
		return effect{effectRemove, args}, true
	case "mv":
		return effect{effectMove, args}, true
	case "chmod", "chown":
		return effect{effectRights, args}, true
	case "find":
		if slices.Contains(words, "-delete") || slices.Contains(words, "rm") {
			return effect{effectRemove, args}, true
		}
	case "git":
		return gitEffect(sub, args)
	case "python", "python3":
		if len(words) > 3 && words[1] == "-m" && words[2] == "pip" {
			return packageEffect("pip", arguments(words[3:]))
		}
	case "pip", "pip3", "npm", "yarn", "pnpm", "go", "cargo", "apt", "apt-get", "gem", "poetry", "uv", "conda", "brew":
		return packageEffect(program, args)
	}
	return effect{}, false
}

func gitEffect(sub string, args []string) (effect, bool) {
	if sub == "" {
		return effect{}, false
	}
	rest := args[1:]
	switch sub {
	case "rm":
		return effect{effectRemove, rest}, true
	case "mv":
		return effect{effectMove, rest}, true
	case "clean":
		return effect{effectRemove, nil}, true
	case "checkout", "restore":
		if i := slices.IndexFunc(rest, func(a string) bool { return strings.ContainsAny(a, "./") }); i >= 0 {
			return effect{effectRevert, rest[i:]}, true
		}
		return effect{effectRevert, nil}, true
	case "switch", "reset", "stash", "revert", "pull", "merge", "rebase", "cherry-pick", "apply", "am":
		return effect{effectRevert, nil}, true
	}
	return effect{}, false
}

func packageEffect(program string, args []string) (effect, bool) {
	for i, a := range args {
		switch a {
		case "uninstall", "remove", "rm", "purge":
			return effect{effectUninstall, args[i+1:]}, true
		case "install", "add", "get", "i", "ci", "sync", "update", "upgrade":
			return effect{effectInstall, args[i+1:]}, program != "go" || a == "get" || a == "install"
		}
	}
	return effect{}, false
}

// arguments are the words that are no flags, without quotation marks.
func arguments(words []string) []string {
	var out []string
	for _, w := range words {
		w = strings.Trim(w, `"'`)
		if w != "" && w[0] != '-' && w[0] != '>' && w[0] != '<' {
			out = append(out, strings.TrimSuffix(w, "/"))
		}
	}
	return out
}
