package web

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lathe/learn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const passphrase = "correct horse battery"

// key signs as the reviewer's key does.
type key struct{ private ed25519.PrivateKey }

func (k key) Decide(objectID, contentHash string, v learn.Verdict, reason string, at time.Time) learn.Decision {
	d := learn.Decision{ObjectID: objectID, ContentHash: contentHash, Verdict: v, Reason: reason, Reviewer: "0f3a9c5e7b214d60", Timestamp: at.UTC()}
	d.Signature = ed25519.Sign(k.private, d.SigningBytes())
	return d
}

// memQueue keeps the rules of the review queue: signed, on this content, and
// the first decision wins.
type memQueue struct {
	public ed25519.PublicKey
	mu     sync.Mutex
	items  []Item
	taken  int // decisions
}

func (q *memQueue) Items() []*Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []*Item
	for _, it := range q.items {
		out = append(out, &it)
	}
	return out
}

func (q *memQueue) Get(id string) (Item, error) {
	for _, it := range q.Items() {
		if it.ID == id {
			return *it, nil
		}
	}
	return Item{}, fmt.Errorf("there is no proposal %q", id)
}

func (q *memQueue) Decide(_ context.Context, d learn.Decision) (Item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.items {
		it := &q.items[i]
		switch {
		case it.ID != d.ObjectID:
			continue
		case !ed25519.Verify(q.public, d.SigningBytes(), d.Signature):
			return Item{}, errors.New("the decision's signature is wrong")
		case it.ContentHash != d.ContentHash:
			return Item{}, errors.New("the object is another now: look at it again")
		case it.State != learn.StateInReview:
			return Item{}, fmt.Errorf("it is %s already: nothing is left to decide", it.State)
		}
		q.taken++
		it.Decisions = append(it.Decisions, d)
		switch d.Verdict {
		case learn.VerdictApprove:
			it.State = learn.StateApproved
		case learn.VerdictReject:
			it.State = learn.StateRejected
		case learn.VerdictRequestClarification:
			it.Questions = append(it.Questions, d.Reason)
		}
		return *it, nil
	}
	return Item{}, errors.New("there is no such proposal")
}

type memEditors struct {
	mu   sync.Mutex
	list []Editor
	by   Signer
}

func (e *memEditors) Connections() []Editor {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Editor(nil), e.list...)
}

func (e *memEditors) Unlock(id string, s Signer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.list {
		if e.list[i].ID == id {
			e.list[i].Unlocked, e.by = true, s
			return nil
		}
	}
	return fmt.Errorf("there is no connection %q any more", id)
}

// world is a handler with everything behind it.
type world struct {
	t       testing.TB
	h       *Handler
	q       *memQueue
	editors *memEditors
	exp     *memExperience
	change  *signal
	srv     *httptest.Server
	now     time.Time
	guesses int
	mu      sync.Mutex
	refused []string
}

func newWorld(t testing.TB, items []Item, events []learn.Record) *world {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC), q: &memQueue{public: public, items: items}}
	w.editors = &memEditors{list: []Editor{{ID: "conn-1", Name: "Neovim 0.10", Workspace: "/home/joe/widgets", Since: w.now.Add(-time.Minute)}}}
	text := ""
	if len(items) == 1 && items[0].Title == hostile {
		text = hostile
	}
	w.exp, w.change = &memExperience{now: w.now, events: events, text: text, stop: true}, newSignal()
	w.h, err = New(Options{
		Queue: w.q, Editors: w.editors, Now: func() time.Time { return w.now },
		Unlock: func(p string) (Signer, error) {
			w.guesses++
			if p != passphrase {
				return nil, errors.New("wrong passphrase")
			}
			return key{private}, nil
		},
		Events: func(_ context.Context, ids []string) (out []learn.Record, _ error) {
			for _, rec := range events {
				for _, id := range ids {
					if rec.ID() == id {
						out = append(out, rec)
					}
				}
			}
			return out, nil
		},
		KPIs: figures, Log: memLog{events}, Graph: memGraph{text}, Experience: w.exp, Teacher: w.exp, Groups: w.exp.groups, Mutes: w.exp.mutes,
		Tools: w.exp.tools, Digest: w.exp.digest, Watch: w.change.watch,
		Refused: func(_ context.Context, object, why string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.refused = append(w.refused, why)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.srv = httptest.NewServer(w.h)
	t.Cleanup(func() { w.h.EndStreams(); w.srv.Close(); w.h.Close() }) // the server waits for open streams
	return w
}

// browser is a client with its own cookies, that sends Origin as browsers do.
type browser struct {
	w *world
	c *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	return &browser{w, &http.Client{Jar: jar, Transport: tr}}
}

func (b *browser) do(method, path string, form url.Values, change func(*http.Request)) (int, string, http.Header) {
	b.w.t.Helper()
	req, err := http.NewRequest(method, b.w.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", b.w.srv.URL)
	}
	if change != nil {
		change(req)
	}
	resp, err := b.c.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func (b *browser) get(path string) (int, string) {
	b.w.t.Helper()
	code, body, _ := b.do(http.MethodGet, path, nil, nil)
	return code, body
}

func (b *browser) post(path string, form url.Values) (int, string) {
	b.w.t.Helper()
	code, body, _ := b.do(http.MethodPost, path, form, nil)
	return code, body
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)

// fields reads the hidden fields of a page; the last form with a name wins.
func fields(page string) url.Values {
	v := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

func (b *browser) try(pass string) (int, string) {
	b.w.t.Helper()
	_, page := b.get("/")
	form := fields(page)
	form.Set("passphrase", pass)
	return b.post("/unlock", form)
}

func (b *browser) unlock() {
	b.w.t.Helper()
	if code, page := b.try(passphrase); code != http.StatusOK || !strings.Contains(page, "to decide") {
		b.w.t.Fatalf("unlock: %d\n%s", code, page)
	}
}

// form fills the decision form of a proposal as the page shows it now.
func (b *browser) form(id string, v learn.Verdict, reason string) url.Values {
	b.w.t.Helper()
	code, page := b.get("/review/" + id)
	if code != http.StatusOK {
		b.w.t.Fatalf("review page: %d", code)
	}
	form := fields(page)
	form.Set("verdict", string(v))
	form.Set("reason", reason)
	return form
}
