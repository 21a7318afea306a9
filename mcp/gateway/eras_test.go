package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"lathe/learn"
)

// The servers and agents of this file are written out by hand, frame by frame,
// so that nothing of a library's own translation between the eras helps.

// scripted answers one request of a hand-written server. ask puts a question to
// the client and returns its answer; tell notifies it.
func scripted(modern bool, m message, tell func(method, params string), ask func(method, params string) message) (kind, body string) {
	name := text(field(m.params, "name"))
	state := text(field(m.params, "requestState"))
	switch {
	case m.method == "initialize" && modern:
		return "error", `{"code":-32022,"message":"only 2026-07-28"}`
	case m.method == "initialize":
		return "result", `{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},"resources":{"subscribe":true},"completions":{},"logging":{}},"serverInfo":{"name":"hand","version":"1"}}`
	case m.method == "server/discover" && modern:
		return "result", `{"resultType":"complete","ttlMs":0,"cacheScope":"private","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"prompts":{},"resources":{},"completions":{}}}`
	case modern && field(field(m.params, "_meta"), "io.modelcontextprotocol/protocolVersion") == nil:
		return "error", `{"code":-32602,"message":"no protocol version"}`
	case !modern && strings.Contains(string(field(m.params, "_meta")), "io.modelcontextprotocol"):
		return "error", `{"code":-32602,"message":"metadata of the other era"}`
	case m.method == "tools/list":
		return "result", `{"tools":[{"name":"ask","inputSchema":{"type":"object"}},{"name":"steps","inputSchema":{"type":"object"}},{"name":"link","inputSchema":{"type":"object"}}]}`
	case m.method == "prompts/list":
		return "result", `{"prompts":[{"name":"greet","arguments":[{"name":"who"}]}]}`
	case m.method == "resources/list":
		return "result", `{"resources":[{"uri":"hand://one","name":"one"}]}`
	case m.method == "resources/templates/list":
		return "result", `{"resourceTemplates":[{"uriTemplate":"hand://item/{id}","name":"item"}]}`
	case m.method == "prompts/get":
		return "result", `{"messages":[{"role":"user","content":{"type":"text","text":"hello ` + text(field(field(m.params, "arguments"), "who")) + `"}}]}`
	case m.method == "resources/read" && strings.HasPrefix(text(field(m.params, "uri")), "hand://"):
		return "result", `{"contents":[{"uri":` + string(field(m.params, "uri")) + `,"text":"content"}]}`
	case m.method == "resources/read":
		return "error", `{"code":-32002,"message":"not mine"}`
	case m.method == "resources/subscribe":
		tell("notifications/resources/updated", `{"uri":`+string(field(m.params, "uri"))+`}`)
		return "result", `{}`
	case m.method == "completion/complete":
		return "result", `{"completion":{"values":[` + string(field(field(m.params, "ref"), "name")) + `]}}`
	case m.method == "tools/call" && name == "steps":
		token := string(field(field(m.params, "_meta"), "progressToken"))
		for i := range 2 {
			tell("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d}`, token, i+1))
		}
		return "result", `{"content":[{"type":"text","text":"done"}],"resultType":"complete"}`
	case m.method == "tools/call" && name == "ask" && modern && state == "":
		return "result", `{"resultType":"input_required","requestState":"s1","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"name?","requestedSchema":{"type":"object","properties":{}}}}}}`
	case m.method == "tools/call" && name == "ask" && modern:
		return "result", `{"resultType":"complete","content":[{"type":"text","text":"you said ` + text(field(field(field(field(m.params, "inputResponses"), "q"), "content"), "name")) + `"}]}`
	case m.method == "tools/call" && name == "ask":
		a := ask("elicitation/create", `{"message":"name?","requestedSchema":{"type":"object","properties":{}}}`)
		if a.err != nil {
			return "result", `{"isError":true,"content":[{"type":"text","text":"nobody answered"}]}`
		}
		return "result", `{"content":[{"type":"text","text":"you said ` + text(field(field(a.result, "content"), "name")) + `"}]}`
	}
	return "error", `{"code":-32601,"message":"no such method"}`
}

// handServer speaks on stdio.
func handServer(modern bool, in io.Reader, out io.Writer) {
	var mu sync.Mutex
	answers := map[string]chan message{}
	write := func(frame []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(frame)
	}
	n := 0
	r := bufio.NewReader(in)
	for {
		line, _, err := readFrame(r, maxFrame)
		if err != nil {
			return
		}
		m, err := readMessage(line)
		switch {
		case err != nil || m.method != "" && m.id == nil:
		case m.method == "":
			mu.Lock()
			ch := answers[string(m.id)]
			mu.Unlock()
			if ch != nil {
				ch <- m
			}
		default:
			n++
			id := fmt.Sprintf(`"hand-%d"`, n)
			ch := make(chan message, 1)
			mu.Lock()
			answers[id] = ch
			mu.Unlock()
			go func() {
				kind, body := scripted(modern, m, func(method, params string) { write(requestFrame(nil, method, []byte(params))) },
					func(method, params string) message {
						write(requestFrame([]byte(id), method, []byte(params)))
						return <-ch
					})
				write(answerFrame(m.id, kind, []byte(body)))
			}()
		}
	}
}

// handHTTP is the same server behind a URL: what belongs to a call comes in its
// stream. Of the older era it wants its session's id, of the newer its headers.
func handHTTP(t *testing.T, modern bool) string {
	var mu sync.Mutex
	answers := map[string]chan message{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		body, _ := io.ReadAll(r.Body)
		m, err := readMessage(body)
		if err != nil || r.Header.Get("Authorization") != "Bearer hunter2hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch {
		case m.method == "":
			mu.Lock()
			ch := answers[string(m.id)]
			mu.Unlock()
			if ch != nil {
				ch <- m
			}
			w.WriteHeader(http.StatusAccepted)
			return
		case m.id == nil:
			w.WriteHeader(http.StatusAccepted)
			return
		case m.method == "initialize" && !modern:
			w.Header().Set("Mcp-Session-Id", "session-1")
		case !modern && r.Header.Get("Mcp-Session-Id") != "session-1":
			w.WriteHeader(http.StatusNotFound)
			return
		case modern && m.method != "initialize" && (r.Header.Get("Mcp-Method") != m.method || r.Header.Get("Mcp-Protocol-Version") != "2026-07-28"):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(answerFrame(m.id, "error", errorBody(-32020, "headers")))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		event := func(frame []byte) {
			_, _ = fmt.Fprintf(w, "event: message\ndata: %s\n", frame)
			w.(http.Flusher).Flush()
		}
		id := `"` + strings.Trim(string(m.id), `"`) + `-q"`
		ch := make(chan message, 1)
		mu.Lock()
		answers[id] = ch
		mu.Unlock()
		kind, result := scripted(modern, m, func(method, params string) { event(requestFrame(nil, method, []byte(params))) },
			func(method, params string) message {
				event(requestFrame([]byte(id), method, []byte(params)))
				return <-ch
			})
		event(answerFrame(m.id, kind, []byte(result)))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

// agent is a hand-written client before a gateway.
type agent struct {
	t      *testing.T
	modern bool
	out    io.Writer
	n      int
	frames chan message
	leave  func()
}

// newAgent connects to a gateway over pipes. The older era begins with its
// handshake, the newer with nothing.
func newAgent(t *testing.T, g *Gateway, modern bool) *agent {
	agentIn, gatewayOut := io.Pipe()
	gatewayIn, agentOut := io.Pipe()
	a := &agent{t: t, modern: modern, out: agentOut, frames: make(chan message, 1000)}
	served, read := make(chan error, 1), make(chan struct{})
	go func() {
		served <- g.Serve(t.Context(), gatewayIn, gatewayOut)
		gatewayOut.Close()
	}()
	go func() {
		defer close(read)
		r := bufio.NewReader(agentIn)
		for {
			line, _, err := readFrame(r, maxFrame)
			if err != nil {
				return
			}
			if m, err := readMessage(line); err == nil {
				a.frames <- m
			}
		}
	}()
	a.leave = sync.OnceFunc(func() {
		agentOut.Close()
		if err := <-served; err != nil && t.Context().Err() == nil {
			t.Errorf("Serve: %v", err)
		}
		<-read
	})
	t.Cleanup(a.leave)
	if !modern {
		a.ask("initialize", `{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{},"sampling":{}},"clientInfo":{"name":"hand","version":"1"}}`)
		a.send(requestFrame(nil, "notifications/initialized", nil))
	}
	return a
}

func (a *agent) send(frame []byte) {
	if _, err := a.out.Write(frame); err != nil {
		a.t.Fatal(err)
	}
}

// request sends a request of the agent's era and returns its id.
func (a *agent) request(method, params string) string {
	a.n++
	id := fmt.Sprint(a.n)
	p := []byte(params)
	if a.modern {
		meta := field(p, "_meta")
		for k, v := range map[string]string{"protocolVersion": `"2026-07-28"`, "clientCapabilities": `{"elicitation":{},"sampling":{}}`} {
			meta = withFields(meta, change{"io.modelcontextprotocol/" + k, []byte(v)})
		}
		p = withFields(p, change{"_meta", meta})
	}
	a.send(requestFrame([]byte(id), method, p))
	return id
}

// next is the next message for which ok holds.
func (a *agent) next(what string, ok func(message) bool) message {
	a.t.Helper()
	late := time.After(patience)
	for {
		select {
		case m := <-a.frames:
			if ok(m) {
				return m
			}
		case <-late:
			a.t.Fatalf("%s did not come", what)
		}
	}
}

func (a *agent) answerTo(id string) message {
	a.t.Helper()
	return a.next("the answer to "+id, func(m message) bool { return m.method == "" && string(m.id) == id })
}

func (a *agent) notice(method string) message {
	a.t.Helper()
	return a.next(method, func(m message) bool { return m.method == method })
}

// ask makes a request and returns its result.
func (a *agent) ask(method, params string) []byte {
	a.t.Helper()
	m := a.answerTo(a.request(method, params))
	if m.err != nil {
		a.t.Fatalf("%s %s: %s", method, params, m.err)
	}
	return m.result
}

// saying reports whether a result has a text.
func (a *agent) saying(result []byte, want string) {
	a.t.Helper()
	if got := textOf(result); got != want {
		a.t.Errorf("the result is %s, want the text %q", result, want)
	}
	if done := text(field(result, "resultType")); a.modern && done != "complete" {
		a.t.Errorf("resultType %q", done)
	}
}

// newHand is a gateway before one hand-written server.
func newHand(t *testing.T, transport string, modern bool) (*Gateway, *memory) {
	kind := map[bool]string{false: "hand", true: "hand-modern"}[modern]
	cfg := testServer(t, "h", kind)
	if transport == "http" {
		cfg = ServerConfig{Name: "h", URL: handHTTP(t, modern), Headers: map[string]string{"Authorization": "Bearer ${HAND_TOKEN}"}}
	}
	m := &memory{}
	g, err := New(Options{Config: servers(cfg), Env: append(os.Environ(), "HAND_TOKEN=hunter2hunter2"), Recorder: m, ProjectID: "p", SessionID: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g, m
}

// Everything passes between agents and servers of either era, on either
// transport of the server.
func TestErasAndTransports(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		for _, serverModern := range []bool{false, true} {
			for _, agentModern := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/server modern %v/agent modern %v", transport, serverModern, agentModern), func(t *testing.T) {
					g, m := newHand(t, transport, serverModern)
					a := newAgent(t, g, agentModern)
					askLists(a)
					reads(a)
					progresses(a)
					asks(a)
					if st := g.Status()[0]; st.State != "running" || (st.Revision == modernVersion) != serverModern {
						t.Errorf("status: %+v", st)
					}
					a.leave()
					g.Close()
					if got := m.of("h__ask"); len(got) != 1 || got[0].Status != learn.StatusSuccess || got[0].ToolOutput.Content != "you said Ada" {
						t.Errorf("recorded of the call with a question: %+v", got)
					}
				})
			}
		}
	}
}

func askLists(a *agent) {
	for method, want := range map[string]string{"tools/list": `"h__ask"`, "prompts/list": `"h__greet"`, "resources/list": `"hand://one"`,
		"resources/templates/list": `"hand://item/{id}"`} {
		if result := a.ask(method, `{}`); !strings.Contains(string(result), want) {
			a.t.Errorf("%s: %s", method, result)
		}
	}
}

func reads(a *agent) {
	for uri, want := range map[string]string{"hand://one": "content", "hand://item/7": "content", "hand://unlisted": "content"} {
		result := a.ask("resources/read", `{"uri":"`+uri+`"}`)
		if !strings.Contains(string(result), want) {
			a.t.Errorf("%s: %s", uri, result)
		}
	}
	if m := a.answerTo(a.request("resources/read", `{"uri":"nobody://x"}`)); m.err == nil {
		a.t.Errorf("a resource of nobody: %s", m.result)
	}
	if result := a.ask("prompts/get", `{"name":"h__greet","arguments":{"who":"Ada"}}`); !strings.Contains(string(result), "hello Ada") {
		a.t.Errorf("prompt: %s", result)
	}
	if result := a.ask("completion/complete", `{"ref":{"type":"ref/prompt","name":"h__greet"},"argument":{"name":"who","value":"A"}}`); !strings.Contains(string(result), `["greet"]`) {
		a.t.Errorf("completion: %s", result)
	}
}

func progresses(a *agent) {
	id := a.request("tools/call", `{"name":"h__steps","arguments":{},"_meta":{"progressToken":"mine"}}`)
	for range 2 {
		if p := a.notice("notifications/progress"); string(field(p.params, "progressToken")) != `"mine"` {
			a.t.Errorf("progress under %s", p.params)
		}
	}
	a.saying(a.answerTo(id).result, "done")
}

// asks answers a server's question in the agent's way.
func asks(a *agent) {
	id := a.request("tools/call", `{"name":"h__ask","arguments":{}}`)
	const reply = `{"action":"accept","content":{"name":"Ada"}}`
	if !a.modern {
		q := a.notice("elicitation/create")
		if text(field(q.params, "message")) != "name?" {
			a.t.Errorf("question: %s", q.params)
		}
		a.send(answerFrame(q.id, "result", []byte(reply)))
		a.saying(a.answerTo(id).result, "you said Ada")
		return
	}
	result := a.answerTo(id).result
	var need struct {
		Type     string                     `json:"resultType"`
		State    string                     `json:"requestState"`
		Requests map[string]json.RawMessage `json:"inputRequests"`
	}
	if err := json.Unmarshal(result, &need); err != nil || need.Type != "input_required" || len(need.Requests) != 1 {
		a.t.Fatalf("a question in the newer era: %s", result)
	}
	for key := range maps.Keys(need.Requests) {
		a.saying(a.ask("tools/call", fmt.Sprintf(`{"name":"h__ask","arguments":{},"requestState":%q,"inputResponses":{%q:%s}}`, need.State, key, reply)), "you said Ada")
	}
}

// What resources do is told to who follows them, in either era.
func TestSubscriptions(t *testing.T) {
	g, _ := newHand(t, "stdio", false)
	old, young := newAgent(t, g, false), newAgent(t, g, true)
	old.ask("tools/list", `{}`)
	old.ask("resources/subscribe", `{"uri":"hand://one"}`)
	if n := old.notice("notifications/resources/updated"); text(field(n.params, "uri")) != "hand://one" {
		t.Errorf("updated: %s", n.params)
	}
	old.ask("resources/unsubscribe", `{"uri":"hand://one"}`)
	id := young.request("subscriptions/listen", `{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["hand://one"]}}`)
	if n := young.notice("notifications/subscriptions/acknowledged"); !strings.Contains(string(n.params), "hand://one") {
		t.Errorf("acknowledged: %s", n.params)
	}
	n := young.notice("notifications/resources/updated")
	if string(field(field(n.params, "_meta"), "io.modelcontextprotocol/subscriptionId")) != id {
		t.Errorf("updated: %s", n.params)
	}
}

// A secret of the configuration reaches the server and nobody else.
func TestSecretsStayInside(t *testing.T) {
	t.Setenv("UNRELATED_TOKEN", "another-servers-secret")
	m := &memory{}
	one := testServer(t, "one", "library")
	one.Env["CONFIG_SAID"] = "${ONE_TOKEN}"
	two := testServer(t, "two", "library")
	two.Env["CONFIG_SAID"] = "${RING}"
	cfg := servers(one, two)
	cfg.Secrets = map[string][]string{"RING": {"printf", "from-the-keyring\n"}}
	r := newRig(t, Options{Config: cfg, Recorder: m, Env: append(os.Environ(), "ONE_TOKEN=very-secret-value", "AGENT_SAID=x")})
	r.tools()
	for server, want := range map[string]string{"one": "very-secret-value", "two": "from-the-keyring"} {
		if texts, _ := r.mustCall(server+"__where", map[string]any{"note": want}); !strings.Contains(texts[0], want) {
			t.Errorf("%s was given %q", server, texts)
		}
	}
	if texts, _ := r.mustCall("two__env", map[string]any{"name": "ONE_TOKEN"}); texts[0] != "" {
		t.Errorf("another server's secret is in the environment: %q", texts)
	}
	r.closed()
	for _, tool := range []string{"one__where", "two__where"} {
		ev := m.of(tool)[0]
		for _, secret := range []string{"very-secret-value", "from-the-keyring"} {
			if strings.Contains(string(ev.ToolParameters)+ev.ToolOutput.Content, secret) {
				t.Errorf("recorded of %s: %s %s", tool, ev.ToolParameters, ev.ToolOutput.Content)
			}
		}
		if !strings.Contains(ev.ToolOutput.Content, "[secret ") || !json.Valid(ev.ToolParameters) {
			t.Errorf("recorded of %s: %s %s", tool, ev.ToolParameters, ev.ToolOutput.Content)
		}
	}
}

func TestMissingVariableIsNamed(t *testing.T) {
	s := testServer(t, "s", "library")
	s.Env["CONFIG_SAID"] = "${NOT_SET_ANYWHERE}"
	r := newRig(t, Options{Config: servers(s), Recorder: &memory{}})
	r.tools()
	if st := r.g.Status()[0]; !strings.Contains(st.State, "${NOT_SET_ANYWHERE} is not set") {
		t.Errorf("status: %+v", st)
	}
}
