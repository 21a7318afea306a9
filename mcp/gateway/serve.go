package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// maxLine bounds one message of the agent, in bytes.
	maxLine = 16 << 20
	// maxRequests bounds the agent's open requests; beyond it they are refused.
	maxRequests = 512
)

// session is the agent's connection. The library's own stdio session is one
// for the whole process and serves five calls at a time, so that one slow
// server would stop all.
type session struct {
	id      string
	ready   atomic.Bool
	notices chan mcp.JSONRPCNotification

	mu   sync.Mutex // one message at a time
	out  io.Writer
	fail context.CancelCauseFunc
}

func (s *session) Initialize()                                         { s.ready.Store(true) }
func (s *session) Initialized() bool                                   { return s.ready.Load() }
func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notices }
func (s *session) SessionID() string                                   { return s.id }

func (s *session) write(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		return // the library's own messages can be encoded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.Write(append(raw, '\n')); err != nil {
		s.fail(fmt.Errorf("the agent does not take its answers: %w", err))
	}
}

// progress passes a server's progress on under the agent's own token. It is
// written at once: the reply follows it.
func (s *session) progress(token any, params json.RawMessage) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(params, &fields) != nil {
		return
	}
	raw, err := json.Marshal(token)
	if err != nil {
		return
	}
	fields["progressToken"] = raw
	s.write(map[string]any{"jsonrpc": "2.0", "method": "notifications/progress", "params": fields})
}

// Serve speaks MCP with the agent until in ends, and then for as long as calls
// are under way, at most ten seconds; or until ctx ends: then calls are
// cancelled, and in is closed if it can be. The error is nil when in ended.
func (g *Gateway) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s := &session{id: g.o.SessionID, notices: make(chan mcp.JSONRPCNotification, 64), out: out, fail: fail}
	if err := g.mcp.RegisterSession(ctx, s); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	defer g.mcp.UnregisterSession(context.WithoutCancel(ctx), s.id)
	calls, streams := &sync.WaitGroup{}, &sync.WaitGroup{}
	held, release := context.WithCancel(g.mcp.WithContext(ctx, s))
	streams.Go(func() { s.passNotices(held) })
	read := make(chan error, 1)
	go func() { read <- g.read(held, s, in, calls, streams) }()
	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
		stopReading(in, read)
	}
	late := time.AfterFunc(drainTime, release)
	calls.Wait()
	late.Stop()
	release()
	streams.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// stopReading ends the reading of in, if closing it can: a terminal goes on
// until the program ends.
func stopReading(in io.Reader, read <-chan error) {
	if c, ok := in.(io.Closer); ok {
		_ = c.Close()
	}
	select {
	case <-read:
	case <-time.After(time.Second):
	}
}

func (s *session) passNotices(ctx context.Context) {
	for {
		select {
		case n := <-s.notices:
			s.write(n)
		case <-ctx.Done():
			return
		}
	}
}

// read serves each request on its own goroutine, and notifications in order.
func (g *Gateway) read(ctx context.Context, s *session, in io.Reader, calls, streams *sync.WaitGroup) error {
	r := bufio.NewReaderSize(in, 64<<10)
	var open atomic.Int64
	for {
		line, tail, err := readFrame(r, maxLine)
		switch {
		case tail != nil:
			s.write(mcp.NewJSONRPCError(mcp.NewRequestId(nil), mcp.INVALID_REQUEST, fmt.Sprintf("a message has more than %d bytes", maxLine), nil))
		case len(line) > 0:
			var m struct {
				ID     any    `json:"id"`
				Method string `json:"method"`
			}
			if json.Unmarshal(line, &m) != nil {
				s.write(mcp.NewJSONRPCError(mcp.NewRequestId(nil), mcp.PARSE_ERROR, "this is not JSON", nil))
				break
			}
			if m.ID == nil || m.Method == "initialize" { // what follows may count on it
				g.handle(ctx, s, line)
				break
			}
			if open.Add(1) > maxRequests {
				open.Add(-1)
				s.write(mcp.NewJSONRPCError(mcp.NewRequestId(m.ID), mcp.INTERNAL_ERROR, fmt.Sprintf("%d requests are open; wait for answers", maxRequests), nil))
				break
			}
			group := calls
			if m.Method == string(mcp.MethodSubscriptionsListen) { // these end only with the connection
				group = streams
			}
			group.Go(func() {
				defer open.Add(-1)
				if m.Method == string(mcp.MethodToolsList) {
					g.Ready(ctx)
				}
				g.handle(ctx, s, line)
			})
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("gateway: the agent's messages: %w", err)
		}
	}
}

func (g *Gateway) handle(ctx context.Context, s *session, line []byte) {
	if answer := g.mcp.HandleMessage(ctx, line); answer != nil {
		s.write(answer)
	}
}
