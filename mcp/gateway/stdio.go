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

// maxLine bounds one message of the agent, in bytes.
const maxLine = 16 << 20

// Serve speaks MCP with the agent until in ends, and then for as long as calls
// are under way, at most ten seconds; or until ctx ends: then calls are
// cancelled, and in is closed if it can be. The error is nil when in ended.
func (g *Gateway) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	locked := &lockedWriter{w: out}
	p := g.newPeer(func(frame []byte) {
		if _, err := locked.Write(frame); err != nil {
			fail(fmt.Errorf("the agent does not take its answers: %w", err))
		}
	})
	calls := &tally{}
	read := make(chan error, 1)
	go func() { read <- g.read(p, in, calls) }()
	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
		stopReading(in, read)
	}
	calls.drain(ctx, drainTime)
	p.leave("the agent went")
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

// read serves the agent's messages in their order.
func (g *Gateway) read(p *peer, in io.Reader, calls *tally) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tail, err := readFrame(r, maxLine)
		switch {
		case tail != nil:
			p.emit(answerFrame(nil, "error", errorBody(mcp.INVALID_REQUEST, fmt.Sprintf("a message has more than %d bytes", maxLine))))
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

// drain waits until nothing is under way, ctx ends, or the time is over.
func (t *tally) drain(ctx context.Context, longest time.Duration) {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	empty := make(chan struct{})
	t.empty = empty
	t.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	case <-time.After(longest):
	}
}
