package server

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/trial"
	"lathe/server/review"
	"lathe/server/web"
)

// queued is a daemon's queue with its page, and a cookie that opens it.
func queued(b *testing.B, n int) (*Daemon, *web.Handler, *http.Cookie, func(i int, state learn.State)) {
	d := &Daemon{queue: review.New(review.Options{Reviewer: func() (ed25519.PublicKey, error) { return nil, review.ErrNoReviewer }}),
		acceptance: review.NewAcceptance(trial.LowerBound)}
	put := func(kind learn.EntryKind, id string, body any) {
		e, err := learn.NewEntry(kind, id, "shop", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), body, nil)
		if err == nil {
			err = d.queue.Apply(e)
		}
		if err == nil {
			err = d.acceptance.Apply(e)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	types := []learn.ModificationType{learn.AddRetry, learn.AddFallback, learn.AdjustPriority}
	for i := range n {
		id := learn.UUIDv8("bench", fmt.Sprint(i))
		put(learn.EntryProposal, id, learn.PlanModificationProposal{ProposalID: id, Type: types[i%3], TargetPlanTemplate: ".ocode/plans/release.json", ConfidenceScore: float64(i%97) / 100,
			Rationale: "step test failed with Python module not found in 6 of 6 runs", Risk: "low", Diff: "@@ -1 +1 @@\n-a\n+b\n", ContentHash: fmt.Sprint("sha256:", i)})
	}
	change := func(i int, to learn.State) {
		id := learn.UUIDv8("bench", fmt.Sprint(i))
		put(learn.EntryState, id, learn.StateChange{ObjectID: id, To: to, Timestamp: time.Date(2026, 3, 2, 0, 0, 0, i, time.UTC)})
	}
	key, err := review.Create(b.TempDir(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	h, err := web.New(web.Options{Queue: newPageQueue(d), Unlock: func(string) (web.Signer, error) { return key, nil }, Watch: d.queue.Watch})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(h.Close)
	return d, h, unlockedBy(b, h), change
}

// unlockedBy gives the passphrase as a browser does.
func unlockedBy(b *testing.B, h http.Handler) *http.Cookie {
	first := httptest.NewRecorder()
	h.ServeHTTP(first, httptest.NewRequest(http.MethodGet, "http://localhost/", nil))
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(first.Body.String())
	r := httptest.NewRequest(http.MethodPost, "http://localhost/unlock", strings.NewReader(url.Values{"csrf": {token[1]}, "passphrase": {"correct horse"}, "back": {"/"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://localhost")
	for _, c := range first.Result().Cookies() {
		r.AddCookie(c)
	}
	second := httptest.NewRecorder()
	h.ServeHTTP(second, r)
	for _, c := range second.Result().Cookies() {
		if c.Name == "lathe_review" && c.Value != "" {
			return c
		}
	}
	b.Fatalf("not unlocked: %d %s", second.Code, second.Body)
	return nil
}

// BenchmarkPageFirstByte is a request of the review page with 10,000 proposals
// behind it, from the ledger's projection to the answer, which is sent in one
// piece: its first byte is out when it is made. "changed" has another proposal
// change before each request, which is the worst that a page meets.
func BenchmarkPageFirstByte(b *testing.B) {
	_, h, cookie, change := queued(b, 10_000)
	ask := func(b *testing.B, path string) {
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
		r.AddCookie(cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%s: %d", path, w.Code)
		}
	}
	for name, path := range map[string]string{"queue": "/", "filtered": "/?kind=add_retry&state=in_review&sort=age", "search": "/?q=python+module", "last_page": "/?page=99",
		"proposal": "/review/" + learn.UUIDv8("bench", "5000")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ask(b, path)
			}
		})
	}
	b.Run("changed", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i++
			change(i%10_000, learn.StateDeprecated)
			ask(b, "/")
		}
	})
}
