package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const longArguments = `"name":"request_tool","arguments":{"description":"d","command":"wc -l x"}`

// modern sends a request of the 2026-07-28 revision; name is the Mcp-Name header.
func modern(t *testing.T, h http.Handler, method, name, params string, declared bool) (int, rpcReply) {
	t.Helper()
	caps := `{"elicitation":{}}`
	if declared {
		caps = `{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`
	}
	if params != "" {
		params += ","
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":{%s"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":%s}}}`,
		method, params, mcp.ProtocolVersion20260728, caps)
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/mcp", strings.NewReader(body))
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		mcp.HeaderProtocolVersion: mcp.ProtocolVersion20260728, mcp.HeaderMethod: method, mcp.HeaderName: name} {
		if v != "" {
			r.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text := w.Body.String()
	if i := strings.LastIndex(text, "\ndata: "); i >= 0 {
		text = text[i+len("\ndata: "):]
	}
	var reply rpcReply
	if err := json.Unmarshal([]byte(text), &reply); err != nil {
		t.Fatalf("%s: HTTP %d %v: %s", method, w.Code, err, w.Body)
	}
	return w.Code, reply
}

// longState is a task as its client sees it.
type longState struct {
	Type   string `json:"resultType"`
	ID     string `json:"taskId"`
	Status string `json:"status"`
	TTL    int64  `json:"ttlMs"`
	Poll   int64  `json:"pollIntervalMs"`
	Task   any    `json:"task"`
	Result struct {
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool            `json:"isError"`
	} `json:"result"`
	Error json.RawMessage            `json:"error"`
	Asked map[string]json.RawMessage `json:"inputRequests"`
}

func stateOf(t *testing.T, r rpcReply) (s longState) {
	t.Helper()
	if r.Error != nil {
		t.Fatalf("error %+v", r.Error)
	}
	if err := json.Unmarshal(r.Result, &s); err != nil {
		t.Fatalf("%v: %s", err, r.Result)
	}
	return s
}

// beginLong makes a task and waits until its work began.
func beginLong(t *testing.T, h *httpServer, b slow) longState {
	t.Helper()
	h.server.long.promptly = 0
	_, r := modern(t, h.server, "tools/call", "request_tool", longArguments, true)
	<-b.started
	return stateOf(t, r)
}

func get(t *testing.T, h http.Handler, id string) longState {
	t.Helper()
	_, r := modern(t, h, "tasks/get", id, `"taskId":"`+id+`"`, true)
	s := stateOf(t, r)
	if s.Type != "complete" {
		t.Errorf("tasks/get has resultType %q", s.Type)
	}
	return s
}

// until asks for a task until it is what it has to become.
func untilTask(t *testing.T, h http.Handler, id, status string) longState {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if s := get(t, h, id); s.Status == status {
			return s
		}
	}
	t.Fatalf("it did not become %s", status)
	return longState{}
}

// TestLongWorkOfTheNewEra: a call that takes its time becomes a task for clients
// that declare the extension, and for no others.
func TestLongWorkOfTheNewEra(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	_, r := modern(t, h.server, "server/discover", "", "", true)
	if !strings.Contains(string(r.Result), tasksExtension) || strings.Contains(string(r.Result), `"tasks":{`) {
		t.Errorf("discover: %s", r.Result)
	}
	s := beginLong(t, h, b)
	if s.Type != "task" || s.Status != "working" || s.ID == "" || s.TTL <= 0 || s.Poll <= 0 || s.Task != nil {
		t.Fatalf("created: %+v", s)
	}
	if got := get(t, h.server, s.ID); got.Status != "working" {
		t.Errorf("while it runs: %+v", got)
	}
	about := `"taskId":"` + s.ID + `"`
	for _, c := range []struct {
		method, name, params string
		declared             bool
		code, status         int
	}{
		{"tasks/get", s.ID, about, false, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, 400},
		{"tasks/cancel", s.ID, about, false, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, 400},
		{"tasks/get", "another", about, true, mcp.HEADER_MISMATCH, 400},
		{"tasks/get", "", about, true, mcp.HEADER_MISMATCH, 400},
		{"tasks/get", "none", `"taskId":"none"`, true, mcp.INVALID_PARAMS, 400},
		{"tasks/update", "none", `"taskId":"none"`, true, mcp.INVALID_PARAMS, 400},
		{"tasks/result", s.ID, about, true, mcp.METHOD_NOT_FOUND, 404},
		{"tasks/list", "", "", true, mcp.METHOD_NOT_FOUND, 404},
		{"subscriptions/listen", "", `"notifications":{"taskIds":["` + s.ID + `"]}`, false, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, 400},
	} {
		status, r := modern(t, h.server, c.method, c.name, c.params, c.declared)
		if r.Error == nil || r.Error.Code != c.code || status != c.status {
			t.Errorf("%s of %q, declared %t: HTTP %d %s %+v", c.method, c.name, c.declared, status, r.Result, r.Error)
		}
	}
	b.release <- true
	got := untilTask(t, h.server, s.ID, "completed")
	if got.Result.Structured == nil || got.Result.IsError {
		t.Errorf("its result: %+v", got)
	}
	if err := <-b.ended; err != nil {
		t.Errorf("the work ended with %v", err)
	}
	if _, r := modern(t, h.server, "tasks/cancel", s.ID, about, true); string(r.Result) != `{"resultType":"complete"}` {
		t.Errorf("cancel after its end: %s", r.Result)
	}
	if got := get(t, h.server, s.ID); got.Status != "completed" {
		t.Errorf("after that: %+v", got)
	}
	// Without the extension the call is waited for, whatever older clients say.
	waited := make(chan rpcReply, 1)
	go func() {
		_, r := modern(t, h.server, "tools/call", "request_tool", longArguments+`,"task":{"ttl":1}`, false)
		waited <- r
	}()
	<-b.started
	b.release <- true
	<-b.ended
	if r := <-waited; strings.Contains(string(r.Result), "taskId") || !strings.Contains(string(r.Result), "structuredContent") {
		t.Errorf("undeclared: %s", r.Result)
	}
}

// TestPromptWorkIsNoTask: what ends soon, or asks first, is answered as any call.
func TestPromptWorkIsNoTask(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	h.server.long.promptly = patience
	_, r := modern(t, h.server, "tools/call", "request_tool", longArguments, true)
	if strings.Contains(string(r.Result), "taskId") || !strings.Contains(string(r.Result), "structuredContent") {
		t.Errorf("prompt: %s %+v", r.Result, r.Error)
	}
	_, r = modern(t, h.server, "tools/call", "request_tool", `"name":"request_tool","arguments":{"description":"d"}`, true)
	if s := stateOf(t, r); s.Type != "input_required" || s.ID != "" || len(s.Asked) != 1 {
		t.Errorf("asking: %s", r.Result)
	}
	if n := h.server.long.running; n != 0 {
		t.Errorf("%d run", n)
	}
}

func TestCancelledLongWorkEnds(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	s := beginLong(t, h, b)
	if _, r := modern(t, h.server, "tasks/cancel", s.ID, `"taskId":"`+s.ID+`"`, true); string(r.Result) != `{"resultType":"complete"}` {
		t.Errorf("cancel: %s %+v", r.Result, r.Error)
	}
	if err := <-b.ended; err == nil {
		t.Error("it ended as if nothing had happened")
	}
	if got := untilTask(t, h.server, s.ID, "cancelled"); got.Result.Structured != nil {
		t.Errorf("cancelled: %+v", got)
	}
}

func TestTheServersEndEndsLongWork(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	beginLong(t, h, b)
	if err := h.server.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-b.ended; err == nil {
		t.Error("the work goes on")
	}
}

// TestLongWorkThatAsks: questions in the middle of a task are asked by
// tasks/get, answered one by one by tasks/update, and never have a name twice.
func TestLongWorkThatAsks(t *testing.T) {
	step := make(chan string)
	asked := make(chan string, 10)
	l := &longTasks{closing: t.Context(), now: time.Now, all: map[string]*longTask{}, followers: map[*follower]bool{}, may: func(string) bool { return true }, scope: func(*http.Request) Scope { return Scope{} },
		serve: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			asked <- string(body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":7,`+<-step+`}`)
		}}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.take(w, r) {
			t.Error("it was left to the library")
		}
	})
	_, r := modern(t, h, "tools/call", "x", `"name":"x"`, true)
	id := stateOf(t, r).ID
	<-asked
	const questions = `"result":{"resultType":"input_required","requestState":"s","inputRequests":{"a":{"method":"elicitation/create"},"b":{"method":"elicitation/create"}}}`
	step <- questions
	if s := untilTask(t, h, id, "input_required"); len(s.Asked) != 2 || s.Asked["1-a"] == nil {
		t.Fatalf("asked: %+v", s)
	}
	update := func(responses string) {
		t.Helper()
		if _, r := modern(t, h, "tasks/update", id, `"taskId":"`+id+`","inputResponses":{`+responses+`}`, true); string(r.Result) != `{"resultType":"complete"}` {
			t.Errorf("update: %s %+v", r.Result, r.Error)
		}
	}
	update(`"1-a":{"action":"accept"},"a":{"action":"decline"},"9-b":{}`)
	if s := get(t, h, id); s.Status != "input_required" || len(s.Asked) != 1 || s.Asked["1-b"] == nil {
		t.Errorf("after one answer: %+v", s)
	}
	update(`"1-b":{"action":"decline"}`)
	if body := <-asked; !strings.Contains(body, `"inputResponses":{"a":{"action":"accept"},"b":{"action":"decline"}}`) || !strings.Contains(body, `"requestState":"s"`) {
		t.Errorf("the call goes on with %s", body)
	}
	if s := get(t, h, id); s.Status != "working" {
		t.Errorf("with all answers: %+v", s)
	}
	step <- questions
	if s := untilTask(t, h, id, "input_required"); len(s.Asked) != 2 || s.Asked["2-a"] == nil {
		t.Errorf("asked again: %+v", s)
	}
	update(`"2-a":{},"2-b":{}`)
	<-asked
	step <- `"error":{"code":-32603,"message":"broken"}`
	if s := untilTask(t, h, id, "failed"); !strings.Contains(string(s.Error), "broken") {
		t.Errorf("failed: %+v", s)
	}
	if l.running != 0 {
		t.Errorf("%d run", l.running)
	}
}

// TestLongTasksAreBounded: old ones go, and what finds no room is no task.
func TestLongTasksAreBounded(t *testing.T) {
	now := time.Now()
	l := &longTasks{now: func() time.Time { return now }, all: map[string]*longTask{}}
	ended := 0
	for i := range maxLongTasks {
		l.all[fmt.Sprint(i)] = &longTask{id: fmt.Sprint(i), created: now, updated: now.Add(time.Duration(i)), status: mcp.TaskStatusCompleted, end: func() { ended++ }}
	}
	if !l.room() || l.all["0"] != nil || l.all["1"] == nil {
		t.Error("the first that ended is still there, or more went")
	}
	for range maxTasks - 1 {
		l.room()
	}
	if l.room() {
		t.Error("there is room for more than may run")
	}
	now = now.Add(taskKept + time.Second)
	if l.room(); len(l.all) != 0 || ended != maxLongTasks-1 {
		t.Errorf("%d are kept beyond their time, %d were ended", len(l.all), ended)
	}
}
