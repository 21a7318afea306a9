package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"lathe/learn"
	"lathe/mcp"
)

// spanKey holds the span of the MCP call that is being answered.
type spanKey struct{}

// traceParent is a caller's trace and span (W3C Trace Context).
var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}`)

// observe is told of each call of a tool that the MCP server answers: it is
// counted, and emitted as the server's span of the MCP conventions. What the
// call was about, its parameters and its output, is not.
func (d *Daemon) observe(ctx context.Context, c mcp.Call) (context.Context, func(time.Duration, bool)) {
	counted := func(took time.Duration, failed bool) { d.metrics.answered(c.Tool, took, failed) }
	if d.exporter == nil {
		return ctx, counted
	}
	s := &trace.Span{TraceId: make([]byte, 16), SpanId: make([]byte, 8), Name: "tools/call " + c.Tool, Kind: trace.Span_SPAN_KIND_SERVER}
	_, _ = rand.Read(s.TraceId) // never fails, see crypto/rand
	_, _ = rand.Read(s.SpanId)
	if p := traceParent.FindStringSubmatch(c.TraceParent); p != nil {
		s.TraceId, _ = hex.DecodeString(p[1]) // the expression admits hex only
		s.ParentSpanId, _ = hex.DecodeString(p[2])
	}
	scope, began := mcp.ScopeOf(ctx), time.Now()
	s.Attributes = said("mcp.method.name", "tools/call", "gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", c.Tool, "mcp.session.id", c.Session,
		"gen_ai.conversation.id", scope.SessionID, "gen_ai.agent.name", scope.AgentID, "lathe.project_id", scope.ProjectID)
	return context.WithValue(ctx, spanKey{}, s), func(took time.Duration, failed bool) {
		counted(took, failed)
		if failed {
			s.Attributes = append(s.Attributes, attr("error.type", "tool_error"))
			s.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR}
		}
		s.StartTimeUnixNano, s.EndTimeUnixNano = uint64(began.UnixNano()), uint64(began.Add(took).UnixNano())
		d.exporter.offer(s)
	}
}

// emit makes a span of a call that Lathe made itself, as it is stored: of a
// generated tool, which ran here, or of a server behind the gateway.
func (d *Daemon) emit(ctx context.Context, rec learn.Record) {
	a := rec.Action
	if d.exporter == nil || a == nil || a.Source != learn.SourceGateway {
		return
	}
	sum := sha256.Sum256([]byte(a.ID))
	s := &trace.Span{TraceId: sum[:16], SpanId: sum[16:24], Name: "execute_tool " + a.ToolName, Kind: trace.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(a.Timestamp.UnixNano())}
	s.EndTimeUnixNano = s.StartTimeUnixNano + uint64(a.ResourceMetrics.DurationMS*1e6)
	s.Attributes = said("gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", a.ToolName, "gen_ai.tool.call.id", a.CallID,
		"gen_ai.conversation.id", a.SessionID, "gen_ai.agent.name", a.AgentID, "lathe.project_id", a.ProjectID, "lathe.event_id", a.ID)
	if a.Generated == nil {
		s.Name, s.Kind = "tools/call "+a.ToolName, trace.Span_SPAN_KIND_CLIENT
		s.Attributes = append(s.Attributes, attr("mcp.method.name", "tools/call"))
	} else if outer, ok := ctx.Value(spanKey{}).(*trace.Span); ok {
		s.TraceId, s.ParentSpanId = outer.TraceId, outer.SpanId
	}
	if kind := errorKinds[a.Status]; kind != "" {
		s.Attributes = append(s.Attributes, attr("error.type", kind))
		s.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR}
	}
	d.exporter.offer(s)
}

// errorKinds are the statuses as error.type.
var errorKinds = map[learn.Status]string{learn.StatusFailure: "tool_error", learn.StatusTimeout: "timeout", learn.StatusInterrupted: "cancelled"}

// said makes attributes of names and values, without those that are empty.
func said(pairs ...string) (out []*common.KeyValue) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) != "" {
			out = append(out, attr(pairs[i], pairs[i+1]))
		}
	}
	return out
}
