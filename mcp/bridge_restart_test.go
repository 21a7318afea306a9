package mcp

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

// serve serves another handler in the daemon's place.
func (d *daemon) serve(t testing.TB, h http.Handler) {
	t.Helper()
	ln, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ln)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

var bridged = []struct{ name, version string }{
	{"legacy", mcp.ProtocolVersion20251125},
	{"modern", mcp.ProtocolVersion20260728},
}

// TestRestartInMidSession: the agent notices nothing but the delay.
func TestRestartInMidSession(t *testing.T) {
	for _, era := range bridged {
		t.Run(era.name, func(t *testing.T) {
			b := &testBackend{}
			d := newDaemon(t, b)
			s := newSession(t, overBridge(t, d), era.version)
			s.tools()
			for i, name := range []string{"first_tool", "second_tool", "third_tool"} {
				d.kill()
				d.deploy(name) // while it is down
				if res := s.mustCall("recall", map[string]any{"prompt": "x"}); res.IsError {
					t.Fatalf("after restart %d: %v", i+1, res.Content)
				}
				s.await(mcp.MethodNotificationToolsListChanged)
				if _, ok := s.tools()[name]; !ok {
					t.Errorf("%s is not listed after the restart", name)
				}
				if res := s.mustCall(name, map[string]any{"word": "x"}); res.IsError {
					t.Errorf("%s: %v", name, res.Content)
				}
			}
			// The streams work, too.
			d.deploy("fourth_tool")
			s.await(mcp.MethodNotificationToolsListChanged)
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, sc := range b.scopes {
				if sc.SessionID != b.scopes[0].SessionID || sc.ProjectID != "p" {
					t.Errorf("the session became another one: %+v, %+v", b.scopes[0], sc)
				}
			}
		})
	}
}

// TestRestartOfAnIdleSession: nobody asks anything, and the change arrives.
func TestRestartOfAnIdleSession(t *testing.T) {
	for _, era := range bridged {
		t.Run(era.name, func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			s := newSession(t, overBridge(t, d), era.version)
			s.tools()
			d.kill()
			d.deploy("count_errors")
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := s.await(mcp.MethodNotificationToolsListChanged)
			if mcp.IsModernProtocol(era.version) && n.Params.Meta[mcp.MetaKeySubscriptionID] == nil {
				t.Errorf("the notification names no subscription: %+v", n)
			}
			if _, ok := s.tools()["count_errors"]; !ok {
				t.Error("not listed")
			}
			for len(s.notes) > 0 {
				if n := <-s.notes; n.Method == mcp.MethodNotificationSubscriptionsAcknowledged {
					t.Error("the subscription was acknowledged twice")
				}
			}
		})
	}
}

// TestCallsUnderWay: what only reads is asked again, what may have run is not.
func TestCallsUnderWay(t *testing.T) {
	for _, era := range bridged {
		for _, c := range []struct {
			tool   string
			repeat bool
		}{{"recall", true}, {"run_tool", false}, {"count_errors", false}} {
			t.Run(era.name+" "+c.tool, func(t *testing.T) {
				entered := make(chan struct{})
				var first sync.Once
				hang := func(ctx context.Context) {
					first.Do(func() {
						close(entered)
						<-ctx.Done()
					})
				}
				b := &testBackend{
					recall: func(ctx context.Context, _ RecallQuery) (RecallResult, error) {
						hang(ctx)
						return RecallResult{}, ctx.Err()
					},
					run: func(ctx context.Context, name string, _ json.RawMessage) (ToolRun, error) {
						hang(ctx)
						return ToolRun{Name: name}, ctx.Err()
					},
				}
				d := newDaemon(t, b)
				d.deploy("count_errors")
				s := newSession(t, overBridge(t, d), era.version)
				go func() {
					<-entered
					d.kill()
				}()
				arguments := map[string]any{"word": "x"}
				if c.tool == "run_tool" {
					arguments = map[string]any{"name": "count_errors", "arguments": map[string]any{"word": "x"}}
				}
				res, err := s.call(c.tool, arguments)
				if c.repeat {
					if err != nil || res.IsError {
						t.Errorf("got %v, %v; want an answer", res, err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), "not known") {
					t.Errorf("got %v, want an error that says what is not known", err)
				}
				b.mu.Lock()
				times := len(b.ran)
				b.mu.Unlock()
				if times != 1 {
					t.Errorf("it ran %d times", times)
				}
				if res := s.mustCall(c.tool, arguments); res.IsError {
					t.Errorf("the next call: %v", res.Content)
				}
			})
		}
	}
}

// TestSessionForgotten: the daemon runs but does not know the session any more.
func TestSessionForgotten(t *testing.T) {
	d := newDaemon(t, &testBackend{})
	s := newSession(t, overBridge(t, d), mcp.ProtocolVersion20251125)
	s.tools()
	if err := d.server.Close(t.Context()); err != nil { // as the sweep of idle sessions does
		t.Fatal(err)
	}
	s.await(mcp.MethodNotificationToolsListChanged)
	if res := s.mustCall("recall", nil); res.IsError {
		t.Errorf("%v", res.Content)
	}
}

// TestManyCallsOverARestart: all are answered.
func TestManyCallsOverARestart(t *testing.T) {
	for _, era := range bridged {
		t.Run(era.name, func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			s := newSession(t, overBridge(t, d), era.version)
			var group sync.WaitGroup
			for i := range 40 {
				group.Go(func() {
					for range 10 {
						res, err := s.call("recall", map[string]any{"prompt": "x"})
						if err != nil || res.IsError {
							t.Errorf("caller %d: %v %v", i, res, err)
						}
					}
				})
			}
			for range 3 {
				s.mustCall("review_status", nil)
				d.kill()
				os.Remove(d.socket)
			}
			group.Wait()
			if d.starts < 2 {
				t.Errorf("the daemon was started %d times", d.starts)
			}
		})
	}
}
