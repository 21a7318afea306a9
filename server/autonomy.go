package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/refine"
	"lathe/learn/trial"
	"lathe/server/review"
)

// AutonomyConfig says what Lathe may do without a person. It is read from the
// person's own file alone: a workspace, a variable or a flag cannot set it.
type AutonomyConfig struct {
	Plans         bool    // bring changes into plan templates
	MaxRisk       string  // low or medium: the highest risk of such a change
	MinAcceptance float64 // what the share of accepted proposals of its type must reach, by its lower bound
}

func defaultAutonomy() AutonomyConfig { return AutonomyConfig{MaxRisk: "low", MinAcceptance: 0.8} }

const autonomyPrefix = "autonomy."

// fileOnly reports whether a setting is taken from the person's file alone.
func fileOnly(name string) bool {
	return strings.HasPrefix(name, autonomyPrefix) || strings.HasPrefix(name, toolsPrefix)
}

func autonomySettings() []setting {
	return []setting{
		{autonomyPrefix + "plans", true, func(c *Config) string { return strconv.FormatBool(c.Autonomy.Plans) }, func(c *Config, v string) (err error) {
			c.Autonomy.Plans, err = strconv.ParseBool(v)
			return err
		}},
		{autonomyPrefix + "max_risk", true, func(c *Config) string { return c.Autonomy.MaxRisk }, func(c *Config, v string) error {
			if v != "low" && v != "medium" {
				return errors.New("it must be low or medium; what is riskier always waits for a person")
			}
			c.Autonomy.MaxRisk = v
			return nil
		}},
		{autonomyPrefix + "min_acceptance", true, func(c *Config) string { return strconv.FormatFloat(c.Autonomy.MinAcceptance, 'g', -1, 64) }, func(c *Config, v string) (err error) {
			c.Autonomy.MinAcceptance, err = strconv.ParseFloat(v, 64)
			if err == nil && !(c.Autonomy.MinAcceptance >= 0.5 && c.Autonomy.MinAcceptance < 1) {
				err = errors.New("it must be at least 0.5 and less than 1")
			}
			return err
		}},
	}
}

// maxAlone bounds what is done without a person within a day.
const maxAlone = 10

// acceptance is how people decided on proposals of one type.
type acceptance struct{ accepted, judged int }

func (a acceptance) bound() float64 { return trial.LowerBound(a.accepted, a.judged, 0.05) }

// allows says whether a change may be made without a person, and why not.
func (c AutonomyConfig) allows(p learn.PlanModificationProposal, past acceptance, today int) error {
	classes := []string{"low", "medium"}
	risk, most := slices.Index(classes, p.Risk), slices.Index(classes, c.MaxRisk)
	switch {
	case !c.Plans:
		return errors.New("autonomy.plans is not switched on")
	case risk < 0 || risk > most:
		return fmt.Errorf("its risk is %.20q, and autonomy.max_risk is %q", p.Risk, c.MaxRisk)
	case c.MinAcceptance < 0.5 || past.bound() < c.MinAcceptance:
		return fmt.Errorf("people accepted %d of %d proposals of this type, which says at least %.2f; autonomy.min_acceptance is %v", past.accepted, past.judged, past.bound(), c.MinAcceptance)
	case today >= maxAlone:
		return fmt.Errorf("%d changes were made without a person within a day, which is the most", today)
	}
	return nil
}

// accepted adds up what people decided on a type of proposals. Approvals count
// by their signature, which is checked; a change that was taken back counts as
// rejected, whoever made it.
func (d *Daemon) accepted(t learn.ModificationType) acceptance {
	var a acceptance
	for _, it := range d.queue.List() {
		if it.Kind != review.KindPlan || it.Plan.Type != t {
			continue
		}
		switch it.State {
		case learn.StateRejected, learn.StateRolledBack:
			a.judged++
		case learn.StateApproved, learn.StateActive:
			if _, err := d.queue.Approval(it.ID, refine.ContentHash(*it.Plan)); err == nil {
				a.judged++
				a.accepted++
			}
		}
	}
	return a
}

// today counts what was done without a person within a day.
func (d *Daemon) today() int {
	n := 0
	for _, it := range d.queue.List() {
		if it.Alone != nil && d.now().Sub(it.Alone.Timestamp) < 24*time.Hour {
			n++
		}
	}
	return n
}

// actAlone brings those changes of a template into its file that may be without
// a person. Each is announced before it is done: in the ledger, and after it in
// the log and in the editors.
func (d *Daemon) actAlone(ctx context.Context, at planPlace) error {
	if !d.cfg.Autonomy.Plans || at.workspace == "" {
		return nil
	}
	for _, it := range d.queue.List(learn.StateInReview) {
		if it.Kind != review.KindPlan || it.Project != at.project || it.Plan.Workspace != at.workspace || it.Plan.TargetPlanTemplate != at.template {
			continue
		}
		if it.ContentHash != refine.ContentHash(*it.Plan) || len(it.Decisions) > 0 {
			continue // not what it says it is, or a person is at it
		}
		if err := d.actOn(ctx, it); err != nil && !errors.Is(err, errPlanChanged) && !errors.Is(err, errTemplate) {
			return err
		}
	}
	return nil
}

func (d *Daemon) actOn(ctx context.Context, it review.Item) error {
	past := d.accepted(it.Plan.Type)
	if err := d.cfg.Autonomy.allows(*it.Plan, past, d.today()); err != nil {
		d.logger.Debug("a plan change waits for a person", "proposal", it.ID, "why", err)
		return nil
	}
	d.plans.writing.Lock()
	defer d.plans.writing.Unlock()
	now, err := d.queue.Get(it.ID)
	if err != nil || now.State != learn.StateInReview || now.ContentHash != it.ContentHash || len(now.Decisions) > 0 {
		return err // decided on meanwhile
	}
	act := learn.AutonomousAct{ProposalID: it.ID, Type: it.Plan.Type, Risk: it.Plan.Risk, Workspace: it.Plan.Workspace, Template: it.Plan.TargetPlanTemplate,
		Accepted: past.accepted, Judged: past.judged, Bound: past.bound(), Threshold: d.cfg.Autonomy.MinAcceptance, Timestamp: d.now()}
	act.ActID = learn.UUIDv8("autonomy", it.ID, it.ContentHash, act.Timestamp.Format(time.RFC3339Nano))
	act.Reason = fmt.Sprintf("autonomy.plans is switched on, the risk is %s, and people accepted %d of %d proposals of this type", act.Risk, act.Accepted, act.Judged)
	announce := func() error {
		return d.forge.write(ctx, learn.EntryAutonomy, act.ActID, it.Project, act.Timestamp, act, it.Evidence)
	}
	if _, err := d.writeChange(ctx, it, act.ActID, announce); err != nil {
		d.logger.Warn("a plan change was not made without a person", "proposal", it.ID, "err", err)
		return err
	}
	undo := "lathe undo " + it.ID[:min(8, len(it.ID))]
	d.logger.Info("plan changed without a person", "template", act.Template, "proposal", it.ID, "why", act.Reason, "undo", undo)
	d.lsp.Announce(act.Workspace, fmt.Sprintf("%s was changed without asking (%s): %s. `%s` takes it back.", act.Template, it.Plan.Type, learn.Shown(it.Plan.Rationale, 200), undo))
	return nil
}
