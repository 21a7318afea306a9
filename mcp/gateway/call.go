package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
)

// adviceTime is how long a failed call waits for advice at most, unless Options
// say otherwise: as long as the daemon takes at most for one that was reported.
const adviceTime = 300 * time.Millisecond

// Adviser says what is known of a failed call, which is given with the id that
// it is recorded under.
type Adviser interface {
	Advise(ctx context.Context, failed learn.ActionOutcome) (learn.FailureAnalysisReport, error)
}

// callTool passes a call on to the tool's server. A tool that is not there may
// be a server's that is still starting.
func (g *Gateway) callTool(x *exchange) {
	if g.own(x) {
		return
	}
	if e := g.catalog.Load().tools[text(field(x.params, "name"))]; e != nil {
		g.callEntry(x, e, x.params)
		return
	}
	g.later(x, func(x *exchange, c *catalog) {
		name := text(field(x.params, "name"))
		if e := c.tools[name]; e != nil {
			g.callEntry(x, e, x.params)
			return
		}
		x.fail(mcp.INVALID_PARAMS, "there is no tool "+plain(name, 200)+g.withheld(kindTool, name))
	})
}

// callEntry makes one call, params as tools/call has them.
func (g *Gateway) callEntry(x *exchange, e *entry, params []byte) {
	if g.o.Strict && g.stuck.Load() {
		g.asking.Go(func() {
			if why := g.refusing(); why != "" {
				x.own(failure(why))
				return
			}
			g.callEntry(x, e, params)
		})
		return
	}
	args := field(params, "arguments")
	g.resume(x, e.u, withFields(params, change{"name", quote(e.own)}, change{"task", nil}), func(x *exchange, m message, err error) {
		g.called(x, e, args, m, err)
	})
}

// called takes what came of a call. It runs on the server's reader, so that a
// success goes to the agent from here; what takes longer goes on elsewhere.
func (g *Gateway) called(x *exchange, e *entry, args []byte, m message, err error) {
	took := g.now().Sub(x.began)
	isError, kind, wrong := false, "", ""
	object := eachField(m.result, func(key, value []byte) {
		switch string(key) {
		case "isError":
			isError = string(value) == "true"
			if !isError && string(value) != "false" && notNull(value) != nil {
				wrong = "isError is neither true nor false"
			}
		case "content":
			if !blocks(value) {
				wrong = "content is no list of objects"
			}
		case "resultType":
			kind = text(value)
		}
	})
	if !object {
		wrong = "its result is no object"
	}
	if wrong != "" && err == nil && m.err == nil {
		err = fmt.Errorf("the server broke the protocol, and its answer is not passed on: %s (an answer to tools/call)", wrong)
	}
	if kind == string(mcp.ResultTypeInputRequired) { // not its end yet
		x.result(compact(m.result))
		return
	}
	done := &finished{tool: e.name, args: args, m: m, err: err, isError: isError, began: x.began, took: took, seq: g.calls.Add(1),
		callID: text(field(x.meta, "claudecode/toolUseId"))}
	failed := err != nil && !errors.Is(err, errCancelled) || m.err != nil || isError
	switch {
	case errors.Is(err, errCancelled):
		g.queue.put(done)
	case failed || g.o.Strict:
		g.asking.Go(func() { g.slow(x, e, done, failed) })
	default:
		x.own(compact(m.result))
		g.queue.put(done)
	}
}

// blocks reports whether a value begins as a list of content blocks does, or is
// null, as some servers write an empty one. What a block holds is not looked at.
func blocks(value []byte) bool {
	if value[0] != '[' {
		return notNull(value) == nil
	}
	next := value[space(value, 1)]
	return next == '{' || next == ']'
}

// slow ends a call that waits for something: advice, or the record.
func (g *Gateway) slow(x *exchange, e *entry, done *finished, failed bool) {
	advice := ""
	if failed {
		advice = g.advise(g.outcome(done))
	}
	m, err, unrecorded := done.m, done.err, "" // the queue lets go of them
	if !g.o.Strict {
		defer g.queue.put(done)
	} else if err := g.queue.putAndWait(g.ctx, done); err != nil {
		unrecorded = "Lathe: this call ran, but could not be recorded (" + plain(err.Error(), 500) + "). Further calls are refused until recording works again."
		g.stuck.Store(true)
	}
	body := compact(m.result)
	switch {
	case err != nil:
		body = failure(e.u.cfg.Name + ": " + plain(g.secrets.hide(err.Error()), 2000))
	case m.err != nil && advice == "" && unrecorded == "":
		x.answer("error", compact(m.err))
		return
	case m.err != nil: // an error has no room for more blocks
		body = failure(e.u.cfg.Name + ": " + plain(readError(m.err).Error(), 2000))
	}
	for _, block := range []string{advice, unrecorded} {
		if block != "" {
			body = addBlock(body, block)
		}
	}
	x.own(body)
}

// failure is a result that says what went wrong.
func failure(why string) []byte {
	return encode(map[string]any{"content": []any{map[string]string{"type": "text", "text": why}}, "isError": true})
}

// addBlock adds a text block to a result.
func addBlock(result []byte, text string) []byte {
	content := []byte("[")
	eachItem(field(result, "content"), func(block []byte) {
		if len(content) > 1 {
			content = append(content, ',')
		}
		content = append(content, block...)
	})
	if len(content) > 1 {
		content = append(content, ',')
	}
	content = append(append(content, encode(map[string]string{"type": "text", "text": text})...), ']')
	return withFields(result, change{"content", content})
}

// advise returns what is known of a failed call, if it comes in time.
func (g *Gateway) advise(ev learn.ActionOutcome) string {
	if g.o.Adviser == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(g.ctx, g.o.AdviceTime)
	defer cancel()
	text := make(chan string, 1)
	g.asking.Go(func() {
		report, err := g.o.Adviser.Advise(ctx, ev)
		if err != nil {
			g.o.Logger.Debug("no advice", "tool", ev.ToolName, "err", err)
			text <- ""
			return
		}
		a, _ := learn.AdviceOf(report, learn.AdviceThreshold)
		text <- a.Text
	})
	select {
	case t := <-text:
		return t
	case <-ctx.Done():
		return ""
	}
}
