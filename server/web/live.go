package web

import (
	"net/http"
	"time"
)

const (
	// liveHeader marks a request that the page's script made by itself: it does
	// not keep a session open that nobody uses.
	liveHeader = "Lathe-Live"
	// gatherChanges is how long changes are gathered before a page is told.
	gatherChanges = 250 * time.Millisecond
	// heartbeat keeps proxies and sleeping laptops honest.
	heartbeat = 25 * time.Second
	// maxStreams bounds the open pages of a session that are told of changes.
	maxStreams = 8
)

// live tells a page that something changed (server-sent events), until the
// session ends or the page is left.
func (h *Handler) live(w http.ResponseWriter, r *http.Request) {
	s := h.sessions.peek(r)
	if s == nil {
		http.Error(w, "locked", http.StatusUnauthorized)
		return
	}
	if !s.stream(1) {
		http.Error(w, "too many pages are open", http.StatusTooManyRequests)
		return
	}
	defer s.stream(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(text string) bool {
		_, err := w.Write([]byte(text))
		return err == nil && control.Flush() == nil
	}
	changed := h.o.Watch() // before the page is told that it is connected: no change is missed
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for ok := send("event: open\ndata: 1\n\n"); ok; {
		select {
		case <-changed:
			if ok = pause(r, s, h.ending); ok {
				changed = h.o.Watch()
				ok = send("event: change\ndata: 1\n\n")
			}
		case <-beat.C:
			ok = send(": still here\n\n")
		case <-s.ended:
			ok = false
		case <-h.ending:
			ok = false
		case <-r.Context().Done():
			ok = false
		}
	}
}

// pause waits for more changes to come together; false when the stream is over.
func pause(r *http.Request, s *session, ending <-chan struct{}) bool {
	company := time.NewTimer(gatherChanges)
	defer company.Stop()
	select {
	case <-company.C:
		return true
	case <-s.ended:
	case <-ending:
	case <-r.Context().Done():
	}
	return false
}

// EndStreams ends the streams of live updates, for a server that shuts down.
func (h *Handler) EndStreams() { h.endOnce.Do(func() { close(h.ending) }) }
