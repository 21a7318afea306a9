package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/server/intake"
)

// ledgerLog is the event log as the pipeline and the queue see it.
type ledgerLog struct{ *eventlog.Log }

func (l ledgerLog) WaitEvents(ctx context.Context, after uint64) error {
	return l.Wait(ctx, eventlog.Events, after)
}

func (l ledgerLog) WriteLedger(ctx context.Context, entries []learn.LedgerEntry) error {
	_, err := l.AppendLedger(ctx, entries)
	return err
}

// accept validates, redacts and stores records. It returns when they are
// durable.
func (d *Daemon) accept(ctx context.Context, recs []learn.Record) (intake.Receipt, error) {
	receipt, _, err := d.take(ctx, recs)
	return receipt, err
}

// acceptOwn is accept for what the daemon did itself.
func (d *Daemon) acceptOwn(ctx context.Context, recs []learn.Record) (intake.Receipt, error) {
	receipt, _, err := d.admit(ctx, recs)
	return receipt, err
}

// taken is a record as it was stored, with its place in the batch.
type taken struct {
	learn.Record
	index int
}

// take is accept that also gives the records that are new and not advised on by
// a gateway, as stored: without secrets.
func (d *Daemon) take(ctx context.Context, recs []learn.Record) (intake.Receipt, []taken, error) {
	for i, r := range recs {
		if r.Action != nil && r.Action.Generated != nil { // only the daemon knows what it ran
			ev := *r.Action
			ev.Generated = nil
			recs[i].Action = &ev
		}
	}
	return d.admit(ctx, recs)
}

func (d *Daemon) admit(ctx context.Context, recs []learn.Record) (intake.Receipt, []taken, error) {
	release, err := d.enter()
	if err != nil {
		return intake.Receipt{}, nil, err
	}
	defer release()
	return d.store(ctx, recs)
}

// store is admit for work that entered already.
func (d *Daemon) store(ctx context.Context, recs []learn.Record) (intake.Receipt, []taken, error) {
	door, err := d.door()
	if err != nil {
		return intake.Receipt{}, nil, err
	}
	admitted, origin, rejected := door.Admit(recs)
	admitted, origin, rejected = dropOversized(admitted, origin, rejected)
	receipt := intake.Receipt{Rejected: rejected}
	if len(admitted) == 0 {
		return receipt, nil, nil
	}
	if err := d.place(ctx, admitted); err != nil {
		return intake.Receipt{}, nil, err
	}
	whole := len(admitted)
	admitted, origin, advised, err := d.pair(ctx, admitted, origin)
	if err != nil {
		return intake.Receipt{}, nil, err
	}
	if receipt.Duplicates = whole - len(admitted); len(admitted) == 0 {
		d.metrics.duplicates.Add(float64(whole))
		return receipt, nil, nil
	}
	acks, err := d.log.Append(ctx, admitted)
	if err != nil {
		d.learners.twins.lost(admitted)
		return intake.Receipt{}, nil, fmt.Errorf("store %d records: %w", len(admitted), err)
	}
	var stored []taken
	for i, a := range acks {
		if a.Duplicate {
			receipt.Duplicates++
		} else {
			receipt.Accepted++
			if !advised[admitted[i].ID()] { // its gateway gave advice already
				stored = append(stored, taken{admitted[i], origin[i]})
			}
			d.metrics.stored(admitted[i])
			d.emit(ctx, admitted[i])
		}
	}
	d.metrics.accepted.Add(float64(receipt.Accepted))
	d.metrics.duplicates.Add(float64(receipt.Duplicates))
	d.metrics.rejected.Add(float64(len(receipt.Rejected)))
	return receipt, stored, nil
}

// dropOversized rejects the records that the log would refuse, so that one of
// them does not cost its whole batch.
func dropOversized(recs []learn.Record, origin []int, rejected []intake.Rejection) ([]learn.Record, []int, []intake.Rejection) {
	kept, keptOrigin := recs[:0], origin[:0]
	for i, r := range recs {
		raw, err := json.Marshal(r)
		switch {
		case err != nil:
			rejected = append(rejected, intake.Rejection{Index: origin[i], Reason: err.Error()})
		case len(raw) > eventlog.MaxRecord:
			rejected = append(rejected, intake.Rejection{Index: origin[i],
				Reason: fmt.Sprintf("%d bytes after cutting; a record has at most %d: report less output", len(raw), eventlog.MaxRecord)})
		default:
			kept, keptOrigin = append(kept, r), append(keptOrigin, origin[i])
		}
	}
	return kept, keptOrigin, rejected
}

// readLedger projects the ledger into memory, after the follower's position.
func (d *Daemon) readLedger(ctx context.Context) error {
	return d.log.ReadLedger(ctx, d.ledger.at(), func(seq uint64, entries []learn.LedgerEntry) error {
		for _, e := range entries {
			d.project(e)
			d.tellOf(e)
		}
		d.ledger.reach(seq)
		return nil
	})
}

// project brings one ledger entry into every projection in memory. An entry
// that one of them cannot read is reported and passed over: it stays in the
// ledger.
func (d *Daemon) project(e learn.LedgerEntry) {
	report := func(err error) {
		if err != nil {
			d.logger.Error("ledger entry not readable", "entry", e.ID, "kind", e.Kind, "err", err)
		}
	}
	report(d.queue.Apply(e))
	report(d.learners.monitor.ApplyLedger(e))
	report(d.learners.trial.ApplyLedger(e))
	report(d.forge.apply(e))
	report(d.forge.results.apply(e))
	report(d.reports.apply(e))
	report(d.graph.ApplyLedger(e))
	report(d.models.apply(e))
	report(d.plans.apply(e))
	report(d.memory.Apply(e))
	report(d.acceptance.Apply(e))
	report(d.mutes.apply(e))
	report(d.chronicle.apply(e))
	if e.Kind == learn.EntryOpportunity {
		var o learn.ToolOpportunity
		report(json.Unmarshal(e.Body, &o))
		d.learners.finder.AddRequest(o)
	}
	if e.Kind == learn.EntryRemedy {
		var r learn.Remedy
		report(json.Unmarshal(e.Body, &r))
		if r.RemedyID != "" {
			d.learners.finder.AddRemedy(r)
		}
	}
}

// followLedger runs readLedger whenever the ledger grows.
func (d *Daemon) followLedger(ctx context.Context) error {
	for {
		if err := d.readLedger(ctx); err != nil {
			return stopped(ctx, fmt.Errorf("follow the ledger: %w", err))
		}
		d.tools.ask()
		if err := d.log.Wait(ctx, eventlog.Ledger, d.ledger.at()); err != nil {
			return stopped(ctx, fmt.Errorf("follow the ledger: %w", err))
		}
	}
}

// stopped turns an error that only says that ctx ended into none.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// settle waits until everything that the log holds now is learned, concluded,
// projected and searchable.
func (d *Daemon) settle(ctx context.Context) error {
	head := d.log.Head(eventlog.Events)
	if err := d.runner.Settle(ctx, head); err != nil {
		return err
	}
	if err := d.assignments.flush(ctx); err != nil {
		return err
	}
	if err := d.reports.flush(ctx); err != nil {
		return err
	}
	if err := d.ledger.wait(ctx, d.log.Head(eventlog.Ledger)); err != nil {
		return err
	}
	return errors.Join(d.indexed.wait(ctx, head), d.objects.wait(ctx, d.log.Head(eventlog.Ledger)))
}
