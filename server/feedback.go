package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lathe/index"
	"lathe/learn"
)

// FeedbackCall is a person's word on a task, or on a remedy: the id of either.
// EventID is the failure that a remedy was for, when it is known.
type FeedbackCall struct {
	ID      string `json:"id"`
	EventID string `json:"event_id,omitempty"`
	Good    bool   `json:"good"`
	Why     string `json:"why,omitempty"`
}

// Feedback says what was noted.
type Feedback struct {
	TaskID   string        `json:"task_id,omitempty"`
	RemedyID string        `json:"remedy_id,omitempty"`
	Outcome  learn.Outcome `json:"outcome"`
	Line     string        `json:"line"`
}

// feedback notes a person's word in the log, where the learners find it: it
// outranks every verification of a task, and weighs as several sessions on a
// remedy. Later words replace earlier ones of a task.
func (d *Daemon) feedback(ctx context.Context, c FeedbackCall) (Feedback, error) {
	out := Feedback{Outcome: learn.OutcomeFailure}
	if c.Good {
		out.Outcome = learn.OutcomeSuccess
	}
	rec := learn.TaskRecord{Timestamp: d.now(), Phase: learn.TaskFeedback, Outcome: out.Outcome, OutcomeKind: learn.VerifyUserFeedback, Feedback: c.Why, AgentID: "person"}
	remedy, found, err := d.remedyNamed(c.ID)
	switch {
	case err != nil:
		return out, err
	case found:
		rec.RemedyID, out.RemedyID = remedy.RemedyID, remedy.RemedyID
		rec.ProjectID = cmp.Or(remedy.ProjectID, d.projectOf(ctx, c.EventID), "none")
		out.Line = fmt.Sprintf("noted that this %s: %s", map[bool]string{true: "worked", false: "did not work"}[c.Good], learn.Shown(remedy.Description, 120))
	default:
		place, err := d.taskPlace(ctx, c.ID)
		if err != nil {
			return out, err
		}
		rec.TaskID, rec.ProjectID, rec.SessionID, out.TaskID = place.TaskID, place.ProjectID, place.SessionID, place.TaskID
		out.Line = fmt.Sprintf("task %s is noted as %s", learn.Shown(place.TaskID, 60), map[bool]string{true: "good", false: "bad"}[c.Good])
	}
	// A word said again counts again, unlike a record that is imported twice.
	rec.ID = learn.UUIDv8("feedback", rec.TaskID, rec.RemedyID, string(rec.Outcome), rec.Timestamp.Format(time.RFC3339Nano))
	receipt, err := d.accept(ctx, []learn.Record{{Task: &rec}})
	if err == nil && len(receipt.Rejected) > 0 {
		err = errors.New(receipt.Rejected[0].Reason)
	}
	return out, err
}

// remedyNamed finds a remedy by its id or an unambiguous beginning of it.
func (d *Daemon) remedyNamed(id string) (learn.Remedy, bool, error) {
	if len(id) < 6 { // anything begins with little
		return learn.Remedy{}, false, nil
	}
	switch found := d.learners.recovery.Named(id); len(found) {
	case 0:
		return learn.Remedy{}, false, nil
	case 1:
		return found[0], true, nil
	default:
		return learn.Remedy{}, false, fmt.Errorf("%q fits %d remedies: give more of the id", id, len(found))
	}
}

// taskPlace finds a task that has ended, or one that calls were recorded of.
func (d *Daemon) taskPlace(ctx context.Context, id string) (learn.Task, error) {
	var t learn.Task
	if id == "" {
		return t, errors.New("no task is named: `lathe task list` shows them")
	}
	if ok, err := d.object(ctx, learn.EntryTask, id, &t); err != nil || ok {
		return t, err
	}
	for _, q := range []index.Query{{Task: id, Limit: 1}, {Session: id, Limit: 1}} {
		res, err := d.index.SearchEvents(ctx, q)
		if err != nil {
			return t, err
		}
		if len(res.Hits) > 0 {
			h := res.Hits[0]
			return learn.Task{TaskID: id, ProjectID: h.Project, SessionID: h.Session, Outcome: learn.OutcomeUnknown,
				OutcomeReason: "it has not ended yet"}, nil
		}
	}
	return t, fmt.Errorf("there is no task and no remedy %.80q: `lathe task list` shows tasks, `lathe task fixes` remedies", id)
}

func (d *Daemon) projectOf(ctx context.Context, event string) string {
	if event == "" {
		return ""
	}
	rec, err := d.log.Record(ctx, event)
	if err != nil {
		return ""
	}
	return rec.Project()
}

// serveFeedback adds the calls of people's feedback to the socket.
func (d *Daemon) serveFeedback(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/feedback", func(ctx context.Context, c FeedbackCall) (Feedback, error) { return d.feedback(ctx, c) })
	answer(d, mux, "POST /v1/mutes", d.mute)
	answer(d, mux, "GET /v1/mutes", func(context.Context, nothing) ([]learn.Mute, error) { return d.mutes.inForce(d.now()), nil })
	answer(d, mux, "POST /v1/digest", d.digest)
	answer(d, mux, "GET /v1/acceptance", func(context.Context, nothing) ([]GroupAcceptance, error) { return d.acceptanceGroups(), nil })
}
