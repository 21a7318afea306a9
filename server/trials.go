package server

import (
	"context"
	"slices"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/trial"
)

// Doors at which agents are given advice, as the trials' records name them.
// What a person asks for in a terminal, an editor or the review page is no
// experiment: they are served everything.
const (
	doorRecord   = "record_outcome"
	doorHook     = "hook"
	doorBefore   = "hook_before"
	doorGateway  = "gateway"
	doorDiagnose = "diagnose_failure"
	doorRecall   = "recall"
	doorRefine   = "refine_plan"
)

// withheld is what somebody who asked is told who goes without.
const withheld = " known here are withheld from this task, which is in the control group (a share of the tasks, drawn by hash) by which Lathe measures whether they help"

// assignment is what is about to be served to a task.
type assignment struct {
	kind, object, project, task, door, event string
	of                                       []trial.Alternative // what could have been put first instead
	chance                                   float64             // of the choice among them
	advised                                  []learn.RemedyAction
}

// assign draws whether a task gets something, and puts the draw on its way
// into the ledger. It reports whether to serve it.
func (d *Daemon) assign(ctx context.Context, a assignment) bool {
	// Who is asked without a record brings names that passed no door; a call's
	// own are clean already, and the same name becomes the same.
	if _, err := d.clean(&a.project, &a.task); err != nil {
		d.logger.Error("an assignment cannot be made", "object", a.object, "err", err)
		return true
	}
	if a.task == "" {
		d.metrics.advice.WithLabelValues(a.kind, a.door).Inc()
		return true // nothing could be learned from it
	}
	r := learn.TrialRecord{AdviceKind: a.kind, ObjectID: a.object, ProjectID: a.project, TaskID: a.task, EventID: a.event, Door: a.door,
		After: d.log.Head(eventlog.Events), Timestamp: d.now(), Advised: a.advised}
	if len(a.of) > 1 {
		r.ChoicePropensity = a.chance
		for _, o := range a.of {
			r.Alternatives = append(r.Alternatives, o.ObjectID)
		}
	}
	r, fresh := d.learners.trial.Assign(r)
	if fresh {
		e, err := learn.NewEntry(learn.EntryTrial, r.TrialID, r.ProjectID, r.Timestamp, r, nil)
		if err != nil {
			d.logger.Error("an assignment cannot be written", "object", a.object, "err", err)
		} else {
			if err := d.assignments.put(ctx, e); err != nil {
				d.logger.Warn("an assignment is not in the ledger: its caller could not wait", "object", a.object)
			}
		}
	}
	if r.Arm == learn.TrialControl {
		return false
	}
	d.metrics.advice.WithLabelValues(a.kind, a.door).Inc()
	return true
}

// choose draws which alternative is put first, when effects are measured.
func (d *Daemon) choose(kind, project, task string, of []trial.Alternative) (pick int, chance float64) {
	if task == "" || !d.learners.trial.Measures() || len(of) < 2 {
		return 0, 1
	}
	return d.learners.trial.Choose(kind, project, task, of)
}

// prior is what is known of a remedy before any trial, as counts of which no
// more than 20 weigh.
func prior(o learn.RemedyOffer) trial.Alternative {
	n := min(2+o.Successes+o.Failures, 20)
	return trial.Alternative{ObjectID: o.RemedyID, Successes: o.Confidence * n, Failures: (1 - o.Confidence) * n}
}

// tryRemedies puts a report's remedies up for trial before an agent is told of
// them: those that are retired go, one of those that reach the threshold comes
// first, and a task of the control group gets none.
func (d *Daemon) tryRemedies(ctx context.Context, r *learn.FailureAnalysisReport, ev *learn.ActionOutcome, door string) {
	r.Remedies = slices.DeleteFunc(slices.Clone(r.Remedies), func(o learn.RemedyOffer) bool {
		return d.learners.trial.Retired(learn.AdviceRemedy, o.RemedyID)
	})
	var of []trial.Alternative
	var at []int
	for i, o := range r.Remedies {
		if o.Confidence >= learn.AdviceThreshold && len(of) < learn.MaxAdviceRemedies {
			of, at = append(of, prior(o)), append(at, i)
		}
	}
	if len(of) == 0 || r.ConfidenceScore < learn.AdviceThreshold {
		return
	}
	task := taskOf(ev)
	pick, chance := d.choose(learn.AdviceRemedy, ev.ProjectID, task, of)
	first := r.Remedies[at[pick]]
	if pick > 0 {
		r.Remedies = slices.Insert(slices.Delete(r.Remedies, at[pick], at[pick]+1), at[0], first)
	}
	a := assignment{kind: learn.AdviceRemedy, object: first.RemedyID, project: ev.ProjectID, task: task, door: door, of: of, chance: chance,
		advised: advisedActions(first, ev), event: ev.ID}
	if !d.assign(ctx, a) {
		r.Remedies, r.ProposedRemediationStrategy, r.Withheld = []learn.RemedyOffer{}, "", "remedies"+withheld
	}
}

// taskOf is the task that a call belongs to, as the log's readers see it.
func taskOf(ev *learn.ActionOutcome) string {
	if ev.TaskID != "" {
		return ev.TaskID
	}
	if ev.SessionID == unnamedSession {
		return ""
	}
	return ev.SessionID
}

// advisedActions is what doing a remedy looks like; a retry is the same call.
func advisedActions(o learn.RemedyOffer, ev *learn.ActionOutcome) []learn.RemedyAction {
	if len(o.Actions) == 0 && ev.Command() != "" {
		return []learn.RemedyAction{{Command: ev.Command()}}
	}
	return o.Actions
}
