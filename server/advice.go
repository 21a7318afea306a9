package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"lathe/learn"
	"lathe/server/intake"
)

// adviceTime is how long the answer to a recorded failure waits for advice.
const adviceTime = 300 * time.Millisecond

// maxAdvised bounds the failures of a batch that are advised on: the latest
// are those that the agent is at.
const maxAdvised = 5

// adviseOn says what is known of the failures among records that were just
// stored at a door, by their place in the batch. What a task of the control
// group would have been told is drawn, recorded and left out. That there is no
// advice is no error: the records are stored.
func (d *Daemon) adviseOn(ctx context.Context, stored []taken, door string) map[int]learn.Advice {
	ctx, cancel := context.WithTimeout(ctx, adviceTime)
	defer cancel()
	out := map[int]learn.Advice{}
	asked := 0
	for _, rec := range slices.Backward(stored) {
		if rec.Action == nil || !rec.Action.Status.Failed() {
			continue
		}
		if asked++; asked > maxAdvised || ctx.Err() != nil {
			break
		}
		report, err := d.report(ctx, rec.Action, false)
		if err != nil {
			break
		}
		d.tryRemedies(ctx, &report, rec.Action, door)
		a, ok := learn.AdviceOf(report, learn.AdviceThreshold)
		if !ok {
			continue
		}
		out[rec.index] = a
		d.publishReport(report)
	}
	return out
}

// serveHook takes one hook event of an agent. What it answers goes into the
// agent's context, so it answers only with advice that was seen to work.
func (d *Daemon) serveHook(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	recs, err := intake.ParseHook(r.PathValue("format"), raw)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	nameProjects(recs)
	_, stored, err := d.take(r.Context(), recs)
	if err != nil {
		fail(w, statusOf(err), err)
		return
	}
	for _, a := range d.adviseOn(r.Context(), stored, doorHook) { // a hook event holds one call
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(hookAnswer(raw, a)) // the client is gone if this fails
		return
	}
}

// hookAnswer is advice in the form of the agent's hooks: the event that is
// answered has to be named.
func hookAnswer(event []byte, a learn.Advice) any {
	var h struct {
		Name string `json:"hook_event_name"`
	}
	_ = json.Unmarshal(event, &h) // it was read before
	return map[string]any{"hookSpecificOutput": map[string]string{"hookEventName": h.Name,
		"additionalContext": a.Text}}
}
