package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// pageSize is the number of proposals on one page of the queue.
const pageSize = 100

// filter is what the queue's form asks for. Empty fields take everything.
type filter struct {
	State, Kind, Project, Search string
	Page                         int
}

func readFilter(q url.Values) filter {
	f := filter{State: short(q.Get("state"), 32), Kind: short(q.Get("kind"), 32),
		Project: short(q.Get("project"), 512), Search: short(q.Get("q"), 200)}
	f.Page, _ = strconv.Atoi(q.Get("page")) // a page that is no number is the first
	f.Page = max(0, f.Page)
	return f
}

func (f filter) takes(it *Item) bool {
	if f.Kind != "" && it.Kind != f.Kind || f.Project != "" && it.Project != f.Project {
		return false
	}
	if f.State != "" && string(it.State) != f.State {
		return false
	}
	return f.Search == "" || contains(it.Title, f.Search) || contains(it.Summary, f.Search) || strings.HasPrefix(it.ID, f.Search)
}

func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// link is the queue's address with this filter on another page.
func (f filter) link(page int) string {
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "kind": f.Kind, "project": f.Project, "q": f.Search} {
		if v != "" {
			q.Set(k, v)
		}
	}
	q.Set("page", strconv.Itoa(page))
	return "/?" + q.Encode()
}

// selected lists what the filter takes: open ones first, then the newest
// change first.
func (h *Handler) selected(f filter) (items []*Item, projects []string, open int) {
	seen := map[string]bool{}
	all := h.o.Queue.List()
	for i := range all {
		it := &all[i] // an Item is large, and there may be many
		if it.State == learn.StateInReview {
			open++
		}
		if it.Project != "" && !seen[it.Project] {
			seen[it.Project] = true
			projects = append(projects, it.Project)
		}
		if f.takes(it) {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, before)
	slices.Sort(projects)
	return items, projects, open
}

// before orders the queue: open ones first, and among them who waits longest;
// then what changed last.
func before(a, b *Item) int {
	ao, bo := a.State == learn.StateInReview, b.State == learn.StateInReview
	order := 0
	switch {
	case ao && bo:
		order = a.Created.Compare(b.Created)
	case ao:
		return -1
	case bo:
		return 1
	default:
		order = b.Changed.Compare(a.Changed)
	}
	if order == 0 {
		return strings.Compare(a.ID, b.ID)
	}
	return order
}

func (h *Handler) queue(w http.ResponseWriter, r *http.Request, s *session) {
	f := readFilter(r.URL.Query())
	items, projects, open := h.selected(f)
	total := len(items)
	f.Page = min(f.Page, max(0, total-1)/pageSize)
	from, to := f.Page*pageSize, min(total, (f.Page+1)*pageSize)
	data := map[string]any{
		"Items": items[from:to], "Projects": projects, "Open": open, "Total": total, "Filter": f,
		"First": from + 1, "Last": to, "Done": done(r.URL.Query().Get("done")),
		"States": []learn.State{learn.StateInReview, learn.StateApproved, learn.StateActive, learn.StateRejected,
			learn.StateQuarantined, learn.StateDeprecated, learn.StateRolledBack},
	}
	if f.Page > 0 {
		data["Previous"] = f.link(f.Page - 1)
	}
	if to < total {
		data["Next"] = f.link(f.Page + 1)
	}
	h.render(w, s, http.StatusOK, "queue", "Queue", data)
}

// done is the word on what was just decided; only these are shown.
func done(verdict string) string {
	switch learn.Verdict(verdict) {
	case learn.VerdictApprove:
		return "Approved. The decision is signed and in the ledger."
	case learn.VerdictReject:
		return "Rejected. The decision is signed and in the ledger."
	case learn.VerdictRequestClarification:
		return "Asked back. The proposal stays in the queue."
	}
	return ""
}
