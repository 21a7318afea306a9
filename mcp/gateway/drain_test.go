package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lathe/learn"
)

// slowLink is a server that answers after the time that a call names, by a
// clock that need not run.
type slowLink struct{ gone chan struct{} }

func (l slowLink) send(_ string, params []byte, _ *exchange, done func(message, error)) int64 {
	d, err := time.ParseDuration(text(field(field(params, "arguments"), "took")))
	time.AfterFunc(d, func() {
		done(message{result: encode(map[string]any{"content": []any{map[string]string{"type": "text", "text": d.String()}}})}, err)
	})
	return 1
}

func (slowLink) cancel(int64, string)         {}
func (slowLink) tell(string, []byte)          {}
func (slowLink) reply([]byte, string, []byte) {}
func (l slowLink) ended() <-chan struct{}     { return l.gone }

// talk gives a gateway before a slow server an input that ends at once.
func talk(t *testing.T, lines ...string) (out []message, logged string, recorded []learn.ActionOutcome) {
	var wrote, log bytes.Buffer
	m := &memory{}
	g, err := New(Options{Recorder: m, ProjectID: "p", SessionID: "s", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	u := newUpstream(g, ServerConfig{Name: "slow"})
	u.link = slowLink{}
	c := &catalog{tools: map[string]*entry{"slow__wait": {u: u, name: "slow__wait", own: "wait"}}}
	g.catalog.Store(c)
	if err := g.Serve(t.Context(), strings.NewReader(strings.Join(lines, "\n")), &wrote); err != nil {
		t.Errorf("Serve: %v", err)
	}
	g.Close()
	for line := range bytes.Lines(wrote.Bytes()) {
		m, err := readMessage(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, m)
	}
	return out, log.String(), m.of("slow__wait")
}

func callFor(id int, took string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"slow__wait","arguments":{"took":%q}}}`, id, took)
}

const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}`

// An agent may send all its requests, end its output, and read for as long as
// it takes.
func TestWhatWasAskedIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := []string{"9m0s", "1s", "4m0s", "16s", "8s"}
		lines := []string{hello}
		for i, d := range took {
			lines = append(lines, callFor(i+2, d))
		}
		out, logged, recorded := talk(t, lines...)
		got := map[string]string{}
		for _, m := range out {
			got[string(m.id)] = textOf(m.result)
		}
		for i, d := range took {
			if got[fmt.Sprint(i+2)] != d {
				t.Errorf("the call of %s: %q", d, got[fmt.Sprint(i+2)])
			}
		}
		if len(out) != 1+len(took) || len(recorded) != len(took) {
			t.Errorf("%d answers, %d recorded", len(out), len(recorded))
		}
		if !strings.Contains(logged, "calls=4") || !strings.Contains(logged, "10m0s") || strings.Contains(logged, "given up") {
			t.Errorf("it said %s", logged)
		}
	})
}

// Nothing is waited for without end, and who waits is told.
func TestCallThatIsGivenUpIsAnsweredToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		out, logged, recorded := talk(t, hello, callFor(2, "1h"), callFor(3, "1m"))
		if took := time.Since(began); took < lastCalls || took > lastCalls+time.Minute {
			t.Errorf("it ended after %s", took)
		}
		if len(out) != 3 || string(out[1].id) != "3" || out[1].err != nil || string(out[2].id) != "2" || !strings.Contains(string(out[2].err), "input ended") {
			t.Errorf("answers %+v", out)
		}
		if !strings.Contains(logged, "given up") || !strings.Contains(logged, "calls=1") {
			t.Errorf("it said %s", logged)
		}
		if len(recorded) != 2 || recorded[1].Status != learn.StatusInterrupted {
			t.Errorf("recorded %+v", recorded)
		}
		time.Sleep(time.Hour) // by the bubble's clock: the server's late answer is no harm
	})
}

// A server that asks an agent which will not answer is told so.
func TestQuestionsEndWithTheInput(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		t.Run(transport, func(t *testing.T) {
			g, _ := newHand(t, transport, false)
			a := newAgent(t, g, false)
			a.ask("tools/list", `{}`)
			id := a.request("tools/call", `{"name":"h__ask","arguments":{}}`)
			a.notice("elicitation/create")
			a.leave()
			if got := textOf(a.answerTo(id).result); got != "nobody answered" {
				t.Errorf("the answer is %q", got)
			}
		})
	}
}

var batches = []struct{ name, frame, want string }{
	{"requests and a notification", `[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/progress","params":{}},{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"h__steps","arguments":{}}}]`, `"x" 2`},
	{"with what cannot be read", ` [{"jsonrpc":"2.0","id":2,"method":"ping"},7]`, "2 null!"},
	{"a request that fails", `[{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"none"}},{"jsonrpc":"2.0","id":3,"method":"ping"}]`, "2! 3"},
	{"empty", `[]`, "null!"},
	{"no JSON", `[{]`, "null!"},
	{"too many", `[` + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"ping"},`, maxBatch) + `{}]`, "null!"},
	{"initialize", `[` + hello + `]`, "1!"},
	{"of the other era", `[{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}]`, "2!"},
}

// idsOf are the ids of the answers in a frame, in order, the errors marked.
func idsOf(t *testing.T, frame []byte) string {
	if !isBatch(frame) {
		frame = []byte("[" + string(frame) + "]")
	}
	if !json.Valid(frame) {
		t.Fatalf("no JSON: %s", frame)
	}
	var ids []string
	eachItem(frame, func(item []byte) {
		id := string(field(item, "id"))
		if field(item, "error") != nil {
			id += "!"
		}
		ids = append(ids, id)
	})
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// In the revision that has them several messages may come as one.
func TestBatches(t *testing.T) {
	g, url := newFace(t, false)
	post := func(session, body string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+faceToken)
		req.Header.Set("Mcp-Session-Id", session)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, answer
	}
	first, _ := post("", hello)
	session := first.Header.Get("Mcp-Session-Id")
	for _, b := range batches {
		t.Run(b.name, func(t *testing.T) {
			if _, got := post(session, b.frame); idsOf(t, got) != b.want {
				t.Errorf("over HTTP: %s, want the ids %s", got, b.want)
			}
			var out bytes.Buffer
			if err := g.Serve(t.Context(), strings.NewReader(hello+"\n"+b.frame+"\n"), &out); err != nil {
				t.Fatal(err)
			}
			_, got, _ := bytes.Cut(out.Bytes(), []byte("\n"))
			if idsOf(t, got) != b.want {
				t.Errorf("on stdio: %s, want the ids %s", got, b.want)
			}
		})
	}
	if resp, _ := post(session, `[{"jsonrpc":"2.0","method":"notifications/initialized"}]`); resp.StatusCode != http.StatusAccepted {
		t.Errorf("only a notification: HTTP %d", resp.StatusCode)
	}
	if _, got := post("", "[]"); !strings.Contains(string(got), "one message at a time") {
		t.Errorf("without a session: %s", got)
	}
	if _, got := post("another", "[]"); !strings.Contains(string(got), "no such session") {
		t.Errorf("of another session: %s", got)
	}
	var out bytes.Buffer
	if err := g.Serve(t.Context(), strings.NewReader(strings.Replace(hello, "2025-03-26", "2025-11-25", 1)+"\n"+batches[0].frame), &out); err != nil || !strings.Contains(out.String(), "one message at a time") {
		t.Errorf("of another revision: %v %s", err, out.String())
	}
	http.DefaultClient.CloseIdleConnections()
}
