package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lathe/index"
	"lathe/index/graph"
	"lathe/learn"
	"lathe/learn/recall"
	"lathe/mcp"
)

// Bounds of an answer of recall.
const (
	defaultRecalled = 5
	maxRecalled     = 20
	defaultTokens   = 1500
	maxTokens       = 8000
	minNext         = 0.25 // least probability of a next action that is told
)

// Recall ranks what was learned by how well it fits a task and how good it
// proved. It answers from memory alone.
func (b backend) Recall(ctx context.Context, s mcp.Scope, q mcp.RecallQuery) (mcp.RecallResult, error) {
	out := mcp.RecallResult{Strategies: []mcp.RecalledStrategy{}, Pitfalls: []mcp.Pitfall{}, Tools: []mcp.RecalledTool{}}
	if err := claim(s, q.ProjectID); err != nil {
		return out, err
	}
	if s.Import && q.ProjectID != "" {
		s.ProjectID = q.ProjectID
	}
	if q.Limit <= 0 || q.Limit > maxRecalled {
		q.Limit = defaultRecalled
	}
	if q.MaxTokens <= 0 || q.MaxTokens > maxTokens {
		q.MaxTokens = defaultTokens
	}
	task := b.d.taskOf(s, q)
	asked := b.d.memory.Ask(task)
	if err := b.d.recallStrategies(asked, q.Limit, &out); err != nil {
		return out, err
	}
	told, err := b.d.recallPitfalls(asked, q.Limit, &out)
	if err != nil {
		return out, err
	}
	b.d.recallFailedSequences(s, q, task.Problem, told, &out)
	b.d.recallTools(asked, q.Limit, &out)
	for _, a := range b.d.learners.next.Predict(s.ProjectID, s.SessionID, 3) {
		// What only other projects call is theirs: its name too.
		if len(task.Done) > 0 && a.Probability >= minNext && a.Action != "" && task.Uses(a.Action) {
			out.Next = append(out.Next, mcp.NextHint{Action: learn.Shown(a.Action, 80), Probability: math.Round(1000*a.Probability) / 1000, Example: learn.Shown(a.Example, 200), Seen: a.Seen})
		}
	}
	shorten(&out, q.MaxTokens)
	return out, b.d.tryRecall(ctx, s, q, &out)
}

func (d *Daemon) recallStrategies(q *recall.Query, n int, out *mcp.RecallResult) error {
	found, err := q.Strategies(n, d.measuredEffect)
	for _, s := range found {
		r := mcp.RecalledStrategy{StrategyID: s.StrategyID, Name: learn.Shown(s.Name, 160), Description: learn.Shown(s.Description, 600), SuccessRate: s.SuccessRate,
			Interval: s.SuccessInterval, Support: s.Support, Steps: []string{}, Evidence: []string{},
			Score: s.Match.Score, Contributions: s.Match.Contributions, Why: strings.Join(append(s.Match.Why, proofOf(s)), "; ")}
		if s.ProjectID != "" { // another project's events cannot be looked up
			r.Evidence = head(s.Evidence, 3)
		}
		for _, t := range s.TemplatePlanFragment.Tasks {
			r.Steps = append(r.Steps, learn.Shown(callText(t), 200))
		}
		out.Strategies = append(out.Strategies, r)
	}
	return err
}

// proofOf tells how good a strategy was.
func proofOf(s recall.Strategy) string {
	return fmt.Sprintf("%.0f of %d tasks that did it succeeded, at least %.0f points more than without it",
		math.Round(s.SuccessRate*float64(s.Support)), s.Support, 100*max(s.Gain, 0))
}

// recallPitfalls returns the signatures of the pitfalls that it told.
func (d *Daemon) recallPitfalls(q *recall.Query, n int, out *mcp.RecallResult) (told []string, err error) {
	found, err := q.Pitfalls(n)
	for _, f := range found {
		p := pitfallOf(f)
		// The graph counts what failed; of that, only what somebody asked about
		// was diagnosed.
		if n, ok := d.graph.Node(graph.ID(graph.Error, "", f.Signature), q.Project); ok {
			p.Count = max(p.Count, int64(n.Weight))
		}
		if p.Count == 0 && q.Project != "" {
			p.Why = "known from other projects, not met in this one yet; " + p.Why
		}
		out.Pitfalls, told = append(out.Pitfalls, p), append(told, f.Signature)
	}
	return told, err
}

func pitfallOf(f recall.Pitfall) mcp.Pitfall {
	p := mcp.Pitfall{Name: learn.Shown(f.Name, 120), Count: int64(f.Count), Score: f.Match.Score, Contributions: f.Match.Contributions, Why: strings.Join(f.Match.Why, "; ")}
	if r := f.Report; r != nil {
		p.RootCause, p.Evidence = learn.Shown(r.RootCause, 200), head(r.Evidence, 3)
		if r.CulpritCall != "" && r.CulpritAction != r.FailedEventID {
			p.Sequence = append(p.Sequence, learn.Shown(r.CulpritCall, 120))
		}
	}
	if r := f.Remedy; r != nil {
		p.Remedy, p.RemedyID = learn.Shown(r.Description, 300), r.RemedyID
		if p.Name == "" {
			p.Name = learn.Shown(r.PatternID, 120)
		}
		if r.ProjectID != "" {
			p.Evidence = append(p.Evidence, head(r.Evidence, 3)...)
		}
	}
	return p
}

func (d *Daemon) recallTools(q *recall.Query, n int, out *mcp.RecallResult) {
	for _, t := range q.Tools(d.forge.active(), n) {
		out.Tools = append(out.Tools, mcp.RecalledTool{Name: t.Name, Description: t.Description, Parameters: t.Parameters, Score: t.Match.Score,
			Contributions: t.Match.Contributions, Why: "approved, and made from this installation's own sessions; " + strings.Join(t.Match.Why, "; ")})
	}
}

// measuredEffect is what trials say of a strategy: its effect on the success of
// tasks, or nil while too little is known.
func (d *Daemon) measuredEffect(id string) *learn.Interval {
	e, ok := d.learners.trial.EffectOf(learn.AdviceStrategy, id)
	if !ok {
		return nil
	}
	return e.Difference
}

// shorten leaves out what scores least until the answer has at most the given
// number of tokens, four bytes each.
func shorten(out *mcp.RecallResult, tokens int) {
	for {
		raw, err := json.Marshal(out)
		if err != nil { // strings and numbers always can be
			return
		}
		out.Tokens = (len(raw) + 3) / 4
		least, drop := math.Inf(1), func() {}
		consider := func(n int, score float64, f func()) {
			if n > 0 && score < least {
				least, drop = score, f
			}
		}
		if n := len(out.Strategies); n > 0 {
			consider(n, out.Strategies[n-1].Score, func() { out.Strategies = out.Strategies[:n-1] })
		}
		if n := len(out.Pitfalls); n > 0 {
			consider(n, out.Pitfalls[n-1].Score, func() { out.Pitfalls = out.Pitfalls[:n-1] })
		}
		if n := len(out.Tools); n > 0 {
			consider(n, out.Tools[n-1].Score, func() { out.Tools = out.Tools[:n-1] })
		}
		if out.Tokens <= tokens || math.IsInf(least, 1) {
			return
		}
		drop()
		out.LeftOut++
	}
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
		return wrongUsef("there is no status %.40q; there are success, failure, timeout and interrupted", status)
	}
	intents := []learn.Intent{"", learn.IntentTest, learn.IntentBuild, learn.IntentLint, learn.IntentFormat, learn.IntentTypecheck, learn.IntentInstall,
		learn.IntentRun, learn.IntentRead, learn.IntentSearch, learn.IntentList, learn.IntentEdit, learn.IntentCreate, learn.IntentDelete,
		learn.IntentVCS, learn.IntentNetwork, learn.IntentSubmit, learn.IntentOther}
	if !slices.Contains(intents, learn.Intent(intent)) {
		return wrongUsef("there is no intent %.40q; there are%v", intent, intents)
	}
	return nil
}
