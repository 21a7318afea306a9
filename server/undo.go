package server

import (
	"context"
	"fmt"

	"lathe/learn"
)

// UndoneCall takes back a change of a plan template, automatic or approved, or
// a verdict of the trials: by the id of the proposal, the write or the verdict,
// or an unambiguous beginning of it.
type UndoneCall struct {
	ID string `json:"id"`
}

// Undone says what was taken back.
type Undone struct {
	Write   *learn.PlanWrite    `json:"write,omitempty"`
	Verdict *learn.TrialVerdict `json:"verdict,omitempty"`
	Line    string              `json:"line"`
}

// undo takes back what an id names.
func (d *Daemon) undo(ctx context.Context, c UndoneCall) (Undone, error) {
	if v, err := d.learners.trial.Revocation(c.ID, "a person", d.now()); err == nil {
		return d.revoke(ctx, v)
	}
	return d.undoPlan(ctx, c.ID)
}

func (d *Daemon) revoke(ctx context.Context, v learn.TrialVerdict) (Undone, error) {
	release, err := d.enter()
	if err != nil {
		return Undone{}, err
	}
	defer release()
	if err := d.writeLedger(ctx, learn.EntryVerdict, v.VerdictID, "", v, nil); err != nil {
		return Undone{}, err
	}
	what := "advice of kind " + v.AdviceKind
	if v.ObjectID != "" {
		what = v.AdviceKind + " " + v.ObjectID
	}
	return Undone{Verdict: &v, Line: fmt.Sprintf("the verdict on %s is taken back; measuring it begins anew", what)}, d.ledgerSettled(ctx)
}
