package mcp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// maxLine bounds one line of the client, in bytes.
	maxLine = 32 << 20
	// maxAnswer bounds one message of the daemon, in bytes.
	maxAnswer = 64 << 20
	// maxOpen bounds the requests that a client has open, its subscriptions
	// included. Beyond it requests are refused and not made to wait: a reader
	// that waits takes no cancellations either.
	maxOpen = 256
	// maxAttempts bounds how often one request is sent.
	maxAttempts = 5
	// drainTime is how long the answers under way are waited for when the
	// client's input ends and it says nothing else.
	drainTime = 10 * time.Minute
	// quietDrain is how much of that passes before anybody is told.
	quietDrain = 5 * time.Second
)

// errDrained ends the calls that were not answered within the drain time.
var errDrained = errors.New("the client's input ended, and this call took longer than is waited for then; whether it runs to its end is not known")

// BridgeOptions say what Bridge connects. In, Out, Client and URL are required.
type BridgeOptions struct {
	// In carries the client's messages, one JSON text a line. It is closed
	// when the bridge is stopped by its context, if it can be.
	In io.Reader
	// Out takes the messages to the client, one a line.
	Out io.Writer
	// Client dials the daemon. It must have no time-out of its own, since
	// streams stay open for as long as the session lives. Its idle
	// connections are closed at the end.
	Client *http.Client
	// URL is the daemon's endpoint as Client reaches it, like http://lathe/mcp.
	URL string
	// Scope goes with every request. Without a SessionID it gets a random one,
	// so that a session stays one when the daemon restarts.
	Scope Scope
	// Ensure starts the daemon if none runs and returns when it can be
	// reached. It is called before the first request and after a lost
	// connection. Nil does nothing.
	Ensure func(ctx context.Context) error
	// Logger takes what goes wrong with the connection; nil discards it.
	Logger *slog.Logger
	// Drain is how long the answers under way are waited for when In ends; 0 is
	// ten minutes.
	Drain time.Duration
}

// Bridge carries one client's stdio to the daemon's Streamable HTTP endpoint
// until In ends, and then for as long as answers are under way: what was asked
// before is answered, if only by an error when Drain is over. It serves clients
// of both protocol eras, decided for each message as the daemon does.
//
// When the daemon goes away Bridge has it started again, repeats the client's
// initialize, sends again what was not answered and opens the streams anew. A
// call that runs a generated tool is not repeated if it could have run
// already: the client gets an error that says so.
//
// The error is nil when In ended, else what went wrong with In or Out, or the
// context's.
func Bridge(ctx context.Context, o BridgeOptions) error {
	if o.In == nil || o.Out == nil || o.Client == nil || o.URL == "" {
		return errors.New("bridge: In, Out, Client and URL are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Scope.SessionID == "" {
		o.Scope.SessionID = rand.Text()
	}
	if o.Drain <= 0 {
		o.Drain = drainTime
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &bridge{
		o: o, out: &lineWriter{w: o.Out, fail: cancel}, open: map[string]*openCall{},
		reviving: make(chan struct{}, 1), closeStream: func() {}, dropStream: func() {},
	}
	defer o.Client.CloseIdleConnections()
	return b.run(ctx)
}

// bridge is the state of one Bridge call.
type bridge struct {
	o   BridgeOptions
	out *lineWriter

	deaf    atomic.Bool    // the client's input ended: it answers nothing any more
	calls   sync.WaitGroup // requests under way
	streams sync.WaitGroup // the GET stream and subscriptions, which never end by themselves

	openMu sync.Mutex
	open   map[string]*openCall // by request id

	linkMu     sync.Mutex
	link       link
	dropStream context.CancelFunc // breaks the GET stream, to be opened anew; guarded by linkMu

	closeStream context.CancelFunc // ends the GET stream for good; the reader's alone

	// reviving is held by whoever restores the connection.
	reviving chan struct{}
	failed   error // of the last attempt, while it is fresh; guarded by reviving
	failedAt time.Time
}

func (b *bridge) run(ctx context.Context) error {
	held, release := context.WithCancel(ctx) // for what would never end by itself
	defer release()
	work, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	lines := make(chan inputLine)
	go readLines(ctx, b.o.In, lines)
	var readErr error
	for reading := true; reading; {
		select {
		case <-ctx.Done():
			if c, ok := b.o.In.(io.Closer); ok {
				c.Close() // frees the reader; whatever it returns, we are leaving
			}
			b.calls.Wait()
			b.streams.Wait()
			b.goodbye(ctx)
			return context.Cause(ctx)
		case line, ok := <-lines:
			if !ok || line.end != nil {
				readErr, reading = line.end, false
				break
			}
			b.handle(work, held, line)
		}
	}
	b.deaf.Store(true)
	release()
	b.drain(abandon)
	b.streams.Wait()
	b.goodbye(ctx)
	if readErr != nil && !errors.Is(readErr, io.EOF) {
		return fmt.Errorf("bridge: reading the client's messages: %w", readErr)
	}
	return context.Cause(ctx)
}

// drain waits for the answers under way, and ends the calls that take too long.
func (b *bridge) drain(abandon context.CancelCauseFunc) {
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		told, late := time.NewTimer(min(quietDrain, b.o.Drain)), time.NewTimer(b.o.Drain)
		defer told.Stop()
		defer late.Stop()
		for {
			select {
			case <-told.C:
				b.o.Logger.Warn("the client's input ended; calls are under way and are waited for", "calls", b.underWay(), "at most", b.o.Drain)
			case <-late.C:
				b.o.Logger.Warn("calls given up: the client's input ended before", "calls", b.underWay(), "waited", b.o.Drain)
				abandon(errDrained)
				return
			case <-done:
				return
			}
		}
	})
	b.calls.Wait()
	close(done)
	watch.Wait()
}

func (b *bridge) underWay() int {
	b.openMu.Lock()
	defer b.openMu.Unlock()
	return len(b.open)
}

// handle takes one line of the client. What must keep its order (initialize,
// notifications, responses) is done when it returns; other requests get a
// goroutine each. Subscriptions and the stream live within held.
func (b *bridge) handle(ctx, held context.Context, line inputLine) {
	if line.tooLong {
		b.out.error(nil, mcp.PARSE_ERROR, fmt.Sprintf("the line is longer than %d bytes", maxLine))
		return
	}
	if isBatch(line.text) && json.Valid(line.text) {
		b.takeBatch(ctx, held, line.text)
		return
	}
	m, code, err := parseMessage(line.text)
	if err != nil {
		b.out.error(m.id, code, err.Error())
		return
	}
	b.route(ctx, held, m)
}

// route takes one message.
func (b *bridge) route(ctx, held context.Context, m message) {
	switch {
	case m.method == "":
		b.respond(ctx, m.raw)
	case m.id == nil:
		b.notify(ctx, held, m)
	case m.method == string(mcp.MethodInitialize):
		b.initialize(ctx, m)
	case m.method == string(mcp.MethodPing) && m.version == "" && b.current().session == "":
		b.out.result(m.id, "{}") // allowed before initialize
	case m.method == string(mcp.MethodSubscriptionsListen):
		b.start(held, &b.streams, m)
	default:
		b.start(ctx, &b.calls, m)
	}
}

// start serves a request in a goroutine of its own.
func (b *bridge) start(ctx context.Context, group *sync.WaitGroup, m message) {
	key := string(m.id)
	b.openMu.Lock()
	_, used := b.open[key]
	full := len(b.open) >= maxOpen
	if used || full {
		b.openMu.Unlock()
		if used {
			b.refuse(m, mcp.INVALID_REQUEST, "a request with this id is still open")
		} else {
			b.refuse(m, mcp.INTERNAL_ERROR, fmt.Sprintf("%d requests are open; wait for answers before sending more", maxOpen))
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	m.open = &openCall{cancel}
	b.open[key] = m.open
	b.openMu.Unlock()
	if m.batch != nil {
		m.batch.begin()
	}
	group.Go(func() {
		defer func() {
			if m.batch != nil {
				m.batch.over()
			}
			cancel()
			b.close(m)
		}()
		err := b.exchange(ctx, m)
		if drained(ctx) && err != nil {
			err = errDrained
		}
		if err != nil && !unwanted(ctx) {
			b.refuse(m, mcp.INTERNAL_ERROR, err.Error())
		}
	})
}

// openCall is a request whose answer has not come yet.
type openCall struct{ cancel context.CancelFunc }

// close frees the id of a request: from its answer on the client may use it for
// another.
func (b *bridge) close(m message) {
	b.openMu.Lock()
	defer b.openMu.Unlock()
	if m.open != nil && b.open[string(m.id)] == m.open {
		delete(b.open, string(m.id))
	}
}

func drained(ctx context.Context) bool { return context.Cause(ctx) == errDrained }

// unwanted reports whether nobody wants the answer of a call any more: who
// cancelled it does not.
func unwanted(ctx context.Context) bool { return ctx.Err() != nil && !drained(ctx) }

// notify passes a notification on. A cancellation also ends the request here:
// the daemon learns of it from the closed connection, which is the only way in
// the 2026-07-28 revision.
func (b *bridge) notify(ctx, held context.Context, m message) {
	if m.method == "initialized" { // ocode's client says it so
		m = m.withMethod("notifications/initialized")
	}
	if m.method == "notifications/cancelled" {
		b.cancel(m)
		if m.version != "" {
			return
		}
	}
	if m.version == "" && b.current().session == "" {
		b.o.Logger.Debug("notification before initialize dropped", "method", m.method)
		return
	}
	if m.method == "notifications/initialized" {
		b.markReady()
	}
	if err := b.exchange(ctx, m); err != nil {
		b.o.Logger.Warn("notification not delivered", "method", m.method, "err", err)
	}
	if m.method == "notifications/initialized" {
		b.openStream(held)
	}
}

func (b *bridge) cancel(m message) {
	id := m.cancelled()
	b.openMu.Lock()
	call := b.open[string(id)]
	b.openMu.Unlock()
	if call != nil {
		call.cancel()
	}
}

// respond passes the client's answer to a request of the daemon on. It is not
// repeated: a daemon that was started since has not asked.
func (b *bridge) respond(ctx context.Context, raw []byte) {
	st := b.current()
	if st.session == "" {
		return
	}
	resp, err := b.post(ctx, raw, st, message{})
	if err != nil {
		b.o.Logger.Debug("response not delivered", "err", err)
		return
	}
	discard(resp)
}
