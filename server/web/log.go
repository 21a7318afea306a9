package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// LogQuery is what the log explorer asks. Empty fields take everything.
type LogQuery struct {
	Text, Project, Session, Task, Tool, Status, Signature string
	Since                                                 time.Time
	From, Limit                                           int
}

// LogHit is one recorded call that was found.
type LogHit struct {
	ID, Project, Session, Task, Tool, Status, Summary string
	Time                                              time.Time
}

// Log searches recorded calls: the best hits first, without words the newest.
type Log interface {
	Search(ctx context.Context, q LogQuery) (hits []LogHit, total int, err error)
}

const (
	logPage = 50
	// maxFrom is how far one can turn pages: a search index pays for every hit
	// that it passes over. Filters lead further.
	maxFrom = 5000
)

// days are the times that the log explorer offers.
var days = []int{1, 7, 30, 90}

func readLogQuery(v url.Values, now time.Time) (LogQuery, int) {
	text := func(name string) string { return short(v.Get(name), 512) }
	q := LogQuery{Text: text("q"), Project: text("project"), Session: text("session"), Task: text("task"), Tool: text("tool"),
		Status: text("status"), Signature: text("signature"), Limit: logPage}
	q.From, _ = strconv.Atoi(v.Get("from")) // what is no number is the beginning
	q.From = min(max(0, q.From), maxFrom) / logPage * logPage
	n, _ := strconv.Atoi(v.Get("days")) // what is no number is all
	for _, d := range days {
		if d == n {
			q.Since = now.AddDate(0, 0, -d)
			return q, d
		}
	}
	return q, 0
}

// link is the log's address with this query from another hit on.
func (q LogQuery) link(since, from int) string {
	v := url.Values{}
	for k, s := range map[string]string{"q": q.Text, "project": q.Project, "session": q.Session, "task": q.Task, "tool": q.Tool, "status": q.Status,
		"signature": q.Signature} {
		if s != "" {
			v.Set(k, s)
		}
	}
	if since > 0 {
		v.Set("days", strconv.Itoa(since))
	}
	v.Set("from", strconv.Itoa(from))
	return "/log?" + v.Encode()
}

func (h *Handler) log(w http.ResponseWriter, r *http.Request, s *session) {
	q, since := readLogQuery(r.URL.Query(), h.o.Now())
	data := map[string]any{"Query": q, "Days": days, "Since": since, "Statuses": []string{"success", "failure", "timeout", "interrupted"}}
	hits, total, err := h.o.Log.Search(r.Context(), q)
	status := http.StatusOK
	if err != nil {
		data["Problem"], status = sentence(err), http.StatusBadRequest
	}
	data["Hits"], data["Total"], data["First"], data["Last"] = hits, total, q.From+1, q.From+len(hits)
	if q.From > 0 {
		data["Previous"] = q.link(since, max(0, q.From-logPage))
	}
	if q.From+len(hits) < total && q.From+logPage <= maxFrom {
		data["Next"] = q.link(since, q.From+logPage)
	}
	h.render(w, s, status, "log", "Log", data)
}
