package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/diagnose"
	"lathe/learn/monitor"
	"lathe/learn/refine"
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
	return mcp.Scope{ProjectID: "http", AgentID: "http"}
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
	receipt, err := b.d.accept(ctx, recs)
	if err != nil {
		return out, err
	}
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
	receipt, err := b.d.accept(ctx, []learn.Record{{Task: &rec}})
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
	return b.d.report(ctx, ev)
}

// failure is the event that a caller asks about: a recorded one, or one made
// from the call as given.
func (b backend) failure(ctx context.Context, s mcp.Scope, f mcp.Failure) (*learn.ActionOutcome, error) {
	if f.EventID != "" {
		rec, err := b.d.log.Record(ctx, f.EventID)
		if errors.Is(err, eventlog.ErrNotFound) || err == nil && rec.Action == nil {
			return nil, fmt.Errorf("there is no recorded call %.80q; search_log finds them", f.EventID)
		}
		if err != nil {
			return nil, err
		}
		if !s.Import && s.ProjectID != "" && rec.Action.ProjectID != s.ProjectID {
			return nil, fmt.Errorf("there is no recorded call %.80q in this project", f.EventID)
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
		ToolOutput: f.ToolOutput, Status: learn.StatusFailure, ErrorDetails: f.ErrorDetails}
	door, err := b.d.door()
	if err != nil {
		return nil, err
	}
	// Through the door too: bounded and redacted like what is stored.
	if ev.SessionID == "" {
		ev.SessionID = s.SessionID
	}
	if ev.SessionID == "" {
		ev.SessionID = "diagnose"
	}
	admitted, _, rejected := door.Admit([]learn.Record{{Action: &ev}})
	if len(rejected) > 0 {
		return nil, errors.New(rejected[0].Reason)
	}
	return admitted[0].Action, nil
}

// report diagnoses an event from memory.
func (d *Daemon) report(ctx context.Context, ev *learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
	act := action.Parse(ev)
	task := ev.TaskID
	if task == "" {
		task = ev.SessionID
	}
	r := d.diagnose.Diagnose(diagnose.Request{Event: ev, Action: act, Signatures: d.learners.reader.signatures.Match(ev, act),
		History: d.learners.tracker.History(task), Trusted: d.learners.vocabulary.trusted(ev.ProjectID)})
	if r.Remedies == nil {
		r.Remedies = []learn.RemedyOffer{}
	}
	return r, ctx.Err()
}

func (b backend) Recall(ctx context.Context, s mcp.Scope, q mcp.RecallQuery) (mcp.RecallResult, error) {
	if err := claim(s, q.ProjectID); err != nil {
		return mcp.RecallResult{}, err
	}
	if q.Limit <= 0 || q.Limit > 20 {
		q.Limit = 5
	}
	out := mcp.RecallResult{Strategies: []mcp.RecalledStrategy{}, Pitfalls: []mcp.Pitfall{}, Tools: []mcp.RecalledTool{}}
	words := q.Prompt
	if q.Plan != nil {
		raw, err := json.Marshal(q.Plan)
		if err != nil {
			return out, err
		}
		words += " " + string(raw)
	}
	if err := b.recallStrategies(ctx, s, words, q.Limit, &out); err != nil {
		return out, err
	}
	remedies := b.d.learners.recovery.Remedies()
	for _, sig := range b.d.learners.monitor.KPIs(monitor.Filter{ProjectID: s.ProjectID}).SignaturesByCount {
		if len(out.Pitfalls) == q.Limit {
			break
		}
		p := mcp.Pitfall{Name: sig.Name, Count: int64(sig.Weight)}
		for _, r := range remedies {
			if r.SignatureID == sig.ID && (r.ProjectID == s.ProjectID || r.ProjectID == "") && r.Support >= 2 {
				p.Remedy, p.Evidence = r.Description, head(r.Evidence, 5)
				break
			}
		}
		out.Pitfalls = append(out.Pitfalls, p)
	}
	for _, m := range b.d.forge.active() {
		if len(out.Tools) == q.Limit {
			break
		}
		out.Tools = append(out.Tools, mcp.RecalledTool{Name: m.Name, Description: m.Description, Parameters: m.Parameters,
			Why: "generated from this installation's own sessions and approved; call it by name or by run_tool"})
	}
	return out, nil
}

func (b backend) recallStrategies(ctx context.Context, s mcp.Scope, words string, limit int, out *mcp.RecallResult) error {
	seen := map[string]bool{}
	for _, text := range []string{words, ""} { // those that match the words first
		res, err := b.d.index.SearchObjects(ctx, index.Query{Text: text, Kinds: []string{string(learn.EntryStrategy)},
			Project: s.ProjectID, Global: true, Limit: limit})
		if err != nil {
			return err
		}
		for _, h := range res.Hits {
			var st learn.ProvenStrategy
			if err := json.Unmarshal(h.Entry.Body, &st); err != nil {
				return fmt.Errorf("strategy %s: %w", h.ID, err)
			}
			if seen[st.StrategyID] || len(out.Strategies) == limit {
				continue
			}
			seen[st.StrategyID] = true
			why := fmt.Sprintf("%d tasks did this; they succeeded in %.0f %% (odds ratio %.1f against failures)", st.Support, 100*st.SuccessRate, st.Contrast)
			if text != "" {
				why = "its words match the task; " + why
			}
			r := mcp.RecalledStrategy{StrategyID: st.StrategyID, Name: st.Name, Description: st.Description, SuccessRate: st.SuccessRate,
				Interval: st.SuccessInterval, Support: st.Support, Why: why, Evidence: head(st.Evidence, 5), Steps: []string{}}
			for _, t := range st.TemplatePlanFragment.Tasks {
				r.Steps = append(r.Steps, t.ToolName+" "+string(t.Arguments))
			}
			out.Strategies = append(out.Strategies, r)
		}
	}
	return nil
}

func (b backend) RefinePlan(ctx context.Context, s mcp.Scope, q mcp.RefineQuery) (mcp.RefineResult, error) {
	if err := refine.Validate(q.Plan, nil); err != nil {
		return mcp.RefineResult{}, fmt.Errorf("the plan is not valid: %w", err)
	}
	k := refine.Knowledge{ProjectID: s.ProjectID, Template: q.Plan.Name, Rejected: b.d.rejected}
	for _, st := range b.d.learners.mine.Strategies() {
		if st.ProjectID == "" || st.ProjectID == s.ProjectID {
			k.Strategies = append(k.Strategies, st)
		}
	}
	failures, err := b.d.failuresOf(ctx, s.ProjectID, q.Plan)
	if err != nil {
		return mcp.RefineResult{}, err
	}
	k.Failures = failures
	proposals := refine.Propose(q.Plan, k)
	plan, applied, err := refine.Refine(q.Plan, proposals)
	if err != nil {
		return mcp.RefineResult{}, err
	}
	out := mcp.RefineResult{Plan: plan, Changes: []learn.PlanModificationProposal{}}
	for i, a := range applied {
		if a.Changed && i < len(proposals) {
			out.Changes = append(out.Changes, proposals[i])
		}
	}
	if q.Target == "plain" {
		out.Plan, _ = refine.Lower(out.Plan)
	}
	return out, nil
}

// failuresOf finds the recorded failures of a plan's steps, newest first.
func (d *Daemon) failuresOf(ctx context.Context, project string, plan learn.TaskGraph) ([]refine.Failure, error) {
	var out []refine.Failure
	for _, step := range plan.Tasks {
		ev := learn.ActionOutcome{ToolName: step.ToolName, ToolParameters: step.Arguments}
		command := ev.Command()
		if command == "" {
			continue
		}
		res, err := d.index.SearchEvents(ctx, index.Query{Text: command, Project: project, Status: string(learn.StatusFailure), Limit: 20})
		if err != nil {
			return nil, err
		}
		for _, h := range res.Hits {
			rec, err := d.log.Record(ctx, h.ID)
			if err != nil || rec.Action == nil || rec.Action.Command() != command {
				continue
			}
			report, err := d.report(ctx, rec.Action)
			if err != nil {
				return nil, err
			}
			out = append(out, refine.Failure{Report: report, StepID: step.ID, ToolName: step.ToolName, Command: command})
			break
		}
	}
	return out, nil
}

// rejected reports whether a person rejected exactly this proposal.
func (d *Daemon) rejected(p learn.PlanModificationProposal) bool {
	it, err := d.queue.Get(p.ProposalID)
	return err == nil && it.State == learn.StateRejected
}

func (b backend) SearchLog(ctx context.Context, s mcp.Scope, q mcp.LogQuery) (mcp.LogResult, error) {
	query := index.Query{Text: q.Query, Project: s.ProjectID, Tool: q.ToolName, Status: q.Status, Intent: q.Intent,
		Session: q.SessionID, Task: q.TaskID, From: q.From, Limit: min(q.Limit, 100)}
	if q.Since != "" {
		since, err := time.Parse(time.RFC3339, q.Since)
		if err != nil {
			return mcp.LogResult{}, fmt.Errorf("since %.40q is not an RFC 3339 time like 2026-01-31T15:04:05Z", q.Since)
		}
		query.Since = since
	}
	res, err := b.d.index.SearchEvents(ctx, query)
	if err != nil {
		return mcp.LogResult{}, err
	}
	out := mcp.LogResult{Total: int(res.Total), Hits: []mcp.LogHit{}}
	for _, h := range res.Hits {
		out.Hits = append(out.Hits, mcp.LogHit{EventID: h.ID, Timestamp: h.Time.Format(time.RFC3339), ToolName: h.Tool, Status: h.Status,
			Summary: h.Summary, TaskID: h.Task, Errors: h.Signatures})
	}
	return out, nil
}

func (b backend) RequestTool(ctx context.Context, s mcp.Scope, r mcp.ToolRequest, progress func(done, total float64, message string)) (mcp.ToolRequestResult, error) {
	if strings.TrimSpace(r.Command) == "" {
		return mcp.ToolRequestResult{}, errors.New("command is missing: give one command line that does it once, and more as examples; without a language model a tool is made from commands")
	}
	o := b.d.learners.finder.Request(s.ProjectID, r.Name, r.Description, r.Command, time.Now().UTC())
	for _, c := range r.Examples {
		o.Examples = append(o.Examples, learn.ToolExample{Command: c})
	}
	done := 0.0
	forged, err := b.d.forge.make(ctx, o, func(c learn.Check) {
		done++
		progress(done, 10, c.Name+": "+c.Summary)
	})
	if err != nil {
		return mcp.ToolRequestResult{}, err
	}
	out := mcp.ToolRequestResult{ReviewID: forged.ReviewID, State: string(learn.StateInReview), Result: &forged.Validation,
		Message: forged.Tool.Manifest.Name + " passed its validation and waits for a person: `lathe review show " + forged.ReviewID + "`"}
	if forged.ReviewID == "" {
		out.State, out.Message = string(learn.StateRejected), forged.Tool.Manifest.Name+" did not pass its validation: "+failedChecks(forged.Validation)
	}
	return out, nil
}

func failedChecks(v learn.ValidationResult) string {
	var out []string
	for _, c := range v.Checks {
		if !c.Passed {
			out = append(out, c.Name+" ("+c.Summary+")")
		}
	}
	return strings.Join(out, ", ")
}

// RunTool runs a generated tool and records the call like any other.
func (b backend) RunTool(ctx context.Context, s mcp.Scope, name string, arguments json.RawMessage) (mcp.ToolRun, error) {
	release, err := b.d.enter()
	if err != nil {
		return mcp.ToolRun{}, err
	}
	defer release()
	began := time.Now().UTC()
	t, res, err := b.d.forge.run(ctx, name, s.Root, arguments)
	if err != nil {
		return mcp.ToolRun{}, err
	}
	out := mcp.ToolRun{Name: t.manifest.Name, Version: t.manifest.Version, Digest: t.manifest.Digest,
		DurationMS: float64(res.Wall.Microseconds()) / 1000}
	status := learn.StatusSuccess
	answer := strings.TrimSpace(string(res.Stdout))
	switch {
	case res.Limit == "wall":
		out.Error, status = fmt.Sprintf("it ran longer than its %.0f seconds", t.manifest.Permissions.Seconds), learn.StatusTimeout
	case res.Limit != "":
		out.Error, status = "it reached its limit of "+res.Limit, learn.StatusFailure
	case !json.Valid([]byte(answer)):
		out.Error, status = fmt.Sprintf("it ended with %d and printed no JSON: %.300q", res.ExitCode, string(res.Stderr)), learn.StatusFailure
	case res.ExitCode != 0:
		out.Error, out.Result, status = toolError(answer), json.RawMessage(answer), learn.StatusFailure
	default:
		out.Result = json.RawMessage(answer)
	}
	exit := res.ExitCode
	ev := learn.ActionOutcome{CallID: fmt.Sprintf("run-%d", began.UnixNano()), Timestamp: began, ProjectID: s.ProjectID, SessionID: s.SessionID,
		AgentID: s.AgentID, Source: learn.SourceGateway, ActionType: learn.ToolCall, ToolName: name, ToolParameters: arguments,
		ToolOutput: learn.ToolOutput{Content: answer, Stderr: string(res.Stderr), ExitCode: &exit}, Status: status,
		ResourceMetrics: learn.ResourceMetrics{DurationMS: out.DurationMS, MemoryUsageMB: float64(res.MaxRSS) / (1 << 20)},
		ContextSnapshot: learn.ContextSnapshot{CWD: s.Root}}
	if ev.ProjectID == "" {
		ev.ProjectID = "none"
	}
	if ev.SessionID == "" {
		ev.SessionID = "run"
	}
	if out.Error != "" {
		ev.ErrorDetails = &learn.ErrorDetails{Message: out.Error}
	}
	if _, err := b.d.accept(ctx, []learn.Record{{Action: &ev}}); err != nil {
		b.d.logger.Error("a tool's call could not be recorded", "tool", name, "err", err)
	}
	return out, nil
}

func toolError(answer string) string {
	var v struct {
		Error struct{ Type, Message string }
	}
	if json.Unmarshal([]byte(answer), &v) == nil && v.Error.Message != "" {
		return v.Error.Type + ": " + v.Error.Message
	}
	return "it failed"
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
		return out, fmt.Errorf("there is no proposal %.80q in this project", id)
	}
	return out, nil
}

func (b backend) Resource(ctx context.Context, s mcp.Scope, kind, id string) (json.RawMessage, error) {
	var v any
	switch kind {
	case "kpi":
		v = b.d.learners.monitor.KPIs(monitor.Filter{ProjectID: s.ProjectID})
	case "tool":
		for _, m := range b.d.forge.active() {
			if m.Name == id {
				v = m
			}
		}
	case "proposal":
		status, err := b.ReviewStatus(ctx, s, id)
		if err != nil {
			return nil, err
		}
		v = status.Items[0]
	case "report":
		report, err := b.Diagnose(ctx, s, mcp.Failure{EventID: id})
		if err != nil {
			return nil, err
		}
		v = report
	case "graph":
		sub, err := b.d.aroundNode(GraphCall{Node: id, Project: s.ProjectID, Hops: 1, Limit: 50})
		if err != nil {
			return nil, err
		}
		v = sub
	case "strategy":
		e, ok, err := b.d.index.Object(ctx, learn.EntryStrategy, id)
		if err != nil {
			return nil, err
		}
		if ok && (e.ProjectID == "" || e.ProjectID == s.ProjectID) {
			return e.Body, nil
		}
	default:
		return nil, fmt.Errorf("there are no lathe://%.40s resources", kind)
	}
	if v == nil {
		return nil, fmt.Errorf("there is no %s %.80q", kind, id)
	}
	return json.Marshal(v)
}

func head(list []string, n int) []string { return list[:min(n, len(list))] }
