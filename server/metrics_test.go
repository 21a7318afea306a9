package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"lathe/learn"
	"lathe/server"
)

// scrape reads and checks the metrics as Prometheus does.
func scrape(t *testing.T, client *http.Client, url, token string) map[string]*dto.MetricFamily {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %s", res.StatusCode, err, raw)
	}
	problems, err := promlint.New(bytes.NewReader(raw)).Lint()
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Errorf("promlint: %v", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("not Prometheus' text format: %v\n%s", err, raw)
	}
	return families
}

// sample is the value of a series: a counter, a gauge, or a histogram's count.
// Labels are NAME=VALUE.
func sample(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
series:
	for _, m := range families[name].GetMetric() {
		have := map[string]bool{}
		for _, l := range m.GetLabel() {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		for _, l := range labels {
			if !have[l] {
				continue series
			}
		}
		return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return -1
}

func TestMetrics(t *testing.T) {
	s := newSite(t)
	url, tokens := s.withPort()
	agent := mint(t, tokens, server.Token{Scope: server.ScopeAgent, Project: "shop", Name: "worker"})
	anyone := mint(t, tokens, server.Token{Scope: server.ScopeImport, Name: "prometheus"})
	raw, err := os.ReadFile(filepath.Join(s.cfg.DataDir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	local := strings.TrimSpace(string(raw))

	var recs []learn.Record
	for i := range 300 { // more tools than there are series
		ev := outcome(fmt.Sprint("c", i), "ls", "", i%2)
		ev.ProjectID, ev.SessionID = "p", "s"
		if i > 1 {
			ev.ToolName = fmt.Sprintf(`tool "%d\`, i)
		}
		ev.ResourceMetrics = learn.ResourceMetrics{DurationMS: 20, TokenCountIn: 2, CostUSD: 0.5}
		recs = append(recs, learn.Record{Action: &ev})
	}
	recs = append(recs, learn.Record{}) // refused
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &struct{}{})
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs[:10]}, &struct{}{}) // again
	if text, failed := s.agent("p", "", "m").call("search_log", map[string]string{"query": "ls"}); failed {
		t.Fatal(text)
	}
	post(t, url+"/v1/traces", agent, map[string]string{"Content-Type": protobuf}, export(t, toolSpan(1, "t", "{}", "")))
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})

	all := scrape(t, http.DefaultClient, url, anyone)
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"lathe_calls_total", []string{"tool=bash", "status=success"}, 1},
		{"lathe_calls_total", []string{"tool=bash", "status=failure"}, 1},
		{"lathe_records_accepted_total", nil, 301},
		{"lathe_records_duplicate_total", nil, 10},
		{"lathe_records_rejected_total", nil, 1},
		{"lathe_records_lost_total", nil, 0},
		{"lathe_call_duration_seconds", []string{"action_type=tool_call"}, 301},
		{"lathe_tokens_total", []string{"direction=in"}, 600},
		{"lathe_cost_usd_total", nil, 150},
		{"lathe_mcp_calls_total", []string{"tool=search_log", "status=success"}, 1},
		{"lathe_mcp_call_duration_seconds", []string{"status=success"}, 1},
		{"lathe_otlp_items_total", []string{"signal=traces", "result=taken"}, 1},
		{"lathe_queue_depth", []string{"queue=hooks"}, 0},
		{"lathe_queue_depth", []string{"queue=assignments"}, 0},
		{"lathe_pipeline_applied", nil, sample(all, "lathe_eventlog_head")},
		{"lathe_index_applied", nil, sample(all, "lathe_eventlog_head")},
		{"lathe_tools_active", nil, 0},
		{"lathe_tools_waiting", nil, 0},
		{"lathe_sandbox_resident_bytes", nil, 0},
		{"lathe_reviews_open", nil, 0},
		{"lathe_build_info", []string{"version=" + server.Version}, 1},
	} {
		if got := sample(all, c.name, c.labels...); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	for _, name := range []string{"process_resident_memory_bytes", "go_goroutines", "lathe_requests_open"} {
		if sample(all, name) <= 0 {
			t.Errorf("%s is missing", name)
		}
	}
	series, rest := len(all["lathe_calls_total"].GetMetric()), 0.0
	for _, status := range []string{"success", "failure"} {
		rest += max(0, sample(all, "lathe_calls_total", "tool=(other)", "status="+status))
	}
	if series > 210 || rest < 90 {
		t.Errorf("%d series of calls, %v calls of other tools", series, rest)
	}
	// Who may read one project learns of no other project's tools.
	few := scrape(t, http.DefaultClient, url, agent)
	if few["lathe_calls_total"] != nil || few["lathe_mcp_calls_total"] != nil || sample(few, "lathe_records_accepted_total") != 301 {
		t.Errorf("a project's token sees %v", few["lathe_calls_total"])
	}
	for who, families := range map[string]map[string]*dto.MetricFamily{"this machine's token": scrape(t, http.DefaultClient, url, local), "the socket": scrape(t, s.client.HTTP(), "http://lathe", "")} {
		if sample(families, "lathe_calls_total", "tool=bash", "status=success") != 1 {
			t.Errorf("%s does not see the tools", who)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
