package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// FuzzAgentFrames feeds an agent's bytes to a whole gateway. Whatever comes in,
// each line that goes out is JSON, and it ends with its input.
func FuzzAgentFrames(f *testing.F) {
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` + "\n"
	f.Add([]byte(hello + `{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n" + `[{"jsonrpc":"2.0","id":3,"method":"ping"},7,[]]`))
	f.Add([]byte(hello + `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"s__x","arguments":{}}}` + "\n{\n\"\"\n"))
	f.Add([]byte(`{"jsonrpc":"2.0","id":"a","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}` + "\n" + `{"method":"notifications/cancelled","params":{"requestId":"a"}}`))
	f.Add([]byte(`{"id":-1.5e3,"result":{}}` + "\n" + `{"method":"resources/subscribe","id":{},"params":{"uri":7}}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		g, err := New(Options{Recorder: &memory{}, ProjectID: "p", SessionID: "s"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = g.Serve(t.Context(), bytes.NewReader(input), &out)
		g.Close()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	})
}

// FuzzFace sends anything to the gateway's HTTP face: what it answers as JSON is
// JSON.
func FuzzFace(f *testing.F) {
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, "", "", "")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`, "2026-07-28", "tools/list", "")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`, "2026-07-28", "tools/call", "=?base64?eA==?=")
	f.Add(`[{"id":1}]`, "", "", "")
	g, err := New(Options{Recorder: &memory{}, ProjectID: "p", SessionID: "s"})
	if err != nil {
		f.Fatal(err)
	}
	face, err := NewFace(g, faceToken)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		face.Close()
		g.Close()
	})
	f.Fuzz(func(t *testing.T, body, version, method, name string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a subscription never ends
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/mcp", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+faceToken)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		for key, value := range map[string]string{mcp.HeaderProtocolVersion: version, mcp.HeaderMethod: method, mcp.HeaderName: name} {
			if value != "" {
				r.Header.Set(key, value)
			}
		}
		w := httptest.NewRecorder()
		face.ServeHTTP(w, r)
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("HTTP %d, not JSON: %q", w.Code, w.Body)
		}
	})
}
