package mcp

import (
	"context"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// maxTasks bounds the calls that run as tasks at once.
	maxTasks = 16
	// taskKept is how long a task and its result are kept when the client does
	// not say, and at most.
	taskKept = time.Hour
)

// tasks are the calls that clients of the 2025-11-25 revision run in the
// background. The library keeps their state and results, but ends their context
// with the request that began them: each gets one of its own here, which ends
// with the task.
type tasks struct {
	closing context.Context

	mu   sync.Mutex
	ends map[string]context.CancelFunc // by task id
}

func newTasks(closing context.Context) *tasks {
	return &tasks{closing: closing, ends: map[string]context.CancelFunc{}}
}

// hooks follow the library's tasks.
func (t *tasks) hooks() *server.TaskHooks {
	h := &server.TaskHooks{}
	h.AddOnTaskCreated(func(ctx context.Context, m server.TaskMetrics) {
		if a := answerOfRequest(ctx); a != nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.task = m.TaskID
		}
	})
	h.AddOnTaskCancelled(func(_ context.Context, m server.TaskMetrics) { t.end(m.TaskID) })
	return h
}

// end ends the context of a task that still runs.
func (t *tasks) end(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if end := t.ends[id]; end != nil {
		end()
	}
}

// bound sets how long a task is kept.
func (t *tasks) bound(ctx context.Context, _ any, req *mcp.CallToolRequest) {
	if req.Params.Task == nil {
		return
	}
	if server.IsModernRequest(ctx) { // there it is an extension: longtasks.go
		req.Params.Task = nil
		return
	}
	kept := taskKept.Milliseconds()
	if asked := req.Params.Task.TTL; asked == nil || *asked <= 0 || *asked > kept {
		req.Params.Task.TTL = &kept
	}
}

// middleware runs a task's handler in the task's own context.
func (t *tasks) middleware(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		a := answerOfRequest(ctx)
		if req.Params.Task == nil || a == nil {
			return next(ctx, req)
		}
		a.mu.Lock()
		id := a.task
		a.mu.Unlock()
		if id == "" { // the tool does not run as a task
			return next(ctx, req)
		}
		own, end := context.WithCancel(context.WithoutCancel(ctx))
		defer end()
		defer context.AfterFunc(t.closing, end)()
		t.mu.Lock()
		t.ends[id] = end
		t.mu.Unlock()
		defer func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			delete(t.ends, id)
		}()
		res, err := next(own, req)
		if own.Err() != nil {
			return nil, own.Err() // so that it counts as cancelled
		}
		return res, err
	}
}
