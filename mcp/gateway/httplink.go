package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// httpLink is a server behind a URL, over Streamable HTTP of both eras.
type httpLink struct {
	url    *url.URL
	bad    error             // the URL cannot be read
	header http.Header       // of the configuration, with its secrets
	trip   http.RoundTripper // redirects are not followed: the headers are for the configured server
	idle   func()            // closes idle connections
	in     func(message, *exchange)

	ctx     context.Context
	stop    context.CancelFunc // ends everything
	gone    chan struct{}
	end     func()
	running sync.WaitGroup
	// tools are those whose arguments the server wants in headers too, by name.
	tools atomic.Pointer[map[string]*mcp.Tool]

	mu      sync.Mutex
	lastID  int64
	open    map[int64]context.CancelFunc
	session string
	version string // what was agreed on; "" before
	why     error  // why it is gone
}

func newHTTPLink(cfg ServerConfig, in func(message, *exchange)) *httpLink {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.DisableCompression = maxOpen, true
	u, bad := url.Parse(cfg.URL)
	l := &httpLink{url: u, bad: bad, header: http.Header{}, in: in, gone: make(chan struct{}), open: map[int64]context.CancelFunc{}}
	for name, value := range cfg.Headers {
		l.header.Set(name, value)
	}
	if u != nil && u.User != nil && l.header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		l.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	l.trip, l.idle = t, t.CloseIdleConnections
	if u != nil {
		if near := nearby(u.Scheme, u.Host); near != nil {
			l.trip, l.idle = near, near.close
		}
	}
	l.end = sync.OnceFunc(func() { close(l.gone) })
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

func (l *httpLink) ended() <-chan struct{} { return l.gone }

// lost ends the link for a reason.
func (l *httpLink) lost(why error) {
	l.mu.Lock()
	if l.why == nil {
		l.why = why
	}
	l.mu.Unlock()
	l.end()
}

func (l *httpLink) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why == nil {
		return errGone
	}
	return l.why
}

// close says goodbye and returns when nothing runs any more.
func (l *httpLink) close() {
	l.mu.Lock()
	session := l.session
	l.mu.Unlock()
	if session != "" {
		ctx, cancel := context.WithTimeout(l.ctx, graceTime)
		if req, err := l.request(ctx, http.MethodDelete, nil); err == nil {
			if resp, err := l.trip.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
		}
		cancel()
	}
	l.mu.Lock()
	l.stop()
	l.mu.Unlock()
	l.end()
	l.running.Wait()
	l.idle()
}

// spawn runs f unless the link is closed.
func (l *httpLink) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return false
	}
	l.running.Go(f)
	return true
}

func (l *httpLink) request(ctx context.Context, method string, body []byte) (*http.Request, error) {
	if l.bad != nil {
		return nil, fmt.Errorf("its URL cannot be read: %w", bare(l.bad))
	}
	req := (&http.Request{Method: method, URL: l.url, Host: l.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(l.header)+6), Body: http.NoBody}).WithContext(ctx)
	for name, values := range l.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header["Content-Type"] = []string{"application/json"}
		req.ContentLength = int64(len(body))
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != "" {
		req.Header.Set(mcp.HeaderSessionID, l.session)
	}
	if l.version != "" {
		req.Header.Set(mcp.HeaderProtocolVersion, l.version)
	}
	return req, nil
}

func (l *httpLink) send(method string, params []byte, x *exchange, done func(message, error)) int64 {
	ctx, cancel := context.WithCancel(l.ctx)
	l.mu.Lock()
	l.lastID++
	id := l.lastID
	l.open[id] = cancel
	l.mu.Unlock()
	run := func() {
		defer cancel()
		m, err := l.post(ctx, strconv.AppendInt(nil, id, 10), method, params, x)
		if l.drop(id) {
			done(m, err)
		}
	}
	if x != nil && x.patient {
		x.ticket(id)
		l.here(run)
	} else if !l.spawn(run) {
		run() // it is closed, and says so
	}
	return id
}

// here runs f on this goroutine, counted as spawn's are.
func (l *httpLink) here(f func()) {
	l.mu.Lock()
	counted := l.ctx.Err() == nil
	if counted {
		l.running.Add(1)
	}
	l.mu.Unlock()
	if counted {
		defer l.running.Done()
	}
	f() // of a closed link it says so
}

// drop takes a request off the list, and reports whether it was on it.
func (l *httpLink) drop(id int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.open[id]
	delete(l.open, id)
	return ok
}

func (l *httpLink) cancel(ticket int64, reason string) {
	l.mu.Lock()
	stop := l.open[ticket]
	delete(l.open, ticket)
	modern := mcp.IsModernProtocol(l.version)
	l.mu.Unlock()
	if stop == nil {
		return
	}
	if !modern { // in the newer era the end of the request says it
		l.tell("notifications/cancelled", encode(map[string]any{"requestId": ticket, "reason": reason}))
	}
	stop()
}

func (l *httpLink) tell(method string, params []byte) { l.oneWay(requestFrame(nil, method, params)) }

func (l *httpLink) reply(id []byte, kind string, body []byte) { l.oneWay(answerFrame(id, kind, body)) }

// oneWay sends what has no answer.
func (l *httpLink) oneWay(frame []byte) {
	l.spawn(func() {
		ctx, cancel := context.WithTimeout(l.ctx, writeTime)
		defer cancel()
		req, err := l.request(ctx, http.MethodPost, frame)
		if err != nil {
			return
		}
		req.Header.Set("Accept", "application/json, text/event-stream")
		if resp, err := l.trip.RoundTrip(req); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
			resp.Body.Close()
		}
	})
}

// post makes one request and reads its answer, passing on what comes before.
func (l *httpLink) post(ctx context.Context, id []byte, method string, params []byte, x *exchange) (message, error) {
	req, err := l.request(ctx, http.MethodPost, requestFrame(id, method, params))
	if err != nil {
		return message{}, err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	l.mirror(req.Header, method, params)
	resp, err := l.trip.RoundTrip(req)
	if err != nil {
		return message{}, l.failed(err)
	}
	defer resp.Body.Close()
	m, err := l.answer(resp, id, x)
	if err == nil && method == "initialize" && m.err == nil {
		l.mu.Lock()
		l.session, l.version = resp.Header.Get(mcp.HeaderSessionID), text(field(m.result, "protocolVersion"))
		l.mu.Unlock()
	}
	return m, err
}

// mirror repeats in headers what the newer revision wants there.
func (l *httpLink) mirror(h http.Header, method string, params []byte) {
	version := h.Get(mcp.HeaderProtocolVersion)
	if meta := field(params, "_meta"); version == "" && meta != nil {
		version = text(field(meta, mcp.MetaKeyProtocolVersion))
		if version != "" {
			h.Set(mcp.HeaderProtocolVersion, version)
		}
	}
	for name, value := range mcp.StandardHeaders(version, mcp.MCPMethod(method), params) {
		h.Set(name, value)
	}
	if tools := l.tools.Load(); tools != nil && method == "tools/call" && mcp.IsModernProtocol(version) {
		if t := (*tools)[text(field(params, "name"))]; t != nil {
			for name, value := range mcp.GenerateParamHeaders(t, params) {
				h.Set(name, value)
			}
		}
	}
}

// failed words a request that did not arrive.
func (l *httpLink) failed(err error) error {
	err = bare(err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		l.lost(fmt.Errorf("it cannot be reached: %w", err))
	}
	select {
	case <-l.gone:
		return errGone
	default:
		return fmt.Errorf("it cannot be reached: %w", err)
	}
}

// bare takes the URL off an error: its query may hold a secret.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (l *httpLink) answer(resp *http.Response, id []byte, x *exchange) (message, error) {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case kind == "text/event-stream":
		var found *message
		unread := false
		err := readEvents(resp.Body, maxFrame, func(data []byte) bool {
			m, err := readMessage(data)
			switch {
			case err != nil:
				n, ok := unreadID(bytes.TrimSpace(data))
				unread = ok && string(strconv.AppendInt(nil, n, 10)) == string(id)
			case m.method != "":
				l.in(m, x)
			case bytes.Equal(m.id, id):
				found = &m
			}
			return found == nil && !unread
		})
		switch {
		case found != nil:
			return *found, nil
		case unread:
			return message{}, errUnreadable
		}
		if errors.Is(err, errHuge) {
			return message{}, errHuge
		}
		return message{}, errors.New("its stream ended before the answer; whether the call was carried out is not known")
	case kind == "application/json":
		body, err := readBody(resp)
		if err != nil {
			return message{}, fmt.Errorf("its answer broke off: %w", bare(err))
		}
		if len(body) > maxFrame {
			return message{}, errHuge
		}
		m, err := readMessage(body)
		switch {
		case err == nil && (m.result != nil || m.err != nil):
			return m, nil
		case err != nil && resp.StatusCode == http.StatusOK:
			return message{}, errUnreadable
		}
	}
	return message{}, l.refused(resp)
}

// readBody reads an answer of at most one byte more than may be.
func readBody(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; n >= 0 && n <= maxFrame {
		body := make([]byte, n)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxFrame+1))
}

// refused words an answer that is no message.
func (l *httpLink) refused(resp *http.Response) error {
	some, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // for the message only
	l.mu.Lock()
	session := l.session != ""
	l.mu.Unlock()
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound && session:
		err := errors.New("it forgot its session; it is being opened again")
		l.lost(err)
		return err
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf(`it wants authorisation (HTTP %d): give it a token, as in "headers": {"Authorization": "Bearer ${NAME}"}`, code)
	case code >= 300 && code < 400:
		return fmt.Errorf("it is somewhere else (HTTP %d, %s): write that URL if you trust it", code, plain(resp.Header.Get("Location"), 200))
	default:
		return fmt.Errorf("HTTP %d without a message: %s", code, strings.TrimSpace(plain(string(some), 300)))
	}
}

// listen holds the older era's stream of what the server says by itself.
func (l *httpLink) listen() {
	l.spawn(func() {
		for pause := minPause; ; pause = min(2*pause, maxPause) {
			req, err := l.request(l.ctx, http.MethodGet, nil)
			if err != nil {
				return
			}
			req.Header.Set("Accept", "text/event-stream")
			resp, err := l.trip.RoundTrip(req)
			if err == nil && resp.StatusCode != http.StatusOK {
				resp.Body.Close() // it has no such stream
				return
			}
			if err == nil {
				// What changed before, nobody was there to hear.
				l.in(message{method: "notifications/tools/list_changed"}, nil)
				_ = readEvents(resp.Body, maxFrame, func(data []byte) bool {
					if m, err := readMessage(data); err == nil && m.method != "" {
						l.in(m, nil)
					}
					return true
				})
				resp.Body.Close()
			}
			select {
			case <-time.After(pause):
			case <-l.ctx.Done():
				return
			case <-l.gone:
				return
			}
		}
	})
}
