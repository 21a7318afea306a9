package gateway

import (
	"net/http"
	"sync"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/mcp"
)

// begin opens a session of the older era; nil when there are too many.
func (f *Face) begin() (string, *webSession) {
	f.reclaim()
	s := &webSession{stream: newStream(), used: f.g.now(), holders: 1}
	s.p = f.g.newPeer(s.stream.put)
	id := uuid.NewString()
	f.mu.Lock()
	full := len(f.sessions) >= maxSessions
	if !full {
		f.sessions[id] = s
	}
	f.mu.Unlock()
	if full {
		s.p.leave("too many sessions")
		return "", nil
	}
	return id, s
}

// use finds a session and keeps it from being reclaimed until unuse.
func (f *Face) use(id string) *webSession {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sessions[id]
	if s != nil {
		s.holders++
	}
	return s
}

func (f *Face) unuse(s *webSession) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.holders--
	s.used = f.g.now()
}

// reclaim ends the sessions that nobody has used for long.
func (f *Face) reclaim() {
	var old []string
	f.mu.Lock()
	for id, s := range f.sessions {
		if s.holders == 0 && f.g.now().Sub(s.used) > idleTime {
			old = append(old, id)
		}
	}
	f.mu.Unlock()
	for _, id := range old {
		f.remove(id)
	}
}

func (f *Face) remove(id string) {
	f.mu.Lock()
	s := f.sessions[id]
	delete(f.sessions, id)
	f.mu.Unlock()
	if s != nil {
		s.p.leave("the agent ended its session")
		s.stream.end()
	}
}

// hold serves the stream of what concerns no request.
func (f *Face) hold(w http.ResponseWriter, r *http.Request, id string) {
	if mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		w.Header().Set("Allow", "POST")
		http.Error(w, "this revision has subscriptions/listen instead", http.StatusMethodNotAllowed)
		return
	}
	s := f.use(id)
	if s == nil {
		http.Error(w, "there is no such session: send initialize first", http.StatusNotFound)
		return
	}
	defer f.unuse(s)
	startStream(w)
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	for {
		frames, _, over := s.stream.next(r.Context().Done())
		if !sendEvents(w, frames) || over || r.Context().Err() != nil {
			return
		}
	}
}

// stream carries frames to the goroutine that serves an HTTP request.
type stream struct {
	wake chan struct{} // holds one
	pump func()        // sends while that goroutine is busy; nil when it never is

	mu     sync.Mutex
	frames [][]byte
	answer []byte
	over   bool
	idle   bool          // that goroutine sends
	pumped chan struct{} // closed when pump has ended; nil when it did not begin
}

func newStream() *stream { return &stream{wake: make(chan struct{}, 1)} }

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// put adds a frame; of too many the oldest goes: nobody reads them.
func (s *stream) put(frame []byte) {
	s.mu.Lock()
	if len(s.frames) >= maxUnsent {
		s.frames = s.frames[1:]
	}
	s.frames = append(s.frames, frame)
	if s.pump != nil && !s.idle && s.pumped == nil {
		s.pumped = make(chan struct{})
		go func() {
			defer close(s.pumped)
			s.pump()
		}()
	}
	s.mu.Unlock()
	s.signal()
}

// free says that the goroutine that serves the request is free to send, unless
// the pump does: then it is what to wait for.
func (s *stream) free() (pumped chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = true
	return s.pumped
}

// last sets the answer; end follows.
func (s *stream) last(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = frame
}

func (s *stream) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.signal()
}

// next waits for something to send, the end, or gone.
func (s *stream) next(gone <-chan struct{}) (frames [][]byte, answer []byte, over bool) {
	select {
	case <-s.wake:
	case <-gone:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, s.frames = s.frames, nil
	if s.over {
		answer = s.answer
	}
	return frames, answer, s.over
}
