package server

import (
	"context"
	"errors"
	"time"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/lsp"
	"lathe/server/review"
	"lathe/server/web"
)

// newPage wires the review page.
func (d *Daemon) newPage() (*web.Handler, error) {
	return web.New(web.Options{
		Queue: newPageQueue(d),
		Unlock: func(passphrase string) (web.Signer, error) {
			key, err := review.Unlock(d.cfg.DataDir, passphrase)
			if err != nil {
				return nil, err
			}
			return key, nil
		},
		Editors: pageEditors{d},
		Events:  d.records,
		KPIs:    func() any { return d.kpis(monitor.Filter{}) },
		Log:     pageLog{d},
		Graph:   pageGraph{d},
		Watch:   d.queue.Watch,
		Refused: d.pageRefused(), Experience: pageExperience{d}, Teacher: pageExperience{d}, Digest: d.pageDigest, Groups: d.pageGroups,
		Mutes: func() []learn.Mute { return d.mutes.inForce(d.now()) }, Tools: d.pageTools,
		Logger: d.logger,
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
