package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lathe/learn"
)

// Experience is what was learned of tasks and failures. Report explains a
// failed call.
type Experience interface {
	Task(ctx context.Context, id string) (learn.Task, error)
	Fixes(ctx context.Context) []learn.Remedy
	Report(ctx context.Context, eventID string) (learn.FailureAnalysisReport, error)
}

// Feedback is a person's word: on a task, or on a remedy.
type Feedback struct {
	TaskID   string
	RemedyID string
	EventID  string // the failure that the remedy was for; may be ""
	Good     bool
}

// Teacher takes a person's word. Undo takes back what Lathe decided by itself,
// by its id, and says what that was.
type Teacher interface {
	Say(ctx context.Context, f Feedback) (line string, err error)
	Undo(ctx context.Context, id string) (line string, err error)
}

// maxFixes is how many remedies one page lists, and maxTaskSteps how many steps
// of a task.
const (
	maxFixes     = 200
	maxTaskSteps = 500
)

// explained is the report of a failed call, or nil.
func (h *Handler) explained(ctx context.Context, a *learn.ActionOutcome) *learn.FailureAnalysisReport {
	if h.o.Experience == nil || !a.Status.Failed() {
		return nil
	}
	r, err := h.o.Experience.Report(ctx, a.ID)
	if err != nil {
		h.o.Logger.Warn("review page: a failure could not be explained", "event", a.ID, "error", err)
		return nil
	}
	return &r
}

// taskOf is the task that a record belongs to: its own, or its session.
func taskOf(task, session string) string {
	if task != "" {
		return task
	}
	return session
}

func (h *Handler) task(w http.ResponseWriter, r *http.Request, s *session) {
	t, err := h.o.Experience.Task(r.Context(), r.PathValue("id"))
	if err != nil {
		h.fail(w, s, http.StatusNotFound, sentence(err))
		return
	}
	fields := filled(field{"Id", t.TaskID}, field{"Project", t.ProjectID}, field{"Agent", t.AgentID}, field{"Problem type", t.ProblemType},
		field{"Began", stamp(t.Started)}, field{"Ended", stamp(t.Finished)}, field{"Decided by", t.OutcomeReason})
	h.render(w, s, http.StatusOK, "task", "Task", map[string]any{
		"Task": t, "Fields": fields, "Form": s.form(), "Steps": t.Steps[:min(len(t.Steps), maxTaskSteps)], "More": max(0, len(t.Steps)-maxTaskSteps),
		"Said": r.URL.Query().Get("said") != "",
	})
}

func (h *Handler) fixes(w http.ResponseWriter, r *http.Request, s *session) {
	text := short(r.URL.Query().Get("q"), 200)
	all := slices.DeleteFunc(h.o.Experience.Fixes(r.Context()), func(m learn.Remedy) bool {
		return text != "" && !contains(m.Description, text) && !contains(m.PatternID, text) && !contains(m.ProjectID, text) && !strings.HasPrefix(m.RemedyID, text)
	})
	h.render(w, s, http.StatusOK, "fixes", "Fixes", map[string]any{
		"Fixes": all[:min(len(all), maxFixes)], "More": max(0, len(all)-maxFixes), "Text": text, "Form": s.form(), "Said": r.URL.Query().Get("said") != "",
	})
}

// feedback takes "this worked" and "this did not".
func (h *Handler) feedback(w http.ResponseWriter, r *http.Request, s *session) {
	task, _ := url.PathUnescape(r.PostFormValue("task")) // what is not escaped is no task's
	f := Feedback{TaskID: task, RemedyID: r.PostFormValue("remedy"), EventID: r.PostFormValue("event"), Good: r.PostFormValue("word") == "good"}
	if word := r.PostFormValue("word"); word != "good" && word != "bad" || (f.TaskID == "") == (f.RemedyID == "") {
		h.fail(w, s, http.StatusBadRequest, "Say of one task, or of one remedy, whether it was good or bad.")
		return
	}
	if !s.redeem(r.PostFormValue("form")) {
		h.refused(r, f.TaskID+f.RemedyID, "a form that was sent already, or is very old")
		h.fail(w, s, http.StatusConflict, "This form was sent already. Load the page anew.")
		return
	}
	if _, err := h.o.Teacher.Say(r.Context(), f); err != nil {
		h.fail(w, s, http.StatusConflict, sentence(err))
		return
	}
	back := "/fixes?said=1"
	if f.TaskID != "" {
		back = "/task/" + url.PathEscape(f.TaskID) + "?said=1"
	} else if learn.ValidID(f.EventID) {
		back = "/event/" + f.EventID + "?said=1"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// undo takes back what Lathe decided by itself, or a mute.
func (h *Handler) undo(w http.ResponseWriter, r *http.Request, s *session) {
	if !s.redeem(r.PostFormValue("form")) {
		h.fail(w, s, http.StatusConflict, "This form was sent already. Load the page anew.")
		return
	}
	line, err := h.o.Teacher.Undo(r.Context(), r.PostFormValue("id"))
	if err != nil {
		h.fail(w, s, http.StatusConflict, sentence(err))
		return
	}
	h.showKPI(w, r, s, line)
}
