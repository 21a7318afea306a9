package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
	"lathe/learn/refine"
	"lathe/server/review"
)

// undoPlan restores the text that a plan template had before a change, when it is
// still as the change left it.
func (d *Daemon) undoPlan(ctx context.Context, id string) (Undone, error) {
	release, err := d.enter()
	if err != nil {
		return Undone{}, err
	}
	defer release()
	d.plans.writing.Lock()
	defer d.plans.writing.Unlock()
	w, err := d.plans.undoable(id)
	if err != nil {
		return Undone{}, err
	}
	it, err := d.queue.Get(w.ProposalID)
	if err != nil {
		return Undone{}, err
	}
	t, err := openTemplate(w.Workspace, w.Template)
	if err != nil {
		return Undone{}, err
	}
	defer t.Close()
	text, err := d.plans.before(t, w)
	if err != nil {
		return Undone{}, err
	}
	back := planWrite(t, text)
	back.ProposalID, back.Undoes, back.Workspace, back.Template, back.Timestamp = w.ProposalID, w.WriteID, w.Workspace, w.Template, d.now()
	back.WriteID = learn.UUIDv8("plan write", "undo", w.WriteID)
	if err := d.put(ctx, t, back, it.Project, text); err != nil {
		return Undone{}, err
	}
	err = errors.Join(d.planState(ctx, it, learn.StateRolledBack, "", "taken back in "+w.Template), d.ledgerSettled(ctx))
	return Undone{Write: &back, Line: fmt.Sprintf("%s is taken back; %s is as it was before", it.Title, w.Template)}, err
}

// undoable finds the write that an id names.
func (p *plans) undoable(id string) (learn.PlanWrite, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []learn.PlanWrite
	past := false
	for _, writes := range p.writes {
		for _, w := range writes {
			if w.Undoes != "" || id == "" || !strings.HasPrefix(w.ProposalID, id) && !strings.HasPrefix(w.WriteID, id) {
				continue
			}
			if p.undone[w.WriteID] {
				past = true
				continue
			}
			found = append(found, w)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return learn.PlanWrite{}, fmt.Errorf("%q fits %d changes: give more of the id", id, len(found))
	case past:
		return learn.PlanWrite{}, fmt.Errorf("%q was taken back already", id)
	}
	return learn.PlanWrite{}, fmt.Errorf("there is no change %.80q that could be taken back: see `lathe review list --all`", id)
}

// before is the text before a write, when the file is as the write left it.
func (p *plans) before(t *template, w learn.PlanWrite) ([]byte, error) {
	now := learn.ContentHash(t.text)
	if now != w.After {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, later := range p.writes[planFile(w.Workspace, w.Template)] {
			if later.After == now && later.Undoes == "" && !p.undone[later.WriteID] {
				return nil, fmt.Errorf("%w since: %s was changed by %s after it; undo that first", errPlanChanged, w.Template, later.ProposalID[:8])
			}
		}
		return nil, fmt.Errorf("%w since: %s was edited; take the change out by hand", errPlanChanged, w.Template)
	}
	end := w.Offset + len(w.Inserted)
	if w.Offset < 0 || end > len(t.text) || string(t.text[w.Offset:end]) != w.Inserted {
		return nil, fmt.Errorf("%w since: %s does not hold what was written", errPlanChanged, w.Template)
	}
	text := []byte(string(t.text[:w.Offset]) + w.Removed + string(t.text[end:]))
	if learn.ContentHash(text) != w.Before {
		return nil, fmt.Errorf("%w since: the text before it cannot be restored", errPlanChanged)
	}
	return text, nil
}

// settlePlans finishes what a crash cut off between writing a file and saying
// so: the file tells.
func (d *Daemon) settlePlans(ctx context.Context) error {
	d.plans.writing.Lock()
	defer d.plans.writing.Unlock()
	for _, it := range d.queue.List(learn.StateApproved, learn.StateActive) {
		if it.Kind != review.KindPlan || it.Plan.Workspace == "" {
			continue
		}
		w, ok := d.plans.latest(it.Plan)
		if !ok || w.ProposalID != it.ID || (w.Undoes != "") != (it.State == learn.StateActive) {
			continue
		}
		text, err := readTemplate(w.Workspace, w.Template)
		if err != nil || learn.ContentHash(text) != w.After {
			continue // not done, or changed since: nothing that can be told from the file
		}
		to := learn.StateActive
		if w.Undoes != "" {
			to = learn.StateRolledBack
		}
		if err := d.planState(ctx, it, to, w.DecisionID, "found done after a restart in "+w.Template); err != nil {
			return stopped(ctx, err)
		}
	}
	return nil
}

// latest is the last write of a proposal's file.
func (p *plans) latest(m *learn.PlanModificationProposal) (learn.PlanWrite, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	writes := p.writes[planFile(m.Workspace, m.TargetPlanTemplate)]
	if len(writes) == 0 {
		return learn.PlanWrite{}, false
	}
	return writes[len(writes)-1], true
}

// followPlan does what follows from a decision on a plan change: an approved
// one is written. When the file has changed, the change is proposed anew for
// what it is now.
func (d *Daemon) followPlan(ctx context.Context, it review.Item) (*learn.PlanWrite, error) {
	if it.State != learn.StateApproved || it.Plan.Workspace == "" {
		return nil, nil
	}
	w, err := d.writePlan(ctx, it.ID)
	if err == nil {
		return w, nil
	}
	at := planPlace{project: it.Project, workspace: it.Plan.Workspace, template: it.Plan.TargetPlanTemplate}
	if text, rerr := readTemplate(at.workspace, at.template); rerr == nil {
		var invalid refine.Problems
		if perr := d.proposeFile(ctx, at, text); perr != nil && !errors.As(perr, &invalid) {
			err = errors.Join(err, perr)
		}
	}
	return nil, fmt.Errorf("the approval is recorded, but the plan is not written: %w", err)
}
