package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// ErrNotFound is what a Backend's error is (errors.Is) when the thing asked for
// is not there, or is another project's.
var ErrNotFound = errors.New("not found")

// Error is a protocol error with a code of its own. A handler returns it, since
// the library makes every other error of a handler an internal one.
type Error struct {
	Code    int // JSON-RPC code
	Message string
	Data    any // nil for none
}

func (e *Error) Error() string { return e.Message }

// InvalidParams is the protocol error for a request that can never succeed as
// it was sent.
func InvalidParams(format string, a ...any) *Error {
	return &Error{Code: mcp.INVALID_PARAMS, Message: fmt.Sprintf(format, a...)}
}

// notFound is the protocol error for a resource that is not there. The code is
// that of the request's revision.
func notFound(ctx context.Context, uri string, err error) *Error {
	e := &Error{Code: mcp.RESOURCE_NOT_FOUND, Message: err.Error(), Data: map[string]any{"uri": uri}}
	if server.IsModernRequest(ctx) {
		e.Code = mcp.INVALID_PARAMS
	}
	return e
}

// answer is the HTTP answer to one POST. It does two things that the library
// does not. It lets a handler's Error through to the client: the library writes
// an internal error in its place, which is rewritten on its way out. And it
// takes notifications of the request that is served, in order, before its
// result: the library may drop the last of them.
//
// What the library writes in one piece, an event or a whole body, arrives here
// in one piece.
type answer struct {
	http.ResponseWriter

	mu        sync.Mutex
	err       *Error
	modern    bool        // the request is of the 2026-07-28 revision
	uri       string      // the resource that the request reads: told, too, when there is none
	task      string      // the task that the library made of the call
	acked     func()      // called when a subscription's acknowledgement was sent; nil for nothing
	wasAcked  bool        // it was sent
	ackTasks  []string    // the tasks that are acknowledged with what the library does
	header    http.Header // what the library sets; it becomes the answer's when that begins
	begun     bool
	streaming bool // the answer is an event stream
	over      bool // no more can be written
}

type answerKey struct{}

func answerOfRequest(ctx context.Context) *answer {
	a, _ := ctx.Value(answerKey{}).(*answer)
	return a
}

// note keeps a handler's error for the answer, if it has a code of its own.
func note(ctx context.Context, err error) {
	var e *Error
	a := answerOfRequest(ctx)
	if a == nil || !errors.As(err, &e) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err, a.modern = e, server.IsModernRequest(ctx)
}

// end says that the request was served.
func (a *answer) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// errServed: a notification belongs to a request that was answered.
var errServed = errors.New("the request was answered before")

// notify sends a notification ahead of the answer, which becomes an event
// stream by that.
func (a *answer) notify(message []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return errServed
	}
	if !a.begun {
		a.begin(http.Header{"Content-Type": {eventStream}, "Cache-Control": {"no-cache"}}, http.StatusOK)
	}
	if _, err := a.ResponseWriter.Write(event(message)); err != nil {
		return err
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// begin sends the status, once.
func (a *answer) begin(h http.Header, status int) {
	if a.begun {
		return // with 200, and the notifications that came first
	}
	a.begun, a.streaming = true, h.Get("Content-Type") == eventStream
	if a.err != nil && a.modern && status == http.StatusOK && !a.streaming && a.err.Code != mcp.INTERNAL_ERROR {
		status = http.StatusBadRequest // the 2026-07-28 revision has it so; in the older ones every error comes with 200
	}
	maps.Copy(a.ResponseWriter.Header(), h)
	a.ResponseWriter.WriteHeader(status)
}

const eventStream = "text/event-stream"

// event is a message as a server-sent event.
func event(message []byte) []byte {
	return append(append([]byte("event: message\ndata: "), bytes.TrimSpace(message)...), "\n\n"...)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush sends what was written.
func (a *answer) Flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		_ = http.NewResponseController(a.ResponseWriter).Flush() // the library has no way to be told
	}
}

// Header is not the answer's own, which may be on its way already.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begin(a.header, status)
}

// Write sends p, with the handler's error in place of the library's.
func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begin(a.header, http.StatusOK)
	out := p
	text, isEvent := bytes.CutPrefix(p, []byte("event: message\ndata: "))
	if a.err != nil || a.uri != "" {
		if rewritten, ok := rewrite(text, a.err, a.uri); ok {
			text, out = rewritten, rewritten
		}
	}
	ack := (a.acked != nil || a.ackTasks != nil) && !a.wasAcked && isEvent && bytes.Contains(text, []byte(mcp.MethodNotificationSubscriptionsAcknowledged))
	if ack && a.ackTasks != nil {
		text = acknowledgeTasks(text, a.ackTasks)
	}
	if a.streaming && (isEvent || json.Valid(text)) {
		out = event(text)
	}
	if _, err := a.ResponseWriter.Write(out); err != nil {
		return 0, err
	}
	if ack {
		a.wasAcked = true
		if a.acked != nil {
			a.acked()
		}
	}
	return len(p), nil
}

// onAcknowledged has f called, once, when the acknowledgement of a subscription
// is on its way.
func (a *answer) onAcknowledged(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acked = f
}

// wasAcknowledged reports whether a subscription's acknowledgement was sent.
func (a *answer) wasAcknowledged() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wasAcked
}

// acknowledgeTasks adds tasks to the acknowledgement of a subscription.
func acknowledgeTasks(text []byte, ids []string) []byte {
	var m struct {
		JSONRPC string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  struct {
			Meta          json.RawMessage `json:"_meta,omitempty"`
			Notifications map[string]any  `json:"notifications"`
		} `json:"params"`
	}
	if json.Unmarshal(text, &m) != nil || m.Params.Notifications == nil {
		return text
	}
	m.Params.Notifications["taskIds"] = ids
	return encode(m)
}

// Notify sends a notification that belongs to the request that ctx is of.
func (s *Server) Notify(ctx context.Context, method string, params map[string]any) error {
	if a := answerOfRequest(ctx); a != nil {
		err := a.notify(encode(map[string]any{"jsonrpc": "2.0", "method": method, "params": params}))
		if !errors.Is(err, errServed) {
			return err
		}
	}
	return s.mcp.SendNotificationToClient(ctx, method, params)
}

// rewrite puts err into a message that is an internal error, and the resource's
// address into one that says that there is none.
func rewrite(text []byte, err *Error, uri string) ([]byte, bool) {
	var m struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Data    any    `json:"data,omitempty"`
		} `json:"error,omitempty"`
	}
	if json.Unmarshal(text, &m) != nil || m.Error == nil {
		return nil, false
	}
	switch {
	case err != nil && m.Error.Code == mcp.INTERNAL_ERROR:
		m.Error.Code, m.Error.Message, m.Error.Data = err.Code, err.Message, err.Data
	case uri != "" && m.Error.Data == nil && (m.Error.Code == mcp.RESOURCE_NOT_FOUND || m.Error.Code == mcp.INVALID_PARAMS):
		m.Error.Data = map[string]any{"uri": uri}
	default:
		return nil, false
	}
	return encode(m), true
}

// errorHooks tell the answer what a request reads.
func errorHooks(hooks *server.Hooks) {
	hooks.AddBeforeReadResource(func(ctx context.Context, _ any, req *mcp.ReadResourceRequest) {
		if a := answerOfRequest(ctx); a != nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.uri = req.Params.URI
		}
	})
}

// errorMiddleware keeps the errors of handlers for the answer.
func errorMiddleware() []server.ServerOption {
	return []server.ServerOption{
		server.WithToolHandlerMiddleware(func(next server.ToolHandlerFunc) server.ToolHandlerFunc {
			return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				res, err := next(ctx, req)
				note(ctx, err)
				return res, err
			}
		}),
		server.WithResourceHandlerMiddleware(func(next server.ResourceHandlerFunc) server.ResourceHandlerFunc {
			return func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				res, err := next(ctx, req)
				note(ctx, err)
				return res, err
			}
		}),
		server.WithPromptHandlerMiddleware(func(next server.PromptHandlerFunc) server.PromptHandlerFunc {
			return func(ctx context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				res, err := next(ctx, req)
				note(ctx, err)
				return res, err
			}
		}),
	}
}
