package web

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stream opens the live updates as the page's script does.
func (b *browser) stream() (*http.Response, *bufio.Scanner) {
	b.w.t.Helper()
	resp, err := b.c.Get(b.w.srv.URL + "/live")
	if err != nil {
		b.w.t.Fatal(err)
	}
	return resp, bufio.NewScanner(resp.Body)
}

// until reads lines up to one.
func until(lines *bufio.Scanner, want string) bool {
	for lines.Scan() {
		if lines.Text() == want {
			return true
		}
	}
	return false
}

func TestAPageIsToldOfChanges(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	resp, lines := b.stream()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !until(lines, "event: open") {
		t.Fatalf("%d", resp.StatusCode)
	}
	for range 3 {
		w.change.fire()
		if !until(lines, "event: change") {
			t.Fatal("the stream ended")
		}
	}
	_, page := b.get("/kpi")
	b.post("/lock", fields(page))
	if until(lines, "event: change") {
		t.Error("a stream outlived its session")
	}
}

func TestNobodyElseIsToldOfChanges(t *testing.T) {
	w, _ := week(t)
	resp, _ := w.browser().stream()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %d", resp.StatusCode)
	}
}

func TestStreamsAreBoundedAndEndWithTheServer(t *testing.T) {
	w, _ := week(t)
	b := w.browser()
	b.unlock()
	var open []*bufio.Scanner
	for range maxStreams {
		resp, lines := b.stream()
		defer resp.Body.Close()
		if !until(lines, "event: open") {
			t.Fatal("no stream")
		}
		open = append(open, lines)
	}
	resp, _ := b.stream()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more: %d", resp.StatusCode)
	}
	w.h.EndStreams()
	for _, lines := range open {
		if until(lines, "never sent") {
			t.Error("impossible")
		}
	}
}

// What the page's script asks by itself does not keep a session alive.
func TestLiveRequestsDoNotRenewASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newSessions()
		defer all.closeAll()
		token := all.begin(key{})
		ask := func() *session {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set(liveHeader, "1")
			r.AddCookie(&http.Cookie{Name: cookieName, Value: token})
			return all.of(r)
		}
		for waited := time.Duration(0); waited < idleLimit-time.Minute; waited += time.Minute {
			if ask() == nil {
				t.Fatalf("ended after %v", waited)
			}
			time.Sleep(time.Minute) // the bubble's clock
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if ask() != nil {
			t.Error("a page that nobody uses kept its session")
		}
		r := httptest.NewRequest(http.MethodPost, "/review/x", strings.NewReader(""))
		r.Header.Set(liveHeader, "1")
		token = all.begin(key{})
		r.AddCookie(&http.Cookie{Name: cookieName, Value: token})
		if all.of(r) == nil {
			t.Error("a write by a person")
		}
	})
}
