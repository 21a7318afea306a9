package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"time"
)

const (
	// maxFrame bounds one message of a server, in bytes.
	maxFrame = 16 << 20
	// writeTime is how long a server may leave its input unread.
	writeTime = 10 * time.Second
)

var (
	errGone = errors.New("the server ended")
	errHuge = fmt.Errorf("the server's answer has more than %d MiB: ask it for less", maxFrame>>20)
)

// rpcError is a JSON-RPC error as a server sent it.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

type answer struct {
	result json.RawMessage
	err    error
}

// frame is any message of a server.
type frame struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

// conn is the client's side of one server's stdio. It is its own, and not the
// library's, since that keeps neither a message's size nor a write in bounds
// and rewrites schemas.
type conn struct {
	out    io.Writer // with SetWriteDeadline, if it can be
	notify func(method string, params json.RawMessage)
	gone   chan struct{} // closed when the server's output ended

	writing sync.Mutex
	mu      sync.Mutex
	lastID  int64
	pending map[int64]chan answer // nil when gone
}

func newConn(out io.Writer, notify func(string, json.RawMessage)) *conn {
	return &conn{out: out, notify: notify, gone: make(chan struct{}), pending: map[int64]chan answer{}}
}

// read takes the server's messages until its output ends. notify is called
// from here and must not block.
func (c *conn) read(in io.Reader) {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tail, err := readFrame(r, maxFrame)
		switch {
		case tail != nil:
			if id, ok := frameID(line, tail); ok {
				c.settle(id, answer{err: errHuge})
			}
		case len(line) > 0:
			c.take(line)
		}
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	open := c.pending
	c.pending = nil
	c.mu.Unlock()
	close(c.gone) // first: who is told that the server ended must find it gone
	for _, ch := range open {
		ch <- answer{err: errGone}
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
	headID = regexp.MustCompile(`^\s*\{(?:\s*"jsonrpc"\s*:\s*"2\.0"\s*,)?\s*"id"\s*:\s*(\d+)\s*,`)
	tailID = regexp.MustCompile(`"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`)
)

// frameID finds the request that a message too long to keep answers: servers
// write the id first or last.
func frameID(head, tail []byte) (int64, bool) {
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

func (c *conn) take(line []byte) {
	var f frame
	if json.Unmarshal(line, &f) != nil {
		return // servers print banners and worse on stdout
	}
	switch {
	case f.Method != "" && f.ID == nil:
		c.notify(f.Method, f.Params)
	case f.Method == "ping":
		go c.reply(f.ID, "result", struct{}{}) // not here: who waits for a write does not read
	case f.Method != "":
		go c.reply(f.ID, "error", rpcError{Code: -32601, Message: "the gateway does not pass " + f.Method + " on"})
	default:
		id, err := strconv.ParseInt(string(f.ID), 10, 64)
		if err != nil {
			return
		}
		a := answer{result: f.Result}
		if f.Error != nil {
			a = answer{err: f.Error}
		}
		c.settle(id, a)
	}
}

func (c *conn) settle(id int64, a answer) {
	c.mu.Lock()
	ch := c.pending[id]
	delete(c.pending, id)
	c.mu.Unlock()
	if ch != nil {
		ch <- a // it holds one, and is here only once
	}
}

// call makes one request. When ctx ends the server is told that it is
// cancelled. The error is an *rpcError, errGone, errHuge or the context's.
func (c *conn) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	ch := make(chan answer, 1)
	c.mu.Lock()
	if c.pending == nil {
		c.mu.Unlock()
		return nil, errGone
	}
	c.lastID++
	id := c.lastID
	c.pending[id] = ch
	c.mu.Unlock()
	if err := c.write(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params}); err != nil {
		c.settle(id, answer{})
		return nil, fmt.Errorf("%w: it does not take its input: %w", errGone, err)
	}
	select {
	case a := <-ch:
		return a.result, a.err
	case <-ctx.Done():
		c.settle(id, answer{})
		go c.tell("notifications/cancelled", map[string]any{"requestId": id, "reason": ctx.Err().Error()})
		return nil, ctx.Err()
	}
}

func (c *conn) tell(method string, params any) {
	_ = c.write(map[string]any{"jsonrpc": "2.0", "method": method, "params": params}) // a dead server needs no telling
}

func (c *conn) reply(id json.RawMessage, kind string, v any) {
	_ = c.write(map[string]any{"jsonrpc": "2.0", "id": id, kind: v})
}

// write sends one message. It returns after writeTime at the latest.
func (c *conn) write(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if d, ok := c.out.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now().Add(writeTime))
	}
	_, err = c.out.Write(append(raw, '\n'))
	return err
}
