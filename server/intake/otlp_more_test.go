package intake

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"lathe/learn"
)

func aLog(name string, body any, attrs m) *logs.LogRecord {
	return &logs.LogRecord{EventName: name, TimeUnixNano: began + 5e9, Body: otlpValue(body), Attributes: otlpAttrs(attrs)}
}

func TestLogs(t *testing.T) {
	details := aLog("gen_ai.client.inference.operation.details", nil, m{"gen_ai.operation.name": "chat", "gen_ai.response.model": "m-1", "gen_ai.usage.output_tokens": 3})
	details.TraceId, details.SpanId = id16(1), id8(2)
	for _, c := range []struct {
		name   string
		record *logs.LogRecord
		want   string
	}{
		{"the conventions' event", details, `llm_inference shop/00000000000000000000000000000001 by worker: chat m-1 {"model":"m-1"} -> success tokens 0+3`},
		{"a tool of Claude Code", aLog("", "claude_code.tool_result", m{"event.name": "tool_result", "session.id": "s1", "tool_name": "Bash", "success": "false", "duration_ms": "1500",
			"error": "Exit code 1", "tool_parameters": `{"bash_command":"make","full_command":"make all"}`}),
			`tool_call shop/s1 by worker: Bash {"command":"make all"} -> failure error : "Exit code 1" 1500ms`},
		{"a tool of Claude Code with its id", aLog("claude_code.tool_result", nil, m{"session.id": "s1", "tool_name": "Read", "tool_use_id": "toolu_1", "success": "true", "duration_ms": 12, "tool_input": `{"file_path":"a"}`}),
			`tool_call shop/s1 by worker: Read {"file_path":"a"} call toolu_1 -> success 12ms`},
		{"a model of Claude Code", aLog("claude_code.api_request", nil, m{"session.id": "s1", "model": "claude-x", "input_tokens": "10", "output_tokens": "20", "cache_read_tokens": "7", "cost_usd": "0.02", "duration_ms": "900", "request_id": "req_1"}),
			`llm_inference shop/s1 by worker: chat claude-x {"cached_tokens":"7","model":"claude-x"} call req_1 -> success tokens 10+20 $0.02 900ms`},
		{"an error of the provider", aLog("claude_code.api_error", nil, m{"session.id": "s1", "model": "claude-x", "error": "Overloaded", "status_code": "529", "attempt": 3}),
			`llm_inference shop/s1 by worker: chat claude-x {"attempt":"3","model":"claude-x"} -> failure error 529: "Overloaded"`},
		{"a prompt", aLog("claude_code.user_prompt", nil, m{"session.id": "s1", "prompt": "fix the build", "prompt_length": 13}), `start shop/s1 by worker: fix the build`},
		{"a prompt that was kept back", aLog("claude_code.user_prompt", nil, m{"session.id": "s1", "prompt": "<REDACTED>"}), ``},
		{"a tool of Codex", aLog("", "", m{"event.name": "codex.tool_result", "conversation.id": "s2", "call_id": "call_2", "tool_name": "shell", "arguments": `{"command":["ls"]}`, "success": "false",
			"output": "Exit code: 2\nWall time: 0.5 seconds\nOutput:\nno such file", "duration_ms": "510"}),
			`tool_call shop/s2 by worker: shell {"command":["ls"]} call call_2 -> failure "no such file" exit 2 error exit_code: "exit code 2" 510ms`},
		{"a part of an answer", aLog("codex.sse_event", nil, m{"event.kind": "response.output_item.done"}), ``},
		{"the end of an answer", aLog("codex.sse_event", nil, m{"event.kind": "response.completed", "conversation.id": "s2", "model": "gpt-x", "input_token_count": "5", "output_token_count": "6"}),
			`llm_inference shop/s2 by worker: chat gpt-x {"model":"gpt-x"} -> success tokens 5+6`},
		{"a tool of Gemini CLI that a person refused", aLog("gemini_cli.tool_call", nil, m{"session.id": "s3", "function_name": "run", "function_args": `{"x":1}`, "success": false, "decision": "reject"}),
			`tool_call shop/s3 by worker: run {"x":1} -> interrupted error : "it failed"`},
		{"a log line", aLog("", "server started", nil), ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := parseBoth(t, logsOf(m{"service.name": "worker"}, c.record), OTLPRequest{ProjectID: "shop"})
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			if got := saidAll(out); !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}

// idOf is the id under which the door lets the only record of m in.
func idOf(t *testing.T, msg proto.Message, req OTLPRequest) string {
	t.Helper()
	out := parseBoth(t, msg, req)
	door := NewDoor(nothingSecret{}, Limits{Now: func() time.Time { return modified }})
	admitted, _, rejected := door.Admit(out.Records)
	if len(admitted) != 1 || len(rejected) != 0 {
		t.Fatalf("admitted %d, rejected %v", len(admitted), rejected)
	}
	return admitted[0].ID()
}

type nothingSecret struct{}

func (nothingSecret) Record(*learn.Record) int { return 0 }

func TestIdentity(t *testing.T) {
	req := OTLPRequest{ProjectID: "shop"}
	tool := m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t", "gen_ai.conversation.id": "conv"}
	with := func(key string, v any) m {
		out := m{key: v}
		for k, v := range tool {
			out[k] = v
		}
		return out
	}
	mcpSpan := func(id, parent byte, kind trace.Span_SpanKind, request string) *trace.Span {
		return ofKind(aSpan(id, parent, "tools/call t", m{"mcp.method.name": "tools/call", "gen_ai.tool.name": "t", "jsonrpc.request.id": request}), kind)
	}
	bare := idOf(t, tracesOf(nil, aSpan(2, 1, "x", tool)), req)
	for _, c := range []struct {
		name string
		id   string
		want string
		same bool
	}{
		{"sent again", idOf(t, tracesOf(nil, aSpan(2, 1, "x", tool)), req), bare, true},
		{"another span", idOf(t, tracesOf(nil, aSpan(3, 1, "x", tool)), req), bare, false},
		{"another project", idOf(t, tracesOf(nil, aSpan(2, 1, "x", tool)), OTLPRequest{ProjectID: "other"}), bare, false},
		{"a call that a hook reports", idOf(t, tracesOf(nil, aSpan(2, 1, "x", with("gen_ai.tool.call.id", "call_1"))), req), learn.EventID("conv", "call_1"), true},
		{"a call that its agent logs", idOf(t, logsOf(nil, aLog("codex.tool_result", nil, m{"conversation.id": "conv", "call_id": "call_1", "tool_name": "t"})), req), learn.EventID("conv", "call_1"), true},
		{"both ends of an MCP request", idOf(t, tracesOf(nil, mcpSpan(3, 2, trace.Span_SPAN_KIND_CLIENT, "7")), req),
			idOf(t, tracesOf(nil, mcpSpan(4, 3, trace.Span_SPAN_KIND_SERVER, "7")), req), true},
		{"two requests to a server below one span", idOf(t, tracesOf(nil, mcpSpan(5, 3, trace.Span_SPAN_KIND_SERVER, "8")), req),
			idOf(t, tracesOf(nil, mcpSpan(4, 3, trace.Span_SPAN_KIND_SERVER, "7")), req), false},
		{"the framework's span with its client's, and the server's alone",
			idOf(t, tracesOf(nil, aSpan(2, 1, "execute_tool t", tool), mcpSpan(3, 2, trace.Span_SPAN_KIND_CLIENT, "7")), req),
			idOf(t, tracesOf(nil, mcpSpan(4, 3, trace.Span_SPAN_KIND_SERVER, "7")), req), true},
		{"a log line sent again", idOf(t, logsOf(nil, aLog("claude_code.api_request", nil, m{"session.id": "s"})), req), idOf(t, logsOf(nil, aLog("claude_code.api_request", nil, m{"session.id": "s"})), req), true},
	} {
		if (c.id == c.want) != c.same {
			t.Errorf("%s: %s and %s", c.name, c.id, c.want)
		}
	}
	inference := m{"gen_ai.operation.name": "chat", "gen_ai.response.model": "m"}
	record := aLog(inferenceDetails, nil, inference)
	record.TraceId, record.SpanId = id16(1), id8(2)
	if a, b := idOf(t, tracesOf(nil, aSpan(2, 1, "chat m", inference)), req), idOf(t, logsOf(nil, record), req); a != b {
		t.Errorf("a model's call as span and as log record: %s and %s", a, b)
	}
}

func TestConversationOfATrace(t *testing.T) {
	known := NewConversations()
	parse := func(project string, s *trace.Span) string {
		t.Helper()
		raw, err := proto.Marshal(tracesOf(nil, s))
		must(t, err)
		out, err := ParseOTLP(OTLPRequest{Signal: Traces, Body: raw, ProjectID: project}, known)
		must(t, err)
		return out.Records[0].Action.SessionID
	}
	chat := aSpan(2, 1, "chat m", m{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.conversation.id": "conv"})
	tool := aSpan(3, 1, "execute_tool t", m{"gen_ai.operation.name": "execute_tool"})
	if got := parse("shop", tool); got != "00000000000000000000000000000001" {
		t.Errorf("before it is known: %q", got)
	}
	if parse("shop", chat) != "conv" || parse("shop", tool) != "conv" {
		t.Error("the trace's conversation is not remembered")
	}
	if got := parse("other", tool); got == "conv" {
		t.Error("one project learns of another's conversation")
	}
	for i := range 3 * maxConversations {
		known.learn(fmt.Sprint(i), "c")
	}
	if len(known.of) != maxConversations || len(known.order) != maxConversations {
		t.Errorf("%d traces are remembered, %d in order", len(known.of), len(known.order))
	}
}

func TestProjectOfTelemetry(t *testing.T) {
	tool := aSpan(2, 1, "x", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"})
	for _, c := range []struct {
		name      string
		res       m
		req       OTLPRequest
		project   string
		forbidden bool
	}{
		{"the token's", m{"service.name": "w"}, OTLPRequest{ProjectID: "shop"}, "shop", false},
		{"the same by name", m{"lathe.project_id": "shop"}, OTLPRequest{ProjectID: "shop"}, "shop", false},
		{"another's", m{"lathe.project_id": "bank"}, OTLPRequest{ProjectID: "shop"}, "", true},
		{"another's, with the right to", m{"lathe.project_id": "bank"}, OTLPRequest{AnyProject: true}, "bank", false},
		{"none named", m{"service.name": "w"}, OTLPRequest{AnyProject: true}, "w", false},
		{"nothing known", nil, OTLPRequest{AnyProject: true}, "otlp", false},
	} {
		out := parseBoth(t, tracesOf(c.res, tool), c.req)
		switch {
		case c.forbidden:
			if len(out.Records) != 0 || len(out.Refused) != 1 || out.Refused[0].Index != 0 || !strings.Contains(out.Refused[0].Reason, "import token") {
				t.Errorf("%s: %+v", c.name, out)
			}
		case len(out.Records) != 1 || out.Records[0].Action.ProjectID != c.project:
			t.Errorf("%s: %+v", c.name, out)
		}
	}
}

func TestHostileTelemetry(t *testing.T) {
	deep := append([]byte(`{"resourceSpans":`), strings.Repeat("[", 100_000)...)
	var spans []byte
	for range 200_000 {
		spans = append(spans, 2<<3|2, 0) // empty spans
	}
	wrap := func(field byte, data []byte) []byte {
		out := []byte{field<<3 | 2}
		for n := len(data); ; n >>= 7 {
			if n < 0x80 {
				out = append(out, byte(n))
				break
			}
			out = append(out, byte(n)|0x80)
		}
		return append(out, data...)
	}
	many := append(wrap(1, wrap(2, spans)), append(wrap(1, wrap(2, spans)), wrap(1, wrap(2, spans))...)...)
	nested := []byte{1<<3 | 2, 1, 'x'}
	for range 2000 {
		nested = wrap(5, wrap(1, nested))
	}
	nested = wrap(1, wrap(2, wrap(2, wrap(9, append(wrap(1, []byte("gen_ai.tool.name")), wrap(2, nested)...)))))
	for _, c := range []struct {
		name string
		json bool
		body []byte
		err  string
	}{
		{"nothing", false, nil, ""},
		{"an empty document", true, []byte(`{}`), ""},
		{"no JSON", true, []byte(`hello`), "not valid JSON"},
		{"no protobuf", false, []byte("hello"), "protobuf message"},
		{"a length beyond the end", false, []byte{1<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f}, "protobuf message"},
		{"a huge length", false, []byte{1<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "protobuf message"},
		{"nesting", true, deep, "not valid JSON"},
		{"nesting in values", false, nested, ""},
		{"more spans than are read", false, many, "smaller batches"},
		{"more values than are read", true, []byte(`{"resourceSpans":[` + strings.Repeat(`{},`, 500_000) + `{}]}`), "smaller batches"},
		{"a list for an object", true, []byte(`{"resourceSpans":{}}`), "check the format"},
		{"a word for a time", true, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}`), "a number should"},
	} {
		_, err := ParseOTLP(OTLPRequest{Signal: Traces, JSON: c.json, Body: c.body, ProjectID: "p"}, NewConversations())
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v does not say %q", c.name, err, c.err)
		case strings.HasPrefix(c.name, "more") && !errors.Is(err, ErrOTLPTooLarge):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// fuzzOTLP feeds bodies to one reader. What it lets through, the door must be
// able to judge, and twice the same is twice the same.
func fuzzOTLP(f *testing.F, kind Signal, asJSON bool) {
	span := failedSpan(aSpan(2, 1, "execute_tool t", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": m{"a": []any{1, 0.5, true, "x", nil}},
		"gen_ai.tool.call.result": "Exit code: 1\nOutput:\nx"}), "bad", m{"exception.type": "E"})
	chat := aSpan(3, 1, "chat m", m{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": `[{"role":"user","content":"x"}]`})
	var seed proto.Message = tracesOf(m{"service.name": "w"}, span, chat)
	if kind == Logs {
		seed = logsOf(m{"service.name": "w"}, aLog("codex.tool_result", "x", m{"call_id": "1", "tool_name": "t", "output": "x", "duration_ms": "5"}),
			aLog("claude_code.user_prompt", nil, m{"prompt": "x"}))
	}
	raw, err := proto.Marshal(seed)
	must(f, err)
	if asJSON {
		raw = otlpJSON(f, seed)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":-1,"body":{"doubleValue":"NaN"}}]}]}]}`))
	door := NewDoor(nothingSecret{}, Limits{Now: func() time.Time { return modified }})
	f.Fuzz(func(t *testing.T, body []byte) {
		req := OTLPRequest{Signal: kind, JSON: asJSON, Body: body, ProjectID: "p"}
		out, err := ParseOTLP(req, NewConversations())
		if err != nil {
			return
		}
		if len(out.Items) != len(out.Records) || out.Ignored < 0 {
			t.Fatalf("%d records, %d items, %d ignored", len(out.Records), len(out.Items), out.Ignored)
		}
		admitted, _, rejected := door.Admit(out.Records)
		if len(admitted)+len(rejected) != len(out.Records) {
			t.Fatalf("%d records: %d admitted, %d rejected", len(out.Records), len(admitted), len(rejected))
		}
		again, err := ParseOTLP(req, NewConversations())
		if err != nil || !reflect.DeepEqual(out, again) {
			t.Fatalf("read twice: %v", err)
		}
		for _, r := range admitted {
			if !learn.ValidID(r.ID()) {
				t.Fatalf("no proper record: %+v", r)
			}
		}
	})
}

func FuzzOTLPTraces(f *testing.F)     { fuzzOTLP(f, Traces, false) }
func FuzzOTLPTracesJSON(f *testing.F) { fuzzOTLP(f, Traces, true) }
func FuzzOTLPLogs(f *testing.F)       { fuzzOTLP(f, Logs, false) }
func FuzzOTLPLogsJSON(f *testing.F)   { fuzzOTLP(f, Logs, true) }

func BenchmarkParseOTLP(b *testing.B) {
	var spans []*trace.Span
	for i := range 512 {
		spans = append(spans, aSpan(byte(1+i%250), 0, "execute_tool bash", m{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "bash",
			"gen_ai.tool.call.arguments": `{"command":"go test ./..."}`, "gen_ai.tool.call.result": strings.Repeat("ok  \tpkg\t0.1s\n", 100), "gen_ai.conversation.id": "conv"}))
	}
	msg := tracesOf(m{"service.name": "w"}, spans...)
	raw, err := proto.Marshal(msg)
	must(b, err)
	for name, req := range map[string]OTLPRequest{"protobuf": {Body: raw}, "json": {Body: otlpJSON(b, msg), JSON: true}} {
		b.Run(name, func(b *testing.B) {
			req.Signal, req.ProjectID = Traces, "p"
			b.SetBytes(int64(len(req.Body)))
			for b.Loop() {
				if out, err := ParseOTLP(req, NewConversations()); err != nil || len(out.Records) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}
