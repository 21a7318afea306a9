package web

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxDelay is the longest wait after wrong passphrases. It is short enough
// that somebody who only wants to lock the reviewer out gains little.
const maxDelay = time.Minute

// throttle makes guessing slow: after the n-th wrong passphrase in a row
// nobody may try for 2^(n-1) seconds, and one try runs at a time, because each
// costs the memory that argon2id is meant to cost.
type throttle struct {
	mu      sync.Mutex
	failed  int
	next    time.Time
	running bool
}

// enter reports how long to wait, or 0 and that a try may run.
func (t *throttle) enter(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running {
		return time.Second
	}
	if wait := t.next.Sub(now); wait > 0 {
		return wait
	}
	t.running = true
	return 0
}

func (t *throttle) leave(ok bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
	if ok {
		t.failed, t.next = 0, time.Time{}
		return
	}
	t.next = now.Add(min(maxDelay, time.Second<<min(t.failed, 10)))
	t.failed++
}

// handler is a page that needs a session.
type handler func(w http.ResponseWriter, r *http.Request, s *session)

// signedIn shows the unlock form to whoever has no session, and checks the
// form token of writes.
func (h *Handler) signedIn(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := h.sessions.of(r)
		if s == nil {
			back := "/"
			if r.Method == http.MethodGet {
				back = r.URL.RequestURI()
			}
			h.unlockForm(w, r, http.StatusUnauthorized, back, "")
			return
		}
		if r.Method == http.MethodPost && !same(r.PostFormValue("csrf"), s.csrf) {
			h.refused(r, "", "a form without this session's token")
			h.fail(w, s, http.StatusForbidden, "This form is not from this session. Go back, load the page anew, and try again.")
			return
		}
		next(w, r, s)
	}
}

func (h *Handler) unlockForm(w http.ResponseWriter, r *http.Request, status int, back, problem string) {
	nonce := ""
	if c, err := r.Cookie(formCookie); err == nil && len(c.Value) >= 26 && len(c.Value) <= 64 {
		nonce = c.Value
	} else {
		nonce = rand.Text()
		setCookie(w, r, formCookie, nonce)
	}
	h.render(w, nil, status, "unlock", "Unlock", map[string]any{
		"Token": h.sessions.formToken(nonce), "Back": local(back), "Problem": problem,
	})
}

func (h *Handler) unlock(w http.ResponseWriter, r *http.Request) {
	back := local(r.PostFormValue("back"))
	c, err := r.Cookie(formCookie)
	if err != nil || !same(r.PostFormValue("csrf"), h.sessions.formToken(c.Value)) {
		h.unlockForm(w, r, http.StatusForbidden, back, "The form had expired. Try again; if it happens again, allow cookies for this page.")
		return
	}
	if wait := h.throttle.enter(h.o.Now()); wait > 0 {
		seconds := int((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		h.unlockForm(w, r, http.StatusTooManyRequests, back, fmt.Sprintf("Wait %d s before the next try.", seconds))
		return
	}
	ok := false
	defer func() { h.throttle.leave(ok, h.o.Now()) }()
	signer, err := h.o.Unlock(r.PostFormValue("passphrase"))
	if err != nil {
		h.refused(r, "", "not unlocked: "+err.Error())
		h.unlockForm(w, r, http.StatusUnauthorized, back, sentence(err))
		return
	}
	ok = true
	setCookie(w, r, cookieName, h.sessions.begin(signer))
	setCookie(w, r, formCookie, "")
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (h *Handler) lock(w http.ResponseWriter, r *http.Request, _ *session) {
	if key, ok := sessionKey(r); ok {
		h.sessions.end(key)
	}
	setCookie(w, r, cookieName, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// local returns back when it is a path on this server, or else "/".
func local(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(back, "/") ||
		strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n\t") || len(back) > 512 {
		return "/"
	}
	return back
}

// sentence is an error as a sentence on a page.
func sentence(err error) string {
	text := short(err.Error(), 1000)
	if text == "" {
		return "It failed."
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
