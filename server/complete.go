package server

import (
	"context"
	"slices"
	"strings"

	"lathe/index"
	"lathe/index/graph"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/mcp"
)

// maxCompletable bounds what is looked through for one completion.
const maxCompletable = 500

// Complete offers the ids that a person may mean, of this project only.
func (b backend) Complete(ctx context.Context, s mcp.Scope, kind, prefix string) ([]string, error) {
	candidates, err := b.candidates(ctx, s, kind, prefix)
	if err != nil {
		return nil, err
	}
	out := []string{}
	seen := map[string]bool{}
	for _, c := range candidates {
		if strings.HasPrefix(c, prefix) && !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// candidates are the values of a kind, the likeliest first. Some are chosen by
// the prefix already.
func (b backend) candidates(ctx context.Context, s mcp.Scope, kind, prefix string) (out []string, err error) {
	switch kind {
	case "project":
		if !s.Import {
			return []string{s.ProjectID}, nil
		}
		for _, g := range b.d.learners.monitor.KPIs(monitor.Filter{}).ByProject {
			out = append(out, g.Name)
		}
	case "tool":
		for _, m := range b.d.forge.active() {
			out = append(out, m.Name)
		}
	case "proposal":
		for _, it := range b.d.queue.List() {
			if it.Project == "" || it.Project == s.ProjectID || s.Import {
				out = append(out, it.ID)
			}
		}
	case "strategy":
		return b.d.objectIDs(ctx, s, learn.EntryStrategy)
	case "report":
		return b.d.objectIDs(ctx, s, learn.EntryReport)
	case "failure":
		res, err := b.d.index.SearchEvents(ctx, index.Query{Project: s.ProjectID, Status: string(learn.StatusFailure), Limit: 100})
		if err != nil {
			return nil, err
		}
		for _, h := range res.Hits {
			out = append(out, h.ID)
		}
	case "graph":
		if s.ProjectID == "" {
			return nil, nil
		}
		for _, n := range b.d.graph.Find(graph.Filter{Text: prefix, ProjectID: s.ProjectID, Limit: maxCompletable}) {
			out = append(out, n.ID)
		}
		slices.Sort(out)
	}
	return out, nil
}

// objectIDs are the ids of what was learned of a kind, as far as the scope sees
// it.
func (d *Daemon) objectIDs(ctx context.Context, s mcp.Scope, kind learn.EntryKind) (out []string, err error) {
	q := index.Query{Kinds: []string{string(kind)}, Project: s.ProjectID, Global: true, Limit: maxCompletable}
	if s.Import {
		q.Project = ""
	}
	res, err := d.index.SearchObjects(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, h := range res.Hits {
		if h.Entry != nil {
			out = append(out, h.Entry.ObjectID)
		}
	}
	return out, nil
}
