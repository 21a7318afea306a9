package server_test

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"lathe/learn"
	"lathe/server"
)

// collector is an OTLP receiver that answers the first busy requests with 503.
type collector struct {
	t     *testing.T
	mu    sync.Mutex
	busy  int
	auth  []string
	spans []*trace.Span
	raw   []byte
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy > 0 {
		c.busy--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		c.t.Error(err)
		return
	}
	body, err := io.ReadAll(z)
	var m coltrace.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != protobuf || proto.Unmarshal(body, &m) != nil {
		c.t.Errorf("%s %s: %v", r.URL.Path, r.Header.Get("Content-Type"), err)
		return
	}
	c.auth, c.raw = append(c.auth, r.Header.Get("Authorization")), append(c.raw, body...)
	for _, res := range m.ResourceSpans {
		for _, s := range res.ScopeSpans {
			c.spans = append(c.spans, s.Spans...)
		}
	}
}

func (c *collector) received() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spans)
}

// inWords is a span in short.
func inWords(s *trace.Span) string {
	var out []string
	for _, a := range s.Attributes {
		switch a.Key {
		case "gen_ai.tool.name", "mcp.session.id":
		case "lathe.event_id":
			if learn.ValidID(a.Value.GetStringValue()) {
				out = append(out, "with its event")
			}
		default:
			out = append(out, a.Key+"="+a.Value.GetStringValue())
		}
	}
	return strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_") + " " + s.Name + ": " + strings.Join(out, " ")
}

// Lathe's own calls are emitted by the conventions, without what they were
// about, after a receiver that was busy; what agents report is not.
func TestOwnCallsAreEmitted(t *testing.T) {
	c := &collector{t: t, busy: 1}
	receiver := httptest.NewServer(c)
	defer receiver.Close()
	t.Setenv("COLLECTOR_TOKEN", "t0ken")
	s := newSite(t)
	s.cfg.Telemetry = server.TelemetryConfig{Endpoint: receiver.URL, TokenEnv: "COLLECTOR_TOKEN"}
	s.start()
	proxied, reported := outcome("c1", "cat quagmire", "quagmire", 1), outcome("c2", "ls", "", 0)
	proxied.ProjectID, proxied.SessionID, proxied.Source, proxied.ResourceMetrics.DurationMS = "p", "s", learn.SourceGateway, 12
	reported.ProjectID, reported.SessionID = "p", "s"
	for range 2 { // a resend is emitted once
		s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: []learn.Record{{Action: &proxied}, {Action: &reported}}}, &struct{}{})
	}
	a := s.agent("p", "", "m")
	if text, failed := a.call("search_log", map[string]string{"query": "quagmire"}); failed {
		t.Fatal(text)
	}
	if text, failed := a.call("run_tool", map[string]any{"name": "nosuch", "arguments": map[string]any{}}); !failed {
		t.Fatal(text)
	}
	for end := time.Now().Add(patience); c.received() < 3 && time.Now().Before(end); {
		runtime.Gosched() // until the exporter's next batch
		s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	}
	s.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	var got []string
	for _, sp := range c.spans {
		got = append(got, inWords(sp))
		if len(sp.TraceId) != 16 || len(sp.SpanId) != 8 || sp.EndTimeUnixNano < sp.StartTimeUnixNano || sp.StartTimeUnixNano == 0 {
			t.Errorf("span %s: %s %s %d %d", sp.Name, hex.EncodeToString(sp.TraceId), hex.EncodeToString(sp.SpanId), sp.StartTimeUnixNano, sp.EndTimeUnixNano)
		}
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"CLIENT tools/call bash: gen_ai.operation.name=execute_tool gen_ai.tool.call.id=c1 gen_ai.conversation.id=s lathe.project_id=p with its event mcp.method.name=tools/call error.type=tool_error",
		"SERVER tools/call search_log: mcp.method.name=tools/call gen_ai.operation.name=execute_tool",
		"SERVER tools/call run_tool: mcp.method.name=tools/call gen_ai.operation.name=execute_tool",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no span %q in\n%s", want, all)
		}
	}
	if len(got) != 3 || strings.Contains(string(c.raw), "quagmire") {
		t.Errorf("%d spans, which may not say what calls were about:\n%s", len(got), all)
	}
	for _, h := range c.auth {
		if h != "Bearer t0ken" {
			t.Errorf("authorised by %q", h)
		}
	}
}

// A receiver that does not answer delays nothing, not even the daemon's end.
func TestSilentReceiver(t *testing.T) {
	release := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer receiver.Close()
	defer close(release)
	s := newSite(t)
	s.cfg.Telemetry.Endpoint = receiver.URL + "/v1/traces"
	s.start()
	var recs []learn.Record
	for i := range 3000 { // more than wait
		ev := outcome("c"+time.Duration(i).String(), "ls", "", 0)
		ev.ProjectID, ev.SessionID, ev.Source = "p", "s", learn.SourceGateway
		recs = append(recs, learn.Record{Action: &ev})
	}
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &struct{}{})
	families := scrape(t, s.client.HTTP(), "http://lathe", "")
	if got := sample(families, "lathe_telemetry_dropped_total") + sample(families, "lathe_telemetry_waiting"); got <= 0 || sample(families, "lathe_telemetry_sent_total") != 0 {
		t.Errorf("dropped and waiting: %v", got)
	}
	s.stop()
}
