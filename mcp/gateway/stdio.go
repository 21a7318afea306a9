package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// maxLine bounds one message of the agent, in bytes.
	maxLine = 16 << 20
	// lastCalls is how long calls are waited for when the agent's input ended;
	// after quietCalls of it somebody is told.
	lastCalls  = 10 * time.Minute
	quietCalls = 5 * time.Second
)

// Serve speaks MCP with the agent until in ends, and then for as long as calls
// are under way: each request is answered, if only by an error when Drain is
// over. When ctx ends calls are cancelled, and in is closed if it can be. The
// error is nil when in ended.
func (g *Gateway) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	locked := &lockedWriter{w: out}
	p := g.newPeer(func(frame []byte) {
		if _, err := locked.Write(frame); err != nil {
			fail(fmt.Errorf("the agent does not take its answers: %w", err))
		}
	})
	p.shared = true
	calls := &tally{}
	read := make(chan error, 1)
	go func() { read <- g.read(p, in, calls) }()
	var err error
	select {
	case err = <-read:
		p.deafen()
	case <-ctx.Done():
		stopReading(in, read)
	}
	g.drain(ctx, p, calls)
	p.leave("the agent went")
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// drain waits for the calls under way, and answers those that take too long.
func (g *Gateway) drain(ctx context.Context, p *peer, calls *tally) {
	quiet := min(quietCalls, g.o.Drain)
	if calls.drain(ctx, quiet) || ctx.Err() != nil {
		return
	}
	g.o.Logger.Warn("the agent's input ended; calls are under way and are waited for", "calls", calls.now(), "at most", g.o.Drain)
	if calls.drain(ctx, g.o.Drain-quiet) || ctx.Err() != nil {
		return
	}
	g.o.Logger.Warn("calls given up: the agent's input ended before", "calls", calls.now(), "waited", g.o.Drain)
	p.giveUp("the agent's input ended, and this call took longer than is waited for then; whether it runs to its end is not known")
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

// read serves the agent's messages in their order.
func (g *Gateway) read(p *peer, in io.Reader, calls *tally) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tail, err := readFrame(r, maxLine)
		switch {
		case tail != nil:
			p.emit(answerFrame(nil, "error", errorBody(mcp.INVALID_REQUEST, fmt.Sprintf("a message has more than %d bytes", maxLine))))
		case isBatch(line):
			parts, refusal := p.splitBatch(line)
			if refusal != nil {
				p.emit(refusal)
				break
			}
			calls.add()
			g.takeBatch(p, parts, p.emit, p.emit, calls.done)
		case len(line) > 0:
			m, err := readMessage(line)
			if err != nil {
				p.emit(answerFrame(nil, "error", errorBody(mcp.PARSE_ERROR, err.Error())))
				break
			}
			over := func() {}
			if m.id != nil && m.method != "subscriptions/listen" { // these end only with the connection
				calls.add()
				over = calls.done
			}
			g.take(p, m, p.emit, nil, over)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("gateway: the agent's messages: %w", err)
		}
	}
}

// tally counts what is under way.
type tally struct {
	mu    sync.Mutex
	n     int
	empty chan struct{} // set while somebody waits
}

func (t *tally) add() {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
}

func (t *tally) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
	}
}

func (t *tally) now() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// drain waits until nothing is under way, which it reports, ctx ends, or the
// time is over.
func (t *tally) drain(ctx context.Context, longest time.Duration) bool {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return true
	}
	empty := make(chan struct{})
	t.empty = empty
	t.mu.Unlock()
	select {
	case <-empty:
		return true
	case <-ctx.Done():
	case <-time.After(longest):
	}
	return false
}
