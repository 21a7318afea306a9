package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"lathe/learn"
	"lathe/learn/refine"
	"lathe/server/review"
)

// writePlan brings an approved change into its file: the signature is checked
// over the content, the file must be what the change was made for, and the
// ledger knows before the file does. A change that is in the file already needs
// no write.
func (d *Daemon) writePlan(ctx context.Context, id string) (*learn.PlanWrite, error) {
	d.plans.writing.Lock()
	defer d.plans.writing.Unlock()
	it, err := d.queue.Get(id)
	if err != nil {
		return nil, err
	}
	decision, err := d.queue.Approval(it.ID, refine.ContentHash(*it.Plan))
	if err != nil {
		return nil, err
	}
	return d.writeChange(ctx, it, decision.DecisionID, nil)
}

// writeChange brings a change into its file; plans.writing is held. by is the
// decision or the autonomous act that it rests on, and announce, if there is
// one, goes before the first thing that is written.
func (d *Daemon) writeChange(ctx context.Context, it review.Item, by string, announce func() error) (*learn.PlanWrite, error) {
	p := it.Plan
	t, err := openTemplate(p.Workspace, p.TargetPlanTemplate)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if !d.plans.descends(planFile(p.Workspace, p.TargetPlanTemplate), learn.ContentHash(t.text), p.BaseHash) {
		return nil, fmt.Errorf("%w since this was proposed: %s was edited. It is proposed again for what the file is now", errPlanChanged, t.name)
	}
	f, err := refine.Parse(t.name, t.text)
	if err != nil {
		return nil, err
	}
	next, log := refine.Refine(f, []learn.PlanModificationProposal{*p}, d.toolsOf(it.Project))
	if strings.HasPrefix(log[0].Line, "left out") {
		return nil, fmt.Errorf("%w: %s", errPlanChanged, log[0].Line)
	}
	if announce != nil {
		if err := announce(); err != nil {
			return nil, err
		}
	}
	if !log[0].Changed {
		return nil, errors.Join(d.planState(ctx, it, learn.StateActive, by, "it is in "+t.name+" already"), d.ledgerSettled(ctx))
	}
	w := planWrite(t, next.Text())
	w.ProposalID, w.DecisionID, w.Workspace, w.Template, w.Timestamp = it.ID, by, p.Workspace, p.TargetPlanTemplate, d.now()
	w.WriteID = learn.UUIDv8("plan write", w.ProposalID, w.DecisionID, w.Before, w.After)
	if err := d.put(ctx, t, w, it.Project, next.Text()); err != nil {
		return nil, err
	}
	return &w, errors.Join(d.planState(ctx, it, learn.StateActive, by, "written to "+t.name), d.ledgerSettled(ctx))
}

// put announces a write in the ledger and does it.
func (d *Daemon) put(ctx context.Context, t *template, w learn.PlanWrite, project string, text []byte) error {
	removed, inserted := w.Removed, w.Inserted // kept word for word, so that it can be undone
	if found, err := d.clean(&removed, &inserted); err != nil || found > 0 {
		return cmp.Or(err, fmt.Errorf("%s is not written: what would change holds what looks like a secret; keep secrets out of plans", t.name))
	}
	if err := d.forge.write(ctx, learn.EntryPlanWrite, w.WriteID, project, w.Timestamp, w, nil); err != nil {
		return fmt.Errorf("%s is not written, for the ledger could not be: %w", t.name, err)
	}
	return t.replace(text)
}

// planWrite is the one edit between a file's text and a new one.
func planWrite(t *template, text []byte) learn.PlanWrite {
	old := t.text
	head, tail := 0, 0
	for head < len(old) && head < len(text) && old[head] == text[head] {
		head++
	}
	for tail < len(old)-head && tail < len(text)-head && old[len(old)-1-tail] == text[len(text)-1-tail] {
		tail++
	}
	// Not within a character: the ledger is JSON, which has whole ones.
	for head > 0 && (inside(old, head) || inside(text, head)) {
		head--
	}
	for tail > 0 && (inside(old, len(old)-tail) || inside(text, len(text)-tail)) {
		tail--
	}
	return learn.PlanWrite{Before: learn.ContentHash(old), After: learn.ContentHash(text), Offset: head,
		Removed: string(old[head : len(old)-tail]), Inserted: string(text[head : len(text)-tail])}
}

// inside reports whether an offset lies within a UTF-8 character.
func inside(text []byte, at int) bool { return at < len(text) && text[at]&0xc0 == 0x80 }

// descends reports whether a text came from base by Lathe's own writes alone.
func (p *plans) descends(file, hash, base string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	writes := p.writes[file]
	for i := len(writes) - 1; hash != base; i-- {
		for ; i >= 0 && writes[i].After != hash; i-- {
		}
		if i < 0 {
			return false
		}
		hash = writes[i].Before
	}
	return true
}

// writeApproved writes the approved changes of a template that are not in its
// file yet, oldest first.
func (d *Daemon) writeApproved(ctx context.Context, at planPlace) ([]learn.PlanWrite, error) {
	release, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer release()
	if at.workspace == "" {
		return nil, fmt.Errorf("only a template is written: a file %s/NAME.json in a workspace", plansDir)
	}
	var out []learn.PlanWrite
	for _, it := range d.queue.List(learn.StateApproved) {
		if it.Plan == nil || it.Plan.Workspace != at.workspace || it.Plan.TargetPlanTemplate != at.template {
			continue
		}
		w, err := d.writePlan(ctx, it.ID)
		if err != nil {
			return out, fmt.Errorf("%s is not written: %w", it.Title, err)
		}
		if w != nil {
			out = append(out, *w)
		}
	}
	return out, nil
}
