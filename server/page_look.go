package server

import (
	"context"
	"fmt"

	"lathe/index"
	"lathe/index/graph"
	"lathe/server/web"
)

// pageLog is the log as the page searches it.
type pageLog struct{ d *Daemon }

// Search implements web.Log.
func (p pageLog) Search(ctx context.Context, q web.LogQuery) ([]web.LogHit, int, error) {
	if err := knownFilters(q.Status, ""); err != nil {
		return nil, 0, err
	}
	p.d.searchable(ctx)
	res, err := p.d.index.SearchEvents(ctx, index.Query{Text: q.Text, Project: q.Project, Session: q.Session, Task: q.Task, Tool: q.Tool, Status: q.Status,
		Signature: q.Signature, Since: q.Since, From: q.From, Limit: q.Limit})
	if err != nil {
		return nil, 0, err
	}
	out := make([]web.LogHit, 0, len(res.Hits))
	for _, h := range res.Hits {
		out = append(out, web.LogHit{ID: h.ID, Project: h.Project, Session: h.Session, Task: h.Task, Tool: h.Tool, Status: h.Status, Summary: h.Summary, Time: h.Time})
	}
	return out, int(res.Total), nil
}

// pageGraph is the knowledge graph as the page draws it: of all projects, to
// the reviewer.
type pageGraph struct{ d *Daemon }

// maxPageEdges bounds the edges of a node that the page is given.
const maxPageEdges = 1000

// Around implements web.Graph.
func (p pageGraph) Around(_ context.Context, id string) (web.Node, []web.Edge, error) {
	n, err := p.d.graphNode(id, "")
	if err != nil {
		return web.Node{}, nil, fmt.Errorf("the graph has no node like %.80q", id)
	}
	var edges []web.Edge
	for _, nb := range p.d.graph.Neighbours(n.ID, graph.Query{Limit: maxPageEdges}) {
		edges = append(edges, web.Edge{Kind: string(nb.Edge.Kind), Incoming: nb.Edge.To == n.ID, Other: pageNode(nb.Node)})
	}
	return pageNode(n), edges, nil
}

// Find implements web.Graph.
func (p pageGraph) Find(_ context.Context, text, kind string, limit int) []web.Node {
	f, err := GraphCall{Text: text, Kind: kind, Limit: limit}.filter()
	if err != nil {
		return nil
	}
	var out []web.Node
	for _, n := range p.d.graph.Find(f) {
		out = append(out, pageNode(n))
	}
	return out
}

// Kinds implements web.Graph.
func (pageGraph) Kinds() []string {
	var out []string
	for _, k := range graph.NodeKinds() {
		out = append(out, string(k))
	}
	return out
}

func pageNode(n graph.Node) web.Node {
	return web.Node{ID: n.ID, Kind: string(n.Kind), Label: n.Label, Attributes: n.Properties.Map()}
}
