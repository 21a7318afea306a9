package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "127.0.0.1:1": true, "127.8.9.1": true, "[::1]:80": true, "[::1]": true,
		"": false, "evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example:80": false, "10.0.0.1": false,
		"0.0.0.0:80": false, "[::]:80": false, "localhost:80:80": false, "127.0.0.1@evil.example": false,
	} {
		if got := loopbackHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	w, _ := week(t)
	code, page, _ := w.browser().do(http.MethodGet, "/", nil, func(r *http.Request) { r.Host = "rebound.example" })
	if code != http.StatusMisdirectedRequest || strings.Contains(page, "password") {
		t.Errorf("another host: %d\n%s", code, page)
	}
}

func TestHeaders(t *testing.T) {
	w, id := week(t)
	b := w.browser()
	check := func(path string) {
		_, _, h := b.do(http.MethodGet, path, nil, nil)
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %s", path, want)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
	check("/")
	_, page := b.get("/")
	form := fields(page)
	form.Set("passphrase", passphrase)
	b.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	_, _, h := b.do(http.MethodPost, "/unlock", form, nil)
	cookie := ""
	for _, c := range h.Values("Set-Cookie") {
		if strings.HasPrefix(c, cookieName+"=") {
			cookie = c
		}
	}
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || len(cookie) < 60 {
		t.Errorf("the session cookie is %q", cookie)
	}
	for _, path := range []string{"/", "/review/" + id, "/kpi", "/log", "/graph", "/fixes", "/task/s", "/static/style.css", "/static/lathe.js"} {
		check(path)
	}
}

func TestWrongPassphrasesCostTime(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if code, page := b.try("guess"); code != http.StatusUnauthorized || !strings.Contains(page, "Wrong passphrase.") {
			t.Fatalf("guess %d: %d\n%s", n, code, page)
		}
		tried := w.guesses
		w.now = w.now.Add(want*time.Second - time.Millisecond)
		if code, page := w.browser().try(passphrase); code != http.StatusTooManyRequests || w.guesses != tried || !strings.Contains(page, "Wait 1 s") {
			t.Errorf("too early after guess %d: %d", n, code)
		}
		w.now = w.now.Add(time.Millisecond)
	}
	b.unlock()
	if code, _ := w.browser().try("guess"); code != http.StatusUnauthorized {
		t.Errorf("after success: %d", code)
	}
	w.now = w.now.Add(time.Second)
	w.browser().unlock()
}

func TestTheUnlockFormIsBoundToItsBrowser(t *testing.T) {
	w, _ := week(t)
	_, page := w.browser().get("/")
	form := fields(page)
	form.Set("passphrase", passphrase)
	if code, _ := w.browser().post("/unlock", form); code != http.StatusForbidden || w.guesses != 0 {
		t.Errorf("another browser's form: %d", code)
	}
}

func TestUnlockLeadsBack(t *testing.T) {
	w, id := week(t)
	b := w.browser()
	_, page := b.get("/review/" + id)
	form := fields(page)
	form.Set("passphrase", passphrase)
	if code, page := b.post("/unlock", form); code != http.StatusOK || !strings.Contains(page, "Your decision") {
		t.Errorf("%d\n%s", code, page)
	}
}

func TestLocal(t *testing.T) {
	for back, want := range map[string]string{
		"/review/x?y=1": "/review/x?y=1", "": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/",
		"/\t/evil.example": "/", "/" + strings.Repeat("x", 600): "/",
	} {
		if got := local(back); got != want {
			t.Errorf("%q: %q", back, got)
		}
	}
}

func TestLockEndsTheSession(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	_, page := b.get("/kpi")
	u, err := url.Parse(w.srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	old := b.c.Jar.Cookies(u)
	if code, page := b.post("/lock", fields(page)); code != http.StatusUnauthorized || !strings.Contains(page, `type="password"`) {
		t.Errorf("lock: %d", code)
	}
	thief := w.browser()
	thief.c.Jar.SetCookies(u, old)
	if code, _ := thief.get("/"); code != http.StatusUnauthorized {
		t.Errorf("the old cookie: %d", code)
	}
}

// live reports whether the cookie still opens the sessions, which renews it.
func live(all *sessions, token string) bool {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: token})
	return all.get(r) != nil
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newSessions()
		defer all.closeAll()
		idle, used := all.begin(key{}), all.begin(key{})
		for waited := time.Duration(0); waited < ageLimit; waited += 29 * time.Minute {
			if !live(all, used) {
				t.Fatalf("in use, but ended after %v", waited)
			}
			time.Sleep(29 * time.Minute) // the bubble's clock
		}
		synctest.Wait()
		if live(all, used) {
			t.Error("a session outlived the limit of its age")
		}
		if live(all, idle) || len(all.live) != 0 {
			t.Errorf("%d sessions are left in memory", len(all.live))
		}
		first := all.begin(key{})
		for range maxSessions {
			time.Sleep(time.Second)
			all.begin(key{})
		}
		if live(all, first) || len(all.live) != maxSessions {
			t.Errorf("%d sessions, the oldest is live: %v", len(all.live), live(all, first))
		}
	})
}

var (
	scripts    = regexp.MustCompile(`(?i)<script[^>]*>`)
	attributes = regexp.MustCompile(`(?i)<[a-z]+(?:\s+[a-z-]+(?:="[^"]*")?)*\s+(?:on[a-z]+|style)\s*=`)
	links      = regexp.MustCompile(`(?i)(?:href|src|action)="([^"]*)"`)
)

func TestHostileTextIsOnlyText(t *testing.T) {
	w := newWorld(t, nil, nil)
	items, events := attack(w.now)
	w = newWorld(t, items, events)
	b := w.browser()
	b.unlock()
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(hostile), "/?state=" + url.QueryEscape(hostile), "/review/" + items[0].ID, "/event/" + events[0].ID(),
		"/kpi", "/graph?node=" + url.QueryEscape(hostile), "/graph", "/graph?q=" + url.QueryEscape(hostile) + "&kind=" + url.QueryEscape(hostile), "/log",
		"/log?q=" + url.QueryEscape(hostile) + "&tool=" + url.QueryEscape(hostile) + "&task=" + url.QueryEscape(hostile) + "&signature=" + url.QueryEscape(hostile),
		"/task/" + url.PathEscape(hostile), "/fixes", "/fixes?q=" + url.QueryEscape(hostile), "/review/" + url.PathEscape(hostile), "/event/" + url.PathEscape(hostile)} {
		_, page := b.get(path)
		if n := scripts.FindAllString(page, -1); len(n) != 1 || n[0] != `<script src="/static/lathe.js" defer>` {
			t.Errorf("%s: scripts %q", path, n)
		}
		if m := attributes.FindString(page); m != "" || strings.Contains(page, "<img") {
			t.Errorf("%s: %q", path, m)
		}
		for _, m := range links.FindAllStringSubmatch(page, -1) {
			if !strings.HasPrefix(m[1], "/") && m[1] != "#content" && m[1] != "#decision" || strings.HasPrefix(m[1], "//") {
				t.Errorf("%s: leads to %q", path, m[1])
			}
		}
		if len(page) < 1000 {
			t.Errorf("%s: %d bytes", path, len(page))
		}
		if strings.ContainsAny(page, "\x1b\u202e\u0000") || len(page) > 1<<20 {
			t.Errorf("%s: control characters, or too long (%d)", path, len(page))
		}
	}
}

func TestShownKeepsTextAndDropsPower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		got := shown(s)
		if strings.ContainsAny(got, "\x00\x1b\r\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\u2028\ufeff") {
			t.Fatalf("%q", got)
		}
		if again := shown(got); again != got {
			t.Fatalf("%q, then %q", got, again)
		}
		n := rapid.IntRange(0, 50).Draw(t, "n")
		if one := short(s, n); strings.Contains(one, "\n") {
			t.Fatalf("short: %q", one)
		}
	})
}

func TestNewAsksForWhatItNeeds(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a page without a queue")
	}
}
