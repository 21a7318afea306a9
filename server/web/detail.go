package web

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lathe/learn"
)

// maxEvidence is how many events a detail page names in words.
const maxEvidence = 25

// maxReason is the size of a reason, in bytes.
const maxReason = 4000

// source is one file of a tool.
type source struct {
	Name  string
	Lines [][]token
}

// evidence is one event that a proposal came from. A missing one has only an ID.
type evidence struct {
	ID, What, Tool, When string
	Status               learn.Status
}

func (h *Handler) detail(w http.ResponseWriter, r *http.Request, s *session) {
	it, err := h.o.Queue.Get(r.PathValue("id"))
	if err != nil {
		h.fail(w, s, http.StatusNotFound, sentence(err))
		return
	}
	h.showItem(w, r, s, http.StatusOK, it, "")
}

func (h *Handler) showItem(w http.ResponseWriter, r *http.Request, s *session, status int, it Item, problem string) {
	data := map[string]any{
		"Item": it, "Open": it.State == learn.StateInReview, "Form": s.form(), "Problem": problem,
		"Evidence": h.evidence(r.Context(), it.Evidence), "More": max(0, len(it.Evidence)-maxEvidence),
		"Reason": short(r.PostFormValue("reason"), maxReason),
	}
	data["Previous"], data["Next"] = h.neighbours(it.ID)
	switch {
	case it.Tool != nil:
		t := it.Tool
		data["Files"], data["Diff"] = sources(t.Tool), diffOf(t.Diff)
		data["Sides"] = sides(diffOf(t.Diff))
		data["Parameters"] = pretty(t.Tool.Manifest.Parameters)
		data["Rationale"] = t.Rationale
	case it.Plan != nil:
		data["Diff"], data["Parameters"] = diffOf(it.Plan.Diff), pretty(it.Plan.Modifications)
		data["Sides"] = sides(diffOf(it.Plan.Diff))
		data["Rationale"] = it.Plan.Rationale
	}
	h.render(w, s, status, "detail", it.Title, data)
}

func diffOf(diff string) []line {
	if diff == "" {
		return nil
	}
	return diffLines(diff)
}

// neighbours are the open proposals before and after id, in the queue's order.
func (h *Handler) neighbours(id string) (previous, next string) {
	f := filter{State: string(learn.StateInReview)}
	items := h.selected(f).items
	var before, after *Item
	at := slices.IndexFunc(items, func(it *Item) bool { return it.ID == id })
	for _, it := range items {
		order := 1 // all come after what is not open any more
		if at >= 0 {
			order = f.before(it, items[at])
		}
		if order < 0 && (before == nil || f.before(before, it) < 0) {
			before = it
		}
		if order > 0 && (after == nil || f.before(it, after) < 0) {
			after = it
		}
	}
	if before != nil {
		previous = before.ID
	}
	if after != nil {
		next = after.ID
	}
	return previous, next
}

// sources lists a tool's files, the code first.
func sources(t learn.ProposedTool) []source {
	names := slices.SortedFunc(maps.Keys(t.Files), func(a, b string) int {
		return strings.Compare(rank(a)+a, rank(b)+b)
	})
	var out []source
	for _, name := range names {
		out = append(out, source{name, inLines(highlight(name, bounded(t.Files[name])))})
	}
	return out
}

func rank(name string) string {
	switch {
	case strings.HasPrefix(name, "tool."):
		return "0"
	case strings.HasPrefix(name, "test_"):
		return "1"
	}
	return "2"
}

func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

func (h *Handler) evidence(ctx context.Context, ids []string) []evidence {
	ids = ids[:min(len(ids), maxEvidence)]
	out := make([]evidence, len(ids))
	for i, id := range ids {
		out[i].ID = id
	}
	if h.o.Events == nil {
		return out
	}
	recs, err := h.o.Events(ctx, ids)
	if err != nil {
		h.o.Logger.Warn("review page: evidence", "error", err)
	}
	for _, rec := range recs {
		for i := range out {
			if out[i].ID == rec.ID() {
				out[i].describe(rec)
			}
		}
	}
	return out
}

func (e *evidence) describe(rec learn.Record) {
	if a := rec.Action; a != nil {
		e.Tool, e.Status, e.When = short(a.ToolName, 60), a.Status, stamp(a.Timestamp)
		if e.What = short(a.Command(), 160); e.What == "" {
			e.What = short(string(a.ToolParameters), 160)
		}
	}
	if t := rec.Task; t != nil {
		e.Tool, e.What, e.When = "task "+string(t.Phase), short(t.Prompt+t.Feedback, 160), stamp(t.Timestamp)
	}
}

// decide signs what the person said on the content that the page showed.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request, s *session) {
	it, err := h.o.Queue.Get(r.PathValue("id"))
	if err != nil {
		h.fail(w, s, http.StatusNotFound, sentence(err))
		return
	}
	verdict, reason := learn.Verdict(r.PostFormValue("verdict")), strings.TrimSpace(r.PostFormValue("reason"))
	if problem := checkVerdict(verdict, reason); problem != "" {
		h.showItem(w, r, s, http.StatusBadRequest, it, problem)
		return
	}
	if !s.redeem(r.PostFormValue("form")) {
		h.refused(r, it.ID, "a form that was sent already, or is very old")
		h.showItem(w, r, s, http.StatusConflict, it, formUsed)
		return
	}
	d := s.signer.Decide(it.ID, r.PostFormValue("content_hash"), verdict, reason, h.o.Now())
	if _, err := h.o.Queue.Decide(r.Context(), d); err != nil {
		h.o.Logger.Warn("review page: decision refused", "object", it.ID, "error", err)
		if now, gerr := h.o.Queue.Get(it.ID); gerr == nil {
			it = now
		}
		h.showItem(w, r, s, http.StatusConflict, it, sentence(err))
		return
	}
	http.Redirect(w, r, "/?done="+url.QueryEscape(string(verdict)), http.StatusSeeOther)
}
