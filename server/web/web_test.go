package web

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"lathe/learn"
)

func week(t testing.TB) (*world, string) {
	t.Helper()
	w := newWorld(t, nil, nil)
	items, events := realistic(w.now)
	w = newWorld(t, items, events)
	return w, items[0].ID
}

func TestNothingIsShownWithoutASession(t *testing.T) {
	w, id := week(t)
	_, events := realistic(w.now)
	for _, path := range []string{"/", "/review/" + id, "/event/" + events[0].ID(), "/kpi", "/editors", "/graph?node=x", "/graph", "/log", "/task/s", "/fixes", "/nowhere"} {
		b := w.browser()
		code, page := b.get(path)
		if code != http.StatusUnauthorized || !strings.Contains(page, `type="password"`) {
			t.Errorf("%s: %d", path, code)
		}
		for _, secret := range []string{"count_words", "widgets", "release.json", "docs", "Neovim"} {
			if strings.Contains(strings.ReplaceAll(page, path, ""), secret) {
				t.Errorf("%s shows %q to anybody", path, secret)
			}
		}
	}
	code, _ := w.browser().post("/review/"+id, url.Values{"verdict": {"approve"}})
	if code != http.StatusUnauthorized || w.q.taken != 0 {
		t.Errorf("a decision without a session: %d, %d taken", code, w.q.taken)
	}
}

func TestAReviewerApproves(t *testing.T) {
	w, id := week(t)
	b := w.browser()
	b.unlock()
	code, page := b.get("/review/" + id)
	for _, want := range []string{"reads the workspace; writes nothing; no network", "mypy --strict", "def count(folder", `class="add"`, "38 calls as evidence",
		"no cgroup is delegated", "find docs -name", `href="/event/`} {
		if code != http.StatusOK || !strings.Contains(page, strings.ReplaceAll(want, "'", "&#39;")) {
			t.Errorf("%d: the page lacks %q", code, want)
		}
	}
	code, page = b.post("/review/"+id, b.form(id, learn.VerdictApprove, ""))
	if code != http.StatusOK || !strings.Contains(page, "Approved. The decision is signed") {
		t.Fatalf("approve: %d\n%s", code, page)
	}
	it, err := w.q.Get(id)
	if err != nil || it.State != learn.StateApproved || len(it.Decisions) != 1 || it.Decisions[0].ContentHash != it.ContentHash {
		t.Errorf("the queue has %+v, %v", it.Decisions, err)
	}
	if _, page := b.get("/review/" + id); strings.Contains(page, `id="approve"`) {
		t.Error("an approved proposal can be approved again")
	}
}

func TestRejectAndAskBackNeedAReason(t *testing.T) {
	w, id := week(t)
	b := w.browser()
	b.unlock()
	for _, tc := range []struct {
		verdict learn.Verdict
		reason  string
		code    int
		state   learn.State
		says    string
	}{
		{learn.VerdictReject, " \n", http.StatusBadRequest, learn.StateInReview, "Say why"},
		{learn.VerdictReject, strings.Repeat("x", maxReason+1), http.StatusBadRequest, learn.StateInReview, "too long"},
		{"execute", "x", http.StatusBadRequest, learn.StateInReview, "Choose approve"},
		{learn.VerdictRequestClarification, "On Windows too?", http.StatusOK, learn.StateInReview, "Asked back"},
		{learn.VerdictReject, "We have wc already", http.StatusOK, learn.StateRejected, "Rejected"},
	} {
		code, page := b.post("/review/"+id, b.form(id, tc.verdict, tc.reason))
		it, err := w.q.Get(id)
		if err != nil || code != tc.code || it.State != tc.state || !strings.Contains(page, tc.says) {
			t.Errorf("%s %.20q: %d, %s, %v", tc.verdict, tc.reason, code, it.State, err)
		}
	}
}

func TestForgedFormsAreRefused(t *testing.T) {
	for name, change := range map[string]func(form url.Values, r *http.Request){
		"no token":             func(f url.Values, _ *http.Request) { f.Del("csrf") },
		"another's token":      func(f url.Values, _ *http.Request) { f.Set("csrf", "AAAAAAAAAAAAAAAAAAAAAAAAAA") },
		"no form id":           func(f url.Values, _ *http.Request) { f.Del("form") },
		"another origin":       func(_ url.Values, r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"another port":         func(_ url.Values, r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") },
		"origin null":          func(_ url.Values, r *http.Request) { r.Header.Set("Origin", "null") },
		"no origin":            func(_ url.Values, r *http.Request) { r.Header.Del("Origin") },
		"sent by another site": func(_ url.Values, r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another host": func(_ url.Values, r *http.Request) {
			r.Host = "evil.example"
			r.Header.Set("Origin", "http://evil.example")
		},
		"no cookie": func(_ url.Values, r *http.Request) { r.Header.Set("Cookie", cookieName+"=AAAA") },
	} {
		t.Run(name, func(t *testing.T) {
			w, id := week(t)
			b := w.browser()
			b.unlock()
			form := b.form(id, learn.VerdictApprove, "")
			probe, err := http.NewRequest(http.MethodPost, w.srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			change(form, probe) // the form's changes
			jar := b.c.Jar
			if name == "no cookie" {
				b.c.Jar = nil
			}
			code, _, _ := b.do(http.MethodPost, "/review/"+id, form, func(r *http.Request) { change(url.Values{}, r) })
			b.c.Jar = jar
			if code < 400 || w.q.taken != 0 {
				t.Errorf("%d, %d decisions", code, w.q.taken)
			}
			if code, page := b.post("/review/"+id, b.form(id, learn.VerdictApprove, "")); code != http.StatusOK || w.q.taken != 1 {
				t.Errorf("the honest form: %d\n%s", code, page)
			}
		})
	}
}

func TestAReplayedOrStaleFormDecidesNothing(t *testing.T) {
	w, id := week(t)
	b := w.browser()
	b.unlock()
	form := b.form(id, learn.VerdictRequestClarification, "Why?")
	if code, _ := b.post("/review/"+id, form); code != http.StatusOK {
		t.Fatalf("first: %d", code)
	}
	if code, page := b.post("/review/"+id, form); code != http.StatusConflict || !strings.Contains(page, "sent already") || w.q.taken != 1 {
		t.Errorf("replay: %d, %d decisions", code, w.q.taken)
	}
	form = b.form(id, learn.VerdictApprove, "")
	w.q.mu.Lock()
	w.q.items[0].ContentHash = learn.ContentHash([]byte("changed since"))
	w.q.mu.Unlock()
	if code, page := b.post("/review/"+id, form); code != http.StatusConflict || !strings.Contains(page, "look at it again") || w.q.taken != 1 {
		t.Errorf("stale: %d, %d decisions", code, w.q.taken)
	}
}

func TestOfTwoReviewersOneWinsAndTheOtherIsTold(t *testing.T) {
	w, id := week(t)
	verdicts := []learn.Verdict{learn.VerdictApprove, learn.VerdictReject}
	var forms []url.Values
	var browsers []*browser
	for _, v := range verdicts {
		b := w.browser()
		b.unlock()
		browsers, forms = append(browsers, b), append(forms, b.form(id, v, "because"))
	}
	codes, pages := make([]int, 2), make([]string, 2)
	var wg sync.WaitGroup
	for i := range browsers {
		wg.Go(func() { codes[i], pages[i] = browsers[i].post("/review/"+id, forms[i]) })
	}
	wg.Wait()
	if codes[0]+codes[1] != http.StatusOK+http.StatusConflict || w.q.taken != 1 {
		t.Fatalf("codes %v, %d decisions", codes, w.q.taken)
	}
	for i, code := range codes {
		if code == http.StatusConflict && !strings.Contains(pages[i], "already: nothing is left to decide") {
			t.Errorf("the loser was told:\n%s", pages[i])
		}
	}
}

func TestEditorConnections(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	_, page := b.get("/editors")
	form := fields(page)
	if form.Get("connection") != "conn-1" || !strings.Contains(page, "Neovim 0.10") {
		t.Fatalf("the page lists\n%s", page)
	}
	code, page := b.post("/editors", form)
	if code != http.StatusOK || !strings.Contains(page, "unlocked</span>") || w.editors.by == nil {
		t.Errorf("unlock: %d\n%s", code, page)
	}
	form = fields(page)
	form.Set("form", "reused")
	if code, _ := b.post("/editors", form); code != http.StatusConflict {
		t.Errorf("a form that was never shown: %d", code)
	}
	_, page = b.get("/review/" + w.q.items[0].ID)
	form = fields(page)
	form.Set("connection", "gone")
	if code, page := b.post("/editors", form); code != http.StatusConflict || !strings.Contains(page, "There is no connection") {
		t.Errorf("a connection that is gone: %d", code)
	}
}

func TestTheQueueFilters(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	for query, want := range map[string]int{
		"": 7, "?state=in_review": 4, "?kind=tool": 1, "?q=COUNT_": 1, "?kind=plan&state=rejected": 1, "?project=ledger-api-91bb07e2": 3, "?q=nothing+like+it": 0,
		"?page=99": 7, "?page=-1": 7, "?state=%00%3Cscript%3E": 0,
	} {
		code, page := b.get("/" + query)
		if n := strings.Count(page, "data-row"); code != http.StatusOK || n != want {
			t.Errorf("%q: %d, %d rows, want %d", query, code, n, want)
		}
	}
	_, page := b.get("/")
	if first, last := strings.Index(page, "in review"), strings.LastIndex(page, ">rejected<"); first < 0 || last < 0 {
		t.Error("the queue lacks states")
	}
	tool, rejected := strings.Index(page, "count_words"), strings.LastIndex(page, `badge bad">rejected`)
	if tool < 0 || rejected < tool {
		t.Errorf("the open proposal stands at %d, the rejected one at %d", tool, rejected)
	}
}
