package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// maxMessages bounds a batch.
const maxMessages = 100

// batches knows the sessions that may send several messages at once: those of
// the 2025-03-26 revision, which alone has batches.
type batches struct {
	mu       sync.Mutex
	sessions map[string]bool
}

func (b *batches) hooks(h *server.Hooks) {
	h.AddAfterInitialize(func(ctx context.Context, _ any, _ *mcp.InitializeRequest, res *mcp.InitializeResult) {
		session := server.ClientSessionFromContext(ctx)
		if session == nil || res.ProtocolVersion != mcp.ProtocolVersion20250326 {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.sessions[session.SessionID()] = true
	})
	h.AddOnUnregisterSession(func(_ context.Context, session server.ClientSession) {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.sessions, session.SessionID())
	})
}

func (b *batches) allowed(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[r.Header.Get(server.HeaderKeySessionID)]
}

// isBatch reports whether a body is a JSON list.
func isBatch(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '['
}

// splitBatch gives the messages of a batch.
func splitBatch(body []byte) ([]json.RawMessage, *Error) {
	var messages []json.RawMessage
	if err := json.Unmarshal(body, &messages); err != nil {
		return nil, &Error{Code: mcp.PARSE_ERROR, Message: "the body is not valid JSON"}
	}
	if len(messages) == 0 || len(messages) > maxMessages {
		return nil, &Error{Code: mcp.INVALID_REQUEST, Message: fmt.Sprintf("a batch has 1 to %d messages", maxMessages)}
	}
	for _, m := range messages {
		var e envelope
		if json.Unmarshal(m, &e) == nil && e.Method == string(mcp.MethodInitialize) {
			return nil, &Error{Code: mcp.INVALID_REQUEST, Message: "initialize may not be part of a batch"}
		}
	}
	return messages, nil
}

// serveBatch answers a list of messages, one after the other, with the list of
// their answers.
func (s *Server) serveBatch(w http.ResponseWriter, r *http.Request, body []byte) {
	if !s.batches.allowed(r) {
		refuse(w, &Error{Code: mcp.INVALID_REQUEST, Message: "batches are of the revision 2025-03-26 only: send one message at a time"})
		return
	}
	messages, bad := splitBatch(body)
	if bad != nil {
		refuse(w, bad)
		return
	}
	answers := []json.RawMessage{}
	for _, m := range messages {
		one := r.Clone(r.Context())
		one.Body, one.ContentLength = io.NopCloser(bytes.NewReader(m)), int64(len(m))
		part := &collected{header: http.Header{}}
		s.serveOne(part, one)
		if found := part.answers(); len(found) > 0 {
			answers = append(answers, found...)
		} else if part.status >= http.StatusBadRequest { // the session is gone: so it is for the rest
			w.WriteHeader(part.status)
			_, _ = w.Write(part.body.Bytes()) // the client is gone when this fails
			return
		}
	}
	if len(answers) == 0 {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(answers))
}

// refuse answers with a protocol error that belongs to no request.
func refuse(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(encode(map[string]any{"jsonrpc": "2.0", "id": nil, "error": map[string]any{"code": e.Code, "message": e.Message}}))
}

// collected keeps an answer.
type collected struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *collected) Header() http.Header         { return c.header }
func (c *collected) WriteHeader(status int)      { c.status = status }
func (c *collected) Write(p []byte) (int, error) { return c.body.Write(p) }

// answers are the responses in what was kept. Notifications that came before
// them are left out: there is no stream to send them on in time.
func (c *collected) answers() []json.RawMessage {
	if c.header.Get("Content-Type") != eventStream {
		text := bytes.TrimSpace(c.body.Bytes())
		if len(text) == 0 || !json.Valid(text) {
			return nil
		}
		return []json.RawMessage{text}
	}
	var out []json.RawMessage
	events := bufio.NewReader(&c.body)
	for {
		data, err := readEvent(events)
		if err != nil {
			return out
		}
		var e envelope
		if json.Unmarshal(data, &e) == nil && e.Method == "" {
			out = append(out, data)
		}
	}
}
