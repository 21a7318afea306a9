package llm

import (
	"path"
	"strings"

	"lathe/learn"
)

// predict is what the model and the rules each say will resolve the failure.
func (a *Analyst) predict(q *enquiry, r *learn.HypothesisRequest, s *said, source learn.HypothesisSource) *learn.Prediction {
	p := &learn.Prediction{SessionID: r.Event.SessionID, EventID: r.Event.ID, After: a.o.Position(), Intent: r.Action.Intent,
		Target: r.Action.Target, Head: HeadOf(r.Action), Command: cut(r.Action.Command, learn.MaxStepCommand), Source: source,
		RulesBy: r.Report.Method, Model: a.expectedOfModel(q, r, s), Rules: a.expectedOfRules(r)}
	for _, sig := range r.Report.Signatures {
		p.Signatures = append(p.Signatures, sig.ID)
	}
	return p
}

func (a *Analyst) expectedOfModel(q *enquiry, r *learn.HypothesisRequest, s *said) learn.Expected {
	var e learn.Expected
	if name, ok := q.subjects[s.Subject]; ok && (name.Kind == "file" || name.Kind == "target") {
		e.Path = name.Name
	}
	switch s.Kind {
	case learn.RemedyInstall:
		e.Intents, e.Path = []learn.Intent{learn.IntentInstall}, ""
	case learn.RemedyEdit, learn.RemedyConfigure:
		e.Intents = []learn.Intent{learn.IntentEdit, learn.IntentCreate}
	case learn.RemedyCreate:
		e.Intents = []learn.Intent{learn.IntentCreate, learn.IntentEdit}
	case learn.RemedyDelete:
		e.Intents = []learn.Intent{learn.IntentDelete}
	case learn.RemedyArguments:
		e.Head = HeadOf(r.Action)
	case learn.RemedyCommand:
		e.Head = a.o.Head(s.Command)
	case learn.RemedyRetry:
		e.Retry = true
	}
	if step, ok := q.actions[s.Culprit]; ok && len(e.Intents) == 0 && e.Head == "" && !e.Retry && step.Target != "" {
		e.Intents, e.Path = changing(), step.Target
	}
	return e
}

// expectedOfRules is what the report's first remedy does, or that the culprit's
// work is done again.
func (a *Analyst) expectedOfRules(r *learn.HypothesisRequest) learn.Expected {
	var e learn.Expected
	if len(r.Report.Remedies) > 0 {
		offer := r.Report.Remedies[0]
		switch {
		case offer.Kind == "retry":
			e.Retry = true
		case strings.HasPrefix(offer.Kind, "changed_") && len(offer.Actions) > 0:
			e.Head = a.o.Head(offer.Actions[len(offer.Actions)-1].Command)
		default:
			for _, act := range offer.Actions {
				e.Intents = append(e.Intents, act.Intent)
			}
		}
		return e
	}
	for _, s := range r.History {
		if s.EventID != "" && s.EventID == r.Report.CulpritAction && s.EventID != r.Event.ID && s.Target != "" {
			return learn.Expected{Intents: changing(), Path: s.Target}
		}
	}
	return e
}

func changing() []learn.Intent {
	return []learn.Intent{learn.IntentEdit, learn.IntentCreate, learn.IntentDelete, learn.IntentVCS, learn.IntentInstall}
}

// HeadOf is program and subcommand of an action, or program and module
// ("python3 -m pytest"); the tool's name when it runs no program.
func HeadOf(a learn.Action) string {
	if a.Command == "" {
		return a.Tool
	}
	fields := strings.Fields(a.Skeleton)
	if len(fields) == 0 {
		return ""
	}
	head := fields[0]
	if strings.HasPrefix(head, "<") { // a script by its path
		head = path.Base(a.Program)
	}
	switch {
	case len(fields) > 2 && fields[1] == "-m" && plainWord(fields[2]):
		return head + " -m " + fields[2]
	case len(fields) > 1 && plainWord(fields[1]):
		return head + " " + fields[1]
	}
	return head
}

// plainWord reports whether a skeleton's word is no flag, operator or
// placeholder.
func plainWord(w string) bool { return w[0] != '-' && !strings.ContainsAny(w, "<>|&;()") }

// samePath compares paths of which one may be relative to somewhere: one must
// be the other's tail, at a separator.
func samePath(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	a, b = path.Clean("/"+a), path.Clean("/"+b)
	return a != "/" && b != "/" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
