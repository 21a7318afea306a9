package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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

	"lathe/learn"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(bridgeSocket); socket != "" {
		if err := bridgeOnStdio(socket); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// The library keeps a task's result in a goroutine that sleeps until then.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/mark3labs/mcp-go/server.(*MCPServer).scheduleTaskCleanup"))
}

// patience bounds waits for what must happen; it is no measure.
const patience = 20 * time.Second

// testBackend answers with values as the real one does, nil slices included.
type testBackend struct {
	mu       sync.Mutex
	scopes   []Scope
	recorded []learn.ActionOutcome
	tasks    []TaskReport
	ran      []string
	plans    []learn.TaskGraph
	// recall and run replace the answers of Recall and RunTool.
	recall func(ctx context.Context, q RecallQuery) (RecallResult, error)
	run    func(ctx context.Context, name string, arguments json.RawMessage) (ToolRun, error)
}

func (b *testBackend) saw(s Scope) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scopes = append(b.scopes, s)
}

func (b *testBackend) RecordOutcomes(_ context.Context, s Scope, outcomes []learn.ActionOutcome) (RecordResult, error) {
	b.saw(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	var res RecordResult // Rejected stays nil
	for i, ev := range outcomes {
		if ev.ToolName == "forbidden" {
			res.Rejected = append(res.Rejected, Rejected{Index: i, Reason: "of another project"})
			continue
		}
		res.Accepted++
		b.recorded = append(b.recorded, ev)
	}
	return res, nil
}

func (b *testBackend) RecordTask(_ context.Context, s Scope, t TaskReport) (TaskResult, error) {
	b.saw(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = append(b.tasks, t)
	return TaskResult{TaskID: t.TaskID, Phase: "start"}, nil
}

func (b *testBackend) Diagnose(_ context.Context, s Scope, f Failure) (learn.FailureAnalysisReport, error) {
	b.saw(s)
	if f.EventID == "unknown" {
		return learn.FailureAnalysisReport{}, errors.New("there is no event unknown")
	}
	return learn.FailureAnalysisReport{
		ReportID: "r1", Timestamp: time.Unix(1, 0).UTC(), RootCause: "the module is not installed", ConfidenceScore: 0.8, Method: "recovery",
		ErrorPattern: &learn.ErrorPattern{ID: "python/module-not-found", Name: "module not found"},
		Signatures:   []learn.ErrorSignature{{ID: "s", PatternID: "python/module-not-found", Name: "n", Template: "t", Salient: "x"}},
		Remedies: []learn.RemedyOffer{{RemedyID: "m1", Description: "install it", Confidence: 0.9, Support: 3, Successes: 3,
			Actions: []learn.RemedyAction{{ToolName: "bash", Command: "pip install pytest", Parameters: map[string]any{"n": 1}}}}},
	}, nil
}

func (b *testBackend) Recall(ctx context.Context, s Scope, q RecallQuery) (RecallResult, error) {
	b.saw(s)
	if b.recall != nil {
		return b.recall(ctx, q)
	}
	return RecallResult{
		Strategies: []RecalledStrategy{{StrategyID: "st", Name: "test first", SuccessRate: 0.7, Interval: learn.Interval{Low: 0.5, High: 0.9, Level: 0.95}}},
		Tools:      []RecalledTool{{Name: "count_errors", Description: "counts", Parameters: json.RawMessage(wordSchema), Why: "fits"}},
	}, nil
}

func (b *testBackend) RefinePlan(_ context.Context, s Scope, q RefineQuery) (RefineResult, error) {
	b.saw(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	var plan learn.TaskGraph
	if err := json.Unmarshal(q.Plan, &plan); err != nil {
		return RefineResult{}, err
	}
	b.plans = append(b.plans, plan)
	return RefineResult{Plan: q.Plan, Proposals: []learn.PlanModificationProposal{{ProposalID: "p", Type: "add_retry",
		Modifications: json.RawMessage(`[{"op":"add","path":"/tasks/0/retry","value":{"max_attempts":3,"backoff_ms":10}}]`)}}}, nil
}

func (b *testBackend) SearchLog(_ context.Context, s Scope, _ LogQuery) (LogResult, error) {
	b.saw(s)
	return LogResult{}, nil
}

func (b *testBackend) RequestTool(_ context.Context, s Scope, r ToolRequest, progress func(float64, float64, string)) (ToolRequestResult, error) {
	b.saw(s)
	for i := range 3 {
		progress(float64(i+1), 3, "check")
	}
	return ToolRequestResult{ReviewID: "v1", State: "in_review", Message: fmt.Sprintf("%s from %s, %d examples", r.Description, r.Command, len(r.Examples)), Result: &learn.ValidationResult{ToolID: "t", Passed: true}}, nil
}

func (b *testBackend) RunTool(ctx context.Context, s Scope, name string, arguments json.RawMessage) (ToolRun, error) {
	b.saw(s)
	b.mu.Lock()
	b.ran = append(b.ran, name+" "+string(arguments))
	run := b.run
	b.mu.Unlock()
	if run != nil {
		return run(ctx, name, arguments)
	}
	switch name {
	case "absent":
		return ToolRun{}, errors.New("there is no tool absent")
	case "broken":
		return ToolRun{Name: name, Version: "1.0.0", Error: "exit status 1"}, nil
	case "panics":
		panic("in the backend")
	}
	return ToolRun{Name: name, Version: "1.0.0", Digest: "sha256:0", Result: json.RawMessage(`{"lines":3}`), DurationMS: 1.5}, nil
}

func (b *testBackend) ReviewStatus(_ context.Context, s Scope, id string) (ReviewStatus, error) {
	b.saw(s)
	if id == "" {
		return ReviewStatus{}, nil
	}
	return ReviewStatus{Items: []ReviewItem{{ID: id, Kind: "tool", Title: "count errors", State: "in_review"}}}, nil
}

func (b *testBackend) Complete(_ context.Context, s Scope, kind, prefix string) ([]string, error) {
	b.saw(s)
	var out []string
	for i := range 150 {
		if v := fmt.Sprintf("%s-%03d", kind, i); strings.HasPrefix(v, prefix) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (b *testBackend) Resource(_ context.Context, s Scope, kind, id string) (json.RawMessage, error) {
	b.saw(s)
	switch id {
	case "absent":
		return nil, fmt.Errorf("there is no %s absent: %w", kind, ErrNotFound)
	case "broken":
		return nil, errors.New("the index cannot be read")
	}
	return json.Marshal(map[string]string{"kind": kind, "id": id})
}

const wordSchema = `{"type":"object","properties":{"word":{"type":"string"}},"required":["word"]}`

func generatedTools(names ...string) (out []learn.ToolManifest) {
	for _, name := range names {
		out = append(out, generatedTool(name))
	}
	return out
}

func generatedTool(name string) learn.ToolManifest {
	return learn.ToolManifest{Name: name, Version: "1.0.0", Description: "counts", Parameters: json.RawMessage(wordSchema), Digest: "sha256:" + name}
}

// daemon serves a Server on a Unix socket and can be killed and started again.
type daemon struct {
	t       testing.TB
	backend Backend
	socket  string

	mu        sync.Mutex
	generated []learn.ToolManifest
	server    *Server
	http      *http.Server
	served    chan struct{}
	starts    int
}

func newDaemon(t testing.TB, b Backend) *daemon {
	t.Helper()
	// Not t.TempDir: a socket's path has 108 bytes at most.
	dir, err := os.MkdirTemp("", "lathe-mcp")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, backend: b, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		d.kill()
		os.RemoveAll(dir)
	})
	return d
}

// start starts the daemon if it does not run. It has the form of Ensure.
func (d *daemon) start(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		return nil
	}
	os.Remove(d.socket)
	ln, err := net.Listen("unix", d.socket)
	if err != nil {
		return err
	}
	d.starts++
	d.server = New(Options{Backend: d.backend, Version: "test", Scope: func(r *http.Request) Scope { return ScopeFromHeaders(r.Header) }})
	d.server.SetGenerated(d.generated)
	d.http = &http.Server{Handler: d.server}
	d.served = make(chan struct{})
	go func(s *http.Server, done chan struct{}) {
		defer close(done)
		s.Serve(ln)
	}(d.http, d.served)
	return nil
}

// kill ends the daemon as a crash does: connections break.
func (d *daemon) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == nil {
		return
	}
	d.http.Close()
	<-d.served
	d.server.Close(context.Background())
	d.server = nil
}

// deploy makes name the daemon's generated tools, now and after a restart.
func (d *daemon) deploy(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.generated = nil
	for _, n := range names {
		d.generated = append(d.generated, generatedTool(n))
	}
	if d.server != nil {
		for _, err := range d.server.SetGenerated(d.generated) {
			d.t.Error(err)
		}
	}
}

func (d *daemon) httpClient() *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", d.socket)
	}}
	d.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// bridge runs Bridge to the daemon and returns the client's ends of its pipes.
func (d *daemon) bridge() (toBridge io.WriteCloser, fromBridge io.Reader) {
	return d.bridgeWith(BridgeOptions{Ensure: d.start, Scope: Scope{ProjectID: "p", Root: "/tmp/ä b"}})
}

func (d *daemon) bridgeWith(o BridgeOptions) (toBridge io.WriteCloser, fromBridge io.Reader) {
	in, toBridge := io.Pipe()
	fromBridge, out := io.Pipe()
	o.In, o.Out, o.Client, o.URL = in, out, d.httpClient(), "http://lathe/mcp"
	done := make(chan error, 1)
	go func() {
		done <- Bridge(context.Background(), o)
		out.Close()
	}()
	d.t.Cleanup(func() {
		toBridge.Close()
		go io.Copy(io.Discard, fromBridge)
		if err := <-done; err != nil {
			d.t.Errorf("Bridge: %v", err)
		}
	})
	return toBridge, fromBridge
}

// session is an mcp-go client with the notifications it got.
type session struct {
	*client.Client
	t     testing.TB
	notes chan mcp.JSONRPCNotification
}

func newSession(t testing.TB, tr transport.Interface, version string) *session {
	t.Helper()
	return newSessionWith(t, tr, version)
}

func newSessionWith(t testing.TB, tr transport.Interface, version string, options ...client.ClientOption) *session {
	t.Helper()
	s := &session{t: t, notes: make(chan mcp.JSONRPCNotification, 1000)}
	s.Client = client.NewClient(tr, append(options, client.WithProtocolVersion(version))...)
	s.OnNotification(func(n mcp.JSONRPCNotification) { s.notes <- n })
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	req := mcp.InitializeRequest{}
	req.Params.ProtocolVersion = version
	req.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := s.Initialize(s.ctx(), req); err != nil {
		t.Fatal(err)
	}
	if got := s.ProtocolVersion(); got != version {
		t.Fatalf("negotiated %s, want %s", got, version)
	}
	if mcp.IsModernProtocol(version) {
		stop, err := s.ListenAsync(context.Background(), mcp.SubscriptionFilter{ToolsListChanged: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		s.await(mcp.MethodNotificationSubscriptionsAcknowledged)
	}
	return s
}

func (s *session) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// await returns the next notification of a method; others are dropped.
func (s *session) await(method string) mcp.JSONRPCNotification {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case n := <-s.notes:
			if n.Method == method {
				return n
			}
		case <-deadline:
			s.t.Fatalf("no %s came", method)
		}
	}
}

func (s *session) tools() map[string]mcp.Tool {
	s.t.Helper()
	res, err := s.ListTools(s.ctx(), mcp.ListToolsRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	byName := map[string]mcp.Tool{}
	for _, tool := range res.Tools {
		byName[tool.Name] = tool
	}
	return byName
}

func (s *session) call(name string, arguments any) (*mcp.CallToolResult, error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = name, arguments
	return s.CallTool(s.ctx(), req)
}

func (s *session) mustCall(name string, arguments any) *mcp.CallToolResult {
	s.t.Helper()
	res, err := s.call(name, arguments)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return res
}

// ways are the ways to reach a daemon, in both eras.
var ways = []struct {
	name    string
	version string
	connect func(t testing.TB, d *daemon) transport.Interface
	bridged bool
}{
	{"http legacy", mcp.ProtocolVersion20251125, overHTTP, false},
	{"http modern", mcp.ProtocolVersion20260728, overHTTPModern, false},
	{"bridge legacy", mcp.ProtocolVersion20251125, overBridge, true},
	{"bridge modern", mcp.ProtocolVersion20260728, overBridge, true},
	{"bridge 2024-11-05", mcp.ProtocolVersion20241105, overBridge, true},
}

func overHTTP(t testing.TB, d *daemon) transport.Interface {
	tr, err := transport.NewStreamableHTTP("http://lathe/mcp", transport.WithHTTPBasicClient(d.httpClient()), transport.WithContinuousListening())
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func overHTTPModern(t testing.TB, d *daemon) transport.Interface {
	tr, err := transport.NewStreamableHTTP("http://lathe/mcp", transport.WithHTTPBasicClient(d.httpClient()))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func overBridge(_ testing.TB, d *daemon) transport.Interface {
	to, from := d.bridge()
	return transport.NewIO(from, to, io.NopCloser(&eof{}))
}

type eof struct{}

func (*eof) Read([]byte) (int, error) { return 0, io.EOF }
