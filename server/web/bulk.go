package web

import (
	"fmt"
	"net/http"
	"strings"

	"lathe/learn"
)

// maxBulk is how many proposals are decided together.
const maxBulk = 100

// marked is one proposal of a bulk decision, on the content that was shown.
type marked struct {
	Item Item
	Hash string
	Mark string // the form's value
	Diff []line
}

// outcome is what became of one proposal of a bulk decision.
type outcome struct {
	ID, Title, Problem string
}

// readMarks finds the proposals that a form names. All must be of one kind: who
// decides on many at once decides on a kind of change.
func (h *Handler) readMarks(r *http.Request) ([]marked, string) {
	if err := r.ParseForm(); err != nil {
		return nil, "The form could not be read. Mark fewer proposals."
	}
	values := r.PostForm["mark"]
	switch {
	case len(values) == 0:
		return nil, "Nothing is marked. Mark the proposals that you want to decide on together."
	case len(values) > maxBulk:
		return nil, fmt.Sprintf("%d are marked; at most %d are decided together.", len(values), maxBulk)
	}
	var out []marked
	for _, v := range values {
		id, hash, ok := strings.Cut(v, " ")
		it, err := h.o.Queue.Get(id)
		if !ok || err != nil {
			return nil, "A marked proposal is not there any more. Load the queue anew."
		}
		m := marked{Item: it, Hash: hash, Mark: v}
		if it.Plan != nil {
			m.Diff = diffOf(it.Plan.Diff)
		} else if it.Tool != nil {
			m.Diff = diffOf(it.Tool.Diff)
		}
		if len(out) > 0 && out[0].Item.Kind+out[0].Item.Type != it.Kind+it.Type {
			return nil, fmt.Sprintf("Mark proposals of one kind only: %q and %q are two. The filter Kind shows one.", kindWords(&out[0].Item), kindWords(&it))
		}
		out = append(out, m)
	}
	return out, ""
}

// bulk shows the marked proposals together, each with what it changes.
func (h *Handler) bulk(w http.ResponseWriter, r *http.Request, s *session) {
	all, problem := h.readMarks(r)
	if problem != "" {
		h.fail(w, s, http.StatusBadRequest, problem)
		return
	}
	h.showBulk(w, s, http.StatusOK, all, "", "")
}

func (h *Handler) showBulk(w http.ResponseWriter, s *session, status int, all []marked, reason, problem string) {
	h.render(w, s, status, "bulk", fmt.Sprintf("%d proposals together", len(all)), map[string]any{
		"Marked": all, "Kind": kindWords(&all[0].Item), "Form": s.form(), "Reason": reason, "Problem": problem,
	})
}

// decideBulk signs one decision for each marked proposal, on the content that
// the page before showed.
func (h *Handler) decideBulk(w http.ResponseWriter, r *http.Request, s *session) {
	all, problem := h.readMarks(r)
	if problem != "" {
		h.fail(w, s, http.StatusBadRequest, problem)
		return
	}
	verdict, reason := learn.Verdict(r.PostFormValue("verdict")), strings.TrimSpace(r.PostFormValue("reason"))
	if problem := checkVerdict(verdict, reason); problem != "" {
		h.showBulk(w, s, http.StatusBadRequest, all, short(reason, maxReason), problem)
		return
	}
	if !s.redeem(r.PostFormValue("form")) {
		h.refused(r, "", "a form that was sent already, or is very old")
		h.showBulk(w, s, http.StatusConflict, all, short(reason, maxReason), formUsed)
		return
	}
	var done, failed []outcome
	for _, m := range all {
		d := s.signer.Decide(m.Item.ID, m.Hash, verdict, reason, h.o.Now())
		if _, err := h.o.Queue.Decide(r.Context(), d); err != nil {
			h.o.Logger.Warn("review page: decision refused", "object", m.Item.ID, "error", err)
			failed = append(failed, outcome{m.Item.ID, m.Item.Title, sentence(err)})
			continue
		}
		done = append(done, outcome{ID: m.Item.ID, Title: m.Item.Title})
	}
	status := http.StatusOK
	if len(done) == 0 {
		status = http.StatusConflict
	}
	h.render(w, s, status, "bulkdone", "Decided together", map[string]any{"Done": done, "Failed": failed, "Verdict": verdict})
}

// checkVerdict says what is wrong with a form's verdict and reason, or nothing.
func checkVerdict(v learn.Verdict, reason string) string {
	switch {
	case v != learn.VerdictApprove && v != learn.VerdictReject && v != learn.VerdictRequestClarification:
		return "Choose approve, reject or ask back."
	case v != learn.VerdictApprove && reason == "":
		return "Say why in a few words: Lathe learns from it."
	case len(reason) > maxReason:
		return "The reason is too long: keep it below 4000 characters."
	}
	return ""
}

const formUsed = "This form was sent already, or is very old. Nothing was decided by it now; look at the state and decide again if it is open."

// kindWords is a proposal's kind as a person says it.
func kindWords(it *Item) string {
	switch {
	case it.Kind == "tool":
		return "tool"
	case it.Type != "":
		return strings.ReplaceAll(short(it.Type, 60), "_", " ")
	case it.Kind == "plan":
		return "plan change"
	}
	return short(it.Kind, 60)
}
