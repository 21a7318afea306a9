package mcp

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// maxWatched bounds the resources that one session or stream subscribes to.
	maxWatched = 100
	// updateDelay is how long changes are gathered before subscribers are told:
	// a busy log changes the figures at each call.
	updateDelay = 500 * time.Millisecond
)

// watchers are who subscribed to resources: sessions of the older revisions by
// resources/subscribe, streams of that of 2026-07-28 by subscriptions/listen.
type watchers struct {
	send func(server.ClientSession, mcp.JSONRPCNotification)

	mu      sync.Mutex
	all     map[server.ClientSession]*watcher
	changed map[change]bool
	timer   *time.Timer // runs while something changed; nil otherwise
	closed  bool
}

type watcher struct {
	scope Scope
	uris  map[string]bool
}

// change is a resource that is another now; of one project, or "" for all.
type change struct{ project, uri string }

func newWatchers(send func(server.ClientSession, mcp.JSONRPCNotification)) *watchers {
	return &watchers{send: send, all: map[server.ClientSession]*watcher{}, changed: map[change]bool{}}
}

// hooks follow the library's subscriptions.
func (w *watchers) hooks(h *server.Hooks) {
	h.AddAfterSubscribe(func(ctx context.Context, _ any, req *mcp.SubscribeRequest, _ *mcp.EmptyResult) {
		w.add(server.ClientSessionFromContext(ctx), ScopeOf(ctx), req.Params.URI)
	})
	h.AddAfterUnsubscribe(func(ctx context.Context, _ any, req *mcp.UnsubscribeRequest, _ *mcp.EmptyResult) {
		w.mu.Lock()
		defer w.mu.Unlock()
		session := server.ClientSessionFromContext(ctx)
		if one := w.all[session]; one != nil {
			delete(one.uris, req.Params.URI)
			if len(one.uris) == 0 {
				delete(w.all, session)
			}
		}
	})
	h.AddOnUnregisterSession(func(_ context.Context, session server.ClientSession) { w.drop(session) })
	h.AddBeforeSubscriptionsListen(func(ctx context.Context, _ any, req *mcp.SubscriptionsListenRequest) {
		a, session, scope, uris := answerOfRequest(ctx), server.ClientSessionFromContext(ctx), ScopeOf(ctx), req.Params.Notifications.ResourceSubscriptions
		if a == nil || len(uris) == 0 {
			return
		}
		// The acknowledgement must be the stream's first message.
		a.onAcknowledged(func() {
			w.add(session, scope, uris...)
			context.AfterFunc(ctx, func() { w.drop(session) })
		})
	})
}

func (w *watchers) add(session server.ClientSession, scope Scope, uris ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if session == nil || w.closed {
		return
	}
	one := w.all[session]
	if one == nil {
		one = &watcher{scope: scope, uris: map[string]bool{}}
		w.all[session] = one
	}
	for _, uri := range uris {
		if len(one.uris) < maxWatched && len(uri) <= 1024 {
			one.uris[uri] = true
		}
	}
}

func (w *watchers) drop(session server.ClientSession) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, session)
}

// some reports whether anybody watches anything.
func (w *watchers) some() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all) > 0
}

// note remembers a change for the next time that subscribers are told.
func (w *watchers) note(c change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) == 0 || w.closed {
		return
	}
	w.changed[c] = true
	if w.timer == nil {
		w.timer = time.AfterFunc(updateDelay, w.tell)
	}
}

// tell sends what changed to whoever watches it.
func (w *watchers) tell() {
	w.mu.Lock()
	changed := w.changed
	w.changed, w.timer = map[change]bool{}, nil
	type message struct {
		to  server.ClientSession
		uri string
	}
	var out []message
	for session, one := range w.all {
		for uri := range one.uris {
			if one.sees(uri, changed) {
				out = append(out, message{session, uri})
			}
		}
	}
	w.mu.Unlock()
	for _, m := range out {
		n := mcp.JSONRPCNotification{JSONRPC: mcp.JSONRPC_VERSION}
		n.Method = mcp.MethodNotificationResourceUpdated
		n.Params.AdditionalFields = map[string]any{"uri": m.uri}
		w.send(m.to, n)
	}
}

// sees reports whether a watched resource is among the changed ones. A change of
// an address that ends in a slash is one of everything below it.
func (w *watcher) sees(uri string, changed map[change]bool) bool {
	for c := range changed {
		if c.project != "" && c.project != w.scope.ProjectID && !w.scope.Import {
			continue
		}
		if c.uri == uri || strings.HasSuffix(c.uri, "/") && strings.HasPrefix(uri, c.uri) {
			return true
		}
	}
	return false
}

// close ends the telling.
func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// Watched reports whether any client subscribed to a resource, so that changes
// are worth looking for.
func (s *Server) Watched() bool { return s.watchers.some() }

// Updated tells those who subscribed to a resource of a project ("" for every
// one) that it is another now, half a second later and together with what
// changes until then. An address that ends in a slash means all below it.
func (s *Server) Updated(project, uri string) { s.watchers.note(change{project, uri}) }

// sendTo puts a notification into a session's queue. One that is full belongs
// to a client that takes nothing; it learns the state when it reads again.
func (s *Server) sendTo(session server.ClientSession, n mcp.JSONRPCNotification) {
	if streaming, ok := session.(server.SessionWithStreamableHTTPConfig); ok {
		streaming.UpgradeToSSEWhenReceiveNotification()
	}
	select {
	case session.NotificationChannel() <- n:
	default:
	}
}
