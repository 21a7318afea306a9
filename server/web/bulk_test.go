package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lathe/learn"
)

// marks is the form that marks the open proposals of a kind on the queue's page.
func (b *browser) marks(query string) url.Values {
	b.w.t.Helper()
	_, page := b.get("/" + query)
	form := url.Values{"csrf": {fields(page).Get("csrf")}}
	for _, m := range strings.Split(page, `name="mark" value="`)[1:] {
		form.Add("mark", m[:strings.IndexByte(m, '"')])
	}
	return form
}

func TestProposalsOfOneKindAreDecidedTogether(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	form := b.marks("?kind=add_precondition")
	if len(form["mark"]) != 2 {
		t.Fatalf("marks: %v", form["mark"])
	}
	code, page := b.post("/bulk", form)
	if code != http.StatusOK || strings.Count(page, "module_importable") < 2 {
		t.Fatalf("the page before: %d\n%s", code, page)
	}
	decide := fields(page)
	decide["mark"] = form["mark"]
	decide.Set("verdict", "reject")
	if code, page := b.post("/bulk/decide", decide); code != http.StatusBadRequest || !strings.Contains(page, "Say why") || w.q.taken != 0 {
		t.Errorf("without a reason: %d, %d decisions", code, w.q.taken)
	}
	decide.Set("reason", "we check that elsewhere")
	code, page = b.post("/bulk/decide", decide)
	if code != http.StatusOK || w.q.taken != 2 || !strings.Contains(page, "2 decided") {
		t.Fatalf("%d, %d decisions\n%s", code, w.q.taken, page)
	}
	if code, _ := b.post("/bulk/decide", decide); code != http.StatusConflict || w.q.taken != 2 {
		t.Errorf("the same form again: %d, %d decisions", code, w.q.taken)
	}
	for _, it := range w.q.Items() {
		if it.Type == "add_precondition" && it.State != learn.StateRejected {
			t.Errorf("%s is %s", it.Title, it.State)
		}
	}
}

func TestTogetherMeansOneKindAndWhatWasShown(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	all := b.marks("")
	if code, page := b.post("/bulk", all); code != http.StatusBadRequest || !strings.Contains(page, "of one kind only") {
		t.Errorf("mixed kinds: %d\n%s", code, page)
	}
	if code, _ := b.post("/bulk", url.Values{"csrf": all["csrf"]}); code != http.StatusBadRequest {
		t.Errorf("nothing marked: %d", code)
	}
	if code, _ := b.post("/bulk", url.Values{"csrf": all["csrf"], "mark": {"nothing sha256:x"}}); code != http.StatusBadRequest {
		t.Errorf("a mark of nothing: %d", code)
	}
	form := b.marks("?kind=add_precondition")
	_, page := b.post("/bulk", form)
	decide := fields(page)
	decide["mark"] = form["mark"]
	decide.Set("verdict", "approve")
	w.q.mu.Lock()
	for i := range w.q.items {
		if strings.HasPrefix(form["mark"][0], w.q.items[i].ID) {
			w.q.items[i].ContentHash = learn.ContentHash([]byte("changed since"))
		}
	}
	w.q.mu.Unlock()
	code, page := b.post("/bulk/decide", decide)
	if code != http.StatusOK || w.q.taken != 1 || !strings.Contains(page, "1 decided, 1 not") || !strings.Contains(page, "look at it again") {
		t.Errorf("one changed since: %d, %d decisions\n%s", code, w.q.taken, page)
	}
	for _, path := range []string{"/bulk", "/bulk/decide"} {
		stolen := decide
		stolen.Set("csrf", "guess")
		if code, _ := b.post(path, stolen); code != http.StatusForbidden {
			t.Errorf("%s with another's token: %d", path, code)
		}
	}
}
