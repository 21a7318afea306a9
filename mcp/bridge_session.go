package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// reviveTime bounds one attempt to restore the connection.
	reviveTime = 60 * time.Second
	// grace is how long a lost stream waits for the daemon to come back by
	// itself before it has one started: whoever restarts the daemon by hand
	// would otherwise find another one running.
	grace = 3 * time.Second
	// remembered is how long a failure to restore the connection answers for
	// the requests that meet it too.
	remembered = time.Second
	// internalID is the id of requests that are the bridge's own.
	internalID = `"lathe-bridge"`
)

// link is the state of the connection to the daemon.
type link struct {
	// generation counts the times that the connection was made; 0 is never.
	generation uint64
	session    string // Mcp-Session-Id; "" without a legacy session
	version    string // negotiated by initialize
	params     json.RawMessage
	ready      bool // the client said notifications/initialized
}

func (l link) header(h http.Header) {
	if l.session != "" {
		h.Set(mcp.HeaderSessionID, l.session)
	}
	if l.version != "" {
		h.Set(mcp.HeaderProtocolVersion, l.version)
	}
}

func (b *bridge) current() link {
	b.linkMu.Lock()
	defer b.linkMu.Unlock()
	return b.link
}

func (b *bridge) change(f func(*link)) {
	b.linkMu.Lock()
	defer b.linkMu.Unlock()
	f(&b.link)
}

func (b *bridge) markReady() { b.change(func(l *link) { l.ready = true }) }

// initialize begins the client's session. A client that does it again gets a
// new one.
func (b *bridge) initialize(ctx context.Context, m message) {
	b.closeStream()
	b.goodbye(ctx)
	b.change(func(l *link) { l.session, l.version, l.params, l.ready = "", "", nil, false })
	var err error
	for attempt := range maxAttempts {
		st := b.current()
		if attempt > 0 || st.generation == 0 {
			if err = b.revive(ctx, st.generation, true); err != nil {
				break
			}
		}
		var answer []byte
		answer, err = b.handshake(ctx, m)
		if err == nil {
			b.out.write(answer)
			return
		}
		var lost *lostError
		if !errors.As(err, &lost) {
			break
		}
		pause(ctx, attempt)
	}
	b.out.error(m.id, mcp.INTERNAL_ERROR, err.Error())
}

// handshake sends an initialize and takes the session from its answer.
func (b *bridge) handshake(ctx context.Context, m message) (answer []byte, err error) {
	resp, err := b.post(ctx, m.raw, link{}, m)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var result struct {
		Version string `json:"protocolVersion"`
	}
	err = b.relay(ctx, resp, m.id, func(e envelope, text []byte) {
		if e.Method == "" {
			answer = text
			_ = json.Unmarshal(e.Result, &result) // an error answer has none
		}
	})
	if err != nil {
		return nil, err
	}
	if session := resp.Header.Get(mcp.HeaderSessionID); session != "" && result.Version != "" {
		b.change(func(l *link) { l.session, l.version, l.params = session, result.Version, m.params })
	}
	return answer, nil
}

// revive restores the connection of the given generation: the daemon started
// (if start), the session begun anew, the client told that the tools may be
// others. It does nothing when that was done meanwhile.
func (b *bridge) revive(ctx context.Context, generation uint64, start bool) error {
	select {
	case b.reviving <- struct{}{}:
		defer func() { <-b.reviving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.current().generation != generation {
		return nil
	}
	if start && b.failed != nil && time.Since(b.failedAt) < remembered {
		return b.failed
	}
	ctx, cancel := context.WithTimeout(ctx, reviveTime)
	defer cancel()
	err := b.connect(ctx, start)
	if err == nil {
		b.failed = nil
		b.change(func(l *link) {
			l.generation++
			b.dropStream() // it may have been opened for the session before
		})
		return nil
	}
	err = fmt.Errorf("the Lathe daemon cannot be reached: %w; run `lathe doctor` to see why", err)
	if start && ctx.Err() == nil {
		b.failed, b.failedAt = err, time.Now()
	}
	return err
}

func (b *bridge) connect(ctx context.Context, start bool) error {
	if start && b.o.Ensure != nil {
		if err := b.o.Ensure(ctx); err != nil {
			return err
		}
	}
	st := b.current()
	if st.params == nil {
		return nil
	}
	if b.alive(ctx, st) {
		if st.ready { // what was announced while the stream was broken is lost
			b.out.write(toolsChanged(nil))
		}
		return nil
	}
	m := message{id: json.RawMessage(internalID), method: string(mcp.MethodInitialize), params: st.params}
	m.raw = encode(map[string]any{"jsonrpc": "2.0", "id": m.id, "method": m.method, "params": m.params})
	if _, err := b.handshake(ctx, m); err != nil {
		return err
	}
	now := b.current()
	if now.session == st.session {
		return errors.New("it refuses the session that it accepted before")
	}
	if !st.ready {
		return nil
	}
	ready := message{}.withMethod("notifications/initialized")
	resp, err := b.post(ctx, ready.raw, now, ready)
	if err != nil {
		return err
	}
	b.passOn(ctx, resp)
	b.out.write(toolsChanged(nil))
	return nil
}

// alive reports whether the daemon still knows the session.
func (b *bridge) alive(ctx context.Context, st link) bool {
	ping := message{method: string(mcp.MethodPing)}
	resp, err := b.post(ctx, encode(map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(internalID), "method": ping.method}), st, ping)
	if err != nil {
		return false
	}
	b.passOn(ctx, resp)
	return true
}

// openStream holds the legacy session's stream open in the background.
func (b *bridge) openStream(ctx context.Context) {
	b.closeStream()
	ctx, cancel := context.WithCancel(ctx)
	b.closeStream = cancel
	b.streams.Go(func() {
		defer cancel()
		for short := 0; ctx.Err() == nil; short++ {
			began := time.Now()
			st, err := b.hold(ctx)
			var lost *lostError
			switch {
			case ctx.Err() != nil:
				return
			case !errors.As(err, &lost):
				b.o.Logger.Warn("the daemon offers no stream: changes of the tool list are not announced", "err", err)
				return
			case time.Since(began) > grace:
				short = 0
			}
			b.awaitRevival(ctx, st.generation, short)
		}
	})
}

// awaitRevival returns when the connection that broke is restored. The stream
// must not be opened before: a new daemon takes a session that it does not know
// for a new one, and says nothing on it.
func (b *bridge) awaitRevival(ctx context.Context, generation uint64, attempt int) {
	lostAt := time.Now()
	for ; ctx.Err() == nil; attempt++ {
		pause(ctx, attempt)
		err := b.revive(ctx, generation, time.Since(lostAt) > grace)
		if err == nil {
			return
		}
		b.o.Logger.Debug("the daemon is not back yet", "err", err)
	}
}

// hold opens the stream of the current session and passes on what comes, until
// it breaks or the session is another one.
func (b *bridge) hold(ctx context.Context) (link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.linkMu.Lock()
	st := b.link
	b.dropStream = cancel
	b.linkMu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.o.URL, nil)
	if err != nil {
		return st, err
	}
	maps.Copy(req.Header, b.o.Scope.header())
	req.Header.Set("Accept", "text/event-stream")
	st.header(req.Header)
	resp, err := b.o.Client.Do(req)
	if err != nil {
		return st, &lostError{err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return st, refused(resp, true)
	}
	defer resp.Body.Close()
	if !b.alive(ctx, st) { // the daemon opens a stream for any session, known or not
		return st, &lostError{err: errors.New("the session is over")}
	}
	return st, b.relay(ctx, resp, nil, func(_ envelope, text []byte) { b.out.write(text) })
}

// goodbye ends the daemon's side of the session. Whether that succeeds does
// not matter: a session without traffic is dropped in time.
func (b *bridge) goodbye(ctx context.Context) {
	st := b.current()
	if st.session == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, b.o.URL, nil)
	if err != nil {
		return
	}
	maps.Copy(req.Header, b.o.Scope.header())
	st.header(req.Header)
	if resp, err := b.o.Client.Do(req); err == nil {
		discard(resp)
	}
}
