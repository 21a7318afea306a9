package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.lsp.dev/protocol"
)

// createTime is how long the editor may take to make room for progress; work
// does not wait for longer.
const createTime = 2 * time.Second

// progressing tells the editor of work while it is done, when it wants to know.
// It must not run on the reading goroutine.
func (c *connection) progressing(title string, work func()) {
	c.mu.Lock()
	can := c.can.progress
	c.tokens++
	token := protocol.String(fmt.Sprintf("lathe-%d", c.tokens))
	c.mu.Unlock()
	if can {
		ctx, cancel := context.WithTimeout(c.ctx, createTime)
		_, err := c.rpc.Call(ctx, protocol.MethodWindowWorkDoneProgressCreate, &protocol.WorkDoneProgressCreateParams{Token: token}, nil)
		cancel()
		c.logCall(protocol.MethodWindowWorkDoneProgressCreate, err)
		can = err == nil
	}
	if can {
		c.report(token, title, work)
	} else {
		work()
	}
}

// report tells of work under a token that the editor knows; nil tells nothing.
func (c *connection) report(token protocol.ProgressToken, title string, work func()) {
	if token == nil {
		work()
		return
	}
	c.progress(token, map[string]any{"kind": "begin", "title": "Lathe: " + title})
	defer c.progress(token, map[string]any{"kind": "end"})
	work()
}

func (c *connection) progress(token protocol.ProgressToken, value map[string]any) {
	raw, err := json.Marshal(value)
	if err == nil {
		err = c.rpc.Notify(c.ctx, protocol.MethodProgress, &protocol.ProgressParams{Token: token, Value: raw})
	}
	c.logCall(protocol.MethodProgress, err)
}
