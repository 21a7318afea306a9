package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/goleak"

	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/monitor"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/server/intake"
	"lathe/toolforge/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init() // a sandbox is this program started again
	if spec := os.Getenv(forgetChild); spec != "" {
		dieForgetting(spec)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // Bleve's workers live from the program's start
}

// patience ends a wait that would otherwise last for ever.
const patience = 2 * time.Minute

// site is a daemon in this process on a data directory.
type site struct {
	t      *testing.T
	cfg    server.Config
	client *server.Client
	ended  chan error // Run's and Close's
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{t: t, cfg: server.Config{DataDir: filepath.Join(t.TempDir(), "d"), HTTP: "off"}}
}

// start opens and runs the daemon; it is stopped at the end of the test.
func (s *site) start() {
	s.t.Helper()
	d, err := server.Open(s.t.Context(), s.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		err := d.Run(context.Background(), func() { close(ready) })
		ended <- errors.Join(err, d.Close())
	}()
	select {
	case <-ready:
	case err := <-ended:
		s.t.Fatalf("the daemon did not start: %v", err)
	}
	s.client, s.ended = server.NewClient(s.cfg), ended
	s.t.Cleanup(s.stop)
}

// stop ends the daemon in order; a second call does nothing.
func (s *site) stop() {
	s.t.Helper()
	if s.ended == nil {
		return
	}
	if err := s.client.Call(context.Background(), http.MethodPost, "/v1/stop", struct{}{}, &struct{}{}); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	s.waitEnd()
}

func (s *site) waitEnd() {
	s.t.Helper()
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("the daemon ended with %v", err)
		}
	case <-time.After(patience):
		s.t.Error("the daemon does not end")
	}
	s.ended = nil
	s.client.HTTP().CloseIdleConnections()
}

func (s *site) call(method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.client.Call(ctx, method, path, in, out)
}

func (s *site) mustCall(method, path string, in, out any) {
	s.t.Helper()
	if err := s.call(method, path, in, out); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
}

// stored reads what the log of a stopped daemon holds, by its own read path.
func (s *site) stored() (records []learn.Record, entries []learn.LedgerEntry) {
	s.t.Helper()
	ctx := context.Background()
	l, err := eventlog.Open(ctx, eventlog.Options{Dir: filepath.Join(s.cfg.DataDir, "log"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	err = errors.Join(l.ReadEvents(ctx, 0, func(_ uint64, recs []learn.Record) error {
		records = append(records, recs...)
		return nil
	}), l.ReadLedger(ctx, 0, func(_ uint64, es []learn.LedgerEntry) error {
		entries = append(entries, es...)
		return nil
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	return records, entries
}

// agent is one MCP session with the scope that `lathe mcp` would give it.
type agent struct {
	t      *testing.T
	client *client.Client
	change chan struct{}
}

func (s *site) agent(project, root, session string) *agent {
	s.t.Helper()
	headers := map[string]string{}
	for name, value := range map[string]string{lathemcp.HeaderProject: project, lathemcp.HeaderRoot: root,
		lathemcp.HeaderAgent: "test", lathemcp.HeaderSession: session} {
		headers[name], _ = mcp.EncodeHeaderValue(value) // strings always can be
	}
	tr, err := transport.NewStreamableHTTP("http://lathe/mcp", transport.WithHTTPBasicClient(s.client.HTTP()),
		transport.WithHTTPHeaders(headers), transport.WithContinuousListening(),
		transport.WithHTTPLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		s.t.Fatal(err)
	}
	a := &agent{t: s.t, client: client.NewClient(tr), change: make(chan struct{}, 1)}
	a.client.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationToolsListChanged {
			select {
			case a.change <- struct{}{}:
			default:
			}
		}
	})
	ctx := context.Background()
	if err := a.client.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	var req mcp.InitializeRequest
	req.Params.ProtocolVersion = mcp.ProtocolVersion20251125
	req.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := a.client.Initialize(ctx, req); err != nil {
		s.t.Fatalf("initialize: %v", err)
	}
	s.t.Cleanup(func() {
		if err := a.client.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return a
}

// call calls a tool; failed tells an answer that says it failed.
func (a *agent) call(name string, arguments any) (text string, failed bool) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = name, arguments
	res, err := a.client.CallTool(ctx, req)
	if err != nil {
		return err.Error(), true
	}
	var words []string
	for _, c := range res.Content {
		if t, ok := c.(mcp.TextContent); ok {
			words = append(words, t.Text)
		}
	}
	return strings.Join(words, "\n"), res.IsError
}

func outcome(callID, command, stdout string, exit int) learn.ActionOutcome {
	params, _ := json.Marshal(map[string]string{"command": command}) // strings always can be
	status := learn.StatusSuccess
	if exit != 0 {
		status = learn.StatusFailure
	}
	return learn.ActionOutcome{CallID: callID, Timestamp: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), ActionType: learn.ToolCall,
		Source: learn.SourceReport, ToolName: "bash", ToolParameters: params,
		ToolOutput: learn.ToolOutput{Stdout: stdout, ExitCode: &exit}, Status: status}
}

// What comes in while the daemon goes down is refused or stored, never
// acknowledged and lost.
func TestShutdownRefusesOrStores(t *testing.T) {
	s := newSite(t)
	s.start()
	const writers = 8
	var mu sync.Mutex
	acked := map[string]bool{}
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				ev := outcome(fmt.Sprintf("w%d-%d", w, n), "ls", "", 0)
				ev.ProjectID, ev.SessionID = "p", "s"
				var r intake.Receipt
				if err := s.call(http.MethodPost, "/v1/records", server.RecordsCall{Records: []learn.Record{{Action: &ev}}}, &r); err != nil {
					return // refused, from here on
				}
				if r.Accepted != 1 {
					t.Errorf("%s: %+v", ev.CallID, r)
				}
				mu.Lock()
				acked[ev.CallID] = true
				if len(acked) == 50 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	s.mustCall(http.MethodPost, "/v1/stop", struct{}{}, &struct{}{})
	s.waitEnd()
	wg.Wait()
	records, _ := s.stored()
	stored := map[string]int{}
	for _, r := range records {
		stored[r.Action.CallID]++
	}
	for id := range acked {
		if stored[id] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", id, stored[id])
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acked), len(stored))
}

// An agent sees its own project only, also when it knows another's ids.
func TestAgentCannotReadAnotherProject(t *testing.T) {
	s := newSite(t)
	s.start()
	ours, theirs := s.agent("ours", "", "session-a"), s.agent("theirs", "", "session-b")
	ev := outcome("call-1", "pytest -q", "E   ModuleNotFoundError: No module named 'zanzibar'", 1)
	if text, failed := ours.call("record_outcome", map[string]any{"outcomes": []any{ev}}); failed || !strings.Contains(text, `"accepted":1`) {
		t.Fatalf("record_outcome: %s", text)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	id := learn.InProject("ours", learn.EventID("session-a", "call-1"))
	for _, c := range []struct {
		who     *agent
		name    string
		tool    string
		args    map[string]any
		allowed bool
	}{
		{ours, "ours", "diagnose_failure", map[string]any{"event_id": id}, true},
		{theirs, "theirs", "diagnose_failure", map[string]any{"event_id": id}, false},
		{theirs, "theirs", "diagnose_failure", map[string]any{"event_id": id, "project_id": "ours"}, false},
		{theirs, "theirs", "recall", map[string]any{"prompt": "x", "project_id": "ours"}, false},
	} {
		text, failed := c.who.call(c.tool, c.args)
		if failed == c.allowed || !c.allowed && strings.Contains(text, "zanzibar") {
			t.Errorf("%s asking %s %v: failed %v: %s", c.name, c.tool, c.args, failed, text)
		}
	}
	if text, failed := ours.call("search_log", map[string]any{"query": "pytest"}); failed || !strings.Contains(text, id) {
		t.Errorf("its own project's search: %s", text)
	}
	for _, query := range []string{"pytest", "zanzibar", ""} {
		if text, _ := theirs.call("search_log", map[string]any{"query": query}); strings.Contains(text, id) {
			t.Errorf("another project's search for %q finds it: %s", query, text)
		}
	}
	for _, a := range []*agent{ours, theirs} {
		var req mcp.ReadResourceRequest
		req.Params.URI = "lathe://report/" + id
		_, err := a.client.ReadResource(context.Background(), req)
		if (err == nil) != (a == ours) {
			t.Errorf("report as a resource, own %v: %v", a == ours, err)
		}
	}
	ev.CallID, ev.ProjectID = "call-2", "ours"
	if text, _ := theirs.call("record_outcome", map[string]any{"outcomes": []any{ev}}); !strings.Contains(text, `"accepted":0`) {
		t.Errorf("an event in another project's name was taken: %s", text)
	}
}

// Bad records through the agents' door are named by index; the good ones of the
// batch are stored.
func TestBadOutcomesAreRefusedOneByOne(t *testing.T) {
	s := newSite(t)
	s.start()
	a := s.agent("p", "", "s")
	long, deep := outcome("long", "ls", "", 0), outcome("deep", "ls", "", 0)
	long.ToolName = strings.Repeat("x", 10_000)
	deep.ToolParameters = json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))
	status := outcome("status", "ls", "", 0)
	status.Status = "nonsense"
	text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{
		outcome("good-1", "ls", "", 0), long, deep, status, outcome("good-2", "ls", strings.Repeat("y", 3<<20), 0)}})
	var r lathemcp.RecordResult
	if err := json.Unmarshal([]byte(text), &r); failed || err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	if r.Accepted != 2 || len(r.Rejected) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []string{"tool_name", "tool_parameters", "status"} {
		if r.Rejected[i].Index != i+1 || !strings.Contains(r.Rejected[i].Reason, want) || len(r.Rejected[i].Reason) > 1000 {
			t.Errorf("rejection %d: %+v, want one that names %s", i, r.Rejected[i], want)
		}
	}
	var v eventlog.VerifyReport
	if s.mustCall(http.MethodPost, "/v1/verify", struct{}{}, &v); !v.OK {
		t.Errorf("%+v", v)
	}
	s.stop()
	records, _ := s.stored()
	if len(records) != 2 {
		t.Errorf("%d records stored", len(records))
	}
	for _, rec := range records {
		if n := len(rec.Action.ToolOutput.Stdout); n > 200<<10 {
			t.Errorf("%s: %d bytes of output were kept", rec.Action.CallID, n)
		}
	}
}

// secrets as tools print them. They are put together here so that no scanner
// takes this file for a leak.
func secrets() map[string]string {
	return map[string]string{
		"github": "ghp_" + "R4nd0mT0kenThatLooksRealEnough123456"[:36],
		"aws":    "AKIA" + "Q3EGRZ7TPLKJ5MNB",
		"url":    "hunter2-url-secret",
		"bearer": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"flag":   "s3cr3t-curl-pass",
		"assign": "p4ssw0rd-in-env-9",
	}
}

func secretOutput() string {
	s := secrets()
	return strings.Join([]string{
		"export GITHUB_TOKEN=" + s["github"], "aws_access_key_id = " + s["aws"],
		"cloning https://deploy:" + s["url"] + "@git.example.com/x.git", "Authorization: Bearer " + s["bearer"],
		"+ curl -u admin:" + s["flag"] + " https://example.com", "DB_PASSWORD=" + s["assign"], "the marker is quagmire",
	}, "\n")
}

// Secrets in what a tool printed are nowhere below the data directory: not in
// the log, the ledger, the index, the snapshots, or a log file.
func TestSecretsAreNowhere(t *testing.T) {
	s := newSite(t)
	s.start()
	a := s.agent("p", "", "s")
	ev := outcome("c1", "curl -u admin:"+secrets()["flag"]+" https://example.com", secretOutput(), 1)
	ev.ErrorDetails = &learn.ErrorDetails{Message: secretOutput(), StackTrace: secretOutput()}
	ev.TaskID = "deploy with " + secrets()["github"]
	ev.ContextSnapshot.Environment = map[string]string{"GITHUB_TOKEN": secrets()["github"], "DB_PASSWORD": secrets()["assign"]}
	if text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{ev}}); failed || !strings.Contains(text, `"accepted":1`) {
		t.Fatal(text)
	}
	if text, failed := a.call("record_task", map[string]any{"task_id": ev.TaskID, "prompt": "use " + secretOutput()}); failed || strings.Contains(text, secrets()["github"]) {
		t.Fatal(text)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	report, failed := a.call("diagnose_failure", map[string]any{"event_id": learn.InProject("p", learn.EventID("s", "c1"))})
	if failed {
		t.Fatal(report)
	}
	live, failed := a.call("diagnose_failure", map[string]any{"tool_name": "bash", "tool_parameters": map[string]any{"command": "x"},
		"tool_output": map[string]any{"stdout": secretOutput()}})
	if failed {
		t.Fatal(live)
	}
	var k monitor.KPIs
	s.mustCall(http.MethodPost, "/v1/kpi", monitor.Filter{}, &k)
	kpis, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := a.call("search_log", map[string]any{"query": ""})
	s.stop()
	records, entries := s.stored()
	log, err := json.Marshal(map[string]any{"records": records, "entries": entries})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("quagmire")) {
		t.Error("what is no secret was not kept, so the test proves nothing")
	}
	s.expectNowhere(map[string][]byte{"a report": []byte(report + live), "the figures": kpis, "a search": []byte(found)})
}
