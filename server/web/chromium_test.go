package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"lathe/learn"
)

// visit leads the tab to a path of the world.
func (c *chromium) visit(w *world, path string) {
	c.t.Helper()
	c.load(func() { c.call("Page.navigate", map[string]any{"url": w.srv.URL + path}) })
}

// signIn opens the page and gives the passphrase with the keyboard.
func (c *chromium) signIn(w *world, path string) {
	c.t.Helper()
	c.open(w.srv.URL + path)
	c.wait(`document.activeElement.id === "passphrase"`)
	c.problem = nil // the unlock form is a 401, which the console mentions
	c.write(passphrase)
	c.load(func() { c.press("Enter") })
}

// fine fails the test for everything that the browser complained of.
func (c *chromium) fine() {
	c.t.Helper()
	for _, p := range c.problem {
		c.t.Errorf("the browser complains: %s", p)
	}
}

// views are how a page is looked at.
var views = []struct {
	name, scheme string
	width        int
}{{"desk", "light", 1280}, {"desk-dark", "dark", 1280}, {"phone", "light", 390}, {"phone-dark", "dark", 390}}

// picture takes a page in every view, and has it looked at for what keeps people
// out: sideways scrolling, and what axe-core finds.
func (c *chromium) picture(name string) {
	c.t.Helper()
	for _, v := range views {
		c.look(v.width, 900, v.scheme)
		if wide := c.eval("String(document.documentElement.scrollWidth > innerWidth)"); wide != "false" {
			c.t.Errorf("%s on a screen of %d: scrolls sideways (%s)", name, v.width, wide)
		}
		c.shot(name + "-" + v.name)
		if !strings.Contains(v.name, "phone-") {
			c.axe(name + "-" + v.name)
		}
	}
	c.look(1280, 900, "light")
}

// TestChromiumPictures looks at every page.
func TestChromiumPictures(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w, id := week(t)
	c := startChromium(t)
	c.look(1280, 900, "light")
	c.open(w.srv.URL + "/")
	c.picture("unlock")
	c.signIn(w, "/")
	plan := w.q.items[1].ID
	for _, p := range []struct{ path, name string }{{"/", "queue"}, {"/review/" + id, "tool"}, {"/review/" + plan, "plan"}, {"/kpi", "figures"}, {"/editors", "editors"},
		{"/log", "log"}, {"/log?q=nothing+like+it", "log-none"}, {"/event/" + w.exp.events[1].Action.ID, "event"}, {"/task/s", "task"}, {"/fixes", "fixes"},
		{"/graph", "graph-find"}, {"/graph?node=tool:bash", "graph"}, {"/nowhere", "problem"}} {
		c.visit(w, p.path)
		c.picture(p.name)
	}
	c.problem = nil // a page that is not there is a 404, which the console mentions
	c.visit(w, "/")
	c.press("?")
	c.wait(`document.getElementById("keys").open`)
	c.picture("keys")
	c.fine()
}

// TestChromiumOdd looks at names that are long without a break, wide, joined, or
// from right to left.
func TestChromiumOdd(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w := newWorld(t, nil, nil)
	items, events := odd(w.now)
	w = newWorld(t, items, events)
	c := startChromium(t)
	c.look(1280, 900, "light")
	c.signIn(w, "/")
	for _, p := range []struct{ path, name string }{{"/", "odd-queue"}, {"/review/" + items[0].ID, "odd-tool"}, {"/review/" + items[1].ID, "odd-plan"},
		{"/log", "odd-log"}, {"/event/" + events[1].ID(), "odd-event"}, {"/log?session=s&q=" + url.QueryEscape(strings.Repeat("long", 40)), "odd-none"}} {
		c.visit(w, p.path)
		c.picture(p.name)
	}
	c.fine()
}

// TestChromiumSizes looks at a queue that is empty, has one item, and has a
// thousand.
func TestChromiumSizes(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w := newWorld(t, nil, nil)
	var thousand []Item
	for n := range 1000 {
		thousand = append(thousand, planItem(n, w.now, []learn.State{learn.StateInReview, learn.StateApproved, learn.StateRejected}[n%3], []string{"low", "medium", "high"}[n%3]))
	}
	c := startChromium(t)
	c.look(1280, 900, "light")
	for _, s := range []struct {
		name  string
		items []Item
		rows  int
	}{{"empty", nil, 0}, {"one", thousand[:1], 1}, {"thousand", thousand, pageSize}} {
		w := newWorld(t, s.items, nil)
		c.signIn(w, "/")
		if n := c.eval(`String(document.querySelectorAll("[data-row]").length)`); n != fmt.Sprint(s.rows) {
			t.Errorf("%s: %s rows", s.name, n)
		}
		c.picture("queue-" + s.name)
	}
	c.fine()
}

// TestChromiumKeyboard goes the whole way with the keyboard alone: the list of
// keys, a call in the log, a word on a fix, several decisions together, a
// question, a rejection, an approval.
func TestChromiumKeyboard(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w, id := week(t)
	c := startChromium(t)
	c.look(1280, 900, "light")
	c.signIn(w, "/")
	c.press("?")
	c.wait(`document.getElementById("keys").open`)
	c.press("Escape")
	c.wait(`!document.getElementById("keys").open`)

	c.press("g")
	c.load(func() { c.press("l") })
	c.press("j")
	c.press("j") // the second call failed
	c.load(func() { c.press("Enter") })
	for range 40 {
		c.press("Tab")
		if strings.HasPrefix(c.eval(`document.activeElement.getAttribute("aria-label") || ""`), "This fix worked") {
			break
		}
	}
	c.load(func() { c.press("Enter") })
	if len(w.exp.said) != 1 || !w.exp.said[0].Good {
		t.Fatalf("said of the fix: %+v", w.exp.said)
	}

	c.press("g")
	c.load(func() { c.press("q") })
	c.visit(w, "/?kind=add_precondition")
	for _, key := range []string{"j", "x", "j", "x", "b"} {
		c.press(key)
	}
	c.load(func() { c.press("Enter") })
	c.press("r")
	c.write("Checked elsewhere; and jkac in a text are only letters.")
	c.load(c.ctrlEnter)
	if w.q.taken != 2 || !strings.Contains(c.eval("document.body.innerText"), "2 decided") {
		t.Fatalf("%d decisions together", w.q.taken)
	}

	c.load(func() { c.press("u") })
	c.press("j")
	c.press("j")
	c.press("k")
	if first := c.eval("document.activeElement.getAttribute('href')"); first != "/review/"+id {
		t.Fatalf("j, j and k lead to %q", first)
	}
	c.load(func() { c.press("Enter") })
	c.press("c")
	c.write("On Windows too?")
	c.load(c.ctrlEnter)
	if it, err := w.q.Get(id); err != nil || len(it.Questions) != 1 {
		t.Fatalf("asked back: %+v, %v", it.Questions, err)
	}

	c.visit(w, "/review/"+id)
	c.press("e")
	if got := c.eval("document.activeElement.getAttribute('href')"); !strings.HasPrefix(got, "/event/") {
		t.Errorf("e leads to %q", got)
	}
	taken := w.q.taken
	c.press("a")
	if w.q.taken != taken {
		t.Error("the key alone decided")
	}
	c.load(func() { c.press("Enter") })
	if it, err := w.q.Get(id); err != nil || it.State != learn.StateApproved {
		t.Errorf("after a and Enter: %s, %v", it.State, err)
	}
	c.fine()
}

func (c *chromium) ctrlEnter() {
	c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "Enter", "modifiers": 2, "windowsVirtualKeyCode": 13})
}

// TestChromiumLive: what is decided elsewhere shows without a reload; marks and
// focus stay; a proposal that changed under the reader's eyes is announced.
func TestChromiumLive(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w, id := week(t)
	c := startChromium(t)
	c.signIn(w, "/")
	c.wait(`document.body.dataset.connected === "yes"`)
	c.press("j")
	c.press("x")
	w.q.mu.Lock()
	other := w.q.items[1].ID
	w.q.items[1].State = learn.StateRejected
	w.q.mu.Unlock()
	w.change.fire()
	c.wait(`document.querySelector("h1").textContent === "3 to decide"`)
	if got := c.eval(`document.activeElement.getAttribute("href")`); got != "/review/"+id {
		t.Errorf("the focus went to %q", got)
	}
	if got := c.eval(`String(document.querySelectorAll("input[name=mark]:checked").length)`); got != "1" {
		t.Errorf("%s marks are left", got)
	}
	c.visit(w, "/review/"+id)
	c.wait(`document.body.dataset.connected === "yes"`)
	w.q.mu.Lock()
	w.q.items[0].ContentHash = learn.ContentHash([]byte("changed"))
	w.q.mu.Unlock()
	w.change.fire()
	c.wait(`!document.getElementById("news").hidden && document.getElementById("news").textContent.includes("has changed")`)
	c.axe("news")
	c.visit(w, "/review/"+other)
	c.wait(`document.body.dataset.connected === "yes"`)
	w.h.sessions.closeAll()
	c.problem = nil
	c.load(func() { c.call("Page.reload", nil) })
	if c.eval(`String(document.querySelector("input[type=password]") !== null)`) != "true" {
		t.Error("the page is shown after the session's end")
	}
}

// TestChromiumRunsNoHostileText opens the attack pages in a browser: the
// content security policy has nothing to block, because nothing is markup.
func TestChromiumRunsNoHostileText(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w := newWorld(t, nil, nil)
	items, events := attack(w.now)
	w = newWorld(t, items, events)
	c := startChromium(t)
	c.signIn(w, "/review/"+items[0].ID)
	for _, path := range []string{"/", "/review/" + items[0].ID, "/event/" + events[0].ID(), "/kpi", "/graph?node=x", "/graph", "/log", "/fixes", "/task/s"} {
		c.visit(w, path)
		if n := c.eval("String(document.querySelectorAll('img, script:not([src=\"/static/lathe.js\"]), [onfocus], [onerror]').length)"); n != "0" {
			t.Errorf("%s: %s elements from hostile text", path, n)
		}
		c.look(390, 900, "light")
		if wide := c.eval("String(document.documentElement.scrollWidth > innerWidth)"); wide != "false" {
			t.Errorf("%s: hostile text widens the page", path)
		}
	}
	c.fine()
}

// attacker is a page on another origin that the reviewer's browser opens.
const attacker = `<!doctype html><title>prizes</title>
<iframe id="frame" src="%[1]s/review/%[2]s"></iframe>
<form id="form" method="post" action="%[1]s/review/%[2]s" target="sink"><input name="verdict" value="approve"><input name="content_hash" value="%[3]s"></form>
<form id="text" method="post" action="%[1]s/feedback" enctype="text/plain" target="sink"><input name="task=s&word=good&x" value=""></form>
<iframe id="sink" name="sink"></iframe>`

// TestChromiumAttackPass: other origins on the same machine, whose requests
// carry the session's cookie since they are of the same site, cannot decide,
// read or frame.
func TestChromiumAttackPass(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w, id := week(t)
	evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(rw, attacker, w.srv.URL, id, w.q.items[0].ContentHash)
	}))
	defer evil.Close()
	c := startChromium(t)
	c.signIn(w, "/")
	for _, origin := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} {
		c.load(func() { c.call("Page.navigate", map[string]any{"url": origin + "/"}) })
		if framed := c.eval(`String((() => { try { return document.getElementById("frame").contentDocument !== null } catch { return false } })())`); framed != "false" {
			t.Errorf("%s frames the page", origin)
		}
		refused := func() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.refused) }
		before := refused()
		for _, form := range []string{"form", "text"} {
			c.eval(`document.getElementById("sink").onload = () => { window.sent = (window.sent || 0) + 1 }; document.getElementById("` + form + `").submit()`)
			c.wait("window.sent >= 1")
			c.eval("window.sent = 0")
		}
		read := c.promised(`fetch("` + w.srv.URL + `/review/` + id + `", {credentials: "include"}).then(r => r.text(), e => "refused: " + e)`)
		blind := c.promised(`fetch("` + w.srv.URL + `/feedback", {method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams({task: "s", word: "good"})}).then(r => r.type, e => "refused")`)
		if !strings.HasPrefix(read, "refused") || blind != "opaque" && blind != "refused" {
			t.Errorf("%s reads %.100q, and is told %q of a blind write", origin, read, blind)
		}
		if refused() < before+3 {
			t.Errorf("%s: %d refusals were told of three writes", origin, refused()-before)
		}
	}
	if w.q.taken != 0 || len(w.exp.said) != 0 {
		t.Errorf("%d decisions and %d words were forged", w.q.taken, len(w.exp.said))
	}
	if it, err := w.q.Get(id); err != nil || it.State != learn.StateInReview {
		t.Errorf("%s, %v", it.State, err)
	}
}

// TestChromiumBruteForce guesses in the browser until it is made to wait.
func TestChromiumBruteForce(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w, _ := week(t)
	c := startChromium(t)
	c.open(w.srv.URL + "/")
	for range 5 {
		c.wait(`document.activeElement.id === "passphrase" && document.activeElement.value === ""`)
		c.write("a guess")
		c.load(func() { c.press("Enter") })
	}
	if w.guesses != 1 || !strings.Contains(c.eval("document.body.innerText"), "Wait 1 s") {
		t.Errorf("%d guesses were tried; the page says %q", w.guesses, c.eval("document.body.innerText"))
	}
	c.axe("waiting")
}
