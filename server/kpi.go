package server

import (
	"context"
	"encoding/json"
	"fmt"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/learn/trial"
)

// KPIs are the monitor's figures with the measured effects of advice, which
// are of all projects together whatever the filter.
type KPIs struct {
	monitor.KPIs
	Effects trial.Report `json:"effects"`
	// ToolList is what each session's list of tools costs, and what is unused.
	ToolList ToolList `json:"tool_list"`
}

func (d *Daemon) kpis(f monitor.Filter) KPIs {
	k := KPIs{KPIs: d.learners.monitor.KPIs(f), Effects: d.learners.trial.Report()}
	for _, list := range [][]monitor.SignatureKPI{k.SignaturesByCount, k.SignaturesByTimeLost} {
		d.nameKinds(list)
	}
	k.ToolList = d.toolList(f, k.ByTool)
	return k
}

// nameKinds calls each kind of failure by its own name: the monitor knows that
// of one of its patterns, the first that came.
func (d *Daemon) nameKinds(list []monitor.SignatureKPI) {
	for i, s := range list {
		if name := d.learners.reader.signatures.KindName(s.ID); name != "" {
			list[i].Name = name
		}
	}
}

// freshKPIs waits for what was served to be counted too.
func (d *Daemon) freshKPIs(ctx context.Context, f monitor.Filter) (KPIs, error) {
	if err := d.reports.flush(ctx); err != nil {
		return KPIs{}, err
	}
	if err := d.ledger.wait(ctx, d.log.Head(eventlog.Ledger)); err != nil {
		return KPIs{}, err
	}
	return d.kpis(f), nil
}

// WhatIfCall asks what other ways to serve advice would have reached.
type WhatIfCall struct {
	Kind    string `json:"kind,omitempty"` // "" is every kind
	Objects int    `json:"objects"`        // single objects to answer for, of each kind
}

// WhatIfAnswer is from the results in the ledger.
type WhatIfAnswer struct {
	Policies []trial.WhatIf `json:"policies"`
	Left     int            `json:"left,omitempty"` // results beyond the bound
}

// whatIf reads the whole ledger: it is for a person who can wait.
func (d *Daemon) whatIf(ctx context.Context, c WhatIfCall) (WhatIfAnswer, error) {
	var q trial.Question
	err := d.log.ReadLedger(ctx, 0, func(_ uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			if e.Kind != learn.EntryTrial {
				continue
			}
			var r learn.TrialRecord
			if err := json.Unmarshal(e.Body, &r); err != nil {
				return fmt.Errorf("ledger entry %s: %w", e.ID, err)
			}
			q.Add(r)
		}
		return nil
	})
	return WhatIfAnswer{Policies: q.Answer(c.Kind, c.Objects), Left: q.Left}, err
}
