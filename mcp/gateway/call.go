package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"lathe/learn"
)

const (
	// AdviceTime is how long a failed call waits for advice at most.
	AdviceTime = 50 * time.Millisecond
	// maxOutput and maxParameters bound what is recorded of a call, in bytes.
	maxOutput     = 64 << 10
	maxParameters = 64 << 10
)

// Adviser says what is known of a failed call. It is asked within AdviceTime.
type Adviser interface {
	Advise(ctx context.Context, failed learn.ActionOutcome) (learn.FailureAnalysisReport, error)
}

// handler serves one tool of a server.
func (g *Gateway) handler(u *upstream, t tool) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		began := time.Now()
		var meta map[string]any
		var progress func(json.RawMessage)
		if m := req.Params.Meta; m != nil {
			meta = passedOn(m.AdditionalFields)
			if s, ok := server.ClientSessionFromContext(ctx).(*session); ok && m.ProgressToken != nil {
				progress = func(params json.RawMessage) { s.progress(m.ProgressToken, params) }
			}
		}
		raw, err := u.call(ctx, t.upstream, req.GetRawArguments(), meta, progress)
		var res *mcp.CallToolResult
		if err == nil {
			if res, err = mcp.ParseCallToolResult(&raw); err != nil {
				err = fmt.Errorf("its answer cannot be read: %w", err)
			}
		}
		took := time.Since(began)
		if err != nil {
			res = mcp.NewToolResultErrorf("%s: %s", u.cfg.Name, plain(err.Error(), 2000))
		}
		ev := g.outcome(ctx, req, res, err, began, took)
		g.queue.put(&ev)
		if ev.Status.Failed() {
			g.advise(ctx, ev, res)
		}
		return res, nil
	}
}

// passedOn is what of a request's metadata concerns the server: not what the
// protocol says of the connection to the gateway.
func passedOn(fields map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range fields {
		if !strings.HasPrefix(k, "io.modelcontextprotocol/") {
			out[k] = v
		}
	}
	return out
}

// outcome is the record of one call.
func (g *Gateway) outcome(ctx context.Context, req mcp.CallToolRequest, res *mcp.CallToolResult, err error, began time.Time, took time.Duration) learn.ActionOutcome {
	ev := learn.ActionOutcome{
		ID:        learn.PositionID(string(learn.SourceGateway), g.o.SessionID, int(g.calls.Add(1))),
		Timestamp: began.UTC(), ProjectID: g.o.ProjectID, SessionID: g.o.SessionID, AgentID: g.o.AgentID,
		Source: learn.SourceGateway, ActionType: learn.ToolCall, ToolName: req.Params.Name,
		ToolParameters: parameters(req), ToolOutput: learn.ToolOutput{Content: textOf(res)},
		Status:          learn.StatusSuccess,
		ResourceMetrics: learn.ResourceMetrics{DurationMS: float64(took.Microseconds()) / 1e3},
		ContextSnapshot: learn.ContextSnapshot{CWD: g.o.Dir},
	}
	var rpc *rpcError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		ev.Status = learn.StatusTimeout
	case err != nil && ctx.Err() != nil:
		ev.Status = learn.StatusInterrupted
	case errors.As(err, &rpc):
		ev.Status = learn.StatusFailure
		ev.ErrorDetails = &learn.ErrorDetails{Message: plain(rpc.Message, 2000), Code: strconv.Itoa(rpc.Code)}
	case err != nil:
		ev.Status = learn.StatusFailure
		ev.ErrorDetails = &learn.ErrorDetails{Message: plain(err.Error(), 2000)}
	case res.IsError:
		ev.Status = learn.StatusFailure
	}
	return ev
}

func parameters(req mcp.CallToolRequest) json.RawMessage {
	raw, err := json.Marshal(req.GetRawArguments())
	if err != nil || string(raw) == "null" {
		return nil
	}
	if len(raw) > maxParameters {
		// Part of a JSON text is none: only that there was much is kept.
		raw = json.RawMessage(fmt.Sprintf(`{"cut_bytes":%d}`, len(raw)))
	}
	return raw
}

// textOf is the text of a result, cut to maxOutput; what is no text is named.
func textOf(res *mcp.CallToolResult) string {
	var b strings.Builder
	for _, c := range res.Content {
		if b.Len() > maxOutput {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		switch c := c.(type) {
		case mcp.TextContent:
			b.WriteString(c.Text)
		case mcp.ImageContent:
			fmt.Fprintf(&b, "[image %s]", c.MIMEType)
		case mcp.AudioContent:
			fmt.Fprintf(&b, "[audio %s]", c.MIMEType)
		default:
			fmt.Fprintf(&b, "[%T]", c)
		}
	}
	return cutText(b.String(), maxOutput)
}

// advise adds a block to a failed result when something is known in time.
func (g *Gateway) advise(ctx context.Context, ev learn.ActionOutcome, res *mcp.CallToolResult) {
	if g.o.Adviser == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, AdviceTime)
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
		if t != "" {
			res.Content = append(res.Content, mcp.NewTextContent(t))
		}
	case <-ctx.Done():
	}
}
