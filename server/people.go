package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"lathe/learn"
	"lathe/server/review"
)

// followPeople draws what follows from people's decisions, whenever the queue
// moves: questions are answered, and kinds that are always rejected stop. Both
// are made of the ledger alone, so what a crash cut off is done after it.
func (d *Daemon) followPeople(ctx context.Context) error {
	for {
		moved := d.queue.Watch() // before looking: no change is missed
		if err := d.stopRejected(ctx); err != nil {
			d.logger.Error("a kind that is always rejected could not be stopped", "err", err)
		}
		for _, it := range d.queue.Items() {
			for _, question := range it.Questions {
				if err := d.clarify(ctx, it, question); err != nil && ctx.Err() == nil {
					d.logger.Error("a question is not answered", "proposal", it.ID, "err", err)
				} else if err := d.revise(ctx, it, question); err != nil && ctx.Err() == nil {
					d.logger.Error("a tool is not written anew after a question", "proposal", it.ID, "err", err)
				}
			}
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil
		}
	}
}

// stopRejected writes the stops that are due.
func (d *Daemon) stopRejected(ctx context.Context) error {
	due := d.acceptance.Due(d.now())
	if len(due) == 0 {
		return nil
	}
	for _, c := range due {
		if err := d.writeLedger(ctx, learn.EntryAcceptance, c.Group.By+":"+c.Group.Value, "", c, nil); err != nil {
			return err
		}
		d.logger.Info("a kind of proposal is made no more", "kind", c.Group.Value, "why", c.Reason, "undo", "lathe undo "+c.ChangeID[:8])
	}
	return d.ledgerSettled(ctx)
}

// mayPropose says why a kind of proposal is not made any more, if so.
func (d *Daemon) mayPropose(kind string) error {
	if c, stopped := d.acceptance.Stopped(kind); stopped {
		return fmt.Errorf("%s is not proposed any more: %s; a person can change that with `lathe undo %s`", strings.ReplaceAll(kind, "_", " "), c.Reason, c.ChangeID[:8])
	}
	return nil
}

// authorAgent is who made a tool that an agent asked for.
const authorAgent = "agent"

// errNoStop says that an id names no stop of a kind.
var errNoStop = errors.New("there is no stopped kind")

// resume takes a stop back: the kind is proposed again, and what was decided
// before counts no more.
func (d *Daemon) resume(ctx context.Context, id string) (learn.AcceptanceChange, error) {
	var found []learn.AcceptanceChange
	for _, c := range d.acceptance.Stops() {
		if id != "" && (strings.HasPrefix(c.ChangeID, id) || c.Group.Value == id) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return learn.AcceptanceChange{}, fmt.Errorf("%w %.80q", errNoStop, id)
	}
	release, err := d.enter()
	if err != nil {
		return learn.AcceptanceChange{}, err
	}
	defer release()
	was, now := found[0], d.now()
	c := learn.AcceptanceChange{ChangeID: learn.UUIDv8("acceptance", "undo", was.ChangeID), Group: was.Group, Accepted: was.Accepted, Judged: was.Judged,
		Interval: was.Interval, Reason: "a person wants to see it again", Undoes: was.ChangeID, Timestamp: now}
	if err := d.writeLedger(ctx, learn.EntryAcceptance, c.Group.By+":"+c.Group.Value, "", c, nil); err != nil {
		return c, err
	}
	return c, d.ledgerSettled(ctx)
}

// GroupAcceptance is how people decided on one group of proposals.
type GroupAcceptance struct {
	Group    learn.ProposalGroup     `json:"group"`
	Accepted int                     `json:"accepted"`
	Judged   int                     `json:"judged"`
	Interval learn.Interval          `json:"interval"`
	Stop     *learn.AcceptanceChange `json:"stop,omitempty"`
}

func (d *Daemon) acceptanceGroups() []GroupAcceptance {
	out := []GroupAcceptance{}
	for _, s := range d.acceptance.Stats() {
		out = append(out, GroupAcceptance(s))
	}
	return out
}

// confidence is how likely a proposal is right and wanted.
func (d *Daemon) confidence(it *review.Item) float64 {
	base := 0.0
	switch {
	case it.Plan != nil:
		base = it.Plan.ConfidenceScore
	case it.Tool != nil:
		base = it.Tool.Validation.Score
	}
	return d.acceptance.Confidence(review.GroupsOf(it), base)
}

// modelTime bounds the time that a question waits for a model.
const modelTime = 50 * time.Second
