package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// pageSize is the number of proposals on one page of the queue.
const pageSize = 50

// filter is what the queue's form asks for. Empty fields take everything.
type filter struct {
	State, Kind, Project, Search, Sort string
	Page                               int
}

func readFilter(q url.Values) filter {
	f := filter{State: short(q.Get("state"), 32), Kind: short(q.Get("kind"), 32),
		Project: short(q.Get("project"), 512), Search: short(q.Get("q"), 200)}
	if sort := q.Get("sort"); sort == "age" || sort == "risk" || sort == "changed" {
		f.Sort = sort
	}
	f.Page, _ = strconv.Atoi(q.Get("page")) // a page that is no number is the first
	f.Page = max(0, f.Page)
	return f
}

// Narrow reports whether the filter leaves anything out.
func (f filter) Narrow() bool {
	return f.State != "" || f.Kind != "" || f.Project != "" || f.Search != ""
}

func (f filter) takes(it *Item) bool {
	if f.Kind != "" && it.Kind != f.Kind && it.Type != f.Kind || f.Project != "" && it.Project != f.Project {
		return false
	}
	if f.State != "" && string(it.State) != f.State {
		return false
	}
	return f.Search == "" || contains(it.Title, f.Search) || contains(it.Summary, f.Search) || contains(it.Project, f.Search) || strings.HasPrefix(it.ID, f.Search)
}

// contains reports whether part is in text, without regard to case. It
// allocates nothing: a search looks through ten thousand proposals.
func contains(text, part string) bool {
	for i := 0; i+len(part) <= len(text); i++ {
		if (part == "" || text[i]|0x20 == part[0]|0x20 || part[0] >= 0x80) && strings.EqualFold(text[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// link is the queue's address with this filter on another page.
func (f filter) link(page int) string {
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "kind": f.Kind, "project": f.Project, "q": f.Search, "sort": f.Sort} {
		if v != "" {
			q.Set(k, v)
		}
	}
	q.Set("page", strconv.Itoa(page))
	return "/?" + q.Encode()
}

// selection is what a filter takes, in no order, and what the filter can be set
// to.
type selection struct {
	items           []*Item
	projects, kinds []string
	open            int // of all
}

// selected lists what the filter takes.
func (h *Handler) selected(f filter) selection {
	var out selection
	projects, kinds := map[string]bool{}, map[string]bool{}
	last := &Item{}
	for _, it := range h.o.Queue.Items() {
		if it.State == learn.StateInReview {
			out.open++
		}
		if it.Project != last.Project || it.Type != last.Type {
			projects[it.Project], kinds[it.Type], last = true, true, it
		}
		if f.takes(it) {
			out.items = append(out.items, it)
		}
	}
	out.projects, out.kinds = choices(projects), choices(kinds)
	return out
}

// leading returns the first n of items in order. Where they are few of many it
// does not sort the rest.
func leading(items []*Item, n int, compare func(a, b *Item) int) []*Item {
	if n == 0 || 8*n >= len(items) {
		slices.SortFunc(items, compare)
		return items[:min(n, len(items))]
	}
	out := make([]*Item, 0, n+1)
	for _, it := range items {
		if len(out) == n && compare(it, out[n-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, it, compare)
		out = slices.Insert(out, at, it)
		out = out[:min(n, len(out))]
	}
	return out
}

// choices are the values that a list can offer, in order: those that can be
// read.
func choices(seen map[string]bool) []string {
	maps.DeleteFunc(seen, func(v string, _ bool) bool { return v == "" || shown(v) != v })
	return slices.Sorted(maps.Keys(seen))
}

// before orders the queue: open ones first, and among them what is likeliest to
// be wanted, or as the filter says; then what changed last.
func (f filter) before(a, b *Item) int {
	ao, bo := a.State == learn.StateInReview, b.State == learn.StateInReview
	order := 0
	switch {
	case ao != bo && ao:
		return -1
	case ao != bo:
		return 1
	case !ao || f.Sort == "changed":
		order = b.Changed.Compare(a.Changed)
	case f.Sort == "risk":
		order = riskRank(a.Risk) - riskRank(b.Risk)
	case f.Sort == "":
		order = cmp.Compare(b.Confidence, a.Confidence)
	}
	if order == 0 {
		order = a.Created.Compare(b.Created)
	}
	if order == 0 {
		return strings.Compare(a.ID, b.ID)
	}
	return order
}

func riskRank(risk string) int { return slices.Index([]string{"low", "medium", "high"}, risk) }

func (h *Handler) queue(w http.ResponseWriter, r *http.Request, s *session) {
	f := readFilter(r.URL.Query())
	found := h.selected(f)
	total := len(found.items)
	f.Page = min(f.Page, max(0, total-1)/pageSize)
	from, to := f.Page*pageSize, min(total, (f.Page+1)*pageSize)
	data := map[string]any{
		"Items": leading(found.items, to, f.before)[from:to], "Projects": found.projects, "Kinds": found.kinds, "Open": found.open, "Total": total, "Filter": f,
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
