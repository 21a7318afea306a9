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
	step    int     // its place in the history, -1 for the failing call itself
	margin  float64 // in log odds, by which it is likelier than the next
}

func (c culprit) earlier() bool { return c.step >= 0 }

// ownOdds is how much in log odds speaks for the failing call itself before
// anything is known; what an earlier action is blamed on must outweigh it.
const ownOdds = 2.4

// findCulprit blames the failing call, unless an earlier action of the task
// touched something that the error names and the call only tripped over it.
// What speaks for an earlier action, in log odds: how closely it concerns what
// the error names (relation), whether what it did can cause that kind of
// trouble (fits), and that the same call had worked before it. An action after
// which the same failure was seen, or before which the same call worked, or
// whose effect was undone, is not to blame.
func findCulprit(r *Request) culprit {
	own := culprit{eventID: r.Event.ID, step: -1, reason: "No earlier action of the task touched what the error names."}
	if len(r.Signatures) == 0 {
		own.reason = "The error names nothing that an earlier action could have touched."
		return own
	}
	steps := before(r)
	tr := r.trace()
	last := firstSeen(steps, r.Signatures)
	since := workedUntil(steps[:last], r)
	odds := ownOdds
	of := natureOf(&r.Signatures[0])
	names := namesOf(r, of)
	switch {
	case of == natureUsage:
		odds += 2
	case of == natureBroken && checks(r.Action.Intent):
		odds-- // who asks whether the code is right is not wrong when it is not
	}
	all := []suspicion{{step: -1, odds: odds, reasons: []string{own.reason}}}
	for i := last - 1; i > since; i-- {
		s := suspect(r, i, tr.at(i), names, of, since >= 0)
		s.odds += float64(i) / float64(len(steps)) / 10 // of two alike the later one
		if len(s.reasons) > 0 && s.odds > 0 && !undone(tr, i, last, names) {
			all = append(all, s)
		}
	}
	first := ranked(all)[0]
	if first.step >= 0 {
		own.eventID, own.step, own.reason = steps[first.step].EventID, first.step, first.reasons[0]
	}
	own.margin = margin(all)
	return own
}

// suspect weighs one earlier step. It has no reasons when nothing speaks
// against it.
func suspect(r *Request, i int, effects []effect, names []named, of nature, workedBefore bool) suspicion {
	st := &r.trace().steps[i]
	why, odds := "", 0.0
	for _, e := range effects {
		for _, name := range names {
			rel := relation(e, st.Command, name)
			if rel == 0 {
				continue
			}
			o := rel + fits(e.Kind, name.of) - float64(name.rank) // what the first cause names is what it is about
			if name.of == natureMissing && e.Kind == effectEdit && thing(name.Kind) && !manifestEdit(e) && !st.Status.Failed() {
				o = min(o, 1.2) // what was written is there: its lack comes from elsewhere
			}
			if prose(e) && rel < 2.5 {
				o -= 1.5
			}
			if o > odds {
				odds, why = o, reason(st, e, name)
			}
		}
		o := 1 + fits(e.Kind, of)
		if prose(e) {
			o -= 1.5
		}
		if configuresCall(e, &r.Action) {
			o++
		}
		if slices.ContainsFunc(e.Names, func(n string) bool { return inside(n, r.Action.Target) }) {
			o += 0.5 // within what the call is about
		}
		if workedBefore && o > odds {
			odds, why = o, "The same call had worked before an earlier action "+string(e.Kind)+" "+what(e)+"."
		}
	}
	if why == "" {
		return suspicion{step: i}
	}
	if imported(r, st) {
		odds += 0.5
	}
	if workedBefore && odds > 0 {
		odds += 1.5
	}
	if st.Status.Failed() && of != natureMissing {
		odds-- // a failed action usually changed nothing
	}
	return suspicion{i, odds, []string{why}}
}

// thing reports whether names of the kind are what an error of something
// missing misses.
func thing(kind string) bool { return kind != "symbol" && kind != "where" && kind != "place" }

// checks reports whether calls of the intent ask about the code.
func checks(i learn.Intent) bool {
	return i == learn.IntentTest || i == learn.IntentBuild || i == learn.IntentLint || i == learn.IntentTypecheck
}

// prose reports whether all that an effect changes is text for people.
func prose(e effect) bool {
	return len(e.Names) > 0 && !slices.ContainsFunc(e.Names, func(n string) bool {
		switch strings.ToLower(path.Ext(n)) {
		case ".md", ".rst", ".adoc":
			return false
		}
		return true
	})
}

func manifestEdit(e effect) bool {
	return slices.ContainsFunc(e.Names, func(n string) bool { return manifests[path.Base(n)] })
}

// fits says in log odds whether an effect of the kind causes trouble of the
// nature.
func fits(kind effectKind, of nature) float64 {
	switch of {
	case natureMissing:
		switch kind {
		case effectRemove, effectMove, effectUninstall:
			return 1.5
		case effectRevert:
			return 1
		case effectEdit, effectInstall:
			return 0.2
		}
		return -1
	case natureRights:
		if kind == effectRights {
			return 1.5
		}
		return -0.5
	case natureUsage:
		return -0.5
	}
	switch kind {
	case effectEdit, effectRevert:
		return 1
	case effectInstall, effectUninstall, effectRemove, effectMove:
		return 0.5
	}
	return 0
}

func reason(st *learn.Step, e effect, name named) string {
	kind := name.Kind
	if kind == "place" || kind == "where" {
		kind = "file"
	}
	if st.Status.Failed() {
		return "An earlier action that should have " + string(e.Kind) + " the " + kind + " " + quote(name.Name) + " had failed."
	}
	if len(e.Names) == 0 {
		return "An earlier action " + string(e.Kind) + " what may hold the " + kind + " " + quote(name.Name) + ", which the error names."
	}
	return "An earlier action " + string(e.Kind) + " the " + kind + " " + quote(name.Name) + ", which the error names."
}

func what(e effect) string {
	if len(e.Names) == 0 {
		return "the working tree"
	}
	return quote(e.Names[0])
}

// trace is the history with its effects.
func (r *Request) trace() *trace {
	if r.traced == nil {
		r.traced = traceOf(before(r))
	}
	return r.traced
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

// workedUntil is the last step at which the failing call, or one that covers
// it, succeeded, or -1.
func workedUntil(steps []learn.Step, r *Request) int {
	for i := len(steps) - 1; i >= 0; i-- {
		st := &steps[i]
		if st.Status != learn.StatusSuccess || st.Intent != r.Action.Intent || st.Intent == learn.IntentOther || changesFiles(st.Intent) {
			continue
		}
		if st.Command != "" && st.Command == r.Action.Command ||
			(st.Target == r.Action.Target || st.Target == "" && checks(st.Intent)) && st.Command != "" && sameCalls(st.Command, r.Action.Command) {
			return i
		}
	}
	return -1
}

// sameCalls reports whether two command lines run the same programs in the
// same folder, whatever their flags.
func sameCalls(a, b string) bool {
	return slices.Equal(heads(a), heads(b)) && slices.Equal(folders(a), folders(b))
}

// folders are those that a command line changes into.
func folders(command string) []string {
	var out []string
	for _, words := range simpleCommands(command) {
		if words[0] == "cd" && len(words) > 1 {
			out = append(out, path.Clean(words[1]))
		}
	}
	return out
}

func changesFiles(i learn.Intent) bool {
	switch i {
	case learn.IntentEdit, learn.IntentCreate, learn.IntentDelete, learn.IntentInstall, learn.IntentVCS, learn.IntentFormat:
		return true
	}
	return false
}

// undone reports whether a later step, before step last, brought back what
// step i took away.
func undone(tr *trace, i, last int, names []named) bool {
	took := func(name named) bool {
		return slices.ContainsFunc(tr.at(i), func(e effect) bool {
			return (e.Kind == effectRemove || e.Kind == effectUninstall) && relation(e, tr.steps[i].Command, name) >= 2
		})
	}
	for _, name := range names {
		if !took(name) {
			continue
		}
		for j := i + 1; j < last; j++ {
			st := &tr.steps[j]
			if !st.Status.Failed() && slices.ContainsFunc(tr.at(j), func(e effect) bool {
				return (e.Kind == effectEdit || e.Kind == effectInstall || e.Kind == effectRevert) && relation(e, st.Command, name) >= 2.5
			}) {
				return true
			}
		}
	}
	return false
}

// imported reports whether the code that the error touches imports what the
// step was about.
func imported(r *Request, st *learn.Step) bool {
	if r.code == nil || st.Target == "" {
		return false
	}
	stem := strings.TrimSuffix(path.Base(st.Target), path.Ext(st.Target))
	for _, t := range r.code.Touched {
		for _, m := range t.Imports {
			if path.Base(strings.ReplaceAll(m, ".", "/")) == stem {
				return true
			}
		}
	}
	return false
}
