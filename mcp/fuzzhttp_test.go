package mcp

import (
	"context"
	"encoding/json"
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
