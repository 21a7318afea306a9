package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	lathemcp "lathe/mcp"
)

// A day of traffic, compressed: in each hour sessions come, work and go, some
// of them without a word.
const (
	trafficHours    = 24
	hourlySessions  = 12
	trafficAtOnce   = 6
	batchesOfWork   = 4
	eventsOfBatch   = 5
	trafficProjects = 3
)

// trafficAgent sends one request and gives its result.
type trafficAgent interface {
	request(ctx context.Context, method string, params map[string]any) (json.RawMessage, error)
	leave()
}

// traffic is one such day.
type traffic struct {
	t     *testing.T
	site  *site
	url   string // of the HTTP port's /mcp
	token string
	sent  atomic.Int64 // events that were acknowledged
	left  atomic.Int64 // sessions left without a word
}

// TestHeavyDayOfTraffic: after a day the same day comes again, in which nothing
// is new to learn: memory and goroutines are then what they were. No
// acknowledged event is lost.
func TestHeavyDayOfTraffic(t *testing.T) {
	s := newSite(t)
	s.cfg.HTTP, s.cfg.SessionIdle = "127.0.0.1:0", 2*time.Second
	s.start()
	d := &traffic{t: t, site: s, url: "http://" + readLine(t, s.cfg.DataDir, "http.addr") + "/mcp", token: readLine(t, s.cfg.DataDir, "token")}
	before := d.quiet(1 << 30)
	var evenings []mark
	for day := range 2 {
		for hour := range trafficHours {
			d.hour(hour)
			if (hour+1)%(trafficHours/4) != 0 {
				continue
			}
			s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
			m := d.quiet(before.goroutines + 8)
			t.Logf("day %d, %2d o'clock: %d goroutines, %.1f MB in use", day+1, hour+1, m.goroutines, m.mb)
			if hour+1 == trafficHours {
				evenings = append(evenings, m)
			}
		}
	}
	t.Logf("%d sessions in two days, %d of them left without a word; %d events", 2*trafficHours*hourlySessions, d.left.Load(), d.sent.Load()/2)
	// Each processor's compressor holds a window of 8 MB from its first use on,
	// which comes as it happens.
	windows := 8 * float64(runtime.GOMAXPROCS(0))
	if first, second := evenings[0], evenings[1]; second.mb > first.mb*1.05+4+windows {
		t.Errorf("a day in which nothing was new took memory from %.1f MB to %.1f MB", first.mb, second.mb)
	}
	s.stop()
	records, _ := s.stored()
	seen := map[string]bool{}
	for _, rec := range records {
		if rec.Action != nil {
			seen[rec.Action.ID] = true
		}
	}
	if int64(len(seen)) != d.sent.Load()/2 || len(seen) != trafficHours*hourlySessions*batchesOfWork*eventsOfBatch {
		t.Errorf("%d events are stored, %d were acknowledged", len(seen), d.sent.Load()/2)
	}
}

// mark is how large the process is when nobody is connected.
type mark struct {
	goroutines int
	mb         float64
}

// quiet waits until sessions that were left are reclaimed, and measures. There
// may be at most so many goroutines then.
func (d *traffic) quiet(most int) mark {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		d.site.client.HTTP().CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		if n := runtime.NumGoroutine(); n <= most {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			var stacks bytes.Buffer
			buf := make([]byte, 1<<20)
			stacks.Write(buf[:runtime.Stack(buf, true)])
			d.t.Fatalf("%d goroutines, at most %d were before\n%s", runtime.NumGoroutine(), most, stacks.String())
		}
	}
	runtime.GC()
	runtime.GC() // the first one's finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return mark{runtime.NumGoroutine(), float64(m.HeapAlloc) / (1 << 20)}
}

// hour runs the sessions of an hour, a few at once.
func (d *traffic) hour(hour int) {
	d.t.Helper()
	work := make(chan int)
	var all sync.WaitGroup
	for range trafficAtOnce {
		all.Go(func() {
			for n := range work {
				if err := d.session(hour*hourlySessions + n); err != nil {
					d.t.Errorf("session %d of hour %d: %v", n, hour, err)
				}
			}
		})
	}
	for n := range hourlySessions {
		work <- n
	}
	close(work)
	all.Wait()
}

// session is one agent's: it asks, works, reports, meets failures and leaves.
func (d *traffic) session(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	random := rand.New(rand.NewPCG(7, uint64(n)))
	a, err := d.connect(ctx, n)
	if err != nil {
		return err
	}
	defer a.leave()
	if _, err := a.request(ctx, "tools/list", nil); err != nil {
		return err
	}
	if err := call(ctx, a, "recall", map[string]any{"prompt": "fix the failing tests"}, nil); err != nil {
		return err
	}
	for b := range batchesOfWork {
		var outcomes []any
		for e := range eventsOfBatch {
			outcomes = append(outcomes, trafficOutcome(random, n, b*eventsOfBatch+e))
		}
		report := map[string]any{"outcomes": outcomes}
		if random.IntN(4) == 0 { // gives up, and tries again
			short, giveUp := context.WithTimeout(ctx, time.Duration(random.IntN(3))*time.Millisecond)
			_ = call(short, a, "record_outcome", report, nil) // it may come through, or not
			giveUp()
		}
		var res lathemcp.RecordResult
		if err := call(ctx, a, "record_outcome", report, &res); err != nil {
			return err
		}
		if res.Accepted+res.Duplicates != eventsOfBatch {
			return fmt.Errorf("of %d outcomes %d were accepted and %d known: %v", eventsOfBatch, res.Accepted, res.Duplicates, res.Rejected)
		}
		d.sent.Add(eventsOfBatch)
	}
	if _, err := a.request(ctx, "resources/read", map[string]any{"uri": "lathe://kpi"}); err != nil {
		return err
	}
	return call(ctx, a, "diagnose_failure", map[string]any{"tool_name": "bash", "tool_parameters": map[string]any{"command": "pytest -q"},
		"tool_output": map[string]any{"stderr": "ModuleNotFoundError: No module named 'requests'", "exit_code": 1}}, nil)
}

// trafficOutcome is one call of a session; few commands are there, and some
// fail.
func trafficOutcome(random *rand.Rand, session, n int) map[string]any {
	commands := []string{"git status --short", "pytest -q", "pip install requests", "go build ./...", "ls -la src"}
	o := map[string]any{"call_id": fmt.Sprintf("c%d-%d", session, n), "session_id": fmt.Sprintf("day-%d", session), "tool_name": "bash",
		"tool_parameters": map[string]any{"command": commands[random.IntN(len(commands))]}, "status": "success",
		"resource_metrics": map[string]any{"duration_ms": 1 + random.IntN(500)}, "tool_output": map[string]any{"stdout": "ok", "exit_code": 0}}
	if random.IntN(6) == 0 {
		o["status"], o["tool_output"] = "failure", map[string]any{"stderr": "ModuleNotFoundError: No module named 'requests'", "exit_code": 1}
	}
	return o
}

// call calls a tool and reads its structured content into out, if it is not nil.
func call(ctx context.Context, a trafficAgent, tool string, arguments map[string]any, out any) error {
	raw, err := a.request(ctx, "tools/call", map[string]any{"name": tool, "arguments": arguments})
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	var res struct {
		IsError           bool            `json:"isError"`
		StructuredContent json.RawMessage `json:"structuredContent"`
	}
	if err := json.Unmarshal(raw, &res); err != nil || res.IsError {
		return fmt.Errorf("%s: %w: %.300s", tool, errors.Join(err, errors.New("it failed")), raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(res.StructuredContent, out)
}

// connect takes the ways in by turns: stdio in both eras, HTTP in both, and one
// that leaves without a word.
func (d *traffic) connect(ctx context.Context, n int) (trafficAgent, error) {
	switch n % 5 {
	case 0:
		return newStdio(ctx, d, n, mcp.ProtocolVersion20251125)
	case 1:
		return newStdio(ctx, d, n, mcp.ProtocolVersion20260728)
	case 2:
		return newWeb(ctx, d, n, mcp.ProtocolVersion20251125)
	case 3:
		return newWeb(ctx, d, n, mcp.ProtocolVersion20260728)
	}
	a, err := newWeb(ctx, d, n, mcp.ProtocolVersion20251125)
	if err != nil {
		return nil, err
	}
	a.rude = true
	d.left.Add(1)
	_, err = a.request(ctx, "resources/subscribe", map[string]any{"uri": "lathe://kpi"})
	return a, err
}

// meta is what requests of the 2026-07-28 revision carry.
func meta(version string) map[string]any {
	return map[string]any{"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": map[string]any{}}
}

func hello(version string) map[string]any {
	return map[string]any{"protocolVersion": version, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "traffic", "version": "1"}}
}

// rpc is a request as it goes out.
func rpc(version, method string, id int64, params map[string]any) []byte {
	if params == nil {
		params = map[string]any{}
	}
	if mcp.IsModernProtocol(version) {
		params["_meta"] = meta(version)
	}
	m := map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
	if id > 0 {
		m["id"] = id
	}
	raw, _ := json.Marshal(m) // of strings and numbers
	return raw
}

// rpcAnswer is what comes back.
type rpcAnswer struct {
	ID     int64           `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int
		Message string
	} `json:"error"`
}

func (a rpcAnswer) result() (json.RawMessage, error) {
	if a.Error != nil {
		return nil, fmt.Errorf("error %d: %s", a.Error.Code, a.Error.Message)
	}
	return a.Result, nil
}

// web is a session on the HTTP port.
type web struct {
	d        *traffic
	version  string
	session  string
	next     int64
	rude     bool
	stop     context.CancelFunc
	streamed sync.WaitGroup
}

func newWeb(ctx context.Context, d *traffic, _ int, version string) (*web, error) {
	w := &web{d: d, version: version, stop: func() {}}
	if mcp.IsModernProtocol(version) {
		return w, nil
	}
	if _, err := w.request(ctx, "initialize", hello(version)); err != nil {
		return nil, err
	}
	held, stop := context.WithCancel(context.Background())
	w.stop = stop
	stream, err := w.prepare(held, http.MethodGet, nil, "", nil)
	if err != nil {
		return nil, err
	}
	w.streamed.Go(func() { // the stream of notifications
		resp, err := http.DefaultClient.Do(stream)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // until it is cut
			_ = resp.Body.Close()
		}
	})
	return w, nil
}

func (w *web) send(ctx context.Context, method string, body []byte, rpcMethod string, params map[string]any) (*http.Response, error) {
	req, err := w.prepare(ctx, method, body, rpcMethod, params)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

func (w *web) prepare(ctx context.Context, method string, body []byte, rpcMethod string, params map[string]any) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, w.d.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.d.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if w.session != "" {
		req.Header.Set("Mcp-Session-Id", w.session)
	}
	if mcp.IsModernProtocol(w.version) {
		req.Header.Set("Mcp-Protocol-Version", w.version)
		raw, _ := json.Marshal(params) // of strings and numbers
		for name, value := range mcp.StandardHeaders(w.version, mcp.MCPMethod(rpcMethod), raw) {
			req.Header.Set(name, value)
		}
	}
	return req, nil
}

// request sends a request, in a session anew when the daemon reclaimed the one
// that it was in, as the protocol has it: on a busy machine two seconds pass
// between a session's requests.
func (w *web) request(ctx context.Context, method string, params map[string]any) (json.RawMessage, error) {
	for {
		result, gone, err := w.requestOnce(ctx, method, params)
		if !gone || method == "initialize" || ctx.Err() != nil {
			return result, err
		}
		w.session = ""
		if _, err := w.request(ctx, "initialize", hello(w.version)); err != nil {
			return nil, err
		}
	}
}

// requestOnce also says whether the session is gone.
func (w *web) requestOnce(ctx context.Context, method string, params map[string]any) (result json.RawMessage, gone bool, err error) {
	w.next++
	body := rpc(w.version, method, w.next, params)
	resp, err := w.send(ctx, http.MethodPost, body, method, params)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound && w.session != "" {
		return nil, true, nil
	}
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		w.session = id
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "data: ")
		var a rpcAnswer
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &a) == nil && a.ID == w.next && a.Method == "" {
			result, err = a.result()
			return result, false, err
		}
	}
	return nil, false, errors.Join(fmt.Errorf("%s: no answer, %s", method, resp.Status), lines.Err())
}

func (w *web) leave() {
	if !w.rude && w.session != "" {
		if resp, err := w.send(context.Background(), http.MethodDelete, nil, "", nil); err == nil {
			_ = resp.Body.Close()
		}
	}
	w.stop()
	w.streamed.Wait()
}

// stdio is a session through the bridge that `lathe mcp` is.
type stdio struct {
	version string
	in      *io.PipeWriter
	out     *bufio.Reader
	done    chan error
	next    int64
	cancel  context.CancelFunc
}

func newStdio(ctx context.Context, d *traffic, n int, version string) (*stdio, error) {
	in, toBridge := io.Pipe()
	fromBridge, out := io.Pipe()
	life, cancel := context.WithCancel(context.Background())
	s := &stdio{version: version, in: toBridge, out: bufio.NewReaderSize(fromBridge, 1<<20), done: make(chan error, 1), cancel: cancel}
	go func() {
		s.done <- lathemcp.Bridge(life, lathemcp.BridgeOptions{In: in, Out: out, Client: d.site.client.HTTP(), URL: "http://lathe/mcp",
			Scope: lathemcp.Scope{ProjectID: fmt.Sprintf("project%d", n%trafficProjects), AgentID: "traffic", SessionID: fmt.Sprintf("day-%d", n)}})
		_ = out.Close()
	}()
	if mcp.IsModernProtocol(version) {
		return s, nil
	}
	if _, err := s.request(ctx, "initialize", hello(version)); err != nil {
		return nil, err
	}
	_, err := s.in.Write(append(rpc(version, "notifications/initialized", 0, nil), '\n'))
	return s, err
}

func (s *stdio) request(ctx context.Context, method string, params map[string]any) (json.RawMessage, error) {
	s.next++
	id := s.next
	if _, err := s.in.Write(append(rpc(s.version, method, id, params), '\n')); err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < time.Second { // gives up at once
		_, err := s.in.Write(append(rpc(s.version, "notifications/cancelled", 0, map[string]any{"requestId": id}), '\n'))
		return nil, errors.Join(context.DeadlineExceeded, err)
	}
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		var a rpcAnswer
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		if a.ID == id && a.Method == "" {
			return a.result()
		}
	}
}

func (s *stdio) leave() {
	_ = s.in.Close()
	go func() { _, _ = io.Copy(io.Discard, s.out) }() // until the bridge closes it
	<-s.done
	s.cancel()
}

func readLine(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}
