package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// FuzzPost sends anything to the endpoint, in a session that may send batches
// and without one. It is answered, in JSON if in JSON-RPC, and never a crash.
func FuzzPost(f *testing.F) {
	s := New(Options{Backend: &testBackend{}, Version: "test"})
	f.Cleanup(func() { _ = s.Close(context.Background()) })
	post := func(ctx context.Context, body string, header map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mcp", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	session := post(context.Background(), `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, nil).Header().Get("Mcp-Session-Id")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, true, "", "")
	f.Add(`[{"jsonrpc":"2.0","id":1,"method":"ping"},7,[]]`, true, "", "")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"recall","arguments":{"plan":{"tasks":[null]}},"_meta":`+modernMeta+`}}`, false, "2026-07-28", "tools/call")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"lathe://kpi/{project}"},"argument":{"name":"project","value":""}}}`, true, "", "")
	f.Add(`{"jsonrpc":"2.0","id":"x","method":"resources/read","params":{"uri":"lathe://graph/%zz"}}`, true, "", "")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":""}}`, true, "", "")
	f.Fuzz(func(t *testing.T, body string, inSession bool, version, method string) {
		header := map[string]string{}
		for name, value := range map[string]string{mcp.HeaderProtocolVersion: version, mcp.HeaderMethod: method} {
			if value != "" {
				header[name] = value
			}
		}
		if inSession {
			header["Mcp-Session-Id"] = session
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a subscription never ends
		defer cancel()
		w := post(ctx, body, header)
		if text := w.Body.Bytes(); w.Header().Get("Content-Type") == "application/json" && len(text) > 0 && !json.Valid(text) {
			t.Fatalf("status %d, not JSON: %q", w.Code, text)
		}
	})
}

// FuzzRewrite: what is put into a message leaves its id and is a message.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"m"}}`), "lathe://kpi")
	f.Add([]byte(`{"id":"<x>","error":{"code":-32002}}`), "\xff\n")
	f.Fuzz(func(t *testing.T, text []byte, uri string) {
		out, ok := rewrite(text, InvalidParams("%s", uri), uri)
		if !ok {
			return
		}
		var before, after struct {
			ID    any
			Error struct{ Code int }
		}
		if json.Unmarshal(text, &before) != nil {
			t.Fatalf("rewrote what is no message: %q", text)
		}
		if err := json.Unmarshal(out, &after); err != nil || strings.ContainsAny(string(out), "\n\r") || after.Error.Code == mcp.INTERNAL_ERROR {
			t.Fatalf("%v: %q became %q", err, text, out)
		}
	})
}

// FuzzSplitBatch: the messages of a batch are JSON, and bounded in number.
func FuzzSplitBatch(f *testing.F) {
	f.Add([]byte(`[{"method":"ping"},1,null]`))
	f.Add([]byte(` [ ]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		messages, bad := splitBatch(body)
		if (bad == nil) != (len(messages) > 0) || len(messages) > maxMessages {
			t.Fatalf("%d messages, %v", len(messages), bad)
		}
		for _, m := range messages {
			if !json.Valid(m) {
				t.Fatalf("not JSON: %q", m)
			}
		}
	})
}

// FuzzPersonsAnswer: of what a client sends as a person's answer only the
// fields that were asked for come through, bounded.
func FuzzPersonsAnswer(f *testing.F) {
	f.Add([]byte(`{"action":"accept","content":{"command":"ls","more":1}}`))
	f.Add([]byte(`{"action":"accept","content":[1]}`))
	q := commandQuestion(ToolRequest{Description: "d"})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var res mcp.ElicitationResult
		if json.Unmarshal(raw, &res) != nil {
			return
		}
		for name, text := range q.answer(&res) {
			if _, asked := q.fields[name]; !asked || len(text) > maxAnswerField {
				t.Fatalf("%q came through: %.40q", name, text)
			}
		}
	})
}

// FuzzLongTasks sends anything to what serves tasks: it is answered in JSON-RPC,
// as events or whole, or left to the library with its body as it was.
func FuzzLongTasks(f *testing.F) {
	s := New(Options{Backend: &testBackend{}, Version: "test"})
	f.Cleanup(func() { _ = s.Close(context.Background()) })
	s.long.all["t"] = &longTask{id: "t", status: mcp.TaskStatusInputRequired, asked: map[string]json.RawMessage{"a": json.RawMessage(`{}`), "b": json.RawMessage(`{}`)},
		said: map[string]json.RawMessage{}, created: time.Now(), end: func() {}, rpc: json.RawMessage("1"), params: map[string]json.RawMessage{"name": json.RawMessage(`"x"`)},
		request: httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/mcp", nil)}
	f.Add("tasks/get", "t", []byte(`{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"t",`+taskMeta+`}}`))
	f.Add("tasks/update", "t", []byte(`{"jsonrpc":"2.0","id":1,"method":"tasks/update","params":{"taskId":"t","inputResponses":{"0-a":null,"":[]},`+taskMeta+`}}`))
	f.Add("tasks/cancel", "=?base64?eA==?=", []byte(`{"jsonrpc":"2.0","id":[],"method":"tasks/cancel","params":{"taskId":"x",`+taskMeta+`}}`))
	f.Add("subscriptions/listen", "", []byte(`{"jsonrpc":"2.0","id":{},"method":"subscriptions/listen","params":{"notifications":{"taskIds":["t","t","x"]},`+taskMeta+`}}`))
	f.Fuzz(func(t *testing.T, method, name string, body []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a subscription has no more than its first words
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mcp", bytes.NewReader(body))
		r.Header.Set(mcp.HeaderProtocolVersion, mcp.ProtocolVersion20260728)
		r.Header.Set(mcp.HeaderMethod, method)
		r.Header.Set(mcp.HeaderName, name)
		w := httptest.NewRecorder()
		if method == string(mcp.MethodToolsCall) {
			return // FuzzPost makes calls
		}
		if !s.long.take(w, r) {
			if left, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(left, body) {
				t.Fatalf("left to the library: %q, %v", left, err)
			}
			return
		}
		if w.Header().Get("Content-Type") == eventStream {
			for events := bufio.NewReader(w.Body); ; {
				data, err := readEvent(events)
				if err != nil {
					return
				}
				if !json.Valid(data) {
					t.Fatalf("an event that is no JSON: %q", data)
				}
			}
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("HTTP %d: %q", w.Code, w.Body)
		}
	})
}

// FuzzAcknowledgeTasks: an acknowledgement stays one message.
func FuzzAcknowledgeTasks(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"x":1},"notifications":{"toolsListChanged":true}}}`), "t")
	f.Add([]byte(`{"params":{"notifications":[]}}`), "\xff")
	f.Fuzz(func(t *testing.T, text []byte, id string) {
		out := acknowledgeTasks(text, []string{id})
		if !bytes.Equal(out, text) && (!json.Valid(out) || !bytes.Contains(out, []byte(`"taskIds":[`))) {
			t.Fatalf("%q became %q", text, out)
		}
	})
}
