package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
)

var eras = []string{mcp.ProtocolVersion20251125, mcp.ProtocolVersion20260728}

func TestCompletions(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	for _, c := range []struct {
		ref, name, prefix string
		first             string
		values, total     int
	}{
		{`{"type":"ref/resource","uri":"lathe://tool/{name}"}`, "name", "", "tool-000", 100, 150},
		{`{"type":"ref/resource","uri":"lathe://strategy/{id}"}`, "id", "strategy-14", "strategy-140", 10, 10},
		{`{"type":"ref/resource","uri":"lathe://kpi/{project}"}`, "project", "project-149", "project-149", 1, 1},
		{`{"type":"ref/prompt","name":"explain_this_failure"}`, "failure", "failure-1", "failure-100", 50, 50},
		{`{"type":"ref/prompt","name":"specify_a_tool"}`, "purpose", "x", "", 0, 0},
		{`{"type":"ref/resource","uri":"lathe://tool/{name}"}`, "name", strings.Repeat("x", 2000), "", 0, 0},
	} {
		for _, version := range eras {
			_, r := h.call(version, "completion/complete", fmt.Sprintf(`"ref":%s,"argument":{"name":%q,"value":%q}`, c.ref, c.name, c.prefix))
			var got mcp.CompleteResult
			if err := json.Unmarshal(r.Result, &got); err != nil || r.Error != nil {
				t.Fatalf("%s: %v %+v", c.ref, err, r.Error)
			}
			v := got.Completion
			if len(v.Values) != c.values || v.Total != c.total || v.HasMore != (c.total > c.values) || c.values > 0 && v.Values[0] != c.first {
				t.Errorf("%s %s %.20q: %d of %d, more %v, %v", version, c.ref, c.prefix, len(v.Values), v.Total, v.HasMore, v.Values[:min(1, len(v.Values))])
			}
		}
	}
	for _, ref := range []string{`{"type":"ref/prompt","name":"absent"}`, `{"type":"ref/resource","uri":"lathe://absent/{id}"}`} {
		if _, r := h.call(eras[0], "completion/complete", fmt.Sprintf(`"ref":%s,"argument":{"name":"id","value":""}`, ref)); r.Error == nil || r.Error.Code != mcp.INVALID_PARAMS {
			t.Errorf("%s: %+v", ref, r.Error)
		}
	}
}

// TestPages: a long list comes in pages, each tool once, and always in the same
// order.
func TestPages(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	var all []string
	for i := range 250 {
		all = append(all, fmt.Sprintf("made_%03d", i))
	}
	for _, err := range h.server.SetGenerated(generatedTools(all...)) {
		t.Fatal(err)
	}
	all = append(all, ownNames...)
	slices.Sort(all)
	for _, version := range eras {
		var got []string
		for cursor := ""; ; {
			_, r := h.call(version, "tools/list", fmt.Sprintf(`"cursor":%q`, cursor))
			var page mcp.ListToolsResult
			if err := json.Unmarshal(r.Result, &page); err != nil || len(page.Tools) > 100 {
				t.Fatalf("%v: a page of %d", err, len(page.Tools))
			}
			for _, tool := range page.Tools {
				got = append(got, tool.Name)
			}
			if cursor = string(page.NextCursor); cursor == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("%s: %d tools, want %d in order", version, len(got), len(all))
		}
		if _, r := h.call(version, "tools/list", `"cursor":"not base64"`); r.Error == nil || r.Error.Code != mcp.INVALID_PARAMS {
			t.Errorf("%s: a cursor that nobody gave out: %+v", version, r.Error)
		}
	}
}

// person answers forms.
type person struct {
	action mcp.ElicitationResponseAction
	says   map[string]any
	asked  chan string
}

func (p person) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.asked <- r.Params.Message
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: p.action, Content: p.says}}, nil
}

// TestPersonIsAsked: a tool that is asked for without a command asks the person
// for one, over every way and in both eras; who declines, or has no form, gets
// the tool's own answer.
func TestPersonIsAsked(t *testing.T) {
	for _, way := range ways {
		if way.version < mcp.ProtocolVersion20250618 {
			continue // it has no elicitation
		}
		t.Run(way.name, func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				action mcp.ElicitationResponseAction
				says   map[string]any
				want   string
			}{
				{mcp.ElicitationResponseActionAccept, map[string]any{"command": "wc -l a", "example": "wc -l b"}, "count from wc -l a, 1 examples"},
				{mcp.ElicitationResponseActionAccept, map[string]any{"command": "", "example": "wc -l b"}, "count from , 0 examples"},
				{mcp.ElicitationResponseActionDecline, nil, "count from , 0 examples"},
			} {
				p := person{c.action, c.says, make(chan string, 10)}
				s := newSessionWith(t, way.connect(t, d), way.version, client.WithElicitationHandler(p))
				if got := said(t, s.mustCall("request_tool", map[string]any{"description": "count"})); got != c.want {
					t.Errorf("%s %v: %q, want %q", c.action, c.says, got, c.want)
				}
				if len(p.asked) != 1 {
					t.Errorf("%s: the person was asked %d times", c.action, len(p.asked))
				}
			}
			plain := newSession(t, way.connect(t, d), way.version)
			if got := said(t, plain.mustCall("request_tool", map[string]any{"description": "count"})); got != "count from , 0 examples" {
				t.Errorf("a client without forms: %q", got)
			}
		})
	}
}

func said(t *testing.T, res *mcp.CallToolResult) string {
	t.Helper()
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var r ToolRequestResult
	if err := json.Unmarshal(raw, &r); err != nil || res.IsError {
		t.Fatalf("%v: %s %+v", err, raw, res.Content)
	}
	return r.Message
}

// TestCancelledCallEnds: the backend learns that a call was given up.
func TestCancelledCallEnds(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			running, ended := make(chan bool, 1), make(chan error, 1)
			d := newDaemon(t, &testBackend{run: func(ctx context.Context, _ string, _ json.RawMessage) (ToolRun, error) {
				running <- true
				<-ctx.Done()
				ended <- ctx.Err()
				return ToolRun{}, ctx.Err()
			}})
			d.deploy("count_errors")
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := newSession(t, way.connect(t, d), way.version)
			ctx, cancel := context.WithCancel(s.ctx())
			done := make(chan error, 1)
			go func() {
				req := mcp.CallToolRequest{}
				req.Params.Name, req.Params.Arguments = "count_errors", map[string]any{"word": "x"}
				_, err := s.CallTool(ctx, req)
				done <- err
			}()
			<-running
			cancel()
			if err := <-done; err == nil {
				t.Error("the cancelled call gave a result")
			}
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("the backend goes on")
			}
		})
	}
}

// TestIdleSessionsAreReclaimed: a session without traffic is forgotten, one with
// traffic is not.
func TestIdleSessionsAreReclaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHTTPWith(t, Options{Backend: &testBackend{}, SessionIdle: time.Minute})
		other := h.begin("2025-03-26")
		ping := func(session string) int {
			return h.serve(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, map[string]string{"Mcp-Session-Id": session}).Code
		}
		for range 10 {
			time.Sleep(30 * time.Second)
			if got := ping(h.session); got != http.StatusOK {
				t.Fatalf("the session that is used: %d", got)
			}
		}
		if got := ping(other); got != http.StatusNotFound {
			t.Errorf("the session that was left: %d", got)
		}
		h.server.batches.mu.Lock()
		remembered := len(h.server.batches.sessions)
		h.server.batches.mu.Unlock()
		if remembered != 0 {
			t.Errorf("%d sessions are remembered", remembered)
		}
		if err := h.server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestBatches: they are of one revision only.
func TestBatches(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	old := h.begin("2025-03-26")
	const two = `{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"request_tool","arguments":{"description":"d","command":"c"},"_meta":{"progressToken":1}}}`
	for _, c := range []struct {
		name, session, body string
		status              int
		want                []string
	}{
		{"two requests", old, " [" + two + "]", 200, []string{`"id":1`, `"id":"b"`, `"structuredContent"`}},
		{"only a notification", old, `[{"jsonrpc":"2.0","method":"notifications/initialized"}]`, 202, nil},
		{"with what cannot be read", old, `[{"jsonrpc":"2.0","id":1,"method":"ping"},7]`, 200, []string{`"id":1`, `-32700`}},
		{"none", old, `[]`, 400, []string{"-32600"}},
		{"not JSON", old, `[{]`, 400, []string{"-32700"}},
		{"initialize", old, `[{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}]`, 400, []string{"-32600"}},
		{"another revision", h.session, "[" + two + "]", 400, []string{"-32600", "2025-03-26"}},
		{"no session", "", "[" + two + "]", 400, []string{"-32600"}},
		{"too many", old, "[" + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"ping"},`, 100) + `{}]`, 400, []string{"-32600"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := h.serve(c.body, map[string]string{"Mcp-Session-Id": c.session})
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			for _, want := range c.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("without %s: %s", want, w.Body)
				}
			}
		})
	}
}

func TestForeignOriginIsRefused(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	for origin, want := range map[string]int{
		"": 200, "http://localhost:3000": 200, "https://127.0.0.1": 200, "http://[::1]:80": 200,
		"http://evil.example": 403, "http://localhost.evil.example": 403, "null": 403, "file://": 403,
	} {
		if got := h.serve(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, map[string]string{"Mcp-Session-Id": h.session, "Origin": origin}).Code; got != want {
			t.Errorf("Origin %q: %d, want %d", origin, got, want)
		}
	}
}
