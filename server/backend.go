package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/diagnose"
	"lathe/mcp"
)

// backend is the daemon as the MCP server sees it.
type backend struct{ d *Daemon }

var _ mcp.Backend = backend{}

type trustedKey struct{}

// requestScope believes the scope's headers on the Unix socket, which only
// this user can open; a bearer token's scope comes from the token.
func requestScope(r *http.Request) mcp.Scope {
	if trusted, _ := r.Context().Value(trustedKey{}).(bool); trusted {
		return mcp.ScopeFromHeaders(r.Header)
	}
	scope, ok := r.Context().Value(tokenScopeKey{}).(mcp.Scope)
	if !ok { // the conformance suite's daemon asks for none
		scope = mcp.Scope{ProjectID: "http", AgentID: "http"}
	}
	return scope
}

// claim checks a project that a call names against its connection's.
func claim(s mcp.Scope, project string) error {
	if project == "" || s.Import || project == s.ProjectID {
		return nil
	}
	return fmt.Errorf("this connection belongs to project %q and cannot speak for %.80q; connect from that project's folder", s.ProjectID, project)
}

func (b backend) RecordOutcomes(ctx context.Context, s mcp.Scope, outcomes []learn.ActionOutcome) (mcp.RecordResult, error) {
	out := mcp.RecordResult{Rejected: []mcp.Rejected{}}
	var recs []learn.Record
	var origin []int
	for i := range outcomes {
		ev := outcomes[i]
		if err := claim(s, ev.ProjectID); err != nil {
			out.Rejected = append(out.Rejected, mcp.Rejected{Index: i, Reason: err.Error()})
			continue
		}
		if ev.ProjectID == "" {
			ev.ProjectID = s.ProjectID
		}
		if ev.SessionID == "" {
			ev.SessionID = s.SessionID
		}
		if ev.AgentID == "" {
			ev.AgentID = s.AgentID
		}
		if ev.ActionType == "" {
			ev.ActionType = learn.ToolCall
		}
		ev.Source = learn.SourceReport
		recs, origin = append(recs, learn.Record{Action: &ev}), append(origin, i)
	}
	if len(recs) == 0 {
		return out, nil
	}
	receipt, stored, err := b.d.take(ctx, recs)
	if err != nil {
		return out, err
	}
	for i, a := range b.d.adviseOn(ctx, stored, doorRecord) {
		out.Advice = append(out.Advice, mcp.OutcomeAdvice{Index: origin[i], Advice: a})
	}
	slices.SortFunc(out.Advice, func(a, b mcp.OutcomeAdvice) int { return a.Index - b.Index })
	out.Accepted, out.Duplicates = receipt.Accepted, receipt.Duplicates
	for _, r := range receipt.Rejected {
		out.Rejected = append(out.Rejected, mcp.Rejected{Index: origin[r.Index], Reason: r.Reason})
	}
	return out, nil
}

func (b backend) RecordTask(ctx context.Context, s mcp.Scope, t mcp.TaskReport) (mcp.TaskResult, error) {
	if t.TaskID == "" {
		return mcp.TaskResult{}, errors.New("task_id is missing: choose one, and use it in the task's outcomes")
	}
	if err := claim(s, t.ProjectID); err != nil {
		return mcp.TaskResult{}, err
	}
	rec := learn.TaskRecord{TaskID: t.TaskID, ProjectID: s.ProjectID, SessionID: t.SessionID, AgentID: s.AgentID, Timestamp: time.Now().UTC(),
		Phase: learn.TaskStart, Prompt: t.Prompt, ProblemType: t.ProblemType, Feedback: t.Feedback}
	if rec.SessionID == "" {
		rec.SessionID = s.SessionID
	}
	switch {
	case t.Outcome != "":
		rec.Phase, rec.Outcome, rec.OutcomeKind = learn.TaskFinish, learn.Outcome(t.Outcome), learn.VerifySelfReported
	case t.Feedback != "":
		rec.Phase = learn.TaskFeedback
	}
	door, err := b.d.door()
	if err != nil {
		return mcp.TaskResult{}, err
	}
	// What it is called from here on is what it is stored as: without secrets.
	if clean, _, rejected := door.Admit([]learn.Record{{Task: &rec}}); len(rejected) == 0 {
		rec = *clean[0].Task
	}
	receipt, err := b.d.accept(ctx, []learn.Record{{Task: &rec}})
	if err == nil && rec.Phase == learn.TaskStart {
		b.d.learners.trial.Begin(rec.ProjectID, rec.SessionID, rec.TaskID)
	}
	if err == nil && len(receipt.Rejected) > 0 {
		err = errors.New(receipt.Rejected[0].Reason)
	}
	return mcp.TaskResult{TaskID: rec.TaskID, Phase: string(rec.Phase)}, err
}

func (b backend) Diagnose(ctx context.Context, s mcp.Scope, f mcp.Failure) (learn.FailureAnalysisReport, error) {
	if err := claim(s, f.ProjectID); err != nil {
		return learn.FailureAnalysisReport{}, err
	}
	ev, err := b.failure(ctx, s, f)
	if err != nil {
		return learn.FailureAnalysisReport{}, err
	}
	r, err := b.d.explain(ctx, ev)
	if err != nil {
		return r, err
	}
	b.d.publishReport(r)
	if !s.Import { // an agent asks, not a person
		b.d.tryRemedies(ctx, &r, ev, doorDiagnose)
	}
	return r, nil
}

// unnamedSession is the session of a call that is asked about without one.
const unnamedSession = "diagnose"

// plain is Diagnose without a model, for what must not wait: a person's look, or
// a link that somebody follows.
func (b backend) plain(ctx context.Context, s mcp.Scope, f mcp.Failure) (learn.FailureAnalysisReport, error) {
	if err := claim(s, f.ProjectID); err != nil {
		return learn.FailureAnalysisReport{}, err
	}
	ev, err := b.failure(ctx, s, f)
	if err != nil {
		return learn.FailureAnalysisReport{}, err
	}
	return b.d.report(ctx, ev, false)
}

// proxied answers a gateway whose call failed, on behalf of its agent: what an
// agent is told is on trial. The call itself is recorded beside its reply, so
// it is not in the log yet.
func (b backend) proxied(ctx context.Context, s mcp.Scope, c DiagnoseCall) (learn.FailureAnalysisReport, error) {
	ev, err := b.failure(ctx, s, c.Failure)
	if err != nil {
		return learn.FailureAnalysisReport{}, err
	}
	if learn.ValidID(c.RecordedAs) {
		ev.ID = learn.InProject(ev.ProjectID, c.RecordedAs)
		b.d.learners.twins.expect(*ev, b.d.now())
	}
	r, err := b.d.report(ctx, ev, false)
	if err != nil {
		return r, err
	}
	if why, silent := b.d.mutes.silent(ev.ProjectID, r.Signatures, b.d.now()); silent {
		r.Remedies, r.ProposedRemediationStrategy, r.Withheld = []learn.RemedyOffer{}, "", why
		return r, nil
	}
	b.d.tryRemedies(ctx, &r, ev, doorGateway)
	return r, nil
}

// failure is the event that a caller asks about: a recorded one, or one made
// from the call as given.
func (b backend) failure(ctx context.Context, s mcp.Scope, f mcp.Failure) (*learn.ActionOutcome, error) {
	if f.EventID != "" {
		rec, err := b.d.recordLike(ctx, s, f.EventID)
		if errors.Is(err, eventlog.ErrNotFound) || err == nil && rec.Action == nil {
			return nil, noCall(f.EventID)
		}
		if err != nil {
			return nil, err
		}
		if !s.Import && s.ProjectID != "" && rec.Action.ProjectID != s.ProjectID {
			return nil, noCall(f.EventID)
		}
		return rec.Action, nil
	}
	if f.ToolName == "" {
		return nil, errors.New("give event_id, or tool_name with tool_parameters and tool_output")
	}
	params, err := json.Marshal(f.ToolParameters)
	if err != nil {
		return nil, err
	}
	project := s.ProjectID
	if s.Import && f.ProjectID != "" {
		project = f.ProjectID
	}
	ev := learn.ActionOutcome{Timestamp: time.Now().UTC(), ProjectID: project, SessionID: f.SessionID, TaskID: f.TaskID,
		Source: learn.SourceReport, ActionType: learn.ToolCall, ToolName: f.ToolName, ToolParameters: params,
		ToolOutput: f.ToolOutput, Status: learn.StatusFailure, ErrorDetails: f.ErrorDetails,
		ContextSnapshot: learn.ContextSnapshot{CWD: s.Root}}
	door, err := b.d.door()
	if err != nil {
		return nil, err
	}
	// Through the door too: bounded and redacted like what is stored.
	if ev.SessionID == "" {
		ev.SessionID = s.SessionID
	}
	if ev.SessionID == "" {
		ev.SessionID = unnamedSession
	}
	admitted, _, rejected := door.Admit([]learn.Record{{Action: &ev}})
	if len(rejected) > 0 {
		return nil, errors.New(rejected[0].Reason)
	}
	return admitted[0].Action, nil
}

// noCall says the same of a call that is not there and of another project's.
func noCall(id string) error {
	return noSuch("there is no recorded call %.80q in this project; search_log (lathe log) finds them", id)
}

// report diagnoses an event from memory; a deep one looks into the code too.
func (d *Daemon) report(ctx context.Context, ev *learn.ActionOutcome, deep bool) (learn.FailureAnalysisReport, error) {
	act := action.Parse(ev)
	task := ev.TaskID
	if task == "" {
		task = ev.SessionID
	}
	sigs, before := d.learners.reader.match(ev, act)
	r := d.learners.diagnose.Diagnose(ctx, diagnose.Request{Event: ev, Action: act, Signatures: former(sigs, before),
		History: d.learners.tracker.History(ev.ProjectID, task), Trusted: d.learners.vocabulary.trusted(ev.ProjectID), Deep: deep})
	d.addHistory(&r)
	r.Signatures = sigs
	d.reports.keep(r)
	return r, ctx.Err()
}

func (b backend) ReviewStatus(_ context.Context, s mcp.Scope, id string) (mcp.ReviewStatus, error) {
	out := mcp.ReviewStatus{Items: []mcp.ReviewItem{}}
	for _, it := range b.d.queue.List() {
		if id != "" && it.ID != id || id == "" && it.State != learn.StateInReview {
			continue
		}
		if it.Project != "" && it.Project != s.ProjectID {
			continue
		}
		out.Items = append(out.Items, mcp.ReviewItem{ID: it.ID, Kind: string(it.Kind), Title: it.Title, State: string(it.State),
			Risk: it.Risk, Questions: it.Questions})
	}
	if id != "" && len(out.Items) == 0 {
		return out, noSuch("there is no proposal %.80q in this project", id)
	}
	return out, nil
}

func head(list []string, n int) []string { return list[:min(n, len(list))] }
