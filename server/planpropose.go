package server

import (
	"context"
	"errors"
	"fmt"
	"path"

	"lathe/learn"
	"lathe/learn/refine"
	"lathe/server/review"
)

// proposePlans puts what experience would change in a workspace's plan
// templates into the queue. The same change is proposed once.
func (d *Daemon) proposePlans(ctx context.Context, root string) error {
	names, err := templates(root)
	if err != nil {
		return err
	}
	project := WorkspaceProject(root)
	for _, name := range names {
		text, err := readTemplate(root, name)
		if err == nil {
			err = d.proposeFile(ctx, planPlace{project: project, workspace: root, template: name}, text)
		}
		var invalid refine.Problems
		switch {
		case errors.As(err, &invalid), errors.Is(err, errTemplate):
			d.logger.Debug("plan template not looked at", "file", name, "err", err)
		case err != nil:
			return err
		}
	}
	return d.ledgerSettled(ctx)
}

// proposeFile puts what experience would change in a template into the queue,
// and takes back what does not fit it any more. Behind a crash the learners
// know less than the queue until they have read the log again: that is waited
// for.
func (d *Daemon) proposeFile(ctx context.Context, at planPlace, text []byte) error {
	f, err := refine.Parse(path.Base(at.template), text)
	if err != nil {
		return err
	}
	if err := d.runner.Settle(ctx, d.plans.since); err != nil {
		return err
	}
	key, seen := planFile(at.workspace, at.template), fmt.Sprint(f.Hash(), d.runner.Applied(), d.ledger.at(), at.project)
	d.plans.mu.Lock()
	same := d.plans.looked[key] == seen
	d.plans.mu.Unlock()
	if same {
		return nil
	}
	found, _, err := d.proposalsFor(ctx, at, f)
	if err != nil {
		return err
	}
	release, err := d.enter()
	if err != nil {
		return err
	}
	defer release()
	wanted := map[string]bool{}
	for _, p := range found {
		wanted[p.ProposalID] = true
		if err := d.putProposal(ctx, p); err != nil {
			return err
		}
	}
	for _, it := range d.queue.List(learn.StateInReview) {
		if it.Kind == review.KindPlan && it.Project == at.project && it.Plan.Workspace == at.workspace && it.Plan.TargetPlanTemplate == at.template && !wanted[it.ID] {
			if err := d.planState(ctx, it, learn.StateDeprecated, "", "the plan or what is known of its steps has changed: it is not proposed any more"); err != nil {
				return err
			}
		}
	}
	if err := d.ledgerSettled(ctx); err != nil {
		return err
	}
	if err := d.actAlone(ctx, at); err != nil {
		return err
	}
	d.plans.mu.Lock()
	defer d.plans.mu.Unlock()
	if len(d.plans.looked) > 1000 {
		clear(d.plans.looked)
	}
	d.plans.looked[key] = fmt.Sprint(f.Hash(), d.runner.Applied(), d.ledger.at(), at.project)
	return nil
}

// putProposal puts a proposal into the queue unless it is there as it is.
func (d *Daemon) putProposal(ctx context.Context, p learn.PlanModificationProposal) error {
	p, holds, err := d.cleanProposal(p)
	if err != nil {
		return err
	}
	if holds {
		d.logger.Warn("a change of a plan is not proposed: it holds what looks like a secret", "file", p.TargetPlanTemplate, "step", p.TargetStep)
		return nil
	}
	it, err := d.queue.Get(p.ProposalID)
	if err == nil && it.ContentHash == p.ContentHash {
		if it.State == learn.StateDeprecated {
			return d.planState(ctx, it, learn.StateInReview, "", "the plan is again as it was when this was proposed")
		}
		return nil
	}
	return d.forge.write(ctx, learn.EntryProposal, p.ProposalID, p.ProjectID, d.now(), p, p.Evidence)
}

// planState records a step in a proposal's life.
func (d *Daemon) planState(ctx context.Context, it review.Item, to learn.State, decision, why string) error {
	change := learn.StateChange{ObjectID: it.ID, From: it.State, To: to, Reason: why, DecisionID: decision, Timestamp: d.now()}
	return d.forge.write(ctx, learn.EntryState, it.ID, it.Project, change.Timestamp, change, nil)
}
