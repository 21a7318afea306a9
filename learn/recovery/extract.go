package recovery

import (
	"maps"
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// maxActions is the number of actions of a remedy; a longer one is a rewrite,
// not a remedy.
const maxActions = 3

// extract finds what resolved f: what was done between, and what changed
// between the failing call and the one that succeeded (or, for negative
// evidence, failed again). It returns false when there is nothing to learn.
// wrote tells a file of the session's own making from one of the project.
func extract(f *failure, call step, between []step, wrote func(string) bool) (form, bool) {
	x := extraction{f: f, calls: len(between) + 1, wrote: wrote}
	x.fillers = fillers(f.Captures, f.File, f.Call.Target, f.Call.Args)
	failed, i := split(f.Call)
	x.fail, x.failWhole = failed[i], f.Call
	for _, st := range between {
		if !st.Failed {
			parts, _ := split(st)
			x.sort(parts)
		}
	}
	parts, j := split(call)
	x.call, x.callWhole = parts[j], call
	x.sort(keep(parts[:j], func(p step) bool {
		return !slices.ContainsFunc(failed, func(was step) bool { return sameCall(p, was) })
	}))
	if f.Transient {
		return x.transient()
	}
	return x.choose()
}

type extraction struct {
	f                    *failure
	fail, call           step // what the calls were about
	failWhole, callWhole step
	calls                int
	fillers              []filler
	acts, edits, looks   []step
	wrote                func(string) bool
}

// sort tells what was done between apart.
func (x *extraction) sort(parts []step) {
	for _, st := range parts {
		switch {
		case isEdit(st):
			x.edits = append(x.edits, st)
		case looksAround(st):
			x.looks = append(x.looks, st)
		case verifies(st):
		default:
			x.acts = append(x.acts, st)
		}
	}
}

// transient keeps passing failures apart: a retry, or another call. What else
// was done meanwhile is not credited for what time healed; neither is time where
// the program itself was set up otherwise meanwhile.
func (x *extraction) transient() (form, bool) {
	if sameCall(x.fail, x.call) {
		if slices.ContainsFunc(x.acts, func(st step) bool { return st.Program != "" && st.Program == x.fail.Program }) {
			return form{}, false
		}
		p := pattern{Tool: x.call.Tool, Intent: x.call.Intent}
		return x.form(KindRetry, classRetry, []pattern{p}, nil), true
	}
	return x.changed()
}

// choose decides which of the things done was the remedy: first what deals
// with something that the error names, then the change of the call, then the
// rest, and looking around only when nothing else is there.
func (x *extraction) choose() (form, bool) {
	relevant := keep(x.acts, x.relevant)
	named := keep(x.edits, x.editsNamed)
	sameProgram := x.fail.Program == x.call.Program && x.fail.Tool == x.call.Tool
	same := sameCall(x.fail, x.call) && !x.otherSetup()
	switch {
	case len(relevant) > 0:
		return x.inserted(relevant)
	case len(named) > 0:
		return x.edited(named)
	case len(x.edits) > 0 && (sameProgram || same):
		return x.edited(x.edits)
	case !same:
		return x.changed()
	case len(x.acts) > 0:
		return x.inserted(x.acts)
	case len(x.edits) > 0:
		return x.edited(x.edits)
	case len(x.looks) > 0:
		return x.inserted(x.looks)
	}
	return form{}, false // it worked the second time, and nobody knows why
}

// otherSetup reports whether the same command ran in another directory or with
// another variable set.
func (x *extraction) otherSetup() bool {
	a, b := setupOf(x.failWhole.Command), setupOf(x.callWhole.Command)
	return a.dir != b.dir && b.dir != "" || !slices.Equal(a.env, b.env)
}

func (x *extraction) inserted(acts []step) (form, bool) {
	var actions []pattern
	var events []string
	for _, st := range acts[max(0, len(acts)-maxActions):] {
		p := actionOf(st, x.fillers)
		if len(actions) > 0 && slices.Equal(actions[len(actions)-1].Words, p.Words) && maps.Equal(actions[len(actions)-1].Params, p.Params) {
			continue
		}
		actions, events = append(actions, p), append(events, st.EventID)
	}
	return x.form(KindInserted, x.doing(acts, actions), actions, events), true
}

// edited describes edits by where they were, never by what was written.
func (x *extraction) edited(edits []step) (form, bool) {
	last := edits[len(edits)-1]
	file := anyToken
	if len(last.Writes) > 0 {
		file = last.Writes[0]
	} else if last.Target != "" {
		file = last.Target
	}
	for _, fl := range x.fillers {
		if fl.Kind != "call" && samePath(fl.Value, file) {
			file = "{" + fl.Name + "}"
			break
		}
	}
	if file == bindWord(file, nil) && x.f.Call.Target != "" && samePath(x.f.Call.Target, file) {
		file = "{target}"
	}
	if strings.ContainsAny(file, " \n'\"$`;|&") {
		file = anyToken
	}
	p := pattern{Tool: last.Tool, Intent: learn.IntentEdit, Params: map[string]string{"file": file}}
	return x.form(KindEdit, classEdit, []pattern{p}, []string{last.EventID}), true
}

func (x *extraction) changed() (form, bool) {
	if x.call.Command == "" {
		return x.changedTool()
	}
	kind, from := KindChangedCommand, head(tokens(x.fail.Command))
	if x.fail.Command != "" && from == head(tokens(x.call.Command)) {
		kind = KindChangedParameter
	}
	if x.fail.Command == "" {
		from = x.fail.Tool
	}
	p := actionOf(x.call, x.fillers)
	if kind == KindChangedParameter && x.otherSetup() {
		p = actionOf(x.callWhole, x.fillers) // the directory and the variables are the point
		p.Words = withSetup(x.callWhole.Command, p.Words)
	}
	f := x.form(kind, x.using(), []pattern{p}, nil)
	f.Instead = from
	return f, true
}

func (x *extraction) changedTool() (form, bool) {
	p := actionOf(x.call, x.fillers)
	if x.fail.Tool != x.call.Tool {
		f := x.form(KindChangedCommand, "use "+x.call.Tool, []pattern{p}, nil)
		f.Instead = x.fail.Tool
		return f, true
	}
	for k, v := range x.call.Params {
		if was, ok := x.fail.Params[k]; ok && was == v && v != "" {
			delete(p.Params, k) // only what changed
		}
	}
	if len(p.Params) == 0 {
		return form{}, false
	}
	return x.form(KindChangedParameter, x.parameterClass(&p), []pattern{p}, nil), true
}

func (x *extraction) form(kind, class string, actions []pattern, events []string) form {
	all := append([]string{x.f.Call.EventID}, events...)
	return form{Kind: kind, Class: class, Actions: actions, Events: append(all, x.callWhole.EventID), Calls: x.calls}
}

// relevant reports whether a step deals with something that the error names:
// it mentions a capture or entity, or installs while one is missing.
func (x *extraction) relevant(st step) bool {
	if st.Intent == learn.IntentInstall {
		for _, k := range []string{"module", "package", "command", "program", "library"} {
			if x.f.Captures[k] != "" {
				return true
			}
		}
	}
	text := strings.ToLower(st.Command)
	for _, v := range st.Params {
		text += "\n" + strings.ToLower(v)
	}
	mentions := func(v string) bool {
		return len(v) >= 3 && strings.Contains(text, strings.ToLower(v))
	}
	for _, v := range x.f.Captures {
		if mentions(v) || strings.Contains(v, "/") && mentions(path.Dir(v)) {
			return true
		}
	}
	return slices.ContainsFunc(x.f.Names, mentions)
}

// editsNamed reports whether an edit touches a file that the error names.
func (x *extraction) editsNamed(st step) bool {
	files := append(slices.Clone(st.Writes), st.Target)
	named := append(slices.Clone(x.f.Names), x.f.File)
	for _, k := range []string{"path", "file"} {
		named = append(named, x.f.Captures[k])
	}
	for _, a := range files {
		for _, b := range named {
			if samePath(a, b) {
				return true
			}
		}
	}
	return false
}

// samePath compares paths of which one may be relative to somewhere: one must
// be the other's tail, at a separator.
func samePath(a, b string) bool {
	a, b = path.Clean("/"+a), path.Clean("/"+b)
	if a == "/" || b == "/" {
		return false
	}
	return a == b || strings.HasSuffix(a, b) || strings.HasSuffix(b, a)
}

// isEdit reports whether a step wrote content, as against moving or making
// things.
func isEdit(st step) bool {
	if st.Intent == learn.IntentEdit {
		return true
	}
	if st.Intent != learn.IntentCreate {
		return false
	}
	switch st.Program {
	case "", "cat", "echo", "printf", "tee", "sed", "awk", "perl", "ed", "patch":
		return true
	}
	return false
}

func looksAround(st step) bool {
	if st.Intent.ReadOnly() {
		return true
	}
	words := tokens(st.Command)
	if len(words) == 0 {
		return false
	}
	switch head(words) {
	case "git status", "git diff", "git log", "git show", "git branch", "git blame", "pwd", "which", "env", "echo", "type":
		return true
	}
	return false
}

// verifies reports whether a step only checks; it fixes nothing.
func verifies(st step) bool {
	switch st.Intent {
	case learn.IntentTest, learn.IntentLint, learn.IntentTypecheck, learn.IntentSubmit:
		return true
	}
	return false
}

func sameCall(a, b step) bool {
	if a.Tool != b.Tool {
		return false
	}
	if a.Command != "" || b.Command != "" {
		return slices.Equal(tokens(a.Command), tokens(b.Command))
	}
	return maps.Equal(a.Params, b.Params)
}

func keep(steps []step, ok func(step) bool) []step {
	var out []step
	for _, st := range steps {
		if ok(st) {
			out = append(out, st)
		}
	}
	return out
}
