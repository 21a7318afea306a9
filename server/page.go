package server

import (
	"context"
	"errors"
	"time"

	"lathe/index/eventlog"
	"lathe/index/graph"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/lsp"
	"lathe/server/review"
	"lathe/server/web"
)

// newPage wires the review page.
func (d *Daemon) newPage() (*web.Handler, error) {
	return web.New(web.Options{
		Queue: pageQueue{d},
		Unlock: func(passphrase string) (web.Signer, error) {
			key, err := review.Unlock(d.cfg.DataDir, passphrase)
			if err != nil {
				return nil, err
			}
			return key, nil
		},
		Editors:   pageEditors{d},
		Events:    d.records,
		KPIs:      func() any { return d.kpis(monitor.Filter{}) },
		GraphNode: d.pageNode,
		Logger:    d.logger,
	})
}

// records returns those of the named records that the log has.
func (d *Daemon) records(ctx context.Context, ids []string) ([]learn.Record, error) {
	var out []learn.Record
	for _, id := range ids {
		rec, err := d.log.Record(ctx, id)
		if errors.Is(err, eventlog.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

func (d *Daemon) pageNode(_ context.Context, id string) (web.Node, error) {
	n, ok := d.graph.Node(id, "")
	if !ok {
		return web.Node{}, errors.New("there is no such node")
	}
	out := web.Node{ID: n.ID, Kind: string(n.Kind), Label: n.Label, Attributes: n.Properties.Map()}
	for _, nb := range d.graph.Neighbours(id, graph.Query{}) {
		out.Edges = append(out.Edges, web.Edge{Kind: string(nb.Edge.Kind), Incoming: nb.Edge.To == id, ID: nb.Node.ID,
			NodeKind: string(nb.Node.Kind), Label: nb.Node.Label})
	}
	return out, nil
}

// pageQueue is the review queue as the page sees it.
type pageQueue struct{ d *Daemon }

func (p pageQueue) List(states ...learn.State) []web.Item {
	var out []web.Item
	for _, it := range p.d.queue.List(states...) {
		out = append(out, pageItem(it))
	}
	return out
}

func (p pageQueue) Get(id string) (web.Item, error) {
	it, err := p.d.queue.Get(id)
	return pageItem(it), err
}

func (p pageQueue) Decide(ctx context.Context, dec learn.Decision) (web.Item, error) {
	out, err := p.d.decide(ctx, dec)
	return pageItem(out.Item), err
}

func pageItem(it review.Item) web.Item {
	return web.Item{ID: it.ID, Kind: string(it.Kind), Title: it.Title, Summary: it.Summary, Project: it.Project, State: it.State, Risk: it.Risk,
		ContentHash: it.ContentHash, Created: it.Created, Changed: it.Changed, Decisions: it.Decisions, Questions: it.Questions,
		Evidence: it.Evidence, Tool: it.Tool, Plan: it.Plan}
}

type pageEditors struct{ d *Daemon }

func (p pageEditors) Connections() []web.Editor {
	var out []web.Editor
	for _, c := range p.d.lsp.Connections() {
		e := web.Editor{ID: c.ID, Name: c.Editor, Since: c.Since, Unlocked: c.Unlocked}
		if len(c.Roots) > 0 {
			e.Workspace = c.Roots[0]
		}
		out = append(out, e)
	}
	return out
}

func (p pageEditors) Unlock(connID string, s web.Signer) error {
	return p.d.lsp.Unlock(connID, lsp.Signer(s))
}

func (d *Daemon) now() time.Time { return time.Now().UTC() }
