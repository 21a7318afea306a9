package server

import (
	"context"
	"sync"
	"time"

	"lathe/learn"
	"lathe/server/review"
	"lathe/server/web"
)

// pageQueue is the review queue as the page sees it. Items of the queue never
// change, so what was made of one is kept with it: a page of ten thousand
// proposals costs no more than those that changed.
type pageQueue struct {
	d *Daemon

	mu      sync.Mutex
	of      []*review.Item // what list was made of
	list    []*web.Item
	version uint64 // of the acceptance that confidences were made with
}

func newPageQueue(d *Daemon) *pageQueue { return &pageQueue{d: d} }

// Items implements web.Queue.
func (p *pageQueue) Items() []*web.Item {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, version := p.d.queue.Items(), p.d.acceptance.Version()
	if version == p.version && len(all) == len(p.of) && (len(all) == 0 || &all[0] == &p.of[0]) {
		return p.list
	}
	if version != p.version { // every confidence is another
		p.of, p.list, p.version = nil, nil, version
	}
	list := make([]*web.Item, 0, len(all))
	was := 0
	for _, it := range all {
		for was < len(p.of) && p.of[was] != it && p.of[was].Created.Before(it.Created) {
			was++ // both are by age
		}
		if was < len(p.of) && p.of[was] == it {
			list, was = append(list, p.list[was]), was+1
			continue
		}
		if was < len(p.of) && p.of[was].ID == it.ID {
			was++ // it has changed
		}
		made := p.item(*it)
		list = append(list, &made)
	}
	p.of, p.list = all, list
	return list
}

// Get implements web.Queue.
func (p *pageQueue) Get(id string) (web.Item, error) {
	it, err := p.d.queue.Get(id)
	return p.item(it), err
}

// Decide implements web.Queue.
func (p *pageQueue) Decide(ctx context.Context, dec learn.Decision) (web.Item, error) {
	out, err := p.d.decide(ctx, dec)
	return p.item(out.Item), err
}

func (p *pageQueue) item(it review.Item) web.Item {
	out := web.Item{ID: it.ID, Kind: string(it.Kind), Title: it.Title, Summary: it.Summary, Project: it.Project, State: it.State, Risk: it.Risk,
		ContentHash: it.ContentHash, Created: it.Created, Changed: it.Changed, Decisions: it.Decisions, Questions: it.Questions, Answers: it.Answers,
		Evidence: it.Evidence, Tool: it.Tool, Plan: it.Plan}
	switch {
	case it.Plan != nil:
		out.Type = string(it.Plan.Type)
	case it.Description != nil:
		out.Type = "tool_description"
	}
	if it.Plan != nil || it.Tool != nil {
		groups := review.GroupsOf(&it)
		out.Source, out.Author, out.Confidence = groups[1].Value, groups[2].Value, p.d.confidence(&it)
	}
	return out
}

// maxPageRefusals bounds, for an hour, what a page that is attacked writes into
// the ledger: the log has the rest.
const maxPageRefusals = 200

// refusals counts what the page refused within an hour.
type refusals struct {
	mu   sync.Mutex
	hour time.Time
	n    int
}

func (r *refusals) take(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hour := now.Truncate(time.Hour); !hour.Equal(r.hour) {
		r.hour, r.n = hour, 0
	}
	r.n++
	return r.n <= maxPageRefusals
}

// pageRefused notes in the ledger what the page refused.
func (d *Daemon) pageRefused() func(ctx context.Context, object, why string) {
	bound := &refusals{}
	return func(ctx context.Context, object, why string) {
		now := d.now()
		if !bound.take(now) {
			return
		}
		release, err := d.enter()
		if err != nil {
			return // on its way down; the log has it
		}
		defer release()
		if _, err := d.clean(&object, &why); err != nil {
			d.logger.Error("a refusal is not in the ledger", "err", err)
			return
		}
		body := map[string]any{"why": why, "at": "review page", "time": now}
		if err := d.writeLedger(context.WithoutCancel(ctx), learn.EntryRefused, object, "", body, nil); err != nil {
			d.logger.Error("a refusal is not in the ledger", "why", why, "err", err)
		}
	}
}
