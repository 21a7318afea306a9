package gateway

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxBatch bounds the messages of a batch.
const maxBatch = 100

const onlyOld = "batches are of a session of the revision " + mcp.ProtocolVersion20250326 + " only: send one message at a time"

// batch gathers the answers to several messages that came as one, which only
// the 2025-03-26 revision has.
type batch struct {
	send func(answers []byte) // called once, unless there are no answers
	end  func()               // called once, after that

	mu      sync.Mutex
	open    int // parts that are not over
	answers []byte
}

func isBatch(frame []byte) bool {
	frame = bytes.TrimLeft(frame, " \t\r\n")
	return len(frame) > 0 && frame[0] == '['
}

// splitBatch gives the messages of a batch, or why it is none that p may send.
func (p *peer) splitBatch(frame []byte) (parts [][]byte, refusal []byte) {
	p.mu.Lock()
	version := p.version
	p.mu.Unlock()
	whole, err := readJSON(frame)
	switch {
	case err != nil:
		return nil, answerFrame(nil, "error", errorBody(mcp.PARSE_ERROR, err.Error()))
	case version != mcp.ProtocolVersion20250326:
		return nil, answerFrame(nil, "error", errorBody(mcp.INVALID_REQUEST, onlyOld))
	}
	eachItem(whole, func(part []byte) { parts = append(parts, part) })
	if len(parts) == 0 || len(parts) > maxBatch {
		return nil, answerFrame(nil, "error", errorBody(mcp.INVALID_REQUEST, fmt.Sprintf("a batch has 1 to %d messages", maxBatch)))
	}
	return parts, nil
}

// takeBatch serves the messages of a batch in their order; their answers go out
// together when the last is there.
func (g *Gateway) takeBatch(p *peer, parts [][]byte, emit, send func([]byte), end func()) {
	b := &batch{send: send, end: end, open: 1}
	defer b.over()
	for _, part := range parts {
		m, err := readMessage(part)
		why := ""
		switch {
		case err != nil || m.method == "" && m.result == nil && m.err == nil:
			why = errNoMessage.Error()
		case m.method == "initialize" || m.method == "subscriptions/listen":
			why = m.method + " may not be part of a batch"
		case field(field(m.params, "_meta"), mcp.MetaKeyProtocolVersion) != nil:
			why = "a message of another revision may not be part of a batch"
		}
		if why != "" {
			b.add(answerFrame(m.id, "error", errorBody(mcp.INVALID_REQUEST, why)))
			continue
		}
		b.begin()
		g.take(p, m, emit, b.add, b.over)
	}
}

func (b *batch) begin() {
	b.mu.Lock()
	b.open++
	b.mu.Unlock()
}

func (b *batch) add(frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.answers == nil {
		b.answers = append(b.answers, '[')
	} else {
		b.answers = append(b.answers, ',')
	}
	b.answers = append(b.answers, bytes.TrimSpace(frame)...)
}

func (b *batch) over() {
	b.mu.Lock()
	b.open--
	last := b.open == 0
	b.mu.Unlock()
	if !last {
		return
	}
	if b.answers != nil {
		b.send(append(b.answers, ']', '\n'))
	}
	b.end()
}
