package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lathe/learn"
)

const (
	// maxOutput and maxParameters bound what is recorded of a call, in bytes.
	maxOutput     = 64 << 10
	maxParameters = 64 << 10
)

// finished is a call that ended, as it came. It is read when it is recorded,
// after the reply.
type finished struct {
	tool, callID string
	args         []byte // nil when there are none
	m            message
	err          error
	isError      bool
	began        time.Time
	took         time.Duration
	seq          int64
	recorded     chan error // in strict mode
}

// size is what the record holds in memory, in bytes.
func (f *finished) size() int64 { return int64(len(f.args)+f.m.size) + 1024 }

// outcome is the record of one call, without the secrets of the gateway's
// configuration.
func (g *Gateway) outcome(f *finished) learn.ActionOutcome {
	ev := learn.ActionOutcome{
		ID: learn.PositionID(string(learn.SourceGateway), g.o.SessionID, int(f.seq)), CallID: plain(f.callID, 200),
		Timestamp: f.began.UTC(), ProjectID: g.o.ProjectID, SessionID: g.o.SessionID, AgentID: g.o.AgentID,
		Source: learn.SourceGateway, ActionType: learn.ToolCall, ToolName: f.tool,
		ToolParameters: g.parameters(f.args), ToolOutput: learn.ToolOutput{Content: g.secrets.hide(textOf(f.m.result))},
		Status:          learn.StatusSuccess,
		ResourceMetrics: learn.ResourceMetrics{DurationMS: float64(f.took.Microseconds()) / 1e3},
		ContextSnapshot: learn.ContextSnapshot{CWD: g.o.Dir},
	}
	switch {
	case errors.Is(f.err, errCancelled):
		ev.Status = learn.StatusInterrupted
	case errors.Is(f.err, context.DeadlineExceeded):
		ev.Status = learn.StatusTimeout
	case f.err != nil:
		ev.Status = learn.StatusFailure
		ev.ErrorDetails = &learn.ErrorDetails{Message: plain(g.secrets.hide(f.err.Error()), 2000)}
	case f.m.err != nil:
		rpc := readError(f.m.err)
		ev.Status = learn.StatusFailure
		ev.ErrorDetails = &learn.ErrorDetails{Message: plain(g.secrets.hide(rpc.Message), 2000), Code: strconv.Itoa(rpc.Code)}
	case f.isError:
		ev.Status = learn.StatusFailure
	}
	if (f.err != nil || f.m.err != nil) && ev.ErrorDetails != nil && ev.ToolOutput.Content == "" {
		ev.ToolOutput.Content = ev.ErrorDetails.Message
	}
	return ev
}

func (g *Gateway) parameters(args []byte) json.RawMessage {
	if notNull(args) == nil {
		return nil
	}
	if len(args) > maxParameters {
		// Part of a JSON text is none: only that there was much is kept.
		return json.RawMessage(fmt.Sprintf(`{"cut_bytes":%d}`, len(args)))
	}
	return g.secrets.hideJSON(compact(args))
}

// textOf is the text of a result, cut to maxOutput; what is no text is named.
// A result with structured content alone is told as that.
func textOf(result []byte) string {
	var b strings.Builder
	eachItem(field(result, "content"), func(block []byte) {
		if b.Len() > maxOutput {
			return
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		switch kind := text(field(block, "type")); kind {
		case "text":
			b.WriteString(text(field(block, "text")))
		case "resource":
			b.WriteString(text(field(field(block, "resource"), "text")))
		case "resource_link":
			fmt.Fprintf(&b, "[resource %s]", plain(text(field(block, "uri")), 500))
		default:
			fmt.Fprintf(&b, "[%s %s]", plain(kind, 50), plain(text(field(block, "mimeType")), 100))
		}
	})
	if b.Len() == 0 {
		b.Write(field(result, "structuredContent"))
	}
	return cutText(b.String(), maxOutput)
}
