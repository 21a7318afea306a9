package llm

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"lathe/learn"
)

// ErrPending: the question is on its way to a model that answers in another
// call; the caller gives its own call up and is called again with the answer.
var ErrPending = errors.New("llm: the client has to answer first")

// Desk puts structured questions to models within a budget, leaves failing
// models alone, and tells the ledger of each question. Safe for concurrent
// use.
type Desk struct {
	budget   *Budget
	breakers *breakers
	places   chan struct{} // questions under way
	record   func(ctx context.Context, project string, a learn.ModelAnswer)
	now      func() time.Time
	newID    func() string

	mu      sync.Mutex
	refused time.Time // when a spent budget was last told to the ledger
}

// DeskOptions configure a Desk; all are required.
type DeskOptions struct {
	Budget *Budget
	// Record takes what became of a question, for the ledger.
	Record func(ctx context.Context, project string, a learn.ModelAnswer)
	Now    func() time.Time
	NewID  func() string // of a question; never the same twice
}

// maxAsking bounds the questions under way at once.
const maxAsking = 4

// NewDesk makes a Desk.
func NewDesk(o DeskOptions) *Desk {
	return &Desk{budget: o.Budget, breakers: newBreakers(o.Now), places: make(chan struct{}, maxAsking),
		record: o.Record, now: o.Now, newID: o.NewID}
}

// Question is one to put.
type Question struct {
	Use     learn.ModelUse
	Project string // "" is all
	Source  learn.HypothesisSource
	Model   Model
	Name    string // of the circuit breaker: what fails together
	Request
	Schema json.RawMessage
	// Tell completes the ledger's entry before it is written; nil adds nothing.
	Tell func(*learn.ModelAnswer)
}

type countKey struct{}

// Count is to be called before each request to a model is sent (Config.Before,
// for the clients of this package): it charges the budget of the Desk that
// asks.
func Count(ctx context.Context) error {
	if c, ok := ctx.Value(countKey{}).(*counter); ok {
		if err := c.budget.call(); err != nil {
			return err
		}
		c.calls.Add(1)
	}
	return nil
}

type counter struct {
	budget *Budget
	calls  atomic.Int64
}

// Ask puts a question and decodes the answer into into, which stays as it was
// on an error. ErrPending is passed on and leaves no trace in the ledger.
func (d *Desk) Ask(ctx context.Context, q Question, into any) (learn.ModelAnswer, error) {
	a := learn.ModelAnswer{AskID: d.newID(), Use: q.Use, Source: q.Source, Model: q.Model.Name()}
	if first, err := d.breakers.allow(q.Name); err != nil {
		return d.refuse(ctx, a, q, err, first)
	}
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	case <-ctx.Done():
		return a, ctx.Err()
	}
	estimate := tokensOf(q.Request, q.Schema) + int64(q.maxTokens())
	settle, err := d.budget.reserve(estimate)
	if err != nil {
		return d.refuse(ctx, a, q, err, d.firstRefusal())
	}
	d.budget.own(a.AskID)
	began := d.now()
	count := &counter{budget: d.budget}
	attempt, err := Structured(context.WithValue(ctx, countKey{}, count), q.Model, q.Request, q.Schema, into)
	d.breakers.done(q.Name, err)
	fill(&a, attempt, int(count.calls.Load()), estimate, err)
	a.LatencyMS = float64(max(d.now().Sub(began), attempt.Took).Microseconds()) / 1000
	if errors.Is(err, ErrPending) {
		settle(0) // counted when the answer is there
		return a, err
	}
	if errors.Is(err, ErrBudget) && a.Calls == 0 {
		settle(0)
		return d.refuse(ctx, a, q, err, d.firstRefusal())
	}
	settle(a.TokensIn + a.TokensOut)
	d.tell(ctx, a, q)
	return a, err
}

// fill takes over what Structured tells. A model that names no token counts is
// charged by the length of the question; one that failed after a request was
// sent, for the question alone.
func fill(a *learn.ModelAnswer, t Attempt, calls int, estimate int64, err error) {
	a.PromptHash, a.Tries, a.Calls, a.TokensIn, a.TokensOut = t.PromptHash, t.Tries, calls, t.TokensIn, t.TokensOut
	a.Problem = t.Problem
	if t.Answered != "" {
		a.Model = a.Model + " (" + t.Answered + ")"
	}
	if t.Calls > calls {
		a.Calls = t.Calls
	}
	if a.TokensIn == 0 && a.TokensOut == 0 && a.Calls > 0 {
		a.TokensIn, a.TokensOut, a.Estimated = estimate, int64(len(t.Answer))/4, true
	}
	switch {
	case err == nil:
		a.Verdict, a.Problem = learn.ModelUsed, ""
	case errors.Is(err, ErrDropped):
		a.Verdict = learn.ModelDropped
	default:
		a.Verdict = learn.ModelFailed
		if a.Problem == "" {
			a.Problem = clean(err.Error(), maxProblem)
		}
	}
}

// refuse ends a question that is not put. The ledger hears of it once for each
// reason and while, not for each of what may be thousands.
func (d *Desk) refuse(ctx context.Context, a learn.ModelAnswer, q Question, err error, first bool) (learn.ModelAnswer, error) {
	a.Verdict, a.Problem = learn.ModelRefused, clean(err.Error(), maxProblem)
	if first {
		d.tell(ctx, a, q)
	}
	return a, err
}

func (d *Desk) firstRefusal() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.now(); now.Sub(d.refused) >= time.Hour {
		d.refused = now
		return true
	}
	return false
}

func (d *Desk) tell(ctx context.Context, a learn.ModelAnswer, q Question) {
	if q.Tell != nil {
		q.Tell(&a)
	}
	// What was spent is told even when the caller has left.
	d.record(context.WithoutCancel(ctx), q.Project, a)
}

// tokensOf estimates a question's tokens: four bytes each, which is near for
// English and code and too many for neither.
func tokensOf(r Request, schema json.RawMessage) int64 {
	n := len(r.System) + len(schema)
	for _, m := range r.Messages {
		n += len(m.Text)
	}
	return int64(n)/4 + 1
}
