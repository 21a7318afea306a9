package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/recovery"
	"lathe/server/intake"
)

// serveHook takes one hook event of an agent, which waits for the answer. What
// is answered goes into the agent's context, so it is answered only with advice
// that was seen to work. What has nothing to be advised on is stored behind the
// answer: an agent does not wait for the disk.
func (d *Daemon) serveHook(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	format := r.PathValue("format")
	h, err := intake.ParseHook(format, raw)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	project := r.URL.Query().Get("project") // as the person named it: the socket is theirs
	if h.Before != nil {
		if project != "" {
			h.Before.ProjectID = project
		}
		if answer := d.beforeCall(r.Context(), format, &h); answer != nil {
			reply(w, answer)
		}
		return
	}
	setProject(h.Records, project)
	nameProjects(h.Records)
	if !d.mayAdvise(h.Records) {
		if err := d.storeLater(r.Context(), h.Records); err != nil {
			fail(w, statusOf(err), err)
		}
		return
	}
	_, stored, err := d.take(r.Context(), h.Records)
	if err != nil {
		fail(w, statusOf(err), err)
		return
	}
	for _, a := range d.adviseOn(r.Context(), stored, doorHook) { // a hook event holds one call
		if answer := afterAnswer(format, h.Event, a.Text); answer != nil {
			reply(w, answer)
		}
		return
	}
}

func reply(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client is gone if this fails
}

// mayAdvise reports whether a remedy that is told of is known for one of the
// calls. It asks memory only; whether the agent is told is decided on the call
// as stored.
func (d *Daemon) mayAdvise(recs []learn.Record) bool {
	var failed []learn.Record
	for _, r := range recs {
		if r.Action != nil && r.Action.Status.Failed() {
			failed = append(failed, r)
		}
	}
	if len(failed) == 0 {
		return false
	}
	door, err := d.door()
	if err != nil {
		return true // storing says why
	}
	failed, _, _ = door.Admit(failed)
	return slices.ContainsFunc(failed, func(r learn.Record) bool {
		act := action.Parse(r.Action)
		sigs, before := d.learners.reader.match(r.Action, act)
		if len(sigs) == 0 {
			return false
		}
		offers := d.learners.recovery.Offer(recovery.Query{ProjectID: r.Action.ProjectID, SessionID: r.Action.SessionID, Language: sigs[0].Language,
			Signatures: former(sigs, before), Action: act, Trusted: d.learners.vocabulary.trusted(r.Action.ProjectID)})
		return slices.ContainsFunc(offers, func(o learn.RemedyOffer) bool { return o.Confidence >= learn.AdviceThreshold })
	})
}

// hookOutput is how Claude Code, Codex and Gemini CLI take a hook's answer.
type hookOutput struct {
	Event             string `json:"hookEventName"`
	AdditionalContext string `json:"additionalContext,omitempty"`
	Decision          string `json:"permissionDecision,omitempty"`
	Reason            string `json:"permissionDecisionReason,omitempty"`
}

// afterAnswer is advice on a call that failed in the form of the agent's hooks;
// nil when the event takes none.
func afterAnswer(format, event, text string) any {
	switch format {
	case "cursor":
		if event == "postToolUse" || event == "postToolUseFailure" {
			return map[string]string{"additional_context": text}
		}
		return nil // the others are not read
	case "opencode":
		return map[string]string{"context": text}
	}
	return map[string]any{"hookSpecificOutput": hookOutput{Event: event, AdditionalContext: text}}
}

// beforeAnswer is advice on a call to come. Refusing it is one of the agent's
// own forms; letting it run with a word to the agent is not in all of them, and
// then the answer is nil.
func beforeAnswer(format, event, text string, deny bool) any {
	switch {
	case format == "cursor" && deny:
		return map[string]string{"permission": "deny", "agent_message": text, "user_message": "Lathe: this command is known to fail here."}
	case format == "gemini" && deny:
		return map[string]string{"decision": "deny", "reason": text}
	case format == "opencode" && deny:
		return map[string]string{"deny": text}
	case format == "cursor", format == "gemini", format == "opencode":
		return nil
	case deny:
		return map[string]any{"hookSpecificOutput": hookOutput{Event: event, Decision: "deny", Reason: text}}
	}
	return map[string]any{"hookSpecificOutput": hookOutput{Event: event, AdditionalContext: text}}
}

// hooked are the records of a hook event that was answered already. The daemon
// does not end before they are stored.
type hooked struct {
	records []learn.Record
	release func()
}

// hookRest is how long a hook's event waits before it is stored: the hook
// program, which the agent waits for, ends meanwhile and does not share the
// processors with what the daemon makes of the event.
const hookRest = 15 * time.Millisecond

// storeLater hands records over to be stored behind the answer, many events at
// a time; it waits only when the disk is far behind. A crash loses what waits:
// what came in within hookRest and while one append to the log was under way.
// A transcript brings it back.
func (d *Daemon) storeLater(ctx context.Context, recs []learn.Record) error {
	if len(recs) == 0 {
		return nil
	}
	release, err := d.enter()
	if err != nil {
		return err
	}
	if err := d.hooked.put(ctx, hooked{recs, release}); err != nil {
		release()
		return err
	}
	return nil
}

// storeHooked stores what waits.
func (d *Daemon) storeHooked(ctx context.Context, all []hooked) error {
	var recs []learn.Record
	for _, h := range all {
		recs = append(recs, h.records...)
		defer h.release()
	}
	_, _, err := d.store(ctx, recs)
	return err
}
