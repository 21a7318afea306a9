package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// What a server adds before its stream is open, it announces to nobody: the
// reference server does so with the tools that depend on its client.
func TestWhatChangedBeforeTheStreamIsListed(t *testing.T) {
	var lists atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			startStream(w)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		body, _ := io.ReadAll(r.Body)
		m, err := readMessage(body)
		result := `{}`
		switch {
		case err != nil || m.id == nil:
			w.WriteHeader(http.StatusAccepted)
			return
		case m.method == "initialize":
			result = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"late","version":"1"}}`
		case m.method == "tools/list" && lists.Add(1) == 1:
			result = `{"tools":[{"name":"one","inputSchema":{"type":"object"}}]}`
		case m.method == "tools/list":
			result = `{"tools":[{"name":"one","inputSchema":{"type":"object"}},{"name":"two","inputSchema":{"type":"object"}}]}`
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.id, result)
	}))
	t.Cleanup(s.Close)
	r := newRig(t, Options{Config: servers(ServerConfig{Name: "late", URL: s.URL}), Recorder: &memory{}})
	r.until(func() bool { return len(r.tools()) == 2 })
}
