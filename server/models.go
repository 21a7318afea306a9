package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/diagnose"
	"lathe/learn/llm"
	"lathe/mcp"
)

// models are the language models that may be asked, what they are asked for,
// and what is learned of their answers. Nothing here is needed: without a
// client's model and a provider every report is what rules and experience say.
type models struct {
	cfg      ModelConfig
	provider *Provider // nil when none is configured, or usable
	problem  error     // why the configured one is not usable
	budget   *llm.Budget
	desk     *llm.Desk
	analyst  *llm.Analyst
	judge    *llm.Judge
	notes    *patternNotes

	mu    sync.Mutex
	tried map[string]bool // patterns that a name was asked for
}

// explainTime bounds the time that a report waits for models. Many clients
// give a call up after a minute.
const explainTime = 50 * time.Second

func (d *Daemon) openModels() *models {
	m := &models{cfg: d.cfg.Model, judge: d.learners.judge, notes: d.learners.reader.notes, tried: map[string]bool{}}
	m.budget = llm.NewBudget(llm.Limits{Calls: m.cfg.CallsPerHour, Tokens: m.cfg.TokensPerHour}, time.Now)
	m.desk = llm.NewDesk(llm.DeskOptions{Budget: m.budget, Now: time.Now, NewID: uuid.NewString, Record: d.recordAnswer})
	p, err := OpenModel(m.cfg, llm.Count)
	if err != nil {
		// Everything works without; the doctor says what is wrong.
		d.logger.Warn("going on without the configured model", "why", err)
		m.problem = err
	}
	m.provider = p
	m.analyst = llm.NewAnalyst(llm.AnalystOptions{Desk: m.desk, Models: m.askable, Head: headOf,
		Trusted:  func(project, kind, value string) bool { return d.learners.vocabulary.trusted(project)(kind, value) },
		Vouched:  d.learners.commands.vouched,
		Position: func() uint64 { return d.log.Head(eventlog.Events) }})
	return m
}

func (m *models) close() {
	if m.provider != nil {
		m.provider.Close()
	}
}

// askable lists the models of a call: its client's own first, then the
// provider.
func (m *models) askable(ctx context.Context) []llm.Asked {
	var out []llm.Asked
	if s, ok := mcp.SamplerOf(ctx); ok && m.cfg.Client {
		scope := mcp.ScopeOf(ctx)
		out = append(out, llm.Asked{Model: clientModel{s}, Source: learn.HypothesisClient, Resume: s.First(),
			Key:  func(r llm.Request) string { return sampleOf(r).Hash() },
			Name: "client " + scope.ProjectID + " " + scope.AgentID + " " + scope.SessionID})
	}
	if m.provider != nil {
		out = append(out, llm.Asked{Model: m.provider, Source: learn.HypothesisProvider, Name: m.provider.Name()})
	}
	return out
}

// explain is report, with a model's hypothesis where one could add something.
func (d *Daemon) explain(ctx context.Context, ev *learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
	r, err := d.report(ctx, ev, true)
	if err != nil || !llm.Wanted(&r) || len(d.models.askable(ctx)) == 0 {
		return r, err
	}
	task := ev.TaskID
	if task == "" {
		task = ev.SessionID
	}
	asking, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	if d.lspLife != nil { // set by Run: a daemon that stops waits for no model
		defer context.AfterFunc(d.lspLife, cancel)()
	}
	h, err := d.models.analyst.Hypothesise(asking, learn.HypothesisRequest{Report: r, Event: ev, Action: action.Parse(ev),
		History: d.learners.tracker.History(ev.ProjectID, task), Context: diagnose.Facts(&r)})
	if errors.Is(err, llm.ErrPending) {
		return r, mcp.ErrAnswerPending
	}
	if err != nil {
		d.logger.Error("a model could not be asked", "err", err)
		return r, nil
	}
	r = llm.Merge(r, h, func(method string) float64 { return d.models.judge.Weight(ev.ProjectID, method) })
	d.reports.keep(r)
	return r, ctx.Err()
}

// recordAnswer writes to the ledger what became of a question.
func (d *Daemon) recordAnswer(ctx context.Context, project string, a learn.ModelAnswer) {
	var evidence []string
	if a.Prediction != nil && a.Prediction.EventID != "" {
		evidence = []string{a.Prediction.EventID}
	}
	if err := d.writeLedger(ctx, learn.EntryModelAnswer, a.AskID, project, a, evidence); err != nil {
		d.logger.Error("a model's answer is not in the ledger", "question", a.AskID, "err", err)
	}
}

func (d *Daemon) writeLedger(ctx context.Context, kind learn.EntryKind, object, project string, body any, evidence []string) error {
	e, err := learn.NewEntry(kind, object, project, time.Now().UTC(), body, evidence)
	if err != nil {
		return fmt.Errorf("ledger entry: %w", err)
	}
	return ledgerLog{d.log}.WriteLedger(ctx, []learn.LedgerEntry{e})
}

// apply takes what the ledger says of models: what the last hour cost, which
// predictions wait for their outcome, and what mined patterns are called.
func (m *models) apply(e learn.LedgerEntry) error {
	if e.Kind != learn.EntryModelAnswer {
		return m.notes.apply(e)
	}
	var a learn.ModelAnswer
	if err := json.Unmarshal(e.Body, &a); err != nil {
		return fmt.Errorf("model answer: %w", err)
	}
	m.budget.Restore(a, e.Timestamp)
	m.judge.Expect(e.ProjectID, a)
	return nil
}

// ModelStatus is what `lathe model` shows.
type ModelStatus struct {
	Provider      string               `json:"provider"` // its name, or none
	Problem       string               `json:"problem,omitempty"`
	Client        bool                 `json:"client"`
	Background    bool                 `json:"background"`
	Calls         int                  `json:"calls_last_hour"`
	CallsPerHour  int                  `json:"calls_per_hour"`
	Tokens        int64                `json:"tokens_last_hour"`
	TokensPerHour int64                `json:"tokens_per_hour"`
	Judged        map[string]llm.Tally `json:"judged"` // by method: how often it was right and wrong
}

func (m *models) status() ModelStatus {
	s := ModelStatus{Provider: "none", Client: m.cfg.Client, Background: m.cfg.Background, CallsPerHour: m.cfg.CallsPerHour,
		TokensPerHour: m.cfg.TokensPerHour, Judged: m.judge.Tallies()}
	s.Calls, s.Tokens = m.budget.Spent()
	if m.provider != nil {
		s.Provider = m.provider.Name()
	}
	if m.problem != nil {
		s.Problem = m.problem.Error()
	}
	return s
}

// clientModel is the model of the client whose call is being served.
type clientModel struct{ s *mcp.Sampler }

// Name implements llm.Model.
func (clientModel) Name() string { return "client" }

// sampleOf is a request as the client's protocol has it, which knows no schema:
// it is told in words.
func sampleOf(r llm.Request) mcp.SampleRequest {
	q := mcp.SampleRequest{System: r.System, MaxTokens: r.MaxTokens}
	if len(r.Schema) > 0 {
		q.System = llm.InWords(r.System, r.Schema)
	}
	if q.MaxTokens == 0 {
		q.MaxTokens = llm.DefaultMaxTokens
	}
	for _, m := range r.Messages {
		q.Messages = append(q.Messages, mcp.SampleMessage{Role: string(m.Role), Text: m.Text})
	}
	return q
}

// Complete implements llm.Model.
func (c clientModel) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	if err := r.Check(); err != nil {
		return llm.Response{}, err
	}
	q := sampleOf(r)
	if c.s.Asks(q) {
		if err := llm.Count(ctx); err != nil {
			return llm.Response{}, err
		}
	}
	a, err := c.s.Sample(ctx, q)
	if errors.Is(err, mcp.ErrAnswerPending) {
		return llm.Response{}, llm.ErrPending
	}
	return llm.Response{Text: a.Text, Model: a.Model, Stop: a.Stop, Truncated: a.Stop == "maxTokens", Calls: a.Rounds, Took: a.Asked}, err
}
