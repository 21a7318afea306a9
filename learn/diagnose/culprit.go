package diagnose

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// maxHistory is the number of steps before the failure that are searched.
const maxHistory = 200

// culprit is the action to blame.
type culprit struct {
	eventID string
	reason  string
	earlier bool // not the failing call itself
}

// findCulprit blames the failing call, unless an earlier action of the task
// touched something that the error names and the call only tripped over it.
// An action after the same failure had been seen is not to blame: the failure
// was there before it.
func findCulprit(r *Request) culprit {
	own := culprit{eventID: r.Event.ID, reason: "No earlier action of the task touched what the error names."}
	names := named(r.Signatures)
	if len(names) == 0 {
		own.reason = "The error names nothing that an earlier action could have touched."
		return own
	}
	steps := before(r)
	first := firstSeen(steps, r.Signatures)
	for i := len(steps) - 1; i >= 0; i-- {
		st := &steps[i]
		if i > first || !changes(st.Intent) {
			continue
		}
		name, ok := touches(st, names)
		if !ok {
			continue
		}
		return culprit{eventID: st.EventID, earlier: true, reason: reason(st, name)}
	}
	return own
}

func reason(st *learn.Step, name learn.Entity) string {
	what := map[learn.Intent]string{
		learn.IntentCreate: "created", learn.IntentEdit: "edited", learn.IntentDelete: "deleted",
		learn.IntentInstall: "installed", learn.IntentVCS: "changed, under version control,",
	}[st.Intent]
	if what == "" {
		what = "changed"
	}
	if st.Status.Failed() {
		return "An earlier action that should have " + what + " the " + name.Kind + " " + quote(name.Name) + " had failed."
	}
	return "An earlier action " + what + " the " + name.Kind + " " + quote(name.Name) + ", which the error names."
}

// before returns the bounded history up to the failing call.
func before(r *Request) []learn.Step {
	steps := r.History
	if i := slices.IndexFunc(steps, func(s learn.Step) bool { return s.EventID == r.Event.ID && s.EventID != "" }); i >= 0 {
		steps = steps[:i]
	}
	return steps[max(0, len(steps)-maxHistory):]
}

// firstSeen is the index of the first step that had the failure already.
func firstSeen(steps []learn.Step, sigs []learn.ErrorSignature) int {
	for i := range steps {
		if slices.Contains(steps[i].Signatures, sigs[0].ID) {
			return i
		}
	}
	return len(steps)
}

// changes reports whether actions of the intent change the world.
func changes(i learn.Intent) bool {
	switch i {
	case learn.IntentCreate, learn.IntentEdit, learn.IntentDelete, learn.IntentVCS, learn.IntentInstall,
		learn.IntentBuild, learn.IntentFormat, learn.IntentOther:
		return true
	}
	return false
}

// named lists what the first cause names and an action could have touched.
func named(sigs []learn.ErrorSignature) []learn.Entity {
	if len(sigs) == 0 {
		return nil
	}
	var out []learn.Entity
	add := func(kind, name string) {
		e := learn.Entity{Kind: kind, Name: name}
		if len(name) >= 3 && len(out) < maxEntities && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	add("file", sigs[0].File)
	for _, c := range []struct{ capture, kind string }{
		{"path", "file"}, {"file", "file"}, {"module", "module"}, {"package", "package"}, {"symbol", "symbol"}, {"command", "program"},
	} {
		add(c.kind, sigs[0].Captures[c.capture])
	}
	for _, e := range sigs[0].Entities {
		add(e.Kind, e.Name)
	}
	return out
}

// touches reports which of the named entities a step was about.
func touches(st *learn.Step, names []learn.Entity) (learn.Entity, bool) {
	for _, e := range names {
		switch e.Kind {
		case "file":
			if samePath(st.Target, e.Name) || mentions(st.Command, path.Base(e.Name)) && mentions(st.Command, path.Base(path.Dir("/"+e.Name))) {
				return e, true
			}
		case "module":
			file := strings.ReplaceAll(e.Name, ".", "/")
			if samePath(strings.TrimSuffix(st.Target, path.Ext(st.Target)), file) || st.Intent == learn.IntentInstall && mentions(st.Command, e.Name) {
				return e, true
			}
		case "package", "program":
			if st.Intent == learn.IntentInstall && mentions(st.Command, e.Name) {
				return e, true
			}
		case "symbol":
			if st.Intent == learn.IntentEdit && mentions(st.Command, e.Name) {
				return e, true
			}
		}
	}
	return learn.Entity{}, false
}

// mentions reports whether name stands in text with no letter, digit or
// underscore beside it.
func mentions(text, name string) bool {
	if name == "" || name == "/" || name == "." {
		return name != "" // the root directory is in every path
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		if !wordByte(text, i-1) && !wordByte(text, i+len(name)) {
			return true
		}
		from = i + 1
	}
}

func wordByte(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// samePath compares paths of which one may be relative to somewhere: one must
// be the other's tail, at a separator.
func samePath(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	a, b = path.Clean("/"+a), path.Clean("/"+b)
	return a != "/" && b != "/" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}
