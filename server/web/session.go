package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	cookieName = "lathe_review"
	formCookie = "lathe_form" // for the one form that is shown without a session
	idleLimit  = 30 * time.Minute
	ageLimit   = 12 * time.Hour
	// maxSessions and maxForms bound memory; the oldest go.
	maxSessions = 32
	maxForms    = 256
)

// session is one browser that gave the passphrase.
type session struct {
	signer Signer
	csrf   string
	begun  time.Time
	timer  *time.Timer

	ended chan struct{} // closed with the session

	mu      sync.Mutex
	forms   []string // forms shown and not yet sent, oldest first
	streams int      // pages that are told of changes
}

// stream counts an open page, or one that is left; false when there are too
// many.
func (s *session) stream(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 && s.streams >= maxStreams {
		return false
	}
	s.streams += n
	return true
}

// over ends what the session still does.
func (s *session) over() {
	s.timer.Stop()
	close(s.ended)
}

// form issues a token that counts once.
func (s *session) form() string {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forms = append(s.forms, token)
	if len(s.forms) > maxForms {
		s.forms = s.forms[1:]
	}
	return token
}

// redeem reports whether token was issued and not used yet.
func (s *session) redeem(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.forms {
		if same(t, token) {
			s.forms = append(s.forms[:i:i], s.forms[i+1:]...)
			return true
		}
	}
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// sessions holds the live ones by the hash of their cookie, so that looking
// one up does not compare secrets byte by byte.
type sessions struct {
	formKey [32]byte
	mu      sync.Mutex
	live    map[[32]byte]*session
}

func newSessions() *sessions {
	s := &sessions{live: map[[32]byte]*session{}}
	_, _ = rand.Read(s.formKey[:]) // never fails, see crypto/rand
	return s
}

// begin makes a session and returns its cookie's value.
func (all *sessions) begin(signer Signer) string {
	token := rand.Text() + rand.Text()
	key := sha256.Sum256([]byte(token))
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.live) >= maxSessions {
		all.dropOldest()
	}
	all.live[key] = &session{
		signer: signer, csrf: rand.Text(), begun: time.Now(), ended: make(chan struct{}),
		timer: time.AfterFunc(idleLimit, func() { all.end(key) }),
	}
	return token
}

// get returns the request's session and renews its idle limit, or nil.
func (all *sessions) get(r *http.Request) *session {
	key, ok := sessionKey(r)
	if !ok {
		return nil
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.live[key]
	if s == nil {
		return nil
	}
	left := ageLimit - time.Since(s.begun)
	if left <= 0 || !s.timer.Stop() { // the timer fired: the session is over
		delete(all.live, key)
		s.over()
		return nil
	}
	s.timer.Reset(min(idleLimit, left))
	return s
}

// peek returns the request's session and leaves its idle limit alone, or nil.
func (all *sessions) peek(r *http.Request) *session {
	key, ok := sessionKey(r)
	if !ok {
		return nil
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.live[key]
	if s == nil || time.Since(s.begun) >= ageLimit {
		return nil
	}
	return s
}

// of is the session of a request: renewed by what a person does, not by what
// the page's script asks by itself.
func (all *sessions) of(r *http.Request) *session {
	if r.Method == http.MethodGet && r.Header.Get(liveHeader) != "" {
		return all.peek(r)
	}
	return all.get(r)
}

func sessionKey(r *http.Request) ([32]byte, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return [32]byte{}, false
	}
	return sha256.Sum256([]byte(c.Value)), true
}

func (all *sessions) end(key [32]byte) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s := all.live[key]; s != nil {
		delete(all.live, key)
		s.over()
	}
}

func (all *sessions) closeAll() {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, s := range all.live {
		s.over()
	}
	clear(all.live)
}

func (all *sessions) dropOldest() {
	var oldest [32]byte
	var at time.Time
	for key, s := range all.live {
		if at.IsZero() || s.begun.Before(at) {
			oldest, at = key, s.begun
		}
	}
	all.live[oldest].over()
	delete(all.live, oldest)
}

// formToken is what the unlock form must send back for a browser whose form
// cookie is nonce.
func (all *sessions) formToken(nonce string) string {
	m := hmac.New(sha256.New, all.formKey[:])
	m.Write([]byte(nonce))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
