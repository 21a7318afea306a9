package gateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
	"pgregory.net/rapid"

	"lathe/learn"
)

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"theme":"dark","mcpServers":{
		"b":{"command":"run","args":["x"],"env":{"A":"1"},"type":"stdio"},
		"a":{"command":"a"},"off":{"command":"x","disabled":true},"web":{"url":"https://example.com/mcp","headers":{"A":"${B}"}},"old":{"type":"sse","url":"https://example.com"},"both":{"command":"x","url":"http://y"},"file":{"url":"file:///x"},
		"bad name":{"command":"x"},"none":{},"odd":[1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Servers) != 3 || c.Servers[2].URL != "https://example.com/mcp" || c.Servers[0].Name != "a" || c.Servers[1].Args[0] != "x" || c.Servers[1].Env["A"] != "1" {
		t.Errorf("servers: %+v", c.Servers)
	}
	want := map[string]string{"old": "HTTP+SSE", "both": "one of them", "file": "begins", "bad name": "rename", "none": "command", "odd": "cannot be read"}
	for _, s := range c.Skipped {
		if !strings.Contains(s.Reason, want[s.Name]) || want[s.Name] == "" {
			t.Errorf("skipped %+v", s)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("not skipped: %v", want)
	}
	for _, bad := range []string{"", "[]", "{}", `{"mcpServers":[]}`, strings.Repeat(" ", maxConfig+1)} {
		if _, err := ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}

func TestLoadConfigRefusesWhatOthersMayWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.json")
	if _, err := LoadConfig(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"mcpServers":{"a":{"command":"x"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadConfig(path); err != nil || len(c.Servers) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("a file that all may write: %v", err)
	}
}

func TestNameIsFitAndKeepsToolsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		server := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,31}`).Draw(t, "server")
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		name := Name(server, a)
		if len(name) > maxName || oddRE.MatchString(name) || !strings.HasPrefix(name, server+"__") {
			t.Fatalf("name %q", name)
		}
		if a != b && name == Name(server, b) {
			t.Fatalf("%q and %q are both %q", a, b, name)
		}
	})
	if got := Name("fs", "read_file"); got != "fs__read_file" {
		t.Errorf("an ordinary name became %q", got)
	}
}

func TestReadFrameKeepsEndsOfLongLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		long := strings.Repeat("y", rapid.IntRange(200_000, 500_000).Draw(t, "n"))
		limit := rapid.IntRange(100_000, 199_999).Draw(t, "limit")
		in := "short\n{\"id\":7," + long + "end}\nafter"
		r := bufio.NewReaderSize(strings.NewReader(in), rapid.IntRange(16, 100_000).Draw(t, "buffer"))
		line, tail, err := readFrame(r, limit)
		if string(line) != "short" || tail != nil || err != nil {
			t.Fatalf("first: %q %q %v", line, tail, err)
		}
		line, tail, err = readFrame(r, limit)
		if err != nil || len(line) > 4<<10 || len(tail) > 4<<10 || !bytes.HasPrefix(line, []byte(`{"id":7,`)) || !bytes.HasSuffix(tail, []byte("end}\n")) {
			t.Fatalf("long: %.20q %.20q %v", line, tail, err)
		}
		line, tail, err = readFrame(r, limit)
		if string(line) != "after" || tail != nil || err != io.EOF {
			t.Fatalf("last: %q %q %v", line, tail, err)
		}
	})
}

func TestFrameID(t *testing.T) {
	for _, c := range []struct {
		head, tail string
		id         int64
		ok         bool
	}{
		{`{"jsonrpc":"2.0","id":12,"result":`, `}}`, 12, true},
		{`{"id": 3, "jsonrpc":"2.0"`, `}}`, 3, true},
		{`{"result":{"content":[]`, `]},"jsonrpc":"2.0","id":44}`, 44, true},
		{`{"result":{"id":5,`, `"id":6}}`, 0, false},
		{`{"jsonrpc":"2.0","method":"x","params":"`, `"}`, 0, false},
		{`{"jsonrpc":"2.0","id":1,"method":"x","params":"`, `"}`, 0, false},
		{`{"id":1,"jsonrpc":"2.0","method":"x","params":"`, `"}`, 0, false},
		{`{"method":"x","params":[`, `],"jsonrpc":"2.0","id":1}`, 0, false},
	} {
		if id, ok := frameID([]byte(c.head), []byte(c.tail)); id != c.id || ok != c.ok {
			t.Errorf("%s...%s: %d %v", c.head, c.tail, id, ok)
		}
	}
}

func TestQueueDropsCountedAndSaid(t *testing.T) {
	m := &memory{hold: make(chan struct{})}
	var log bytes.Buffer
	q := newQueue(m, event, textLog(&log))
	const over = 100
	// The owner holds at most a batch while the Recorder waits; the rest
	// fills the queue.
	total := queueRecords + batchRecords + over
	for range total {
		q.put(&finished{tool: "t"})
	}
	dropped := q.dropped.Load()
	if dropped < over || dropped > over+batchRecords {
		t.Errorf("%d dropped", dropped)
	}
	close(m.hold)
	q.close()
	if got := int64(len(m.of("t"))); got+dropped != int64(total) {
		t.Errorf("%d recorded and %d dropped of %d", got, dropped, total)
	}
	if !strings.Contains(log.String(), fmt.Sprintf("count=%d", dropped)) {
		t.Errorf("the loss was not said: %s", log.String())
	}
	q.put(&finished{}) // after the end it is dropped, not a panic
	if q.dropped.Load() != dropped+1 {
		t.Error("an outcome after the end was not counted")
	}
}

func TestQueueBoundsBytes(t *testing.T) {
	m := &memory{hold: make(chan struct{})}
	q := newQueue(m, event, textLog(io.Discard))
	for range 2 * queueBytes / (1 << 20) {
		q.put(&finished{m: message{size: 1 << 20}})
	}
	if q.bytes.Load() > queueBytes || q.dropped.Load() < queueBytes>>20 {
		t.Errorf("%d bytes wait, %d dropped", q.bytes.Load(), q.dropped.Load())
	}
	close(m.hold)
	q.close()
	if q.bytes.Load() != 0 {
		t.Errorf("%d bytes are counted in an empty queue", q.bytes.Load())
	}
}

func TestRefusedBatchIsCounted(t *testing.T) {
	q := newQueue(&memory{err: errors.New("no daemon")}, event, textLog(io.Discard))
	q.put(&finished{})
	q.put(&finished{})
	q.close()
	if q.dropped.Load() != 2 {
		t.Errorf("%d dropped, want 2", q.dropped.Load())
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"mcpServers":{"a":{"command":"x","args":["y"],"env":{"A":"B"}},"b":{"url":"u"}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseConfig(raw)
		if err != nil {
			return
		}
		for _, s := range c.Servers {
			if (s.Command == "") == (s.URL == "") || !serverNameRE.MatchString(s.Name) {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzServerFrames(f *testing.F) {
	f.Add([]byte("{\"id\":1,\"result\":{}}\n{\"method\":\"ping\",\"id\":2}\n{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1}}\njunk"))
	f.Add([]byte("{\"method\":\"sampling/createMessage\",\"id\":\"a\",\"params\":{}}\n{\"method\":\"notifications/message\",\"params\":{\"logger\":7}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		g := &Gateway{peers: map[*peer]struct{}{}, asked: map[string]*asked{}}
		u := newUpstream(g, ServerConfig{Name: "s"})
		var c *conn
		c = newConn(io.Discard, func(m message, x *exchange) { u.incoming(c, m, x) })
		ch := make(chan error, 1)
		c.send("x", nil, nil, func(_ message, err error) { ch <- err })
		c.read(bytes.NewReader(raw))
		<-ch // answered, or told that the server ended
		select {
		case <-c.gone:
		default:
			t.Fatal("the end was not noticed")
		}
		<-c.out.done
	})
}

func FuzzReadTool(f *testing.F) {
	for _, t := range strings.Split(rawTools, ",\n") {
		f.Add([]byte(t))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		own := text(field(raw, "name"))
		if checkTool(Name("s", own), own, raw) != nil {
			return
		}
		var tool mcp.Tool
		if err := json.Unmarshal(withFields(raw, change{"name", quote(Name("s", own))}), &tool); err != nil || tool.Name != Name("s", own) {
			t.Fatalf("a tool that breaks the list: %v", err)
		}
	})
}

// FuzzMessage takes messages apart as encoding/json does.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":[1,{"b":"}\""}]}}`))
	f.Add([]byte(` { "id" : "x\\" , "result" : { } , "\u0069d" : null } `))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := readMessage(raw)
		var want map[string]json.RawMessage
		if wrong := json.Unmarshal(raw, &want); (wrong == nil && want != nil) != (err == nil) {
			t.Fatalf("%q: %v, and encoding/json says %v", raw, err, wrong)
		}
		if err != nil || !utf8.Valid(raw) {
			return
		}
		for key, got := range map[string][]byte{"id": m.id, "params": m.params, "error": m.err, "result": m.result} {
			v := []byte(want[key])
			if key != "result" {
				v = notNull(v)
			}
			if string(v) != string(got) {
				t.Fatalf("%s of %q: %q, want %q", key, raw, got, v)
			}
		}
		again, err := readMessage(withFields(raw, change{"id", []byte(`"new"`)}, change{"params", nil}))
		if err != nil || string(again.id) != `"new"` || again.params != nil || string(again.result) != string(m.result) {
			t.Fatalf("changed: %+v, %v", again, err)
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("event: message\ndata: {\"id\":1}\n\ndata: a\ndata: b\r\n\r\n: comment\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 100
		_ = readEvents(bytes.NewReader(raw), limit, func(data []byte) bool {
			if len(data) > limit+64 {
				t.Fatalf("an event of %d bytes", len(data))
			}
			return true
		})
	})
}

// event is a record with nothing but what was said of it.
func event(f *finished) learn.ActionOutcome { return learn.ActionOutcome{ToolName: f.tool} }

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
