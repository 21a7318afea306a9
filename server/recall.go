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
	f := b.d.factsOf(s, q)
	if err := b.d.recallStrategies(f, q.Limit, &out); err != nil {
		return out, err
	}
	told, err := b.d.recallPitfalls(f, q.Limit, &out)
	if err != nil {
		return out, err
	}
	b.d.recallFailedSequences(s, q, f, told, &out)
	b.d.recallTools(f, q.Limit, &out)
	for _, a := range b.d.learners.next.Predict(s.ProjectID, s.SessionID, 3) {
		// What only other projects call is theirs: its name too.
		if len(f.done) > 0 && a.Probability >= minNext && a.Action != "" && f.uses(a.Action) {
			out.Next = append(out.Next, mcp.NextHint{Action: learn.Shown(a.Action, 80), Probability: round3(a.Probability), Example: learn.Shown(a.Example, 200), Seen: a.Seen})
		}
	}
	shorten(&out, q.MaxTokens)
	return out, b.d.tryRecall(ctx, s, q, &out)
}

func (d *Daemon) recallStrategies(f *facts, n int, out *mcp.RecallResult) error {
	for _, s := range d.memory.strategies(f, n, d.measuredEffect) {
		r, ok, err := d.recalledStrategy(s)
		if err != nil {
			return err
		}
		if ok {
			out.Strategies = append(out.Strategies, r)
		}
	}
	return nil
}

// recallPitfalls returns the signatures of the pitfalls that it told.
func (d *Daemon) recallPitfalls(f *facts, n int, out *mcp.RecallResult) (told []string, err error) {
	for _, s := range d.memory.pitfalls(f, n) {
		p, err := d.recalledPitfall(s)
		if err != nil {
			return nil, err
		}
		// The graph counts what failed; of that, only what somebody asked about
		// was diagnosed.
		if n, ok := d.graph.Node(graph.ID(graph.Error, "", s.of.signature), f.project); ok {
			p.Count = max(p.Count, int64(n.Weight))
		}
		out.Pitfalls, told = append(out.Pitfalls, p), append(told, s.of.signature)
	}
	return told, nil
}

func (d *Daemon) recallTools(f *facts, n int, out *mcp.RecallResult) {
	for _, t := range d.memory.tools(f, d.forge.active(), n) {
		out.Tools = append(out.Tools, mcp.RecalledTool{Name: t.of.Name, Description: t.of.Description, Parameters: t.of.Parameters, Score: t.score,
			Contributions: t.why.parts, Why: "approved, and made from this installation's own sessions; " + strings.Join(t.why.words, "; ")})
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
