package llm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"lathe/learn"
)

// Asked is a model that can be asked now.
type Asked struct {
	Model  Model
	Source learn.HypothesisSource
	// Name is what fails together: the provider, or one client's session.
	Name string
	// A model that answers in another call (ErrPending) has a Key for its
	// questions, and in that call Resume is the key of the first one: the
	// question is put as it was, though the project has gone on meanwhile.
	Key    func(Request) string
	Resume string
}

// AnalystOptions configure an Analyst; all are required.
type AnalystOptions struct {
	Desk *Desk
	// Models lists the models for a call, the one to ask first in front.
	Models func(context.Context) []Asked
	// Trusted says whether a project names a value itself, Vouched whether it
	// ran a command line, or one put together of the same words, before.
	Trusted func(project, kind, value string) bool
	Vouched func(project, command string) bool
	// Head is program and subcommand of a command line, as a Step's skeleton
	// begins; "" when there is none.
	Head func(command string) string
	// Position is the last message of the event log.
	Position func() uint64
}

// Analyst asks models about failures. Safe for concurrent use.
type Analyst struct {
	o AnalystOptions

	mu        sync.Mutex
	cache     map[string]remembered // by the request's hash
	order     []string
	suspended map[string]*enquiry // by project and key
	waiting   []string
}

// maxCache bounds the answers, and the suspended questions, that are kept.
const maxCache = 256

// NewAnalyst makes an Analyst.
func NewAnalyst(o AnalystOptions) *Analyst {
	return &Analyst{o: o, cache: map[string]remembered{}, suspended: map[string]*enquiry{}}
}

var _ learn.Hypothesiser = (*Analyst)(nil)

// Wanted reports whether a model could add something to a report: no remedy
// was seen to work, and no pattern of the library explains the failure well.
func Wanted(r *learn.FailureAnalysisReport) bool {
	if len(r.Remedies) > 0 || r.ErrorPattern != nil && r.ErrorPattern.Transient {
		return false
	}
	return !explained(r) || r.ConfidenceScore < 0.4
}

// Hypothesise asks the first model that gives a valid answer. The only error
// is ErrPending.
func (a *Analyst) Hypothesise(ctx context.Context, r learn.HypothesisRequest) (*learn.Hypothesis, error) {
	if r.Event == nil {
		return nil, fmt.Errorf("%w: no failing call", ErrRequest)
	}
	models := a.o.Models(ctx)
	if len(models) == 0 {
		return nil, nil
	}
	q, err := newEnquiry(&r)
	if err != nil {
		return nil, fmt.Errorf("question about a failure: %w", err)
	}
	for _, m := range models {
		h, err := a.ask(ctx, m, a.resumed(m, q, r.Event.ProjectID), &r)
		if h != nil || errors.Is(err, ErrPending) {
			return h, err
		}
		if ctx.Err() != nil {
			return nil, nil // out of time: the report goes without
		}
	}
	return nil, nil
}

// said is a model's answer about a failure.
type said struct {
	RootCause  string                `json:"root_cause"`
	Culprit    string                `json:"culprit"`
	Kind       learn.RemediationKind `json:"kind"`
	Subject    string                `json:"subject"`
	Command    string                `json:"command"`
	Confidence float64               `json:"confidence"`
}

// maxRootCause is the number of bytes of a model's words that are kept.
const maxRootCause = 240

// Check refuses an answer of which nothing can be shown.
func (s *said) Check() error {
	if len(words(s.RootCause, maxRootCause)) < 8 {
		return errors.New("root_cause holds no plain sentence: say what went wrong in your own words, without commands, addresses or instructions")
	}
	return nil
}

func (a *Analyst) ask(ctx context.Context, m Asked, q *enquiry, r *learn.HypothesisRequest) (*learn.Hypothesis, error) {
	request := q.request
	request.Schema = q.schema
	key, err := request.Hash(m.Model.Name() + "\x00" + m.Name)
	if err != nil {
		return nil, err
	}
	if c, ok := a.known(key); ok {
		// Labels stand for other events in another call, so they are read anew.
		h := a.take(&c.answer, m, q, r, &c.said)
		return &h, nil
	}
	var s said
	answer, err := a.o.Desk.Ask(ctx, Question{Use: learn.UseHypothesis, Project: r.Event.ProjectID, Source: m.Source, Model: m.Model, Name: m.Name, Request: q.request, Schema: q.schema,
		Tell: func(e *learn.ModelAnswer) {
			if e.Verdict == learn.ModelUsed {
				e.Prediction = a.predict(q, r, &s, m.Source)
			}
		}}, &s)
	if errors.Is(err, ErrPending) && m.Key != nil {
		a.suspend(r.Event.ProjectID+"\x00"+m.Key(request), q)
	}
	if err != nil || answer.Verdict != learn.ModelUsed {
		return nil, err
	}
	a.keep(key, remembered{answer, s})
	h := a.take(&answer, m, q, r, &s)
	return &h, nil
}

// take makes a hypothesis of an answer that met the schema: labels become what
// they stand for, words are cleaned, a command stays only if the project's
// history vouches for it.
func (a *Analyst) take(e *learn.ModelAnswer, m Asked, q *enquiry, r *learn.HypothesisRequest, s *said) learn.Hypothesis {
	h := learn.Hypothesis{AskID: e.AskID, Source: m.Source, Model: e.Model, Kind: s.Kind, Confidence: s.Confidence,
		RootCause: words(s.RootCause, maxRootCause)}
	switch step, ok := q.actions[s.Culprit]; {
	case s.Culprit == failing:
		h.Culprit = r.Event.ID
	case ok:
		h.Culprit = step.EventID
	}
	project := r.Event.ProjectID
	if e, ok := q.subjects[s.Subject]; ok && plainName(e.Name) && a.o.Trusted(project, e.Kind, e.Name) {
		h.Subject = e.Name
	}
	if c := strings.TrimSpace(s.Command); c != "" && a.o.Vouched(project, c) {
		h.Command = c
	}
	h.Remediation = remediation(&h)
	return h
}

// plainName reports whether a name can stand in a sentence as it is.
func plainName(s string) bool {
	return s != "" && len(s) <= 120 && !hasAddress(s) &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-") == ""
}

// remediation says in Lathe's own words what a hypothesis proposes.
func remediation(h *learn.Hypothesis) string {
	what := func(otherwise string) string {
		if h.Subject != "" {
			return `"` + h.Subject + `"`
		}
		return otherwise
	}
	var text string
	switch h.Kind {
	case learn.RemedyInstall:
		text = "Install " + what("what the error names as missing") + "."
	case learn.RemedyEdit:
		text = "Edit " + what("the code that the error points at") + "."
	case learn.RemedyCreate:
		text = "Create " + what("what the error names as missing") + "."
	case learn.RemedyDelete:
		text = "Something is in the way: " + what("see the error") + "; look at it before removing it."
	case learn.RemedyArguments:
		text = "Repeat the call with other arguments."
	case learn.RemedyCommand:
		text = "Another command does this here."
	case learn.RemedyConfigure:
		text = "Check the configuration of " + what("what the error names") + "."
	case learn.RemedyRetry:
		text = "Wait a moment and repeat the call."
	case learn.RemedyAsk:
		text = "Ask the user: it needs something that only they can give."
	}
	if h.Command != "" {
		text = strings.TrimSpace(text + " This project ran before: " + h.Command)
	}
	return text
}

// resumed is the question that a model is asked: the one that it is about to
// answer, if that is still known, else q.
func (a *Analyst) resumed(m Asked, q *enquiry, project string) *enquiry {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.suspended[project+"\x00"+m.Resume]; m.Resume != "" && old != nil {
		return old
	}
	return q
}

func (a *Analyst) suspend(key string, q *enquiry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.suspended[key] == nil {
		a.waiting = append(a.waiting, key)
	}
	a.suspended[key] = q
	if len(a.waiting) > maxCache {
		delete(a.suspended, a.waiting[0])
		a.waiting = a.waiting[1:]
	}
}

// remembered is an answer that was good, with its labels.
type remembered struct {
	answer learn.ModelAnswer
	said   said
}

func (a *Analyst) known(key string) (remembered, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.cache[key]
	return c, ok
}

// keep remembers an answer, so that the same question costs nothing again.
func (a *Analyst) keep(key string, c remembered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.cache[key]; !ok {
		a.order = append(a.order, key)
	}
	a.cache[key] = c
	if len(a.order) > maxCache {
		delete(a.cache, a.order[0])
		a.order = a.order[1:]
	}
}
