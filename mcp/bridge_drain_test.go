package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// pipes is a listener whose connections are in memory, so that a clock that
// does not really run can be theirs.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// talk gives Bridge an input that ends at once, and returns what it wrote and
// logged.
func talk(t *testing.T, b Backend, lines ...string) (out []reply, logged string) {
	s := New(Options{Backend: b, Version: "test", Scope: func(r *http.Request) Scope { return ScopeFromHeaders(r.Header) }})
	for _, err := range s.SetGenerated(generatedTools("count_errors")) {
		t.Error(err)
	}
	ln := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	web := &http.Server{Handler: s}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(ln)
	}()
	var wrote, log bytes.Buffer
	err := Bridge(t.Context(), BridgeOptions{In: strings.NewReader(strings.Join(lines, "\n")), Out: &wrote, URL: "http://lathe/mcp",
		Client: &http.Client{Transport: &http.Transport{DialContext: ln.dial}}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Errorf("Bridge: %v", err)
	}
	_ = web.Close()
	<-served
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for dec := json.NewDecoder(&wrote); ; {
		var r reply
		if err := dec.Decode(&r); err == io.EOF {
			return out, log.String()
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Method == "" {
			out = append(out, r)
		}
	}
}

// sleepy runs tools that take as many minutes as their argument says.
func sleepy() *testBackend {
	return &testBackend{run: func(ctx context.Context, name string, arguments json.RawMessage) (ToolRun, error) {
		var a struct{ Word string }
		_ = json.Unmarshal(arguments, &a)
		d, err := time.ParseDuration(a.Word)
		if err != nil {
			return ToolRun{}, err
		}
		select {
		case <-time.After(d):
			return ToolRun{Name: name, Result: json.RawMessage(`{"after":"` + a.Word + `"}`)}, nil
		case <-ctx.Done():
			return ToolRun{}, ctx.Err()
		}
	}}
}

func callFor(id int, took string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"count_errors","arguments":{"word":%q}}}`, id, took)
}

// TestWhatWasAskedIsAnswered: a client may send all its requests, end its
// output, and read for as long as it takes.
func TestWhatWasAskedIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := []string{"9m", "1s", "4m", "16s", "8s"}
		lines := []string{sayInitialize, sayInitialized}
		for i, d := range took {
			lines = append(lines, callFor(i+2, d))
		}
		out, logged := talk(t, sleepy(), lines...)
		got := map[string]string{}
		for _, r := range out {
			got[string(r.ID)] = string(r.Result)
		}
		for i, d := range took {
			if !strings.Contains(got[fmt.Sprint(i+2)], d) {
				t.Errorf("the call of %s: %q", d, got[fmt.Sprint(i+2)])
			}
		}
		if len(out) != 1+len(took) || !strings.Contains(logged, "calls=4") || !strings.Contains(logged, "10m0s") || strings.Contains(logged, "given up") {
			t.Errorf("%d answers; it said %s", len(out), logged)
		}
	})
}

// TestCallThatIsGivenUpIsAnsweredToo: nothing is waited for without end, and
// who waits is told.
func TestCallThatIsGivenUpIsAnsweredToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		out, logged := talk(t, sleepy(), sayInitialize, sayInitialized, callFor(2, "1h"), callFor(3, "1m"))
		if took := time.Since(began); took < drainTime || took > drainTime+time.Minute {
			t.Errorf("it ended after %s", took)
		}
		if len(out) != 3 || string(out[1].ID) != "3" || out[1].Error != nil || string(out[2].ID) != "2" ||
			out[2].Error == nil || out[2].Error.Code != mcp.INTERNAL_ERROR || !strings.Contains(out[2].Error.Message, "input ended") {
			t.Errorf("answers %+v", out)
		}
		if !strings.Contains(logged, "given up") || !strings.Contains(logged, "calls=1") {
			t.Errorf("it said %s", logged)
		}
	})
}

// TestBatchesOnStdio: in the revision that has them, a line with several
// messages is answered by one line, whatever each of them took.
func TestBatchesOnStdio(t *testing.T) {
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	for _, c := range []struct{ name, line, want string }{
		{"requests and a notification", `[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}},` + callFor(3, "0s") + `]`, "2 3"},
		{"with what cannot be read", `[{"jsonrpc":"2.0","id":2,"method":"ping"},7]`, "2 null!"},
		{"a request that fails", `[` + callFor(2, "0s") + `,{"jsonrpc":"2.0","id":4,"method":"no/such"}]`, "2 4!"},
		{"empty", `[]`, "null!"},
		{"initialize", `[` + hello + `]`, "null!"},
		{"of the other era", `[{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":` + modernMeta + `}}]`, "2!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDaemon(t, sleepy())
			d.deploy("count_errors")
			w := newWire(t, d, BridgeOptions{Ensure: d.start})
			w.send(hello + "\n" + sayInitialized)
			w.receive()
			w.send("%s", c.line)
			if got := w.ids(); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
		})
	}
}

// ids are the ids in the next line of answers, in order, the errors marked.
func (w *wire) ids() string {
	w.t.Helper()
	var line string
	select {
	case line = <-w.lines:
	case <-time.After(patience):
		w.t.Fatal("nothing came")
	}
	if !isBatch([]byte(line)) {
		line = "[" + line + "]"
	}
	var all []reply
	if err := json.Unmarshal([]byte(line), &all); err != nil {
		w.t.Fatalf("%v: %s", err, line)
	}
	var ids []string
	for _, r := range all {
		id := string(r.ID)
		if r.Error != nil {
			id += "!"
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}
