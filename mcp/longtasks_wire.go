package mcp

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// longCall is a request as far as it matters here.
type longCall struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name          string                     `json:"name"`
		TaskID        string                     `json:"taskId"`
		Responses     map[string]json.RawMessage `json:"inputResponses"`
		Notifications struct {
			TaskIDs   []string `json:"taskIds"`
			Tools     bool     `json:"toolsListChanged"`
			Prompts   bool     `json:"promptsListChanged"`
			Resources bool     `json:"resourcesListChanged"`
			URIs      []string `json:"resourceSubscriptions"`
		} `json:"notifications"`
		Meta struct {
			Version string `json:"io.modelcontextprotocol/protocolVersion"`
			Caps    struct {
				Extensions map[string]json.RawMessage `json:"extensions"`
			} `json:"io.modelcontextprotocol/clientCapabilities"`
		} `json:"_meta"`
	} `json:"params"`
}

func (c *longCall) declares() bool { return c.Params.Meta.Caps.Extensions[tasksExtension] != nil }

// failing reads as an error, or as the end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func undeclared() *Error {
	return &Error{Code: mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, Message: "the request does not declare the extension " + tasksExtension + " among its client's capabilities",
		Data: map[string]any{"requiredCapabilities": map[string]any{"extensions": map[string]any{tasksExtension: struct{}{}}}}}
}

// about serves tasks/get, tasks/update and tasks/cancel.
func (l *longTasks) about(w http.ResponseWriter, r *http.Request, c *longCall, name string) {
	if !slices.Contains([]string{"tasks/get", "tasks/update", "tasks/cancel"}, c.Method) {
		answerWith(w, c.ID, &Error{Code: mcp.METHOD_NOT_FOUND, Message: c.Method + " is not of this revision"})
		return
	}
	if !c.declares() {
		answerWith(w, c.ID, undeclared())
		return
	}
	if name != c.Params.TaskID || name == "" {
		answerWith(w, c.ID, &Error{Code: mcp.HEADER_MISMATCH, Message: "the header " + mcp.HeaderName + " is to be params.taskId"})
		return
	}
	answerWith(w, c.ID, l.do(c, l.scope(r).ProjectID))
}

// do does what is asked of a task and returns the answer, a result or an *Error.
func (l *longTasks) do(c *longCall, project string) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	t := l.all[c.Params.TaskID]
	if t == nil || t.project != project {
		return InvalidParams("there is no task %.80q; it ended more than %v ago, or the daemon was started anew", c.Params.TaskID, taskKept)
	}
	done := map[string]any{"resultType": mcp.ResultTypeComplete}
	switch c.Method {
	case "tasks/get":
		done = t.describe()
		done["resultType"] = mcp.ResultTypeComplete
	case "tasks/cancel":
		if !t.status.IsTerminal() {
			l.set(t, mcp.TaskStatusCancelled, "cancelled by the client")
			t.end()
		}
	case "tasks/update":
		l.update(t, c.Params.Responses)
	}
	return done
}

// answerWith sends an answer, which is an *Error or a result.
func answerWith(w http.ResponseWriter, id json.RawMessage, v any) {
	out, status := map[string]any{"jsonrpc": "2.0", "id": id}, http.StatusOK
	var e *Error
	if err, ok := v.(error); ok && errors.As(err, &e) {
		said := map[string]any{"code": e.Code, "message": e.Message}
		if e.Data != nil {
			said["data"] = e.Data
		}
		out["error"], status = said, http.StatusBadRequest
		if e.Code == mcp.METHOD_NOT_FOUND {
			status = http.StatusNotFound
		}
	} else {
		out["result"] = v
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(out)) // a client that is gone needs no answer
}

// describe is a task as clients see it.
func (t *longTask) describe() map[string]any {
	out := map[string]any{"taskId": t.id, "status": t.status, "createdAt": t.created.UTC().Format(time.RFC3339Nano), "lastUpdatedAt": t.updated.UTC().Format(time.RFC3339Nano),
		"ttlMs": taskKept.Milliseconds(), "pollIntervalMs": pollEvery.Milliseconds()}
	if t.why != "" {
		out["statusMessage"] = t.why
	}
	switch t.status {
	case mcp.TaskStatusCompleted:
		out["result"] = t.result
	case mcp.TaskStatusFailed:
		out["error"] = t.failure
	case mcp.TaskStatusInputRequired:
		asked := map[string]json.RawMessage{}
		for key, q := range t.asked {
			asked[t.key(key)] = q
		}
		out["inputRequests"] = asked
	}
	return out
}

// copyTo sends what was kept.
func (c *collected) copyTo(w http.ResponseWriter) {
	for name, values := range c.header {
		w.Header()[name] = values
	}
	w.WriteHeader(max(c.status, http.StatusOK))
	_, _ = w.Write(c.body.Bytes()) // a client that is gone needs no answer
}

// taskHeader is what the revision wants of requests about tasks over HTTP.
func taskHeader(method string, params json.RawMessage) (value string, ok bool) {
	if !strings.HasPrefix(method, "tasks/") {
		return "", false
	}
	var p struct {
		TaskID string `json:"taskId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return "", false
	}
	return mcp.EncodeHeaderValue(p.TaskID)
}
