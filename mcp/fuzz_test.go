package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzBridgeInput feeds a client's bytes to a whole bridge whose daemon
// answers everything. Whatever comes in, each line that goes out is one
// JSON-RPC message and the bridge ends without an error.
func FuzzBridgeInput(f *testing.F) {
	f.Add([]byte(sayInitialize + "\n" + sayInitialized + "\n"))
	f.Add([]byte("{\n[]\n\"\"\r\n\n null \n{}"))
	f.Add([]byte(`{"id":1,"method":"tools/call","params":{"name":"run_tool","_meta":` + modernMeta + `}}`))
	f.Add([]byte(`{"id":1,"method":"subscriptions/listen","params":{"_meta":` + modernMeta + `}}` + "\n" + `{"method":"notifications/cancelled","params":{"requestId":1}}`))
	f.Add([]byte(`{"id":"a","result":{}}` + "\n" + `{"id":-1.5e3,"method":"ping"}` + "\n" + `{"ID":1,"Method":"initialized"}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		var out bytes.Buffer
		err := Bridge(t.Context(), BridgeOptions{In: bytes.NewReader(input), Out: &out, URL: "http://lathe/mcp",
			Client: &http.Client{Transport: echo{}}})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			var e envelope
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %q", err, line)
			}
			if e.ID == nil && e.Method == "" {
				t.Fatalf("neither answer nor notification: %q", line)
			}
		}
	})
}

// echo is a daemon that says yes.
type echo struct{}

func (echo) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusMethodNotAllowed, Header: http.Header{}, Body: http.NoBody, Request: r}
	if r.Method != http.MethodPost {
		return resp, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	resp.StatusCode = http.StatusAccepted
	if e.ID != nil && e.Method != "" {
		resp.StatusCode = http.StatusOK
		resp.Header.Set("Content-Type", "application/json")
		resp.Header.Set("Mcp-Session-Id", "s")
		resp.Body = io.NopCloser(bytes.NewReader(encode(map[string]any{"jsonrpc": "2.0", "id": e.ID, "result": map[string]any{"protocolVersion": "2025-11-25"}})))
	}
	return resp, nil
}

// FuzzNextLine: the lines are the input's, whatever their length.
func FuzzNextLine(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n  c"), 16)
	f.Add([]byte(strings.Repeat("x", 100)+"\ny"), 40)
	f.Fuzz(func(t *testing.T, input []byte, limit int) {
		limit = 1 + min(max(limit, 0), 1000)
		br := bufio.NewReaderSize(bytes.NewReader(input), 16)
		var want []inputLine
		for _, line := range bytes.SplitAfter(input, []byte("\n")) {
			text := bytes.TrimSpace(line)
			if len(line) > limit+2 { // two bytes for the line's end
				want = append(want, inputLine{tooLong: true})
			} else if len(text) > 0 {
				want = append(want, inputLine{text: text})
			}
		}
		for i := 0; ; i++ {
			line := nextLine(br, limit)
			if line.end != nil {
				if line.end != io.EOF || i != len(want) {
					t.Fatalf("ended with %v after %d of %d lines", line.end, i, len(want))
				}
				return
			}
			if i >= len(want) || line.tooLong != want[i].tooLong || !bytes.Equal(line.text, want[i].text) {
				t.Fatalf("line %d is %q, too long %v", i, line.text, line.tooLong)
			}
		}
	})
}

// FuzzReadEvent: whatever a daemon sends, an event is bounded or an error.
func FuzzReadEvent(f *testing.F) {
	f.Add([]byte("event: message\ndata: {}\n\n"))
	f.Add([]byte(": c\r\ndata:a\r\ndata: b\r\n\r\n\n\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		br := bufio.NewReaderSize(bytes.NewReader(input), 16)
		for total := 0; ; {
			data, err := readEvent(br)
			if err != nil {
				return
			}
			if total += len(data); total > len(input) {
				t.Fatal("more came out than went in")
			}
		}
	})
}
