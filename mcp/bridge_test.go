package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// wire speaks JSON-RPC by hand.
type wire struct {
	t     testing.TB
	to    io.WriteCloser
	lines chan string
}

func newWire(t testing.TB, d *daemon, o BridgeOptions) *wire {
	t.Helper()
	to, from := d.bridgeWith(o)
	w := &wire{t: t, to: to, lines: make(chan string, 1000)}
	go func() {
		defer close(w.lines)
		r := bufio.NewReader(from)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			w.lines <- line
		}
	}()
	return w
}

func (w *wire) send(format string, args ...any) {
	w.t.Helper()
	if _, err := fmt.Fprintf(w.to, format+"\n", args...); err != nil {
		w.t.Fatal(err)
	}
}

type reply struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (w *wire) receive() reply {
	w.t.Helper()
	select {
	case line, ok := <-w.lines:
		if !ok {
			w.t.Fatal("the bridge ended its output")
		}
		var r reply
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			w.t.Fatalf("%v: %.200s", err, line)
		}
		return r
	case <-time.After(patience):
		w.t.Fatal("nothing came")
	}
	return reply{}
}

const (
	sayInitialize  = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	sayInitialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// TestOcodesOwnClient speaks exactly as ocode's client does.
func TestOcodesOwnClient(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	w.send(`{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "0.1.0", "capabilities": {}, "clientInfo": {"name": "ocode", "version": "0.1.0"}}}`)
	r := w.receive()
	var hello struct{ ProtocolVersion string }
	if json.Unmarshal(r.Result, &hello); string(r.ID) != "1" || !mcp.IsValidProtocolVersion(hello.ProtocolVersion) {
		t.Fatalf("initialize: %+v %s", r, r.Result)
	}
	w.send(`{"jsonrpc": "2.0", "method": "initialized", "params": {}}`)
	w.send(`{"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}`)
	if r := w.receive(); string(r.ID) != "2" || !strings.Contains(string(r.Result), "diagnose_failure") {
		t.Fatalf("tools/list: %+v", r)
	}
	// It is treated as initialised: it hears of new tools.
	d.deploy("count_errors")
	if r := w.receive(); r.Method != mcp.MethodNotificationToolsListChanged {
		t.Fatalf("got %+v, want the list change", r)
	}
	w.send(`{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "count_errors", "arguments": {"word": "x"}}}`)
	if r := w.receive(); string(r.ID) != "3" || !strings.Contains(string(r.Result), "lines") {
		t.Fatalf("tools/call: %+v", r)
	}
}

func TestMalformedLinesAreAnswered(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	w.send(`{"jsonrpc":"2.0","id":"early","method":"ping"}`)
	if r := w.receive(); string(r.ID) != `"early"` || r.Error != nil {
		t.Errorf("ping before initialize: %+v", r)
	}
	w.send(`{"jsonrpc":"2.0","id":5,"method":"tools/list"}`)
	if r := w.receive(); string(r.ID) != "5" || r.Error == nil || !strings.Contains(r.Error.Message, "initialize") {
		t.Errorf("tools/list before initialize: %+v", r)
	}
	w.send(sayInitialize)
	w.receive()
	w.send(sayInitialized)
	for _, c := range []struct {
		line string
		code int
		id   string
	}{
		{`{`, mcp.PARSE_ERROR, "null"},
		{"\x00\xff", mcp.PARSE_ERROR, "null"},
		{`{"jsonrpc":"2.0","id":1,"method":"ping"} trailing`, mcp.PARSE_ERROR, "null"},
		{strings.Repeat("[", 20000), mcp.PARSE_ERROR, "null"},
		{`"text"`, mcp.INVALID_REQUEST, "null"},
		{`17`, mcp.INVALID_REQUEST, "null"},
		{`null`, mcp.INVALID_REQUEST, "null"},
		{`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, mcp.INVALID_REQUEST, "null"},
		{`{}`, mcp.INVALID_REQUEST, "null"},
		{`{"jsonrpc":"2.0","id":{},"method":"ping"}`, mcp.INVALID_REQUEST, "null"},
		{`{"jsonrpc":"2.0","id":7}`, mcp.INVALID_REQUEST, "7"},
		{`{"jsonrpc":"2.0","id":8,"method":7}`, mcp.INVALID_REQUEST, "null"},
		{`{"jsonrpc":"2.0","id":9,"method":"no/such"}`, mcp.METHOD_NOT_FOUND, "9"},
		{strings.Repeat("x", maxLine+10), mcp.PARSE_ERROR, "null"},
		{`{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"` + strings.Repeat("n", 10_000) + `"}}`, mcp.INVALID_PARAMS, "10"},
	} {
		w.send("%s", c.line)
		r := w.receive()
		if r.Error == nil || r.Error.Code != c.code || string(r.ID) != c.id {
			t.Errorf("%.60q: got id %s, %+v; want id %s, code %d", c.line, r.ID, r.Error, c.id, c.code)
		}
	}
	w.send("\r\n  \n" + `{"jsonrpc":"2.0","id":11,"method":"tools/list"}` + "\r")
	if r := w.receive(); string(r.ID) != "11" || r.Result == nil {
		t.Errorf("after it all: %+v", r)
	}
}

// TestAnswersUnderWayAreDelivered: what `printf ... | lathe mcp` needs.
func TestAnswersUnderWayAreDelivered(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{})
	d := newDaemon(t, &testBackend{recall: func(context.Context, RecallQuery) (RecallResult, error) {
		close(entered)
		<-release
		return RecallResult{}, nil
	}})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	w.send(sayInitialize + "\n" + sayInitialized + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"recall"}}`)
	w.receive()
	<-entered
	w.to.Close()
	close(release)
	if r := w.receive(); string(r.ID) != "2" || r.Result == nil {
		t.Errorf("got %+v", r)
	}
	if line, open := <-w.lines; open {
		t.Errorf("more came: %s", line)
	}
}

func TestCancelEndsTheCall(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	d := newDaemon(t, &testBackend{recall: func(ctx context.Context, _ RecallQuery) (RecallResult, error) {
		close(entered)
		<-ctx.Done()
		close(left)
		return RecallResult{}, ctx.Err()
	}})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	w.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"recall","_meta":%s}}`, modernMeta)
	<-entered
	w.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"recall","_meta":%s}}`, modernMeta)
	if r := w.receive(); r.Error == nil || r.Error.Code != mcp.INVALID_REQUEST {
		t.Errorf("an id in use: %+v", r)
	}
	w.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2,"_meta":%s}}`, modernMeta)
	<-left
	w.send(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"_meta":%s}}`, modernMeta)
	if r := w.receive(); string(r.ID) != "3" {
		t.Errorf("the cancelled call was answered: %+v %s", r, r.Result)
	}
}

const modernMeta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

func TestContextEndsTheBridge(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	in, to := io.Pipe()
	from, out := io.Pipe()
	defer to.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- Bridge(ctx, BridgeOptions{In: in, Out: out, Client: d.httpClient(), URL: "http://lathe/mcp", Ensure: d.start})
	}()
	go fmt.Fprintln(to, sayInitialize+"\n"+sayInitialized)
	if _, err := bufio.NewReader(from).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

func TestClientThatLeavesEndsTheBridge(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	in, to := io.Pipe()
	from, out := io.Pipe()
	from.Close()
	done := make(chan error)
	go func() {
		done <- Bridge(t.Context(), BridgeOptions{In: in, Out: out, Client: d.httpClient(), URL: "http://lathe/mcp", Ensure: d.start})
	}()
	fmt.Fprintln(to, sayInitialize)
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want what went wrong with the output", err)
	}
}

func TestDaemonThatCannotStart(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	w := newWire(t, d, BridgeOptions{Ensure: func(context.Context) error { return errors.New("no space left") }})
	w.send(sayInitialize)
	r := w.receive()
	if r.Error == nil || !strings.Contains(r.Error.Message, "no space left") || !strings.Contains(r.Error.Message, "lathe doctor") {
		t.Errorf("got %+v", r.Error)
	}
	w.send(`{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":%s}}`, modernMeta)
	if r := w.receive(); r.Error == nil || string(r.ID) != "2" {
		t.Errorf("got %+v", r)
	}
}

// TestTooManyOpenRequests fills the bridge; the next is refused at once and
// cancellations still get through.
func TestTooManyOpenRequests(t *testing.T) {
	var inside atomic.Int32
	full := make(chan struct{})
	d := newDaemon(t, &testBackend{recall: func(ctx context.Context, _ RecallQuery) (RecallResult, error) {
		if inside.Add(1) == maxOpen {
			close(full)
		}
		<-ctx.Done()
		return RecallResult{}, ctx.Err()
	}})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	for i := range maxOpen {
		w.send(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"recall","_meta":%s}}`, i, modernMeta)
	}
	<-full
	w.send(`{"jsonrpc":"2.0","id":"more","method":"tools/list","params":{"_meta":%s}}`, modernMeta)
	if r := w.receive(); r.Error == nil || string(r.ID) != `"more"` {
		t.Errorf("got %+v", r)
	}
	for i := range maxOpen {
		w.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d,"_meta":%s}}`, i, modernMeta)
	}
}

// TestAnAnsweredIDIsFree: a client may use an id again as soon as it has read
// the answer.
func TestAnAnsweredIDIsFree(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	w := newWire(t, d, BridgeOptions{Ensure: d.start})
	for i := range 300 {
		w.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":%s}}`, modernMeta)
		if r := w.receive(); r.Error != nil || string(r.ID) != "1" {
			t.Fatalf("round %d: got %+v", i, r)
		}
	}
}

// TestServerRequestsPass: requests of a server to the client and pings of its
// stream, which a plain server plays here.
func TestServerRequestsPass(t *testing.T) {
	got := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /mcp", func(w http.ResponseWriter, r *http.Request) {
		var e envelope
		body, _ := io.ReadAll(r.Body)
		json.Unmarshal(body, &e)
		switch {
		case e.Method == "initialize":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Mcp-Session-Id", "s1")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}`)
		case e.Method == "":
			got <- string(e.ID) + string(e.Result) + r.Header.Get("Mcp-Session-Id") + r.Header.Get("Mcp-Protocol-Version")
			w.WriteHeader(http.StatusAccepted)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
	mux.HandleFunc("GET /mcp", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, ": comment\n\nevent: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":70,\"method\":\"ping\"}\n\n"+
			"data: not json\n\ndata:{\"jsonrpc\":\"2.0\",\"id\":71,\"method\":\"roots/list\"}\r\n\r\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	d := newDaemon(t, &testBackend{})
	d.serve(t, mux)
	w := newWire(t, d, BridgeOptions{})
	w.send(sayInitialize)
	w.receive()
	w.send(sayInitialized)
	if pong := <-got; pong != "70{}s12025-06-18" {
		t.Errorf("the ping was answered %s", pong)
	}
	if r := w.receive(); r.Method != "roots/list" || string(r.ID) != "71" {
		t.Fatalf("got %+v", r)
	}
	w.send(`{"jsonrpc":"2.0","id":71,"result":{"roots":[]}}`)
	if answer := <-got; answer != `71{"roots":[]}s12025-06-18` {
		t.Errorf("the answer arrived as %s", answer)
	}
}
