package gateway

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// maxSessions bounds the sessions of the older era over HTTP; idleTime is how
	// long one may say nothing.
	maxSessions = 256
	idleTime    = 30 * time.Minute
	// maxUnsent bounds what waits for one HTTP stream, in frames.
	maxUnsent = 1024
)

// Face serves agents over Streamable HTTP, in both eras. It checks the token,
// and that neither Host nor Origin is another site's.
type Face struct {
	g     *Gateway
	token string
	all   *peer // whose group the requests of the newer era are

	mu       sync.Mutex
	sessions map[string]*webSession
}

// webSession is an agent of the older era.
type webSession struct {
	p       *peer
	stream  *stream // what concerns no request
	used    time.Time
	holders int // requests and streams that are open
}

// NewFace makes the HTTP handler. The token is what agents send as Bearer.
func NewFace(g *Gateway, token string) (*Face, error) {
	if len(token) < 16 {
		return nil, errors.New("gateway: a token of at least 16 characters is needed to serve HTTP")
	}
	return &Face{g: g, token: token, all: &peer{}, sessions: map[string]*webSession{}}, nil
}

// Close ends the sessions.
func (f *Face) Close() {
	f.mu.Lock()
	sessions := f.sessions
	f.sessions = map[string]*webSession{}
	f.mu.Unlock()
	for _, s := range sessions {
		s.p.leave("the gateway is ending")
		s.stream.end()
	}
}

// ServeHTTP implements http.Handler.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := f.refuses(r); why != "" {
		code := http.StatusForbidden
		if why == "token" {
			code, why = http.StatusUnauthorized, "the token is missing or wrong"
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, why, code)
		return
	}
	id := r.Header.Get(mcp.HeaderSessionID)
	switch r.Method {
	case http.MethodPost:
		f.post(w, r, id)
	case http.MethodGet:
		f.hold(w, r, id)
	case http.MethodDelete:
		f.remove(id)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "POST, GET, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// refuses says why a request is not served, "" when it is.
func (f *Face) refuses(r *http.Request) string {
	if !loopback(r.Host) {
		return "this is not the gateway of " + plain(r.Host, 100)
	}
	if o := r.Header.Get("Origin"); o != "" {
		u, err := url.Parse(o)
		if err != nil || !loopback(u.Host) {
			return "pages of other sites may not use the gateway"
		}
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(f.token)) != 1 {
		return "token"
	}
	return ""
}

func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

func (f *Face) post(w http.ResponseWriter, r *http.Request, session string) {
	body, err := readRequest(w, r)
	if err != nil {
		http.Error(w, "the message has more than 16 MiB, or broke off", http.StatusRequestEntityTooLarge)
		return
	}
	if isBatch(body) {
		f.postBatch(w, r, session, body)
		return
	}
	m, err := readMessage(body)
	if err != nil || m.method == "" && m.result == nil && m.err == nil {
		reply(w, http.StatusBadRequest, answerFrame(nil, "error", errorBody(mcp.PARSE_ERROR, errNoMessage.Error())))
		return
	}
	version := text(field(field(m.params, "_meta"), mcp.MetaKeyProtocolVersion))
	if mcp.IsModernProtocol(version) || mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		f.modern(w, r, m, version)
		return
	}
	var s *webSession
	if m.method == "initialize" {
		session, s = f.begin()
		if s == nil {
			http.Error(w, "too many sessions are open", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set(mcp.HeaderSessionID, session)
	} else if s = f.use(session); s == nil {
		http.Error(w, "there is no such session: send initialize first", http.StatusNotFound)
		return
	}
	defer f.unuse(s)
	if m.method == "" || m.id == nil {
		f.g.take(s.p, m, s.p.emit, nil, func() {})
		w.WriteHeader(http.StatusAccepted)
		return
	}
	f.exchange(w, r, s.p, m, false)
}

// postBatch serves several messages in one request.
func (f *Face) postBatch(w http.ResponseWriter, r *http.Request, session string, body []byte) {
	s := f.use(session)
	switch {
	case session == "":
		reply(w, http.StatusBadRequest, answerFrame(nil, "error", errorBody(mcp.INVALID_REQUEST, onlyOld)))
		return
	case s == nil:
		http.Error(w, "there is no such session: send initialize first", http.StatusNotFound)
		return
	}
	defer f.unuse(s)
	parts, refusal := s.p.splitBatch(body)
	if refusal != nil {
		reply(w, http.StatusBadRequest, refusal)
		return
	}
	out := newStream()
	f.g.takeBatch(s.p, parts, out.put, out.last, out.end)
	out.free()
	passStream(w, out, r.Context().Done(), false)
}

func readRequest(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if n := r.ContentLength; n >= 0 && n <= 64<<10 { // of more it is not believed
		body := make([]byte, n)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxLine))
}

// modern serves one request of the newer era, which has no sessions.
func (f *Face) modern(w http.ResponseWriter, r *http.Request, m message, version string) {
	refuse := func(code int, why string) {
		reply(w, http.StatusBadRequest, answerFrame(m.id, "error", errorBody(code, why)))
	}
	if h := r.Header.Get(mcp.HeaderProtocolVersion); h != version {
		refuse(mcp.HEADER_MISMATCH, "the header "+mcp.HeaderProtocolVersion+" and the request's _meta name two revisions")
		return
	}
	if version != modernVersion {
		reply(w, http.StatusBadRequest, answerFrame(m.id, "error", encode(map[string]any{"code": mcp.UNSUPPORTED_PROTOCOL_VERSION,
			"message": "unsupported protocol version", "data": map[string]any{"supported": []string{modernVersion, protocolVersion}, "requested": version}})))
		return
	}
	if err := mcp.ValidateStandardHeaders(r.Header.Get, version, mcp.MCPMethod(m.method), raw(m.params)); err != nil && m.method != "" {
		refuse(mcp.HEADER_MISMATCH, err.Error())
		return
	}
	if m.id == nil || m.method == "" {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	p := f.g.newPeer(func([]byte) {})
	p.group = f.all
	defer p.leave("the agent's request ended")
	f.exchange(w, r, p, m, true)
}

// exchange serves one request: its answer alone as JSON, or a stream when
// something comes before it.
func (f *Face) exchange(w http.ResponseWriter, r *http.Request, p *peer, m message, modern bool) {
	s := newStream()
	gone := r.Context().Done()
	pass := func() { passStream(w, s, gone, modern) }
	s.pump = pass
	if modern { // the end of the request is its cancellation
		stop := context.AfterFunc(r.Context(), func() { p.leave("the agent's request ended") })
		defer stop()
	}
	f.g.take(p, m, s.put, s.last, s.end)
	if pumped := s.free(); pumped != nil {
		<-pumped
		return
	}
	pass()
}

// passStream sends what a stream brings until its end.
func passStream(w http.ResponseWriter, s *stream, gone <-chan struct{}, modern bool) {
	streaming := false
	for {
		frames, answer, over := s.next(gone)
		if over && !streaming && len(frames) == 0 && answer != nil {
			reply(w, statusOf(answer, modern), answer)
			return
		}
		if len(frames) > 0 && !streaming {
			streaming = true
			startStream(w)
		}
		if answer != nil {
			frames = append(frames, answer)
		}
		if !sendEvents(w, frames) || over {
			if !streaming {
				w.WriteHeader(http.StatusAccepted) // it was cancelled
			}
			return
		}
		select {
		case <-gone: // in the older era the call goes on
			return
		default:
		}
	}
}

// statusOf is the HTTP status of an answer, as its era wants it.
func statusOf(answer []byte, modern bool) int {
	if !modern {
		return http.StatusOK
	}
	switch string(field(field(answer, "error"), "code")) {
	case "":
		return http.StatusOK
	case "-32601":
		return http.StatusNotFound
	case "-32602", "-32600":
		return http.StatusBadRequest
	}
	return http.StatusOK
}

func reply(w http.ResponseWriter, status int, frame []byte) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(frame))}
	w.WriteHeader(status)
	_, _ = w.Write(frame) // an agent that is gone needs no answer
}

func startStream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
}

func sendEvents(w http.ResponseWriter, frames [][]byte) bool {
	for _, frame := range frames {
		for _, part := range [][]byte{[]byte("data: "), frame, []byte("\n")} {
			if _, err := w.Write(part); err != nil {
				return false
			}
		}
	}
	return len(frames) == 0 || http.NewResponseController(w).Flush() == nil
}
