package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

const faceToken = "a-token-of-some-length"

// newFace serves a gateway before a hand-written server over HTTP.
func newFace(t *testing.T, modernServer bool) (*Gateway, string) {
	g, _ := newHand(t, "stdio", modernServer)
	f, err := NewFace(g, faceToken)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		f.Close()
		s.CloseClientConnections()
		s.Close()
	})
	return g, s.URL
}

// answering is an agent's person.
type answering struct{}

func (answering) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"name": "Ada"}}}, nil
}

// A library's client of either era uses the gateway over HTTP.
func TestFaceServesBothEras(t *testing.T) {
	for _, modern := range []bool{false, true} {
		t.Run(map[bool]string{false: "older", true: "newer"}[modern], func(t *testing.T) {
			_, url := newFace(t, false)
			how := []transport.StreamableHTTPCOption{transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + faceToken})}
			if !modern { // with the stream of the older era
				how = append(how, transport.WithContinuousListening(), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)))
			}
			tr, err := transport.NewStreamableHTTP(url, how...)
			if err != nil {
				t.Fatal(err)
			}
			options := []client.ClientOption{client.WithElicitationHandler(answering{})}
			if !modern {
				options = append(options, client.WithLegacyProtocolOnly())
			}
			c := client.NewClient(tr, options...)
			t.Cleanup(func() { _ = c.Close() })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := c.Start(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Initialize(ctx, mcp.InitializeRequest{}); err != nil {
				t.Fatal(err)
			}
			if got := mcp.IsModernProtocol(c.ProtocolVersion()); got != modern {
				t.Errorf("the client speaks %s", c.ProtocolVersion())
			}
			list, err := c.ListTools(ctx, mcp.ListToolsRequest{})
			if err != nil || len(list.Tools) != 3 {
				t.Fatalf("tools: %+v, %v", list, err)
			}
			var req mcp.CallToolRequest
			for tool, want := range map[string]string{"h__steps": "done", "h__ask": "you said Ada"} {
				req.Params.Name = tool
				req.Params.Meta = &mcp.Meta{ProgressToken: "t"}
				res, err := c.CallTool(ctx, req)
				if err != nil || len(res.Content) != 1 || res.Content[0].(mcp.TextContent).Text != want {
					t.Errorf("%s: %+v, %v", tool, res, err)
				}
			}
		})
	}
}

func TestFaceRefuses(t *testing.T) {
	_, url := newFace(t, false)
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	const young = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
	for _, c := range []struct {
		what, method, body string
		header             map[string]string
		want               int
	}{
		{"no token", "POST", ping, map[string]string{"Authorization": ""}, 401},
		{"another token", "POST", ping, map[string]string{"Authorization": "Bearer " + faceToken + "x"}, 401},
		{"another site's page", "POST", ping, map[string]string{"Origin": "https://evil.example"}, 403},
		{"another name of this machine", "POST", ping, map[string]string{"Host": "evil.example"}, 403},
		{"no session", "POST", ping, nil, 404},
		{"no message", "POST", "[1]", nil, 400},
		{"a stream without a session", "GET", "", nil, 404},
		{"a stream in the newer era", "GET", "", map[string]string{"Mcp-Protocol-Version": "2026-07-28"}, 405},
		{"headers that say less than the body", "POST", young, nil, 400},
		{"the newer era as it is meant", "POST", young, map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "ping"}, 200},
		{"a page of this machine", "POST", young, map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "ping", "Origin": "http://localhost:3000"}, 200},
		{"another method", "PUT", ping, nil, 405},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+faceToken)
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		if h := c.header["Host"]; h != "" {
			req.Host = h
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: HTTP %d, want %d: %s", c.what, resp.StatusCode, c.want, body)
		}
	}
	if _, err := NewFace(nil, "short"); err == nil {
		t.Error("a short token was taken")
	}
	http.DefaultClient.CloseIdleConnections()
}

// Sessions that agents leave behind do not stay.
func TestFaceSessionsEnd(t *testing.T) {
	g, _ := newHand(t, "stdio", false)
	f, err := NewFace(g, faceToken)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, s := f.begin()
	f.unuse(s)
	for range maxSessions - 1 {
		_, s := f.begin()
		f.unuse(s)
	}
	if _, s := f.begin(); s != nil {
		t.Error("there is no end of sessions")
	}
	f.mu.Lock()
	for other, s := range f.sessions {
		if other != id {
			s.used = s.used.Add(-2 * idleTime)
		}
	}
	f.mu.Unlock()
	if _, s := f.begin(); s == nil {
		t.Error("idle sessions stay")
	}
	if f.use(id) == nil {
		t.Error("a session in use was ended")
	}
	g.mu.Lock()
	n := len(g.peers)
	g.mu.Unlock()
	if n != 2 {
		t.Errorf("%d agents are connected, want 2", n)
	}
}
