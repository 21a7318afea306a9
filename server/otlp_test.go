package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/server"
)

// withPort gives a site an HTTP port, and returns what it is reached by.
func (s *site) withPort() (url string, tokens *server.Tokens) {
	s.t.Helper()
	s.cfg.HTTP = "127.0.0.1:0"
	s.start()
	addr, err := os.ReadFile(filepath.Join(s.cfg.DataDir, "http.addr"))
	if err != nil {
		s.t.Fatal(err)
	}
	if tokens, err = server.OpenTokens(s.cfg.DataDir); err != nil {
		s.t.Fatal(err)
	}
	return "http://" + strings.TrimSpace(string(addr)), tokens
}

func mint(t *testing.T, tokens *server.Tokens, k server.Token) string {
	t.Helper()
	_, secret, err := tokens.Mint(k)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func post(t *testing.T, url, token string, header map[string]string, body []byte) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, answer
}

func stringAttr(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

// toolSpan is a call of a tool that ended just now.
func toolSpan(n byte, tool, arguments, result string) *trace.Span {
	now := uint64(time.Now().UnixNano())
	return &trace.Span{TraceId: append(make([]byte, 15), 1), SpanId: []byte{1, 0, 0, 0, 0, 0, 0, n}, Name: "execute_tool " + tool,
		StartTimeUnixNano: now - 2e8, EndTimeUnixNano: now, Attributes: []*common.KeyValue{
			stringAttr("gen_ai.operation.name", "execute_tool"), stringAttr("gen_ai.tool.name", tool),
			stringAttr("gen_ai.tool.call.arguments", arguments), stringAttr("gen_ai.tool.call.result", result),
			stringAttr("gen_ai.conversation.id", "conv")}}
}

func export(t *testing.T, spans ...*trace.Span) []byte {
	t.Helper()
	raw, err := proto.Marshal(&coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{ScopeSpans: []*trace.ScopeSpans{{Spans: spans}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func gzipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const protobuf = "application/x-protobuf"

func TestTelemetryIsTakenIn(t *testing.T) {
	s := newSite(t)
	url, tokens := s.withPort()
	agent := mint(t, tokens, server.Token{Scope: server.ScopeAgent, Project: "shop", Name: "worker"})
	secret := secrets()["github"]
	good := export(t, toolSpan(1, "read_file", `{"path":"a.go","token":"`+secret+`"}`, "the key is "+secret))
	plain := map[string]string{"Content-Type": protobuf}
	for _, header := range []map[string]string{plain, {"Content-Type": protobuf, "Content-Encoding": "gzip"}, plain} { // the same thrice
		body := good
		if header["Content-Encoding"] != "" {
			body = gzipped(t, good)
		}
		code, h, answer := post(t, url+"/v1/traces", agent, header, body)
		var r coltrace.ExportTraceServiceResponse
		if code != http.StatusOK || h.Get("Content-Type") != protobuf || proto.Unmarshal(answer, &r) != nil || r.PartialSuccess != nil {
			t.Fatalf("%d %s %q", code, h.Get("Content-Type"), answer)
		}
	}
	now := time.Now().UnixNano()
	code, h, answer := post(t, url+"/v1/logs", agent, map[string]string{"Content-Type": "application/json; charset=utf-8"}, fmt.Appendf(nil,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","eventName":"claude_code.api_request","attributes":[
		{"key":"session.id","value":{"stringValue":"conv"}},{"key":"model","value":{"stringValue":"m-1"}},{"key":"input_tokens","value":{"intValue":"100"}},
		{"key":"output_tokens","value":{"intValue":"10"}},{"key":"cost_usd","value":{"doubleValue":0.25}},{"key":"duration_ms","value":{"stringValue":"800"}}]}]}]}]}`, now))
	if code != http.StatusOK || h.Get("Content-Type") != "application/json" || string(answer) != "{}" {
		t.Fatalf("%d %s %q", code, h.Get("Content-Type"), answer)
	}
	s.mustCall(http.MethodPost, "/v1/settle", nil, &struct{}{})
	var k server.KPIs
	s.mustCall(http.MethodPost, "/v1/kpi", monitor.Filter{ProjectID: "shop"}, &k)
	if len(k.ByTool) != 2 || k.Calls.Calls != 2 || k.Calls.CostUSD != 0.25 || k.Calls.TokensIn != 100 || k.Calls.TokensOut != 10 {
		t.Errorf("KPIs: %+v", k.ByTool)
	}
	s.stop()
	records, _ := s.stored()
	raw, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 2 || bytes.Contains(raw, []byte(secret)) || !bytes.Contains(raw, []byte("redacted:")) {
		t.Errorf("stored %s", raw)
	}
	for _, r := range records {
		if r.Action == nil || r.Action.Source != learn.SourceOTLP || r.Action.ProjectID != "shop" || r.Action.SessionID != "conv" || r.Action.AgentID != "worker" {
			t.Errorf("stored %+v", r.Action)
		}
	}
}

func TestTelemetryIsRefused(t *testing.T) {
	s := newSite(t)
	url, tokens := s.withPort()
	agent := mint(t, tokens, server.Token{Scope: server.ScopeAgent, Project: "shop", Name: "worker"})
	good := export(t, toolSpan(1, "t", "{}", ""))
	bomb := gzipped(t, make([]byte, 40<<20))
	for _, c := range []struct {
		name, path, token, media, encoding string
		body                               []byte
		code                               int
		says                               string
	}{
		{"no token", "/v1/traces", "", protobuf, "", good, 401, "bearer token"},
		{"a wrong token", "/v1/logs", "lathe_x", protobuf, "", nil, 401, "bearer token"},
		{"no type", "/v1/traces", agent, "", "", good, 415, "application/x-protobuf"},
		{"another type", "/v1/traces", agent, "text/plain", "", good, 415, "application/x-protobuf"},
		{"another encoding", "/v1/traces", agent, protobuf, "br", good, 415, "gzip"},
		{"no gzip", "/v1/traces", agent, protobuf, "gzip", good, 400, "gzip"},
		{"cut gzip", "/v1/traces", agent, protobuf, "gzip", gzipped(t, good)[:20], 400, "body"},
		{"a bomb", "/v1/traces", agent, protobuf, "gzip", bomb, 413, "smaller batches"},
		{"too much", "/v1/traces", agent, protobuf, "", make([]byte, 17<<20), 413, "smaller batches"},
		{"too many", "/v1/traces", agent, "application/json", "", []byte("[" + strings.Repeat("{},", 500_000) + "{}]"), 413, "smaller batches"},
		{"no protobuf", "/v1/traces", agent, protobuf, "", []byte("hello"), 400, "protobuf message"},
		{"no JSON", "/v1/logs", agent, "application/json", "", []byte("hello"), 400, "JSON"},
		{"metrics", "/v1/metrics", agent, protobuf, "", nil, 404, "OTEL_METRICS_EXPORTER"},
	} {
		header := map[string]string{"Content-Type": c.media}
		if c.encoding != "" {
			header["Content-Encoding"] = c.encoding
		}
		code, _, answer := post(t, url+c.path, c.token, header, c.body)
		if code != c.code || !strings.Contains(string(answer), c.says) {
			t.Errorf("%s: %d %q, want %d and %q", c.name, code, answer, c.code, c.says)
		}
	}
	s.stop()
	if records, _ := s.stored(); len(records) != 0 {
		t.Errorf("stored %+v", records)
	}
}

// What is good of a request is stored, and the sender learns of the rest.
func TestTelemetryPartlyRefused(t *testing.T) {
	s := newSite(t)
	url, tokens := s.withPort()
	agent := mint(t, tokens, server.Token{Scope: server.ScopeAgent, Project: "shop", Name: "worker"})
	anyone := mint(t, tokens, server.Token{Scope: server.ScopeImport, Name: "collector"})
	future, foreign := toolSpan(2, "t", "{}", ""), toolSpan(3, "t", "{}", "")
	future.StartTimeUnixNano = uint64(time.Now().Add(100 * 24 * time.Hour).UnixNano())
	foreign.Attributes = append(foreign.Attributes, stringAttr("lathe.project_id", "bank"))
	code, _, answer := post(t, url+"/v1/traces", agent, map[string]string{"Content-Type": protobuf}, export(t, toolSpan(1, "t", "{}", ""), future, foreign))
	var r coltrace.ExportTraceServiceResponse
	if err := proto.Unmarshal(answer, &r); code != http.StatusOK || err != nil {
		t.Fatal(code, err)
	}
	p := r.PartialSuccess
	if p.GetRejectedSpans() != 2 || !strings.Contains(p.GetErrorMessage(), "in the future") || !strings.Contains(p.GetErrorMessage(), `cannot speak for "bank"`) {
		t.Errorf("partial success: %v", p)
	}
	nameless, err := proto.Marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{
		{EventName: "codex.tool_result", Attributes: []*common.KeyValue{stringAttr("call_id", "1"), stringAttr("conversation.id", "c")}}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	code, _, answer = post(t, url+"/v1/logs", agent, map[string]string{"Content-Type": protobuf}, nameless)
	var l collogs.ExportLogsServiceResponse
	if err := proto.Unmarshal(answer, &l); code != http.StatusOK || err != nil || l.PartialSuccess.GetRejectedLogRecords() != 1 || !strings.Contains(l.PartialSuccess.GetErrorMessage(), "tool_name is missing") {
		t.Errorf("%d %v %v", code, err, l.PartialSuccess)
	}
	// Who may carry recordings of all projects may name one.
	if code, _, answer = post(t, url+"/v1/traces", anyone, map[string]string{"Content-Type": protobuf}, export(t, foreign)); code != http.StatusOK || len(answer) != 0 {
		t.Errorf("%d %q", code, answer)
	}
	s.stop()
	records, _ := s.stored()
	if len(records) != 2 || records[0].Action.ProjectID != "shop" || records[1].Action.ProjectID != "bank" {
		t.Errorf("stored %+v", records)
	}
}
