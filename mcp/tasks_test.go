package mcp

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// slow is a backend whose tools take until they are released, or given up.
type slow struct {
	*testBackend
	started chan bool
	release chan bool
	ended   chan error
}

func newSlow() slow {
	return slow{&testBackend{}, make(chan bool, 1), make(chan bool), make(chan error, 1)}
}

func (b slow) RequestTool(ctx context.Context, _ Scope, _ ToolRequest, _ func(float64, float64, string)) (ToolRequestResult, error) {
	b.started <- true
	select {
	case <-b.release:
	case <-ctx.Done():
	}
	b.ended <- ctx.Err()
	return ToolRequestResult{State: "in_review", Message: "done"}, ctx.Err()
}

// begin starts request_tool as a task and returns its id.
func begin(t *testing.T, h *httpServer) string {
	t.Helper()
	_, r := h.call(mcp.ProtocolVersion20251125, "tools/call", `"name":"request_tool","arguments":{"description":"d","command":"wc -l x"},"task":{"ttl":100}`)
	var created mcp.CreateTaskResult
	if err := json.Unmarshal(r.Result, &created); err != nil || created.Task.TaskId == "" {
		t.Fatalf("%v: %s %+v", err, r.Result, r.Error)
	}
	return created.Task.TaskId
}

// TestLongWorkAsATask: the work goes on after the call was answered, and its
// result is there for as long as the client asked for.
func TestLongWorkAsATask(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	id := begin(t, h)
	<-b.started
	if _, r := h.call(mcp.ProtocolVersion20251125, "tasks/get", `"taskId":"`+id+`"`); r.Error != nil || status(t, r.Result) != mcp.TaskStatusWorking {
		t.Fatalf("while it runs: %s %+v", r.Result, r.Error)
	}
	b.release <- true
	_, r := h.call(mcp.ProtocolVersion20251125, "tasks/result", `"taskId":"`+id+`"`)
	var res mcp.CallToolResult
	if err := json.Unmarshal(r.Result, &res); err != nil || res.IsError || res.StructuredContent == nil {
		t.Fatalf("%v: %s %+v", err, r.Result, r.Error)
	}
	if err := <-b.ended; err != nil {
		t.Errorf("the work ended with %v", err)
	}
}

// TestCancelledTaskEnds: tasks/cancel reaches the work.
func TestCancelledTaskEnds(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	id := begin(t, h)
	<-b.started
	if _, r := h.call(mcp.ProtocolVersion20251125, "tasks/cancel", `"taskId":"`+id+`"`); r.Error != nil || status(t, r.Result) != mcp.TaskStatusCancelled {
		t.Fatalf("cancelled: %s %+v", r.Result, r.Error)
	}
	select {
	case err := <-b.ended:
		if err == nil {
			t.Error("it ended as if nothing had happened")
		}
	case <-time.After(patience):
		t.Fatal("the work goes on")
	}
}

// TestOthersTasksAreHidden: a task is its session's.
func TestOthersTasksAreHidden(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	id := begin(t, h)
	<-b.started
	mine := h.session
	h.session = h.begin("2025-11-25")
	for _, method := range []string{"tasks/get", "tasks/cancel"} {
		if _, r := h.call(mcp.ProtocolVersion20251125, method, `"taskId":"`+id+`"`); r.Error == nil {
			t.Errorf("%s of another session: %s", method, r.Result)
		}
	}
	h.session = mine
	b.release <- true
	if err := <-b.ended; err != nil {
		t.Errorf("the work ended with %v", err)
	}
}

// TestTheServersEndEndsTasks: none outlives the daemon.
func TestTheServersEndEndsTasks(t *testing.T) {
	b := newSlow()
	h := newHTTP(t, b)
	begin(t, h)
	<-b.started
	if err := h.server.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.ended:
	case <-time.After(patience):
		t.Fatal("the work goes on")
	}
}

func status(t *testing.T, result json.RawMessage) mcp.TaskStatus {
	t.Helper()
	var s struct {
		Status mcp.TaskStatus `json:"status"`
	}
	if err := json.Unmarshal(result, &s); err != nil {
		t.Fatal(err)
	}
	return s.Status
}
