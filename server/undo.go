package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
)

// UndoneCall takes back a change of a plan template, automatic or approved, a
// verdict of the trials, the stop of a kind of proposals, or a mute: by the id
// of the proposal, the write, the verdict, the stop or the mute, or an
// unambiguous beginning of it.
type UndoneCall struct {
	ID string `json:"id"`
}

// Undone says what was taken back.
type Undone struct {
	Write   *learn.PlanWrite    `json:"write,omitempty"`
	Verdict *learn.TrialVerdict `json:"verdict,omitempty"`
	// Acceptance is a kind of proposal that is made again.
	Acceptance *learn.AcceptanceChange `json:"acceptance,omitempty"`
	Mutes      []learn.Mute            `json:"mutes,omitempty"` // that were lifted
	Line       string                  `json:"line"`
}

// undo takes back what an id names.
func (d *Daemon) undo(ctx context.Context, c UndoneCall) (Undone, error) {
	if v, err := d.learners.trial.Revocation(c.ID, "a person", d.now()); err == nil {
		return d.revoke(ctx, v)
	}
	stop, err := d.resume(ctx, c.ID)
	if err == nil {
		return Undone{Acceptance: &stop, Line: fmt.Sprintf("%s is proposed again; earlier decisions on it count no more", strings.ReplaceAll(stop.Group.Value, "_", " "))}, nil
	}
	if !errors.Is(err, errNoStop) {
		return Undone{}, err
	}
	lifted, err := d.unmute(ctx, c.ID)
	if err == nil && len(lifted) > 0 {
		return Undone{Mutes: lifted, Line: plural(len(lifted), "mute") + " lifted"}, nil
	}
	if err != nil && !errors.Is(err, errNoMute) {
		return Undone{}, err
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
