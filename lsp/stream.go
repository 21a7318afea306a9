package lsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
)

const (
	maxQueued      = 32 << 20        // bytes that wait for the editor to read them
	maxQueuedCount = 10_000          // messages that do
	flushTime      = 1 * time.Second // for what is queued when the connection ends
)

var errSlow = errors.New("the editor does not read what it is sent: connection given up")

// stream is the jsonrpc2.Stream of a connection. Writing never waits for the
// editor, so that reading goes on whatever the editor does.
type stream struct {
	conn   io.ReadWriteCloser
	in     *frames
	log    *slog.Logger
	onLost func() // called when a message is lost, between messages

	mu     sync.Mutex
	queue  [][]byte
	queued int // bytes in queue
	err    error
	wake   chan struct{}
	done   chan struct{} // the writer has ended
}

func newStream(conn io.ReadWriteCloser, log *slog.Logger, onLost func()) *stream {
	s := &stream{conn: conn, in: newFrames(conn), log: log, onLost: onLost,
		wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.write()
	return s
}

// Read returns the next usable message.
func (s *stream) Read(ctx context.Context) (jsonrpc2.Message, int64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		msg, err := s.in.next()
		var lost *lostError
		if !errors.As(err, &lost) {
			return msg, 0, err
		}
		s.log.Warn("lsp: message lost", "why", lost)
		s.onLost()
		reply := jsonrpc2.NewResponse(jsonrpc2.ID{}, nil, jsonrpc2.Errorf(jsonrpc2.ParseError, parseFailed, lost))
		if _, err := s.Write(ctx, reply); err != nil {
			return nil, 0, err
		}
	}
}

// Write queues a message.
func (s *stream) Write(_ context.Context, msg jsonrpc2.Message) (int64, error) {
	body, err := jsonrpc2.EncodeMessage(msg)
	if err != nil {
		return 0, fmt.Errorf("lsp: encode: %w", err)
	}
	frame := make([]byte, 0, len(body)+32)
	frame = append(frame, "Content-Length: "...)
	frame = strconv.AppendInt(frame, int64(len(body)), 10)
	frame = append(frame, "\r\n\r\n"...)
	frame = append(frame, body...)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if s.queued+len(frame) > maxQueued || len(s.queue) >= maxQueuedCount {
		s.err = errSlow
		s.queue = nil
		s.signal()
		_ = s.conn.Close()
		return 0, s.err
	}
	s.queue = append(s.queue, frame)
	s.queued += len(frame)
	s.signal()
	return int64(len(frame)), nil
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write is the writer: it sends what is queued until the stream is closed and
// the queue is empty, and closes the connection.
func (s *stream) write() {
	defer close(s.done)
	defer s.conn.Close()
	for {
		s.mu.Lock()
		batch, err := s.queue, s.err
		s.queue, s.queued = nil, 0
		s.mu.Unlock()
		for _, frame := range batch {
			if _, werr := s.conn.Write(frame); werr != nil {
				s.fail(fmt.Errorf("lsp: write to the editor: %w", werr))
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		if err != nil {
			return
		}
		<-s.wake
	}
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.queue = nil
}

// Close ends the stream: no more is accepted, what is queued is sent for at
// most flushTime, then the connection is closed. It does not wait.
func (s *stream) Close() error {
	s.mu.Lock()
	if s.err == nil {
		s.err = io.ErrClosedPipe
	}
	s.mu.Unlock()
	s.signal()
	late := time.AfterFunc(flushTime, func() { _ = s.conn.Close() })
	go func() {
		<-s.done
		late.Stop()
	}()
	return nil
}

// codec encodes parameters and results; encoding/json would corrupt these types.
type codec struct{}

func (codec) Marshal(v any) ([]byte, error) {
	if raw, ok := v.(jsonrpc2.RawMessage); ok {
		if raw == nil {
			return []byte("null"), nil
		}
		return raw, nil
	}
	return protocol.Marshal(v)
}

func (codec) Unmarshal(data []byte, v any) error { return protocol.Unmarshal(data, v) }
