package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/index/graph"
	"lathe/learn"
)

// maxGraphNodes bounds an answer about the graph; the export alone gives all.
const maxGraphNodes = 10_000

// GraphCall asks about the knowledge graph. Node, From and To are ids, or else
// words of a label.
type GraphCall struct {
	Node       string            `json:"node,omitempty"`
	To         string            `json:"to,omitempty"`
	Project    string            `json:"project_id,omitempty"` // "" sees all
	Kind       string            `json:"kind,omitempty"`       // of nodes
	Edges      []string          `json:"edges,omitempty"`      // kinds of edges to follow; none is all
	Direction  string            `json:"direction,omitempty"`  // out, in or both
	Text       string            `json:"text,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Since      time.Time         `json:"since,omitzero"`
	Hops       int               `json:"hops,omitempty"`
	Limit      int               `json:"limit,omitempty"`
	Format     string            `json:"format,omitempty"` // of the export
	Env        string            `json:"environment,omitempty"`
	// Workspace is a folder in the workspace whose code is asked about, when no
	// project is named.
	Workspace string `json:"workspace,omitempty"`
}

// GraphNode is a node with the number of its edges by kind and direction.
type GraphNode struct {
	graph.Node
	Degree map[string]int `json:"degree"`
}

// GraphPath is a shortest path. Complete is false when the search ended before
// it had seen everything.
type GraphPath struct {
	From     graph.Node        `json:"from"`
	Steps    []graph.Neighbour `json:"steps"`
	Found    bool              `json:"found"`
	Complete bool              `json:"complete"`
}

// Check says what of a call no graph could answer: a kind, direction or format
// that does not exist.
func (c GraphCall) Check() error {
	_, err := c.query()
	if err == nil {
		_, err = c.filter()
	}
	if err == nil && c.Format != "" {
		_, err = c.mediaType()
	}
	return err
}

// mediaType is that of the export's format.
func (c GraphCall) mediaType() (string, error) {
	types := map[graph.Format]string{graph.JSON: "application/json", graph.GraphML: "application/graphml+xml", graph.DOT: "text/vnd.graphviz"}
	if t := types[graph.Format(c.Format)]; t != "" {
		return t, nil
	}
	return "", fmt.Errorf("there is no export format %.20q: take json, graphml or dot", c.Format)
}

// query checks what a call says of edges.
func (c GraphCall) query() (graph.Query, error) {
	q := graph.Query{Direction: graph.Direction(c.Direction), Limit: min(c.Limit, maxGraphNodes), ProjectID: c.Project}
	if !slices.Contains([]string{"", "out", "in", "both"}, c.Direction) {
		return q, fmt.Errorf("direction %.20q is none of out, in and both", c.Direction)
	}
	for _, name := range c.Edges {
		k := graph.EdgeKind(strings.ToUpper(name))
		if !slices.Contains(graph.EdgeKinds(), k) {
			return q, fmt.Errorf("there is no edge kind %.40q; the kinds are %v", name, graph.EdgeKinds())
		}
		q.Kinds = append(q.Kinds, k)
	}
	return q, nil
}

func (c GraphCall) filter() (graph.Filter, error) {
	f := graph.Filter{Text: c.Text, Properties: c.Properties, Since: c.Since, ProjectID: c.Project, Limit: min(c.Limit, maxGraphNodes)}
	if c.Kind == "" {
		return f, nil
	}
	for _, k := range graph.NodeKinds() {
		if strings.EqualFold(string(k), c.Kind) {
			f.Kind = k
			return f, nil
		}
	}
	return f, wrongUsef("there is no node kind %.40q; the kinds are %v", c.Kind, graph.NodeKinds())
}

// graphNode finds a node by id, or else one with that label, or else one whose
// label or id has the words; of several the one that was touched last.
func (d *Daemon) graphNode(words, project string) (graph.Node, error) {
	if n, ok := d.graph.Node(words, project); ok {
		return n, nil
	}
	if words == "" {
		return graph.Node{}, errors.New("no node is named")
	}
	found := d.graph.Find(graph.Filter{Text: words, ProjectID: project, Limit: 200})
	if len(found) == 0 {
		return graph.Node{}, noSuch("the graph has no node like %.80q: see `lathe graph list`", words)
	}
	named := slices.IndexFunc(found, func(n graph.Node) bool { return strings.EqualFold(n.Label, words) })
	return found[max(named, 0)], nil
}

// graphRoutes mounts what the socket answers about the graph.
func (d *Daemon) graphRoutes(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/graph", onCode(d, d.aroundNode))
	answer(d, mux, "POST /v1/graph/node", onCode(d, func(c GraphCall) (GraphNode, error) {
		n, err := d.graphNode(c.Node, c.Project)
		return GraphNode{n, d.graph.Degree(n.ID, c.Project)}, err
	}))
	answer(d, mux, "POST /v1/graph/list", onCode(d, func(c GraphCall) ([]graph.Node, error) {
		f, err := c.filter()
		if err != nil {
			return nil, err
		}
		return d.graph.Find(f), nil
	}))
	answer(d, mux, "POST /v1/graph/path", onCode(d, d.graphPath))
	answer(d, mux, "GET /v1/graph/stats", func(context.Context, nothing) (graph.Stats, error) { return d.graph.Stats(), nil })
	answer(d, mux, "POST /v1/graph/mitigates", onCode(d, d.mitigations))
	answer(d, mux, "POST /v1/graph/code", func(ctx context.Context, c GraphCall) (CodeLayer, error) {
		ctx, cancel := context.WithTimeout(ctx, longConnect)
		defer cancel()
		return d.code.connect(ctx, c.Project, c.Workspace), nil
	})
	mux.Handle("POST /v1/graph/export", d.counted(http.HandlerFunc(d.exportGraph)))
}

const (
	longConnect  = 20 * time.Second // how long who asks for the code waits for it
	shortConnect = 200 * time.Millisecond
)

// onCode answers a question about the graph with the code in it as it is now,
// if it has been read.
func onCode[T any](d *Daemon, ask func(GraphCall) (T, error)) func(context.Context, GraphCall) (T, error) {
	return func(ctx context.Context, c GraphCall) (T, error) {
		ctx, cancel := context.WithTimeout(ctx, shortConnect)
		defer cancel()
		d.code.connect(ctx, c.Project, c.Workspace)
		return ask(c)
	}
}

// lent is an answer whose memory goes back when it was sent.
type lent struct {
	*graph.Subgraph
	pool *sync.Pool
}

func (l lent) sent() { l.pool.Put(l.Subgraph) }

// aroundNode finds a node and what lies around it.
func (d *Daemon) aroundNode(c GraphCall) (lent, error) {
	q, err := c.query()
	if err != nil {
		return lent{}, err
	}
	n, err := d.graphNode(c.Node, c.Project)
	if err != nil {
		return lent{}, err
	}
	s, _ := d.subgraphs.Get().(*graph.Subgraph)
	if s == nil {
		s = new(graph.Subgraph)
	}
	d.graph.AroundInto(s, n.ID, max(1, min(c.Hops, 6)), q)
	return lent{s, &d.subgraphs}, nil
}

func (d *Daemon) graphPath(c GraphCall) (GraphPath, error) {
	q, err := c.query()
	if err != nil {
		return GraphPath{}, err
	}
	from, err := d.graphNode(c.Node, c.Project)
	if err != nil {
		return GraphPath{}, err
	}
	to, err := d.graphNode(c.To, c.Project)
	if err != nil {
		return GraphPath{}, err
	}
	hops := c.Hops
	if hops <= 0 {
		hops = 8
	}
	steps, complete := d.graph.Path(from.ID, to.ID, min(hops, 32), q)
	return GraphPath{From: from, Steps: steps, Found: steps != nil, Complete: complete}, nil
}

// mitigations ranks what mitigates an error or a pattern.
func (d *Daemon) mitigations(c GraphCall) ([]graph.Mitigation, error) {
	n, known := d.graph.Node(c.Node, c.Project)
	for _, kind := range []graph.NodeKind{graph.ErrorPattern, graph.Error} {
		if found := d.graph.Find(graph.Filter{Kind: kind, Text: c.Node, ProjectID: c.Project, Limit: 1}); !known && c.Node != "" && len(found) > 0 {
			n, known = found[0], true
		}
	}
	q, ok := mitigationQuery(n)
	if !known || !ok {
		return nil, fmt.Errorf("the graph has no error or pattern like %.80q: see `lathe graph list --kind ErrorPattern`", c.Node)
	}
	q.ProjectID, q.Environment, q.Limit = c.Project, c.Env, min(c.Limit, maxGraphNodes)
	return d.current(d.graph.Mitigates(q)), nil
}

// current gives mitigations the numbers that their remedies have now: the graph
// has those of the time when they were last told.
func (d *Daemon) current(list []graph.Mitigation) []graph.Mitigation {
	now := map[string]learn.Remedy{}
	for _, r := range d.learners.recovery.Named("") {
		now[r.RemedyID] = r
	}
	for i, m := range list {
		if r, ok := now[m.RemedyID]; ok {
			list[i].Support, list[i].Successes, list[i].Failures, list[i].Posterior = r.Support, r.Successes, r.Failures, r.Posterior
		}
	}
	return list
}

// mitigationQuery asks about a node; ok is false when it is no error.
func mitigationQuery(n graph.Node) (q graph.MitigationQuery, ok bool) {
	switch n.Kind {
	case graph.Error:
		q.Error = strings.TrimPrefix(n.ID, graph.ID(graph.Error, "", ""))
	case graph.ErrorPattern:
		q.Pattern = strings.TrimPrefix(n.ID, graph.ID(graph.ErrorPattern, "", ""))
	default:
		return q, false
	}
	return q, true
}

// graphResource is what an agent reads as lathe://graph/{node}: the node, what
// is next to it, and for an error what mitigates it.
type graphResource struct {
	Node        GraphNode          `json:"node"`
	Mitigations []graph.Mitigation `json:"mitigations,omitempty"`
	graph.Subgraph
}

// maxGraphResource bounds the bytes of a graphResource.
const maxGraphResource = 64 << 10

// graphFor is the resource of a node, as one project may see it. A node far
// beyond the bound is shown with fewer neighbours.
func (d *Daemon) graphFor(ctx context.Context, node, project string) (json.RawMessage, error) {
	if project == "" { // it would see every project
		return nil, errors.New("this connection has no project, so that no part of the graph can be shown to it")
	}
	ctx, cancel := context.WithTimeout(ctx, shortConnect)
	defer cancel()
	d.code.connect(ctx, project, "")
	n, err := d.graphNode(node, project)
	if err != nil {
		return nil, err
	}
	for limit := 50; ; limit /= 2 {
		r := graphResource{Node: GraphNode{n, d.graph.Degree(n.ID, project)}}
		r.Subgraph = d.graph.Around(n.ID, 1, graph.Query{ProjectID: project, Limit: max(limit, 1)})
		if q, ok := mitigationQuery(n); ok && limit > 0 {
			q.ProjectID, q.Limit = project, min(limit, 10)
			r.Mitigations = d.current(d.graph.Mitigates(q))
		}
		raw, err := json.Marshal(r)
		if err != nil || len(raw) <= maxGraphResource || limit == 0 {
			return raw, err
		}
	}
}

// Bounds of what the graph adds to a report, in items of the whole list.
const (
	maxReportEntities = 20
	maxReportEvidence = 24
)

// addHistory completes a report with what the graph knows of the error in this
// project: the code that it touched before, what the code calls it, code next to
// that where something else failed, and the calls that failed so or were found
// to have caused it.
func (d *Daemon) addHistory(r *learn.FailureAnalysisReport) {
	if len(r.Signatures) == 0 || r.ProjectID == "" {
		return
	}
	c := d.graph.Context(r.Signatures[0].ID, r.Signatures[0].PatternID, r.ProjectID)
	entities, events := slices.Concat(c.Entities, c.Code), slices.Concat(c.Culprits, c.Attempts)
	for _, b := range c.Beside {
		entities, events = append(entities, b.Entity), append(events, b.Attempts[:min(1, len(b.Attempts))]...)
	}
	for _, e := range entities {
		if len(r.RelevantEntities) < maxReportEntities && !slices.Contains(r.RelevantEntities, e) {
			r.RelevantEntities = append(r.RelevantEntities, e)
		}
	}
	for _, id := range events {
		if len(r.Evidence) < maxReportEvidence && id != r.FailedEventID && !slices.Contains(r.Evidence, id) {
			r.Evidence = append(r.Evidence, id)
		}
	}
}

func (d *Daemon) exportGraph(w http.ResponseWriter, r *http.Request) {
	var c GraphCall
	if err := decodeBody(w, r, &c); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	media, err := c.mediaType()
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	w.Header().Set("Content-Type", media)
	if err := d.graph.Export(w, graph.Format(c.Format), c.Project); err != nil {
		d.logger.Warn("export of the graph broke off", "err", err)
	}
}
