package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
)

// brokenAnswers are answers of the tool of their name, which keep neither JSON
// nor the protocol; ID is the request's.
var brokenAnswers = map[string]string{
	"deep":     `{"jsonrpc":"2.0","id":ID,"result":{"content":[],"x":` + strings.Repeat("[", 300_000) + strings.Repeat("]", 300_000) + `}}`,
	"deeplast": `{"result":{"content":[],"x":` + strings.Repeat("[", 300_000) + strings.Repeat("]", 300_000) + `},"jsonrpc":"2.0","id":ID}`,
	"cut":      `{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","te`,
	"content":  `{"jsonrpc":"2.0","id":ID,"result":{"content":"notalist"}}`,
	"iserror":  `{"jsonrpc":"2.0","id":ID,"result":{"content":[],"isError":"maybe"}}`,
	"strings":  `{"jsonrpc":"2.0","id":ID,"result":{"content":[ "text"]}}`,
	"list":     `{"jsonrpc":"2.0","id":ID,"result":[]}`,
	"empty":    `{"jsonrpc":"2.0","id":ID}`,
	"nulls":    `{"jsonrpc":"2.0","id":ID,"result":{"content":[ ],"isError":null}}`,
	"fine":     `{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"fine"}]}}`,
}

// brokenAnswer is what the broken server says to a request; "" is nothing.
func brokenAnswer(m message) string {
	answer := `{"jsonrpc":"2.0","id":ID,"result":{}}`
	switch m.method {
	case "initialize":
		answer = `{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"broken","version":"1"}}}`
	case "tools/list":
		var tools []string
		for name := range brokenAnswers {
			tools = append(tools, `{"name":"`+name+`","inputSchema":{"type":"object"}}`)
		}
		answer = `{"jsonrpc":"2.0","id":ID,"result":{"tools":[` + strings.Join(tools, ",") + `]}}`
	case "tools/call":
		answer = brokenAnswers[text(field(m.params, "name"))]
	}
	return strings.Replace(answer, "ID", string(m.id), 1)
}

// brokenServer breaks JSON and the protocol on stdio.
func brokenServer(in io.Reader, out io.Writer) {
	for r := bufio.NewReader(in); ; {
		line, _, err := readFrame(r, maxFrame)
		if m, wrong := readMessage(line); wrong == nil && m.id != nil {
			_, _ = io.WriteString(out, brokenAnswer(m)+"\n")
		}
		if err != nil {
			return
		}
	}
}

// brokenHTTP does so behind a URL; streams it leaves open.
func brokenHTTP(t *testing.T, streams bool) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, err := readMessage(body)
		switch {
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case err != nil || m.id == nil:
			w.WriteHeader(http.StatusAccepted)
		case streams:
			startStream(w)
			_, _ = fmt.Fprintf(w, "event: message\ndata: %s\n\n", brokenAnswer(m))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, brokenAnswer(m))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// newBroken is a gateway before the broken server and a sound one.
func newBroken(t *testing.T, transport string) (*rig, *memory) {
	cfg := testServer(t, "b", "broken")
	if transport != "stdio" {
		cfg = ServerConfig{Name: "b", URL: brokenHTTP(t, transport == "stream")}
	}
	m := &memory{}
	r := newRig(t, Options{Config: servers(cfg, testServer(t, "s", "library")), Recorder: m})
	r.until(func() bool { tools := r.tools(); return tools["b__fine"].Name != "" && tools["s__echo"].Name != "" })
	return r, m
}

// An answer that cannot be read ends its call with an error, and no other.
func TestUnreadableAnswersEndTheirCall(t *testing.T) {
	for _, transport := range []string{"stdio", "json", "stream"} {
		t.Run(transport, func(t *testing.T) {
			r, m := newBroken(t, transport)
			waiting := make(chan *mcp.CallToolResult, 1)
			go func() {
				res, _ := r.call(t.Context(), "s__echo", map[string]any{"text": "neighbour"})
				waiting <- res
			}()
			for _, tool := range []string{"deep", "deeplast", "cut"} {
				if texts, failed := r.mustCall("b__"+tool, nil); !failed || !strings.Contains(texts[0], "cannot be read") {
					t.Errorf("%s: %.300q, failed %v", tool, texts, failed)
				}
			}
			if texts, failed := r.mustCall("b__fine", nil); failed || texts[0] != "fine" {
				t.Errorf("after them: %.300q, failed %v", texts, failed)
			}
			if res := <-waiting; res == nil || res.IsError {
				t.Errorf("the neighbour's call: %+v", res)
			}
			r.closed()
			if recs := m.of("b__deep"); len(recs) != 1 || recs[0].Status != learn.StatusFailure {
				t.Errorf("recorded: %+v", recs)
			}
		})
	}
}

// An answer that is JSON and no result of a call is not the agent's to read.
func TestAnswersAgainstTheProtocolAreNotPassedOn(t *testing.T) {
	r, m := newBroken(t, "stdio")
	for tool, want := range map[string]string{"content": "content is no list", "strings": "content is no list",
		"iserror": "isError is neither", "list": "no object", "empty": "no object"} {
		if texts, failed := r.mustCall("b__"+tool, nil); !failed || !strings.Contains(strings.Join(texts, ""), "broke the protocol") || !strings.Contains(texts[0], want) {
			t.Errorf("%s: %.300q, failed %v", tool, texts, failed)
		}
	}
	if texts, failed := r.mustCall("b__nulls", nil); failed || len(texts) != 0 {
		t.Errorf("an empty result: %.300q, failed %v", texts, failed)
	}
	r.closed()
	recs := m.of("b__content")
	if len(recs) != 1 || recs[0].Status != learn.StatusFailure || recs[0].ErrorDetails == nil {
		t.Errorf("recorded: %+v", recs)
	}
}
