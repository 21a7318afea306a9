package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"lathe/learn/lazyregexp"
)

// maxFrame bounds one message of a server, in bytes.
const maxFrame = 16 << 20

var (
	errGone = errors.New("the server ended")
	errHuge = fmt.Errorf("the server's answer has more than %d MiB: ask it for less", maxFrame>>20)
	// errUnreadable is an answer that came, and is no JSON that readMessage takes.
	errUnreadable = errors.New("the server's answer cannot be read: it is no valid JSON, or nested more than 10000 deep; whether the call was carried out is not known")
)

// rpcError is a JSON-RPC error as a server sent it.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// link is a connection to a server, of either transport.
type link interface {
	// send makes one request; params is a JSON object. done is called once,
	// on any goroutine, and must not block; it is not called for a request that
	// was cancelled before. x is the agent's request that this one is part of,
	// nil when there is none.
	send(method string, params []byte, x *exchange, done func(message, error)) (ticket int64)
	// cancel gives a request up and tells the server so.
	cancel(ticket int64, reason string)
	// tell sends a notification.
	tell(method string, params []byte)
	// reply answers a request of the server; kind is "result" or "error".
	reply(id []byte, kind string, body []byte)
	// ended is closed when the server is gone.
	ended() <-chan struct{}
}

// ask makes one request and waits for its result. The error is an *rpcError,
// errGone, errHuge, errUnreadable or the context's.
func ask(ctx context.Context, l link, method string, params any) ([]byte, error) {
	type answer struct {
		m   message
		err error
	}
	ch := make(chan answer, 1)
	ticket := l.send(method, encode(params), nil, func(m message, err error) { ch <- answer{m, err} })
	select {
	case a := <-ch:
		if a.err == nil && a.m.err != nil {
			return nil, readError(a.m.err)
		}
		return a.m.result, a.err
	case <-ctx.Done():
		l.cancel(ticket, ctx.Err().Error())
		return nil, ctx.Err()
	}
}

func readError(raw []byte) *rpcError {
	e := &rpcError{Message: text(field(raw, "message"))}
	e.Code, _ = strconv.Atoi(string(field(raw, "code"))) // 0 when there is none
	return e
}

// conn is a server on stdio. It is its own, and not the library's, since that
// keeps neither a message's size nor a write in bounds and decodes all of it.
type conn struct {
	out  *outbox
	in   func(m message, x *exchange) // what the server says of itself
	gone chan struct{}                // closed when the server's output ended

	mu      sync.Mutex
	lastID  int64
	pending map[int64]func(message, error) // nil when gone
}

// newConn makes the client's side; in is called from read and must not block.
func newConn(out io.Writer, in func(message, *exchange)) *conn {
	return &conn{out: newOutbox(out), in: in, gone: make(chan struct{}), pending: map[int64]func(message, error){}}
}

func (c *conn) ended() <-chan struct{} { return c.gone }

// read takes the server's messages until its output ends.
func (c *conn) read(in io.Reader) {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tail, err := readFrame(r, maxFrame)
		switch {
		case tail != nil:
			if id, ok := frameID(line, tail); ok {
				c.settle(id, message{}, errHuge)
			}
		case len(line) > 0:
			c.take(line)
		}
		if err != nil {
			break
		}
	}
	c.out.stop(errGone)
	c.mu.Lock()
	open := c.pending
	c.pending = nil
	c.mu.Unlock()
	close(c.gone) // first: who is told that the server ended must find it gone
	for _, done := range open {
		done(message{}, errGone)
	}
}

// readFrame reads one line. Of a line longer than limit only its beginning and
// its last bytes are kept, as line and tail; tail is nil otherwise.
func readFrame(r *bufio.Reader, limit int) (line, tail []byte, err error) {
	const ends = 4 << 10
	for {
		part, err := r.ReadSlice('\n')
		switch {
		case tail != nil || len(line)+len(part) > limit:
			if tail == nil {
				tail = append([]byte{}, line[max(0, len(line)-ends):]...)
				line = line[:min(len(line), ends):min(len(line), ends)]
			}
			tail = append(tail, part...)
			tail = append(tail[:0], tail[max(0, len(tail)-ends):]...)
		default:
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(line), tail, err
		}
	}
}

var (
	headID  = lazyregexp.New(`^\s*\{(?:\s*"jsonrpc"\s*:\s*"2\.0"\s*,)?\s*"id"\s*:\s*(\d+)\s*,`)
	tailID  = lazyregexp.New(`"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`)
	askHead = lazyregexp.New(`^\s*\{(?:\s*"jsonrpc"\s*:\s*"2\.0"\s*,)?(?:\s*"id"\s*:\s*[^,{]*,)?(?:\s*"jsonrpc"\s*:\s*"2\.0"\s*,)?\s*"(?:method|params)"`)
)

// frameID finds the request that a message too long to keep, or no valid JSON,
// answers: servers write the id first or last. What asks has an id of its own.
func frameID(head, tail []byte) (int64, bool) {
	if askHead.Match(head) {
		return 0, false
	}
	m := headID.FindSubmatch(head)
	if m == nil {
		m = tailID.FindSubmatch(tail)
	}
	if m == nil {
		return 0, false
	}
	id, err := strconv.ParseInt(string(m[1]), 10, 64)
	return id, err == nil
}

// unreadID finds the request that a frame answers which is no valid JSON.
func unreadID(frame []byte) (int64, bool) {
	const ends = 4 << 10
	if len(frame) == 0 || frame[0] != '{' {
		return 0, false
	}
	return frameID(frame[:min(len(frame), ends)], frame[max(0, len(frame)-ends):])
}

func (c *conn) take(line []byte) {
	m, err := readMessage(line)
	if err != nil { // servers print banners and worse on stdout
		if id, ok := unreadID(line); ok {
			c.settle(id, message{}, errUnreadable)
		}
		return
	}
	if m.method != "" {
		c.in(m, nil)
		return
	}
	if id, err := strconv.ParseInt(string(m.id), 10, 64); err == nil {
		c.settle(id, m, nil)
	}
}

func (c *conn) settle(id int64, m message, err error) {
	c.mu.Lock()
	done := c.pending[id]
	delete(c.pending, id)
	c.mu.Unlock()
	if done != nil {
		done(m, err)
	}
}

func (c *conn) send(method string, params []byte, _ *exchange, done func(message, error)) int64 {
	c.mu.Lock()
	if c.pending == nil {
		c.mu.Unlock()
		done(message{}, errGone)
		return 0
	}
	c.lastID++
	id := c.lastID
	c.pending[id] = done
	c.mu.Unlock()
	if err := c.out.put(requestFrame(strconv.AppendInt(nil, id, 10), method, params)); err != nil {
		c.settle(id, message{}, fmt.Errorf("%w: %w", errGone, err))
	}
	return id
}

func (c *conn) cancel(ticket int64, reason string) {
	c.mu.Lock()
	_, open := c.pending[ticket]
	delete(c.pending, ticket)
	c.mu.Unlock()
	if open {
		c.tell("notifications/cancelled", encode(map[string]any{"requestId": ticket, "reason": reason}))
	}
}

// A server that is gone needs neither telling nor answers.
func (c *conn) tell(method string, params []byte) { _ = c.out.put(requestFrame(nil, method, params)) }

func (c *conn) reply(id []byte, kind string, body []byte) {
	_ = c.out.put(answerFrame(id, kind, body))
}
