package web

import (
	"strings"
	"testing"

	"lathe/learn"
)

// TestChromium decides with the keyboard alone, in a real browser, on a phone
// and on a desk, in light and dark.
func TestChromium(t *testing.T) {
	if testing.Short() {
		t.Log("-short: without a browser")
		return
	}
	w, id := week(t)
	c := startChromium(t)
	c.look(1280, 900, "light")
	c.open(w.srv.URL + "/")
	c.shot("unlock")
	if got := c.eval("document.activeElement.id"); got != "passphrase" {
		t.Fatalf("the focus is on %q", got)
	}
	c.problem = nil // the unlock form is a 401, which the console mentions
	c.write(passphrase)
	c.load(func() { c.press("Enter") })
	for _, p := range []struct{ path, name string }{{"/", "queue"}, {"/review/" + id, "detail"}, {"/kpi", "kpi"}, {"/editors", "editors"}} {
		c.load(func() { c.call("Page.navigate", map[string]any{"url": w.srv.URL + p.path}) })
		for _, v := range []struct {
			name, scheme string
			width        int
		}{{"desk", "light", 1280}, {"dark", "dark", 1280}, {"phone", "light", 390}} {
			c.look(v.width, 900, v.scheme)
			if wide := c.eval("String(document.documentElement.scrollWidth > innerWidth)"); wide != "false" {
				t.Errorf("%s on a screen of %d: scrolls sideways (%s)", p.path, v.width, wide)
			}
			c.shot(p.name + "-" + v.name)
		}
	}
	c.look(1280, 900, "light")
	c.load(func() { c.call("Page.navigate", map[string]any{"url": w.srv.URL + "/"}) })
	for _, key := range []string{"j", "j", "j", "k"} {
		c.press(key)
	}
	second := c.eval("document.activeElement.getAttribute('href')")
	if !strings.HasPrefix(second, "/review/") || second == "/review/"+id {
		t.Fatalf("j and k lead to %q", second)
	}
	c.load(func() { c.press("Enter") })
	c.press("r")
	c.write("We have that already, and jkac in a text are only letters.")
	if got := c.eval("document.activeElement.id"); got != "reason" {
		t.Fatalf("r leads to %q", got)
	}
	c.load(func() {
		c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "Enter", "modifiers": 2, "windowsVirtualKeyCode": 13})
	})
	decided, err := w.q.Get(strings.TrimPrefix(second, "/review/"))
	if err != nil || decided.State != learn.StateRejected || !strings.Contains(decided.Decisions[0].Reason, "only letters") {
		t.Errorf("after r and Ctrl+Enter: %s, %v", decided.State, err)
	}
	c.load(func() { c.call("Page.navigate", map[string]any{"url": w.srv.URL + "/review/" + id}) })
	c.press("a")
	if w.q.taken != 1 {
		t.Error("the key alone decided")
	}
	c.load(func() { c.press("Enter") })
	if it, err := w.q.Get(id); err != nil || it.State != learn.StateApproved {
		t.Errorf("after a and Enter: %s, %v", it.State, err)
	}
	for _, p := range c.problem {
		t.Errorf("the browser complains: %s", p)
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
	c.open(w.srv.URL + "/review/" + items[0].ID)
	c.problem = nil
	c.write(passphrase)
	c.load(func() { c.press("Enter") })
	for _, path := range []string{"/", "/review/" + items[0].ID, "/event/" + events[0].ID(), "/kpi", "/graph?node=x"} {
		c.load(func() { c.call("Page.navigate", map[string]any{"url": w.srv.URL + path}) })
		if n := c.eval("String(document.querySelectorAll('img, script:not([src=\"/static/lathe.js\"]), [onfocus], [onerror]').length)"); n != "0" {
			t.Errorf("%s: %s elements from hostile text", path, n)
		}
		c.look(390, 900, "light")
		if wide := c.eval("String(document.documentElement.scrollWidth > innerWidth)"); wide != "false" {
			t.Errorf("%s: hostile text widens the page", path)
		}
	}
	for _, p := range c.problem {
		t.Errorf("the browser complains: %s", p)
	}
}
