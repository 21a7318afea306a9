package server

import (
	"context"
	"fmt"
	"net/url"

	"lathe/index/eventlog"
	"lathe/learn"
)

// tellWatchers tells MCP clients that subscribed to resources when what they
// watch is another: the figures and the graph of a project after its calls were
// learned from.
func (d *Daemon) tellWatchers(ctx context.Context) error {
	seen := d.log.Head(eventlog.Events)
	for {
		if err := d.log.Wait(ctx, eventlog.Events, seen); err != nil {
			return stopped(ctx, fmt.Errorf("tell subscribers: %w", err))
		}
		head := d.log.Head(eventlog.Events)
		if !d.mcp.Watched() {
			seen = head
			continue
		}
		if err := d.runner.Settle(ctx, head); err != nil {
			return stopped(ctx, fmt.Errorf("tell subscribers: %w", err))
		}
		projects := map[string]bool{}
		err := d.log.ReadEvents(ctx, seen, func(seq uint64, recs []learn.Record) error {
			for _, r := range recs {
				projects[r.Project()] = true
			}
			seen = max(seen, seq)
			return nil
		})
		if err != nil {
			return stopped(ctx, fmt.Errorf("tell subscribers: %w", err))
		}
		for project := range projects {
			for _, uri := range []string{"lathe://kpi", "lathe://kpi/", "lathe://graph/"} {
				d.mcp.Updated(project, uri)
			}
		}
	}
}

// watched are the kinds of ledger entries that change a resource by their
// object's id.
var watched = map[learn.EntryKind]string{
	learn.EntryStrategy: "strategy", learn.EntryReport: "report",
	learn.EntryProposal: "proposal", learn.EntryReview: "proposal", learn.EntryDecision: "proposal",
	learn.EntryClarification: "proposal", learn.EntryState: "proposal",
}

// tellOf tells subscribers what a ledger entry changed.
func (d *Daemon) tellOf(e learn.LedgerEntry) {
	if d.mcp == nil || !d.mcp.Watched() {
		return
	}
	if kind := watched[e.Kind]; kind != "" {
		d.mcp.Updated(e.ProjectID, "lathe://"+kind+"/"+url.PathEscape(e.ObjectID))
	}
	if e.Kind == learn.EntryState || e.Kind == learn.EntryTool {
		d.mcp.Updated("", "lathe://tool/")
	}
}
