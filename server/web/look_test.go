package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lathe/learn"
)

func TestTheLogIsSearchedFilteredAndPaged(t *testing.T) {
	w := newWorld(t, nil, nil)
	items, _ := realistic(w.now)
	var events []learn.Record
	for n := range 130 {
		events = append(events, event(n, w.now, "printed"))
	}
	w = newWorld(t, items, events)
	b := w.browser()
	b.unlock()
	for query, want := range map[string]int{
		"": logPage, "?from=50": logPage, "?from=100": 30, "?from=107": 30, "?from=-3": logPage, "?from=x": logPage, "?status=failure": logPage, "?status=timeout": 0,
		"?q=head+-7": 11, "?tool=nothing": 0, "?session=s&days=1": 31, "?days=17": logPage, "?from=999999999": 0,
	} {
		code, page := b.get("/log" + query)
		if n := strings.Count(page, "data-row"); code != http.StatusOK || n != want {
			t.Errorf("%q: %d, %d rows, want %d", query, code, n, want)
		}
	}
	_, page := b.get("/log?from=50&status=")
	if !strings.Contains(page, `rel="next"`) || !strings.Contains(page, `rel="prev"`) || !strings.Contains(page, "51 to 100 of 130") {
		t.Errorf("paging:\n%s", page)
	}
}

func TestTheGraphIsDrawnAndListed(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	_, page := b.get("/graph?node=tool:bash")
	if drawn, listed := strings.Count(page, `<rect class="node" `), strings.Count(page, "data-row"); drawn != 9 || listed != 9 {
		t.Errorf("%d drawn, %d listed, of 9 edges", drawn, listed)
	}
	if code, _ := b.get("/graph?node=nowhere"); code != http.StatusNotFound {
		t.Errorf("nowhere: %d", code)
	}
	if _, page := b.get("/graph?q=bash"); !strings.Contains(page, `href="/graph?node=tool%3abash"`) {
		t.Errorf("found:\n%s", page)
	}
	many := make([]Edge, 100)
	for i := range many {
		many[i] = Edge{Kind: "USES", Incoming: i%2 == 0, Other: Node{ID: "x", Label: strings.Repeat("long ", 100)}}
	}
	if d := draw(Node{Label: "n"}, many); len(d.Nodes) != 2*maxDrawn || d.Left != 100-2*maxDrawn || d.Height > 2000 {
		t.Errorf("%d drawn, %d left, %v high", len(d.Nodes), d.Left, d.Height)
	}
}

func TestAPersonsWordIsTakenOnce(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	_, page := b.get("/task/s")
	form := fields(page)
	form.Set("word", "bad")
	if code, page := b.post("/feedback", form); code != http.StatusOK || !strings.Contains(page, "Noted.") {
		t.Errorf("task: %d\n%s", code, page)
	}
	if code, _ := b.post("/feedback", form); code != http.StatusConflict {
		t.Errorf("sent again: %d", code)
	}
	failed := w.exp.events[1].Action.ID
	_, page = b.get("/event/" + failed)
	if !strings.Contains(page, "outside of the project") {
		t.Errorf("a failed call is not explained:\n%s", page)
	}
	form = fields(page)
	form.Set("word", "good")
	if code, page := b.post("/feedback", form); code != http.StatusOK || !strings.Contains(page, "Call of bash") {
		t.Errorf("remedy: %d\n%s", code, page)
	}
	for _, bad := range []url.Values{{"word": {"maybe"}, "task": {"s"}}, {"word": {"good"}}, {"word": {"good"}, "task": {"s"}, "remedy": {"r"}}} {
		bad.Set("csrf", form.Get("csrf"))
		if code, _ := b.post("/feedback", bad); code != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, code)
		}
	}
	if len(w.exp.said) != 2 || w.exp.said[0] != (Feedback{TaskID: "s"}) || !w.exp.said[1].Good || w.exp.said[1].EventID != failed || w.exp.said[1].RemedyID == "" {
		t.Errorf("%+v", w.exp.said)
	}
}

func TestAStoppedKindIsProposedAgain(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	_, page := b.get("/kpi")
	if !strings.Contains(page, "not proposed any more") {
		t.Fatalf("%s", page)
	}
	form := fields(page)
	form.Set("id", "stop-1")
	code, page := b.post("/undo", form)
	if code != http.StatusOK || !strings.Contains(page, "add retry is proposed again") || strings.Contains(page, "not proposed any more") || len(w.exp.undone) != 1 {
		t.Errorf("%d %v\n%s", code, w.exp.undone, page)
	}
	if code, _ := b.post("/undo", form); code != http.StatusConflict || len(w.exp.undone) != 1 {
		t.Errorf("sent again: %d", code)
	}
}

func TestWhatIsRefusedIsTold(t *testing.T) {
	w, id := week(t)
	b := w.browser()
	b.unlock()
	form := b.form(id, learn.VerdictRequestClarification, "Why?")
	b.post("/review/"+id, form)
	before := len(w.refused)
	for name, send := range map[string]func(){
		"replayed": func() { b.post("/review/"+id, form) },
		"forged": func() {
			f := b.form(id, learn.VerdictApprove, "")
			f.Set("csrf", "guess")
			b.post("/review/"+id, f)
		},
		"cross-site": func() {
			b.do(http.MethodPost, "/review/"+id, b.form(id, learn.VerdictApprove, ""), func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") })
		},
		"rebound": func() { b.do(http.MethodGet, "/", nil, func(r *http.Request) { r.Host = "evil.example" }) },
		"guessed": func() { w.browser().try("guess") },
	} {
		send()
		if len(w.refused) != before+1 {
			t.Errorf("%s: %d refusals told, want %d", name, len(w.refused), before+1)
		}
		before = len(w.refused)
	}
	if w.q.taken != 1 {
		t.Errorf("%d decisions", w.q.taken)
	}
}
