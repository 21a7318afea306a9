package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"lathe/learn"
)

// field is one labelled value of an event or node.
type field struct{ Name, Value string }

// block is one longer text of an event.
type block struct{ Name, Text string }

func (h *Handler) event(w http.ResponseWriter, r *http.Request, s *session) {
	id := r.PathValue("id")
	if !learn.ValidID(id) {
		h.fail(w, s, http.StatusNotFound, "An event's id has the form of a UUID.")
		return
	}
	recs, err := h.o.Events(r.Context(), []string{id})
	if err != nil {
		h.o.Logger.Error("review page: read event", "event", id, "error", err)
		h.fail(w, s, http.StatusInternalServerError, "The event could not be read; the daemon's log says why.")
		return
	}
	at := slices.IndexFunc(recs, func(rec learn.Record) bool { return rec.ID() == id })
	if at < 0 {
		h.fail(w, s, http.StatusNotFound, "There is no event "+id+": it may have been forgotten or redacted on request.")
		return
	}
	data := map[string]any{}
	title := "Event"
	if a := recs[at].Action; a != nil {
		title = "Call of " + a.ToolName
		data["Fields"], data["Blocks"], data["Status"] = actionFields(a), actionBlocks(a), a.Status
		data["Event"], data["Session"], data["Task"] = a.ID, a.SessionID, taskOf(a.TaskID, a.SessionID)
		data["Explained"] = h.explained(r.Context(), a)
		data["Form"] = s.form()
	} else if t := recs[at].Task; t != nil {
		title = "Task " + string(t.Phase)
		data["Fields"], data["Blocks"] = taskFields(t), blocks(block{"Prompt", t.Prompt}, block{"Feedback", t.Feedback})
		data["Event"], data["Session"], data["Task"] = t.ID, t.SessionID, taskOf(t.TaskID, t.SessionID)
	}
	h.render(w, s, http.StatusOK, "event", title, data)
}

func actionFields(a *learn.ActionOutcome) []field {
	exit, took, tokens := "", "", ""
	if a.ToolOutput.ExitCode != nil {
		exit = fmt.Sprint(*a.ToolOutput.ExitCode)
	}
	if ms := a.ResourceMetrics.DurationMS; ms > 0 {
		took = learn.Duration(ms)
	}
	if m := a.ResourceMetrics; m.TokenCountIn+m.TokenCountOut > 0 {
		tokens = fmt.Sprintf("%d in, %d out", m.TokenCountIn, m.TokenCountOut)
	}
	code := ""
	if a.ErrorDetails != nil {
		code = a.ErrorDetails.Code
	}
	return filled(field{"Id", a.ID}, field{"Time", stamp(a.Timestamp)}, field{"Tool", a.ToolName}, field{"Type", string(a.ActionType)},
		field{"Exit code", exit}, field{"Took", took}, field{"Tokens", tokens}, field{"Error code", code}, field{"Project", a.ProjectID},
		field{"Session", a.SessionID}, field{"Task", a.TaskID}, field{"Agent", a.AgentID}, field{"Recorded by", string(a.Source)},
		field{"Plan", a.PlanID}, field{"Step", a.StepID}, field{"Folder", a.ContextSnapshot.CWD})
}

func taskFields(t *learn.TaskRecord) []field {
	return filled(field{"Id", t.ID}, field{"Time", stamp(t.Timestamp)}, field{"Task", t.TaskID}, field{"Project", t.ProjectID},
		field{"Session", t.SessionID}, field{"Agent", t.AgentID}, field{"Problem type", t.ProblemType},
		field{"Outcome", string(t.Outcome)}, field{"Says who", string(t.OutcomeKind)})
}

// filled leaves out fields without a value and bounds the others.
func filled(fields ...field) []field {
	var out []field
	for _, f := range fields {
		if f.Value != "" {
			out = append(out, field{f.Name, short(f.Value, 600)})
		}
	}
	return out
}

func actionBlocks(a *learn.ActionOutcome) []block {
	command := a.Command()
	parameters := pretty(a.ToolParameters)
	var only map[string]json.RawMessage
	if command != "" && json.Unmarshal(a.ToolParameters, &only) == nil && len(only) == 1 {
		parameters = "" // the command says it all
	}
	message, stack := "", ""
	if a.ErrorDetails != nil {
		message, stack = a.ErrorDetails.Message, a.ErrorDetails.StackTrace
	}
	return blocks(block{"Command", command}, block{"Parameters", parameters}, block{"Error", message}, block{"Standard output", a.ToolOutput.Stdout},
		block{"Standard error", a.ToolOutput.Stderr}, block{"Content", a.ToolOutput.Content}, block{"Stack trace", stack})
}

func blocks(all ...block) []block {
	var out []block
	for _, b := range all {
		if strings.TrimSpace(b.Text) != "" {
			out = append(out, b)
		}
	}
	return out
}

func (h *Handler) editors(w http.ResponseWriter, _ *http.Request, s *session) {
	h.showEditors(w, s, http.StatusOK, "")
}

func (h *Handler) showEditors(w http.ResponseWriter, s *session, status int, problem string) {
	h.render(w, s, status, "editors", "Editors", map[string]any{
		"Editors": h.o.Editors.Connections(), "Form": s.form(), "Problem": problem,
	})
}

func (h *Handler) unlockEditor(w http.ResponseWriter, r *http.Request, s *session) {
	if !s.redeem(r.PostFormValue("form")) {
		h.showEditors(w, s, http.StatusConflict, "This form was sent already. Look at the list, and unlock again if it is still locked.")
		return
	}
	if err := h.o.Editors.Unlock(r.PostFormValue("connection"), s.signer); err != nil {
		h.showEditors(w, s, http.StatusConflict, sentence(err))
		return
	}
	http.Redirect(w, r, "/editors", http.StatusSeeOther)
}
