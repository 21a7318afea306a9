package intake

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"lathe/learn"
)

// began is when the first span of tests begins, in nanoseconds.
var began = uint64(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC).UnixNano())

func otlpValue(v any) *common.AnyValue {
	switch v := v.(type) {
	case string:
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}
	case bool:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
	case int:
		return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(v)}}
	case float64:
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: v}}
	case []byte:
		return &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: v}}
	case []any:
		list := &common.ArrayValue{}
		for _, x := range v {
			list.Values = append(list.Values, otlpValue(x))
		}
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: list}}
	case map[string]any:
		m := &common.KeyValueList{}
		for _, k := range sortedKeys(v) {
			m.Values = append(m.Values, &common.KeyValue{Key: k, Value: otlpValue(v[k])})
		}
		return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: m}}
	}
	return &common.AnyValue{}
}

func otlpAttrs(m map[string]any) []*common.KeyValue {
	return otlpValue(m).GetKvlistValue().GetValues()
}

func id8(n byte) []byte {
	if n == 0 {
		return nil
	}
	return []byte{0, 0, 0, 0, 0, 0, 0, n}
}

func id16(n byte) []byte { return append(make([]byte, 8), id8(n)...) }

// aSpan is a span of trace 1 that took 250 ms.
func aSpan(id, parent byte, name string, attrs map[string]any) *trace.Span {
	return &trace.Span{TraceId: id16(1), SpanId: id8(id), ParentSpanId: id8(parent), Name: name, Kind: trace.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: began + uint64(id)*1e9, EndTimeUnixNano: began + uint64(id)*1e9 + 250e6, Attributes: otlpAttrs(attrs)}
}

func tracesOf(res map[string]any, spans ...*trace.Span) *coltrace.ExportTraceServiceRequest {
	return &coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: otlpAttrs(res)},
		ScopeSpans: []*trace.ScopeSpans{{Spans: spans}}}}}
}

func logsOf(res map[string]any, records ...*logs.LogRecord) *collogs.ExportLogsServiceRequest {
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: otlpAttrs(res)},
		ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}}}}}
}

var base64ID = regexp.MustCompile(`"(traceId|spanId|parentSpanId)":\s*"([^"]*)"`)

// otlpJSON is a message as OTLP/JSON: protobuf's JSON with ids in hex and
// enumerations as numbers.
func otlpJSON(t testing.TB, m proto.Message) []byte {
	t.Helper()
	raw, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(m)
	must(t, err)
	return base64ID.ReplaceAllFunc(raw, func(b []byte) []byte {
		p := base64ID.FindSubmatch(b)
		id, err := base64.StdEncoding.DecodeString(string(p[2]))
		must(t, err)
		return fmt.Appendf(nil, `"%s":"%s"`, p[1], hex.EncodeToString(id))
	})
}

// parseBoth reads a message in both encodings, which must say the same.
func parseBoth(t testing.TB, m proto.Message, req OTLPRequest) OTLPResult {
	t.Helper()
	raw, err := proto.Marshal(m)
	must(t, err)
	req.Signal = Traces
	if _, ok := m.(*collogs.ExportLogsServiceRequest); ok {
		req.Signal = Logs
	}
	req.Body = raw
	out, err := ParseOTLP(req, NewConversations())
	must(t, err)
	req.JSON, req.Body = true, otlpJSON(t, m)
	same, err := ParseOTLP(req, NewConversations())
	must(t, err)
	if !reflect.DeepEqual(out, same) {
		t.Fatalf("protobuf and JSON differ:\n%s\n%s", asJSON(out), asJSON(same))
	}
	return out
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// said is what a record says, in short.
func said(r learn.Record) string {
	if r.Task != nil {
		return fmt.Sprintf("%s %s/%s by %s: %s", r.Task.Phase, r.Task.ProjectID, r.Task.SessionID, r.Task.AgentID, r.Task.Prompt)
	}
	a := r.Action
	m := a.ResourceMetrics
	s := fmt.Sprintf("%s %s/%s by %s: %s %s", a.ActionType, a.ProjectID, a.SessionID, a.AgentID, a.ToolName, a.ToolParameters)
	if a.CallID != "" {
		s += " call " + a.CallID
	}
	if a.PlanID+a.StepID != "" {
		s += " step " + a.PlanID + "/" + a.StepID
	}
	s += " -> " + string(a.Status)
	if text := a.ToolOutput.Text(); text != "" {
		s += fmt.Sprintf(" %q", text)
	}
	if a.ToolOutput.ExitCode != nil {
		s += fmt.Sprintf(" exit %d", *a.ToolOutput.ExitCode)
	}
	if e := a.ErrorDetails; e != nil {
		s += fmt.Sprintf(" error %s: %q%s", e.Code, e.Message, e.StackTrace)
	}
	if m.TokenCountIn+m.TokenCountOut > 0 {
		s += fmt.Sprintf(" tokens %d+%d", m.TokenCountIn, m.TokenCountOut)
	}
	if m.CostUSD > 0 {
		s += fmt.Sprintf(" $%g", m.CostUSD)
	}
	if m.DurationMS > 0 {
		s += fmt.Sprintf(" %gms", m.DurationMS)
	}
	return s
}

func saidAll(out OTLPResult) (all []string) {
	for _, r := range out.Records {
		all = append(all, said(r))
	}
	return all
}

func failedSpan(s *trace.Span, message string, exception map[string]any) *trace.Span {
	s.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: message}
	if exception != nil {
		s.Events = append(s.Events, &trace.Span_Event{Name: "exception", TimeUnixNano: began, Attributes: otlpAttrs(exception)})
	}
	return s
}

func ofKind(s *trace.Span, k trace.Span_SpanKind) *trace.Span { s.Kind = k; return s }

type m = map[string]any

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []*trace.Span
		want  []string
	}{
		{"a tool's call", []*trace.Span{aSpan(2, 1, "execute_tool read_file", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read_file",
			"gen_ai.tool.call.id": "call_1", "gen_ai.tool.call.arguments": `{"path":"a.go"}`, "gen_ai.tool.call.result": "package a",
			"gen_ai.conversation.id": "conv"})},
			[]string{`tool_call shop/conv by worker: read_file {"path":"a.go"} call call_1 -> success "package a" 250ms`}},
		{"structured arguments and result", []*trace.Span{aSpan(2, 0, "execute_tool bash", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "bash",
			"gen_ai.tool.call.arguments": m{"command": "make", "env": []any{"A", 1, true, 0.5}}, "gen_ai.tool.call.result": m{"stdout": "ok\n", "stderr": "no rule", "exit_code": 2}})},
			[]string{`tool_call shop/00000000000000000000000000000001 by worker: bash {"command":"make","env":["A",1,true,0.5]} -> failure "ok\n\nno rule" exit 2 error exit_code: "exit code 2" 250ms`}},
		{"an exception", []*trace.Span{failedSpan(aSpan(2, 0, "execute_tool fetch", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "fetch", "error.type": "ConnectError"}), "refused",
			m{"exception.type": "ConnectError", "exception.message": "connection refused", "exception.stacktrace": " at fetch"})},
			[]string{`tool_call shop/00000000000000000000000000000001 by worker: fetch  -> failure error ConnectError: "connection refused" at fetch 250ms`}},
		{"a time-out", []*trace.Span{failedSpan(aSpan(2, 0, "execute_tool fetch", m{"gen_ai.operation.name": "execute_tool", "error.type": "timeout"}), "after 30 s", nil)},
			[]string{`tool_call shop/00000000000000000000000000000001 by worker: fetch  -> timeout error timeout: "after 30 s" 250ms`}},
		{"a cancelled call", []*trace.Span{failedSpan(aSpan(2, 0, "execute_tool fetch", m{"gen_ai.operation.name": "execute_tool", "error.type": "asyncio.CancelledError"}), "", nil)},
			[]string{`tool_call shop/00000000000000000000000000000001 by worker: fetch  -> interrupted error asyncio.CancelledError: "asyncio.CancelledError" 250ms`}},
		{"a model's call", []*trace.Span{aSpan(2, 1, "chat m-1", m{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme", "gen_ai.request.model": "m-1",
			"gen_ai.response.model": "m-1-0310", "gen_ai.response.id": "resp_9", "gen_ai.usage.input_tokens": 812, "gen_ai.usage.output_tokens": 45, "gen_ai.usage.cost": 0.0125,
			"gen_ai.response.finish_reasons": []any{"tool_call"}, "gen_ai.conversation.id": "conv",
			"gen_ai.input.messages":  `[{"role":"system","parts":[{"type":"text","content":"be brief"}]},{"role":"user","parts":[{"type":"text","content":"fix it"}]}]`,
			"gen_ai.output.messages": []any{m{"role": "assistant", "parts": []any{m{"type": "text", "content": "I run it."}, m{"type": "tool_call", "name": "bash"}}}}})},
			[]string{`llm_inference shop/conv by worker: chat m-1-0310 {"finish_reasons":["tool_call"],"input":"fix it","model":"m-1","provider":"acme"} call resp_9 -> success "I run it.\n[calls bash]" tokens 812+45 $0.0125 250ms`}},
		{"older names", []*trace.Span{aSpan(2, 0, "chat m-1", m{"gen_ai.system": "acme", "gen_ai.request.model": "m-1", "gen_ai.usage.prompt_tokens": "10", "gen_ai.usage.completion_tokens": 5.0})},
			[]string{`llm_inference shop/00000000000000000000000000000001 by worker: chat m-1 {"model":"m-1","provider":"acme"} -> success tokens 10+5 250ms`}},
		{"a plan's step and the tool in it", []*trace.Span{
			aSpan(2, 1, "execute_step build", m{"gen_ai.operation.name": "execute_step", "gen_ai.tool.name": "bash", "lathe.plan_id": "release", "lathe.step_id": "build", "gen_ai.tool.call.id": "c7"}),
			aSpan(3, 2, "execute_tool bash", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "bash", "gen_ai.tool.call.id": "c7"})},
			[]string{`plan_step_execution shop/00000000000000000000000000000001 by worker: bash  call step c7 step release/build -> success 250ms`,
				`tool_call shop/00000000000000000000000000000001 by worker: bash  call c7 -> success 250ms`}},
		{"an agent with words, its conversation goes to the trace", []*trace.Span{
			aSpan(2, 1, "execute_tool ls", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ls"}),
			aSpan(1, 0, "invoke_agent coder", m{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "coder", "gen_ai.conversation.id": "conv", "gen_ai.usage.input_tokens": 900,
				"gen_ai.input.messages": `[{"role":"user","content":"list the files"}]`})},
			[]string{`tool_call shop/conv by worker: ls  -> success 250ms`, `start shop/conv by coder: list the files`}},
		{"one call seen by framework, client and server", []*trace.Span{
			ofKind(failedSpan(aSpan(4, 3, "tools/call search", m{"mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "jsonrpc.request.id": "7", "error.type": "tool_error"}), "", nil), trace.Span_SPAN_KIND_SERVER),
			ofKind(aSpan(3, 2, "tools/call search", m{"mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "jsonrpc.request.id": "7", "mcp.session.id": "mcp-1", "gen_ai.tool.call.result": m{"content": []any{m{"type": "text", "text": "no index"}}, "isError": true}}), trace.Span_SPAN_KIND_CLIENT),
			aSpan(2, 1, "execute_tool web__search", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "web__search", "gen_ai.tool.call.arguments": `{"q":1}`})},
			[]string{`tool_call shop/mcp-1 by worker: web__search {"q":1} -> failure "no index" error tool_error: "no index" 250ms`}},
		{"a tool that is an agent keeps its own tools", []*trace.Span{
			aSpan(2, 1, "execute_tool research", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "research"}),
			aSpan(3, 2, "execute_tool search", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})},
			[]string{`tool_call shop/00000000000000000000000000000001 by worker: research  -> success 250ms`, `tool_call shop/00000000000000000000000000000001 by worker: search  -> success 250ms`}},
		{"an attempt that failed within a call that did not", []*trace.Span{
			aSpan(2, 1, "chat m", m{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}),
			failedSpan(aSpan(3, 2, "chat m", m{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.type": "429", "gen_ai.usage.input_tokens": 3}), "slow down", nil)},
			[]string{`llm_inference shop/00000000000000000000000000000001 by worker: chat m {"model":"m"} -> success tokens 3+0 250ms`}},
		{"what is none of our business", []*trace.Span{aSpan(2, 1, "GET /", m{"http.request.method": "GET"}), aSpan(3, 1, "initialize", m{"mcp.method.name": "initialize"}),
			aSpan(4, 1, "plan", m{"gen_ai.operation.name": "plan", "gen_ai.request.model": "m"}), aSpan(5, 0, "invoke_agent x", m{"gen_ai.operation.name": "invoke_agent"})}, nil},
		{"values without a form in JSON", []*trace.Span{aSpan(2, 0, "execute_tool x", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": m{"a": math.Inf(1), "b": []byte("1234567"), "c": nil}})},
			[]string{`tool_call shop/00000000000000000000000000000001 by worker: x {"a":"+Inf","b":"[lathe: 7 bytes dropped]","c":null} -> success 250ms`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := OTLPRequest{ProjectID: "shop", AgentID: "token"}
			out := parseBoth(t, tracesOf(m{"service.name": "worker"}, c.spans...), req)
			if got := saidAll(out); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if len(out.Records)+len(out.Refused)+out.Ignored != len(c.spans) {
				t.Errorf("%d spans: %d records, %d refused, %d ignored", len(c.spans), len(out.Records), len(out.Refused), out.Ignored)
			}
		})
	}
}
