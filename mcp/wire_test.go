package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

// TestErrorsHaveTheRevisionsCode: what is not there is told with the code and
// the status that each revision has for it, and with its address.
func TestErrorsHaveTheRevisionsCode(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	for _, c := range []struct {
		name, method, params  string
		code, modern, modernS int
	}{
		{"absent", "resources/read", `"uri":"lathe://strategy/absent"`, -32002, -32602, 400},
		{"no such kind of address", "resources/read", `"uri":"file:///etc/passwd"`, -32002, -32602, 400},
		{"not an address", "resources/read", `"uri":"lathe://strategy/%zz"`, -32002, -32602, 400},
		{"failing", "resources/read", `"uri":"lathe://strategy/broken"`, -32603, -32603, 200},
		{"prompt without its argument", "prompts/get", `"name":"plan_with_experience"`, -32602, -32602, 400},
		{"no such prompt", "prompts/get", `"name":"absent"`, -32602, -32602, 400},
		{"no such tool", "tools/call", `"name":"absent"`, -32602, -32602, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, version := range []string{mcp.ProtocolVersion20251125, mcp.ProtocolVersion20260728} {
				status, got := h.call(version, c.method, c.params)
				wantCode, wantStatus := c.code, 200
				if mcp.IsModernProtocol(version) {
					wantCode, wantStatus = c.modern, c.modernS
				}
				if got.Error == nil || got.Error.Code != wantCode || status != wantStatus {
					t.Errorf("%s: status %d, %+v; want status %d, code %d", version, status, got.Error, wantStatus, wantCode)
				}
				if c.method == "resources/read" && wantCode != -32603 && (got.Error == nil || !strings.Contains(string(got.Error.Data), "uri")) {
					t.Errorf("%s: without the address: %+v", version, got.Error)
				}
			}
		})
	}
}

// TestProgressComesBeforeTheResult: every report of progress is there, in
// order, and the result after them.
func TestProgressComesBeforeTheResult(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	for _, version := range []string{mcp.ProtocolVersion20251125, mcp.ProtocolVersion20260728} {
		for range 50 {
			_, body := h.post(version, "tools/call", `"name":"request_tool","arguments":{"description":"d","command":"wc -l x"},"_meta":{"progressToken":7`)
			events := strings.Split(strings.TrimSpace(string(body)), "\n\n")
			if len(events) != 4 {
				t.Fatalf("%s: %d events, want three of progress and the result:\n%s", version, len(events), body)
			}
			for i, e := range events {
				wants := fmt.Sprintf(`"progress":%d`, i+1)
				if i == 3 {
					wants = `"structuredContent"`
				}
				if !strings.Contains(e, wants) {
					t.Fatalf("%s: event %d is %s", version, i, e)
				}
			}
		}
	}
}

// httpServer is a Server and one session of the older revision with it.
type httpServer struct {
	t       *testing.T
	server  *Server
	session string
	next    int
}

func newHTTP(t *testing.T, b Backend) *httpServer {
	t.Helper()
	return newHTTPWith(t, Options{Backend: b})
}

func newHTTPWith(t *testing.T, o Options) *httpServer {
	t.Helper()
	o.Version = "test"
	h := &httpServer{t: t, server: New(o)}
	t.Cleanup(func() { _ = h.server.Close(context.Background()) })
	h.session = h.begin("2025-11-25")
	return h
}

// begin begins a session of an older revision.
func (h *httpServer) begin(version string) string {
	h.t.Helper()
	w := h.serve(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, nil)
	session := w.Header().Get("Mcp-Session-Id")
	if session == "" {
		h.t.Fatalf("no session: %d %s", w.Code, w.Body)
	}
	return session
}

// delete ends the session.
func (h *httpServer) delete() {
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodDelete, "/mcp", nil)
	r.Header.Set("Mcp-Session-Id", h.session)
	h.server.ServeHTTP(httptest.NewRecorder(), r)
}

func (h *httpServer) serve(body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return w
}

// post sends a request with params, which may leave _meta open.
func (h *httpServer) post(version, method, params string) (int, []byte) {
	h.t.Helper()
	h.next++
	header := map[string]string{"Mcp-Session-Id": h.session}
	inMeta := strings.Contains(params, `"_meta":{`)
	if mcp.IsModernProtocol(version) {
		meta := fmt.Sprintf(`"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}`, version)
		if inMeta {
			params += "," + meta
		} else {
			params, inMeta = strings.TrimPrefix(params+`,"_meta":{`+meta, ","), true
		}
	}
	if inMeta {
		params += "}"
	}
	if mcp.IsModernProtocol(version) {
		header = map[string]string{mcp.HeaderProtocolVersion: version}
		for k, v := range mcp.StandardHeaders(version, mcp.MCPMethod(method), json.RawMessage("{"+params+"}")) {
			header[k] = v
		}
	}
	w := h.serve(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s}}`, h.next, method, params), header)
	return w.Code, w.Body.Bytes()
}

// rpcReply is a JSON-RPC answer.
type rpcReply struct {
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    json.RawMessage
	}
}

func (h *httpServer) call(version, method, params string) (int, rpcReply) {
	h.t.Helper()
	status, body := h.post(version, method, params)
	if i := bytes.LastIndex(body, []byte("\ndata: ")); i >= 0 { // behind the notifications
		body = body[i+len("\ndata: "):]
	}
	var r rpcReply
	if err := json.Unmarshal(body, &r); err != nil {
		h.t.Fatalf("%s %s: %v: %s", method, params, err, body)
	}
	return status, r
}
