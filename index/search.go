package index

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search/query"

	"lathe/learn"
)

// MaxLimit bounds the number of hits of one search.
const MaxLimit = 500

// Query says what is searched. Empty fields do not restrict; Text is matched
// by words, best first, and without Text the newest come first.
type Query struct {
	Text      string    `json:"text,omitempty"`
	Project   string    `json:"project_id,omitempty"`
	Session   string    `json:"session_id,omitempty"`
	Task      string    `json:"task_id,omitempty"`
	Tool      string    `json:"tool_name,omitempty"`
	Intent    string    `json:"intent,omitempty"`
	Status    string    `json:"status,omitempty"`
	Signature string    `json:"signature,omitempty"`
	Kinds     []string  `json:"kinds,omitempty"` // of ledger entries
	Since     time.Time `json:"since,omitzero"`
	From      int       `json:"from,omitempty"`
	Limit     int       `json:"limit,omitempty"` // 0 is 20
	// Global also admits documents that belong to no project.
	Global bool `json:"global,omitempty"`
}

// Hit is one document found.
type Hit struct {
	ID         string             `json:"id"`
	Score      float64            `json:"score,omitempty"`
	Time       time.Time          `json:"timestamp"`
	Project    string             `json:"project_id,omitempty"`
	Session    string             `json:"session_id,omitempty"`
	Task       string             `json:"task_id,omitempty"`
	Tool       string             `json:"tool_name,omitempty"`
	Intent     string             `json:"intent,omitempty"`
	Status     string             `json:"status,omitempty"`
	Summary    string             `json:"summary,omitempty"`
	Signatures []string           `json:"signatures,omitempty"`
	Entry      *learn.LedgerEntry `json:"entry,omitempty"`
}

// Result is the answer to a Query.
type Result struct {
	Total uint64 `json:"total"`
	Hits  []Hit  `json:"hits"`
}

// SearchEvents searches events.
func (x *Index) SearchEvents(ctx context.Context, q Query) (Result, error) {
	return x.search(ctx, x.events, q, map[string]string{
		"project": q.Project, "session": q.Session, "task": q.Task, "tool": q.Tool,
		"intent": q.Intent, "status": q.Status, "signatures": q.Signature,
	})
}

// SearchObjects searches learned objects: the latest ledger entry of each.
func (x *Index) SearchObjects(ctx context.Context, q Query) (Result, error) {
	return x.search(ctx, x.objects, q, map[string]string{"project": q.Project})
}

// Object returns the latest ledger entry of an object.
func (x *Index) Object(ctx context.Context, kind learn.EntryKind, objectID string) (learn.LedgerEntry, bool, error) {
	req := bleve.NewSearchRequestOptions(bleve.NewDocIDQuery([]string{objectKey(kind, objectID)}), 1, 0, false)
	req.Fields = []string{"body"}
	res, err := x.objects.bleve.SearchInContext(ctx, req)
	if err != nil {
		return learn.LedgerEntry{}, false, fmt.Errorf("index: look up %s %s: %w", kind, objectID, err)
	}
	if len(res.Hits) == 0 {
		return learn.LedgerEntry{}, false, nil
	}
	var e learn.LedgerEntry
	body, _ := res.Hits[0].Fields["body"].(string)
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return e, false, fmt.Errorf("index: %s %s is damaged; run `lathe rebuild`: %w", kind, objectID, err)
	}
	return e, true, nil
}

func (x *Index) search(ctx context.Context, p *part, q Query, terms map[string]string) (Result, error) {
	if q.Limit <= 0 {
		q.Limit = 20
	}
	q.Limit = min(q.Limit, MaxLimit)
	raw, err := json.Marshal(q)
	if err != nil {
		return Result{}, fmt.Errorf("index: query: %w", err)
	}
	// The generation is read before the search: an answer made while a batch
	// lands is kept under the old one and never served again.
	key := fmt.Sprintf("%s/%d/%s", p.name, p.generation.Load(), raw)
	if r, ok := x.cache.Get(key); ok {
		return r, nil
	}
	req := bleve.NewSearchRequestOptions(build(q, terms), q.Limit, max(q.From, 0), false)
	req.Fields = []string{"*"}
	req.SortBy([]string{"-_score", "-time", "_id"}) // of equal hits the newest first
	if q.Text == "" {
		req.SortBy([]string{"-time", "_id"})
	}
	res, err := p.bleve.SearchInContext(ctx, req)
	if err != nil {
		return Result{}, fmt.Errorf("index: search %s: %w", p.name, err)
	}
	out := Result{Total: res.Total, Hits: make([]Hit, 0, len(res.Hits))}
	cost := int64(len(key))
	for _, h := range res.Hits {
		hit := Hit{ID: h.ID, Score: h.Score, Project: str(h.Fields["project"]), Session: str(h.Fields["session"]),
			Task: str(h.Fields["task"]), Tool: str(h.Fields["tool"]), Intent: str(h.Fields["intent"]),
			Status: str(h.Fields["status"]), Summary: str(h.Fields["summary"]), Signatures: list(h.Fields["signatures"])}
		hit.Time, _ = time.Parse(time.RFC3339Nano, str(h.Fields["time"]))
		if body := str(h.Fields["body"]); body != "" {
			hit.Entry = &learn.LedgerEntry{}
			if err := json.Unmarshal([]byte(body), hit.Entry); err != nil {
				return Result{}, fmt.Errorf("index: object %s is damaged; run `lathe rebuild`: %w", h.ID, err)
			}
			cost += int64(len(body))
		}
		cost += int64(len(hit.Summary)) + 200
		out.Hits = append(out.Hits, hit)
	}
	x.cache.Set(key, out, cost)
	return out, nil
}

func build(q Query, terms map[string]string) query.Query {
	all := bleve.NewConjunctionQuery()
	if q.Text != "" {
		m := bleve.NewMatchQuery(ends(q.Text, 2000))
		m.SetField("text")
		all.AddQuery(m)
	}
	for _, field := range []string{"project", "session", "task", "tool", "intent", "status", "signatures"} {
		value, ok := terms[field]
		if !ok || value == "" {
			continue
		}
		if field == "project" && q.Global {
			all.AddQuery(bleve.NewDisjunctionQuery(term(field, value), term(field, "")))
			continue
		}
		all.AddQuery(term(field, value))
	}
	if len(q.Kinds) > 0 {
		any := bleve.NewDisjunctionQuery()
		for _, k := range q.Kinds {
			any.AddQuery(term("kind", k))
		}
		all.AddQuery(any)
	}
	if !q.Since.IsZero() {
		d := bleve.NewDateRangeQuery(q.Since, time.Time{})
		d.SetField("time")
		all.AddQuery(d)
	}
	if len(all.Conjuncts) == 0 {
		return bleve.NewMatchAllQuery()
	}
	return all
}

func term(field, value string) query.Query {
	t := bleve.NewTermQuery(value)
	t.SetField(field)
	return t
}

func str(v any) string { s, _ := v.(string); return s }

func list(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			out = append(out, str(e))
		}
		return out
	}
	return nil
}
