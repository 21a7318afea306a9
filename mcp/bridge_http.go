package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// lostError says that the daemon, or the session with it, is gone.
type lostError struct {
	err error
	// sent: the daemon may have acted on the request.
	sent bool
}

func (e *lostError) Error() string {
	return "the connection to the Lathe daemon was lost: " + e.err.Error()
}
func (e *lostError) Unwrap() error { return e.err }

// exchange sends a request or notification and passes on whatever comes back,
// again and again while the daemon is lost. A subscription never gives up.
func (b *bridge) exchange(ctx context.Context, m message) error {
	listen := m.method == string(mcp.MethodSubscriptionsListen)
	for attempt := 0; ; attempt++ {
		st := b.current()
		if st.generation == 0 {
			if err := b.revive(ctx, 0, true); err != nil {
				return err
			}
			st = b.current()
		}
		err := b.attempt(ctx, m, st, attempt > 0)
		var lost *lostError
		if err == nil || ctx.Err() != nil || !errors.As(err, &lost) {
			return err
		}
		if lost.sent && !m.repeatable() {
			return fmt.Errorf("the Lathe daemon was lost while %s was running; whether it ran to its end is not known, so it was not called again: look at what it changed before you call it again", m.toolName())
		}
		if attempt+1 >= maxAttempts && !listen {
			return err
		}
		if attempt > 0 {
			pause(ctx, attempt)
		}
		if err := b.revive(ctx, st.generation, true); err != nil && !listen {
			return err
		}
	}
}

// attempt sends m once.
func (b *bridge) attempt(ctx context.Context, m message, st link, again bool) error {
	resp, err := b.post(ctx, m.raw, st, m)
	if err != nil {
		return err
	}
	if m.id == nil {
		b.passOn(ctx, resp)
		return nil
	}
	defer resp.Body.Close()
	return b.relay(ctx, resp, m.id, func(e envelope, text []byte) {
		if again && e.Method == mcp.MethodNotificationSubscriptionsAcknowledged {
			// The client knows that it is subscribed. What it does not know
			// is what changed meanwhile.
			if m.wantsTools() {
				b.out.write(toolsChanged(m.id))
			}
			return
		}
		switch {
		case unwanted(ctx):
		case e.Method == "":
			b.answer(m, text)
		default:
			b.out.write(text)
		}
	})
}

// toolsChanged is the notification that the tool list changed, for the given
// subscription or, in the legacy era, for none.
func toolsChanged(subscription json.RawMessage) []byte {
	n := map[string]any{"jsonrpc": "2.0", "method": mcp.MethodNotificationToolsListChanged}
	if subscription != nil {
		n["params"] = map[string]any{"_meta": map[string]any{mcp.MetaKeySubscriptionID: subscription}}
	}
	return encode(n)
}

// post sends one message under the link st. m tells the era and what the
// headers of the 2026-07-28 revision repeat. The answer has a good status; the
// caller closes its body.
func (b *bridge) post(ctx context.Context, body []byte, st link, m message) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.o.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, b.o.Scope.header())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	switch {
	case m.version != "":
		req.Header.Set(mcp.HeaderProtocolVersion, m.version)
		for name, value := range mcp.StandardHeaders(m.version, mcp.MCPMethod(m.method), m.params) {
			req.Header.Set(name, value)
		}
		if id, ok := taskHeader(m.method, m.params); ok {
			req.Header.Set(mcp.HeaderName, id)
		}
	case m.method != string(mcp.MethodInitialize):
		st.header(req.Header)
	}
	resp, err := b.o.Client.Do(req)
	if err != nil {
		var op *net.OpError
		unsent := errors.As(err, &op) && op.Op == "dial"
		return nil, &lostError{err: err, sent: !unsent}
	}
	if resp.StatusCode < 300 || isJSON(resp) {
		return resp, nil
	}
	return nil, refused(resp, m.version == "" && st.session != "")
}

// refused is the error for an answer that is no JSON-RPC message.
func refused(resp *http.Response, inSession bool) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // for the message only
	discard(resp)
	err := fmt.Errorf("the Lathe daemon answered %s: %s", resp.Status, strings.TrimSpace(string(text)))
	switch {
	case resp.StatusCode == http.StatusNotFound && inSession, resp.StatusCode == http.StatusServiceUnavailable:
		return &lostError{err: err}
	case resp.StatusCode == http.StatusNotFound:
		return errors.New("there is no session: send initialize first")
	}
	return err
}

// relay passes the messages of an answer to emit, the one that answers id as
// the last. Pings are answered here, since they concern this connection only.
func (b *bridge) relay(ctx context.Context, resp *http.Response, id json.RawMessage, emit func(envelope, []byte)) error {
	if isJSON(resp) {
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
		if err != nil {
			return &lostError{err: err, sent: true}
		}
		if len(text) > maxAnswer {
			return errTooLarge
		}
		var e envelope
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("the Lathe daemon's answer is not a JSON-RPC message: %w", err)
		}
		emit(e, answering(e, text, id))
		return nil
	}
	if mediaType(resp) != "text/event-stream" {
		return fmt.Errorf("the Lathe daemon answered %s without a message", resp.Status)
	}
	br := bufio.NewReaderSize(resp.Body, 32<<10)
	for {
		text, err := readEvent(br)
		if errors.Is(err, errTooLarge) {
			return err
		}
		if err != nil {
			return &lostError{err: err, sent: true}
		}
		var e envelope
		if err := json.Unmarshal(text, &e); err != nil {
			b.o.Logger.Warn("an event of the daemon is not a JSON-RPC message", "err", err)
			continue
		}
		switch {
		case e.Method == string(mcp.MethodPing) && e.ID != nil:
			b.respond(ctx, encode(map[string]any{"jsonrpc": "2.0", "id": e.ID, "result": struct{}{}}))
		case e.Method != "" && e.ID != nil && b.deaf.Load():
			b.respond(ctx, encode(map[string]any{"jsonrpc": "2.0", "id": e.ID,
				"error": map[string]any{"code": mcp.INTERNAL_ERROR, "message": "the client's input has ended: it answers no questions"}}))
		case e.Method == "" && id != nil:
			emit(e, answering(e, text, id))
			return nil
		default:
			emit(e, text)
		}
	}
}

// passOn passes on what comes with an answer that itself is of no interest: the
// daemon puts a session's notifications into whichever answer is open.
func (b *bridge) passOn(ctx context.Context, resp *http.Response) {
	defer discard(resp)
	if mediaType(resp) != "text/event-stream" {
		return
	}
	err := b.relay(ctx, resp, nil, func(e envelope, text []byte) {
		if e.Method != "" {
			b.out.write(text)
		}
	})
	b.o.Logger.Debug("the answer ended", "err", err) // with the end of its stream
}

// answering makes sure that an answer carries the id that was asked with. The
// daemon leaves it out of answers to what it could not read.
func answering(e envelope, text []byte, id json.RawMessage) []byte {
	if bytes.Equal(bytes.TrimSpace(e.ID), id) {
		return text
	}
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(text, &fields) != nil {
		return text
	}
	fields["id"] = id
	return encode(fields)
}

func mediaType(resp *http.Response) string {
	t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" when malformed
	return t
}

func isJSON(resp *http.Response) bool { return mediaType(resp) == "application/json" }

// discard reads an answer that says nothing to its end, so that the connection
// can be used again.
func discard(resp *http.Response) {
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // an error ends the connection, nothing more
	resp.Body.Close()
}

// pause waits before another attempt: 50 ms, doubling, at most 5 s.
func pause(ctx context.Context, attempt int) {
	t := time.NewTimer(min(50*time.Millisecond<<min(attempt, 10), 5*time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
