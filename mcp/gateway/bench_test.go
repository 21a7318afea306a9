package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mark3labs/mcp-go/server"
)

// BenchmarkHTTPThroughHTTP is one call through the HTTP face to a server over
// HTTP, all in this process: for profiles. BenchmarkGatewayOverhead of
// server/cmd/lathe compares.
func BenchmarkHTTPThroughHTTP(b *testing.B) {
	upstream := httptest.NewServer(server.NewStreamableHTTPServer(libraryServer()))
	defer upstream.Close()
	g, err := New(Options{Config: servers(ServerConfig{Name: "s", URL: upstream.URL + "/mcp"}), Recorder: &memory{}, ProjectID: "p", SessionID: "s"})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	f, err := NewFace(g, faceToken)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	face := httptest.NewServer(f)
	defer face.Close()
	g.Ready(b.Context())
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__echo","arguments":{"text":"hello"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, face.URL, bytes.NewReader([]byte(call)))
		if err != nil {
			b.Fatal(err)
		}
		for k, v := range map[string]string{"Authorization": "Bearer " + faceToken, "Mcp-Protocol-Version": modernVersion, "Mcp-Method": "tools/call", "Mcp-Name": "s__echo"} {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !bytes.Contains(body, []byte(`"hello"`)) {
			b.Fatalf("HTTP %d %s", resp.StatusCode, body)
		}
	}
}

// BenchmarkStdioThroughStdio is one call of an agent on stdio to a server on
// stdio, which is another process: for profiles, as the other.
func BenchmarkStdioThroughStdio(b *testing.B) {
	r := newRig(b, Options{Config: servers(testServer(b, "s", "library")), Recorder: &memory{}})
	r.mustCall("s__echo", map[string]any{"text": "hello"})
	for b.Loop() {
		r.mustCall("s__echo", map[string]any{"text": "hello"})
	}
}
