package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lathe/index"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/mcp"
)

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
				p.Remedy, p.RemedyID, p.Evidence = r.Description, r.RemedyID, head(r.Evidence, 5)
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
	return out, b.d.tryRecall(ctx, s, q, &out)
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
			if seen[st.StrategyID] || len(out.Strategies) == limit || !st.Served() {
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

func (b backend) SearchLog(ctx context.Context, s mcp.Scope, q mcp.LogQuery) (mcp.LogResult, error) {
	query := index.Query{Text: q.Query, Project: s.ProjectID, Tool: q.ToolName, Status: q.Status, Intent: q.Intent,
		Session: q.SessionID, Task: q.TaskID, From: q.From, Limit: min(q.Limit, 100)}
	if err := knownFilters(q.Status, q.Intent); err != nil {
		return mcp.LogResult{}, err
	}
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

// knownFilters refuses filters that nothing can fit, which would read as
// "nothing was recorded".
func knownFilters(status, intent string) error {
	statuses := []string{"", string(learn.StatusSuccess), string(learn.StatusFailure), string(learn.StatusTimeout), string(learn.StatusInterrupted)}
	if !slices.Contains(statuses, status) {
		return fmt.Errorf("there is no status %.40q; there are success, failure, timeout and interrupted", status)
	}
	intents := []learn.Intent{"", learn.IntentTest, learn.IntentBuild, learn.IntentLint, learn.IntentFormat, learn.IntentTypecheck, learn.IntentInstall,
		learn.IntentRun, learn.IntentRead, learn.IntentSearch, learn.IntentList, learn.IntentEdit, learn.IntentCreate, learn.IntentDelete,
		learn.IntentVCS, learn.IntentNetwork, learn.IntentSubmit, learn.IntentOther}
	if !slices.Contains(intents, learn.Intent(intent)) {
		return fmt.Errorf("there is no intent %.40q; there are%v", intent, intents)
	}
	return nil
}
