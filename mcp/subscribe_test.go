package mcp

import (
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// TestSubscribersAreTold: who subscribed to a resource learns that it changed,
// once for many changes, and only of its own project.
func TestSubscribersAreTold(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			d := newDaemon(t, &testBackend{})
			if err := d.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := newSession(t, way.connect(t, d), way.version)
			s.watch(d, "lathe://kpi", "lathe://proposal/p1")
			project := ""
			if way.bridged {
				project = "p"
			}
			d.server.Updated("another", "lathe://kpi")
			for range 10 {
				d.server.Updated(project, "lathe://proposal/")
			}
			d.server.Updated(project, "lathe://strategy/s")
			n := s.await(mcp.MethodNotificationResourceUpdated)
			if got := n.Params.AdditionalFields["uri"]; got != "lathe://proposal/p1" {
				t.Errorf("told of %v", got)
			}
			d.server.Updated(project, "lathe://kpi")
			n = s.await(mcp.MethodNotificationResourceUpdated)
			if got := n.Params.AdditionalFields["uri"]; got != "lathe://kpi" {
				t.Errorf("told of %v: a change was told twice, or to another project", got)
			}
		})
	}
}

// watch subscribes, in the way of the session's revision.
func (s *session) watch(d *daemon, uris ...string) {
	s.t.Helper()
	if mcp.IsModernProtocol(s.ProtocolVersion()) {
		stop, err := s.ListenAsync(s.ctx(), mcp.SubscriptionFilter{ResourceSubscriptions: uris}, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(stop)
		s.await(mcp.MethodNotificationSubscriptionsAcknowledged)
	} else {
		for _, uri := range uris {
			req := mcp.SubscribeRequest{}
			req.Params.URI = uri
			if err := s.Subscribe(s.ctx(), req); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	// The client knows of the acknowledgement a moment before it is noted.
	deadline := time.After(patience)
	for !d.server.Watched() {
		select {
		case <-deadline:
			s.t.Fatal("nobody is watching")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestWhoLeavesWatchesNoMore(t *testing.T) {
	h := newHTTP(t, &testBackend{})
	if _, r := h.call(eras[0], "resources/subscribe", `"uri":"lathe://kpi"`); r.Error != nil || !h.server.Watched() {
		t.Fatalf("subscribe: %+v", r.Error)
	}
	if _, r := h.call(eras[0], "resources/unsubscribe", `"uri":"lathe://kpi"`); r.Error != nil || h.server.Watched() {
		t.Fatalf("unsubscribe: %+v", r.Error)
	}
	for range 2 * maxWatched {
		h.next++
		if _, r := h.call(eras[0], "resources/subscribe", `"uri":"lathe://strategy/`+time.Duration(h.next).String()+`"`); r.Error != nil {
			t.Fatal(r.Error)
		}
	}
	h.server.watchers.mu.Lock()
	for _, one := range h.server.watchers.all {
		if len(one.uris) > maxWatched {
			t.Errorf("one session watches %d resources", len(one.uris))
		}
	}
	h.server.watchers.mu.Unlock()
	h.delete()
	if h.server.Watched() {
		t.Error("a session that ended watches")
	}
}
