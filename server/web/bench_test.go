package web

import (
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"testing"

	"lathe/learn"
)

// BenchmarkQueue is one request of the queue's first page at 10,000 proposals,
// and of one proposal's page.
func BenchmarkQueue(b *testing.B) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, nil, nil)
	items, _ := realistic(w.now)
	for n := range 10_000 {
		items = append(items, planItem(n, w.now, []learn.State{learn.StateInReview, learn.StateApproved, learn.StateRejected}[n%3], "low"))
	}
	w.q.items = items
	token := w.h.sessions.begin(key{private})
	for name, path := range map[string]string{"queue": "/", "proposal": "/review/" + items[0].ID} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
				r.AddCookie(&http.Cookie{Name: cookieName, Value: token})
				rec := httptest.NewRecorder()
				w.h.ServeHTTP(rec, r)
				if rec.Code != http.StatusOK {
					b.Fatal(rec.Code)
				}
			}
		})
	}
}
