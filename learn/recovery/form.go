package recovery

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// The kinds of remedies.
const (
	KindChangedCommand   = "changed_command"
	KindChangedParameter = "changed_parameter"
	KindInserted         = "inserted_actions"
	KindEdit             = "edit"
	KindRetry            = "retry"
)

// pattern is one action of a form: words of a command, or the parameters of a
// tool that is no shell, with what is known bound.
type pattern struct {
	Tool   string            `json:"tool"`
	Intent learn.Intent      `json:"intent"`
	Words  []string          `json:"words,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}

// form is what one session did about one failure.
type form struct {
	Kind    string
	Class   string // see class.go
	Actions []pattern
	Instead string // head of the failing call, for changed_command
	Events  []string
	Calls   int // calls between the failure and its resolution
}

// key tells forms of the same remedy apart from others: kind, what is run, and
// which parameters are bound. Constants of arguments are left to unify.
func (f *form) key() string {
	var b strings.Builder
	b.WriteString(f.Kind)
	if f.Kind == KindChangedCommand {
		b.WriteString("\x00instead " + f.Instead)
	}
	for _, a := range f.Actions {
		b.WriteString("\x00" + string(a.Intent))
		if a.Words != nil {
			b.WriteString(" $ " + head(a.Words))
		} else if f.Kind != KindEdit {
			b.WriteString(" " + a.Tool + "(" + strings.Join(sortedKeys(a.Params), ",") + ")")
		}
		for _, p := range a.bound() {
			b.WriteString(" {" + p + "}")
		}
	}
	return b.String()
}

// bound lists the parameters that captures fill, sorted; what the failing
// call fills comes and goes with its arguments and does not count.
func (a *pattern) bound() []string {
	var out []string
	words := a.Words
	for _, k := range sortedKeys(a.Params) {
		words = append(slices.Clone(words), a.Params[k])
	}
	for _, w := range words {
		for _, p := range parameters(w) {
			if p != "any" && p != "target" && !strings.HasPrefix(p, "arg") {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// merge anti-unifies the form into what is known of its key.
func merge(known, seen []pattern) []pattern {
	out := make([]pattern, len(known))
	for i := range known {
		k, s := known[i], seen[i]
		p := pattern{Tool: k.Tool, Intent: k.Intent}
		if k.Words != nil {
			p.Words = unify(k.Words, s.Words)
		}
		if k.Params != nil {
			p.Params = map[string]string{}
			for name, v := range k.Params {
				if s.Params[name] != v {
					v = anyToken
				}
				p.Params[name] = v
			}
		}
		out[i] = p
	}
	return out
}

// actionOf makes the pattern of a step.
func actionOf(st step, fs []filler) pattern {
	p := pattern{Tool: st.Tool, Intent: st.Intent}
	if st.Command != "" {
		first := true
		for _, w := range tokens(st.Command) {
			if !first { // a program is never a parameter
				w = bindWord(w, fs)
			}
			p.Words = append(p.Words, w)
			first = isOperator(w) || first && isAssignment(w)
		}
		if p.Words == nil {
			p.Words = []string{anyToken}
		}
		return p
	}
	p.Params = map[string]string{}
	for k, v := range st.Params {
		if v == "" {
			v = anyToken
		}
		p.Params[k] = bindWord(v, fs)
	}
	return p
}

// says reports whether the actions, generalised, still say what to do: which
// program with which arguments, which file. A command with a gap that nothing
// can fill cannot be run, and is no advice.
func says(kind string, actions []pattern) bool {
	for _, a := range actions {
		switch {
		case kind == KindEdit && a.Params["file"] == anyToken:
			return false
		case slices.ContainsFunc(a.Words, func(w string) bool { return strings.Contains(w, anyToken) }):
			return false
		case fetchesAndRuns(a.Words), harmful(a.Words), guessed(&a):
			return false
		}
	}
	return true
}

// fetchesAndRuns reports whether a command runs what it fetches unseen. Whoever
// did that once, nobody is told to do it.
func fetchesAndRuns(words []string) bool {
	fetched, piped := false, false
	for _, w := range words {
		switch name := path.Base(strings.Trim(w, "\"'`$()<")); {
		case name == "curl" || name == "wget":
			fetched = true
		case w == "|":
			piped = fetched
		case w == "eval", piped && (isInterpreter(name) || name == "zsh" || name == "dash"):
			return true
		}
	}
	return fetched && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "<(") || strings.HasPrefix(w, "$(") })
}
