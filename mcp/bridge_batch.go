package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// gathered collects the answers to a batch, which are one line of the client.
type gathered struct {
	out *lineWriter

	mu      sync.Mutex
	open    int // parts that are not over
	answers []json.RawMessage
}

func (g *gathered) add(answer []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers = append(g.answers, answer)
}

func (g *gathered) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open++
}

// over ends a part; the last one sends the answers, if there are any.
func (g *gathered) over() {
	g.mu.Lock()
	g.open--
	last := g.open == 0
	g.mu.Unlock()
	if last && len(g.answers) > 0 {
		g.out.write(encode(g.answers))
	}
}

// answer sends the answer to m, or puts it to those of its batch.
func (b *bridge) answer(m message, text []byte) {
	b.close(m)
	if m.batch != nil {
		m.batch.add(text)
		return
	}
	b.out.write(text)
}

func (b *bridge) refuse(m message, code int, why string) {
	b.answer(m, errorFrame(m.id, code, why))
}

// takeBatch takes several messages in one line, which the 2025-03-26 revision
// has and no other. Each is sent on its own, so that they run side by side and
// a cancellation reaches each.
func (b *bridge) takeBatch(ctx, held context.Context, line []byte) {
	if v := b.current().version; v != mcp.ProtocolVersion20250326 {
		b.out.error(nil, mcp.INVALID_REQUEST, fmt.Sprintf("batches are of the revision %s only: send one message a line", mcp.ProtocolVersion20250326))
		return
	}
	parts, bad := splitBatch(line)
	if bad != nil {
		b.out.error(nil, bad.Code, bad.Message)
		return
	}
	g := &gathered{out: b.out, open: 1}
	defer g.over()
	for _, part := range parts {
		m, code, err := parseMessage(part)
		m.batch = g
		switch {
		case err != nil:
			b.refuse(m, code, err.Error())
		case m.version != "":
			b.refuse(m, mcp.INVALID_REQUEST, "a message of another revision may not be part of a batch")
		default:
			b.route(ctx, held, m)
		}
	}
}
