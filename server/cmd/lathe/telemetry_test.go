package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lathe/index"
	"lathe/server"
)

// TestHeavyOpenTelemetrySDK lets OpenTelemetry's own SDK send an agent's spans
// and a log record to the real daemon, and looks at them as a person does. Each
// span comes twice.
func TestHeavyOpenTelemetrySDK(t *testing.T) {
	folder, node := nodeClients(t)
	s := newMCPSite(t)
	token, err := s.run("lathe", "token", "agent")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.run("lathe", "kpi", "--json"); err != nil { // starts the daemon
		t.Fatal(err)
	}
	address, err := os.ReadFile(filepath.Join(s.data, "http.addr"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.run(node, filepath.Join(folder, "telemetry.mjs"), "http://"+strings.TrimSpace(string(address)), strings.TrimSpace(token))
	if err != nil || strings.TrimSpace(out) != "sent" {
		t.Fatalf("%v: %s", err, out)
	}
	document := func(into any, args ...string) {
		t.Helper()
		out, err := s.run("lathe", append(args, "--json")...)
		if err == nil {
			err = json.Unmarshal([]byte(out), into)
		}
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	if err := server.NewClient(server.Config{DataDir: s.data}).Call(t.Context(), "POST", "/v1/settle", struct{}{}, &struct{}{}); err != nil {
		t.Fatal(err)
	}
	var k server.KPIs
	document(&k, "kpi")
	type figures struct {
		calls, failures, timeouts, in, out int64
		usd                                float64
	}
	got := map[string]figures{}
	for _, g := range k.ByTool {
		got[g.Name] = figures{g.Calls, g.Failures, g.Timeouts, g.TokensIn, g.TokensOut, g.CostUSD}
	}
	want := map[string]figures{"bash": {calls: 2, failures: 1}, "search": {calls: 1, timeouts: 1}, "chat m-1": {calls: 1, in: 1200, out: 34}, "chat m-2": {calls: 1, out: 5, usd: 0.5}}
	for name, f := range want {
		if got[name] != f {
			t.Errorf("%s: %+v, want %+v", name, got[name], f)
		}
	}
	if k.Calls.Calls != 5 {
		t.Errorf("%d calls, want 5: %+v", k.Calls.Calls, got)
	}
	var log index.Result
	document(&log, "log", "quagmire")
	if len(log.Hits) != 1 || log.Hits[0].Tool != "bash" || log.Hits[0].Status != "failure" || !strings.Contains(log.Hits[0].Summary, "make quagmire") {
		t.Errorf("log: %+v", log.Hits)
	}
}
