package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// protocolVersion is what the gateway speaks with servers of the older era,
	// modernVersion with those of the newer.
	protocolVersion = mcp.ProtocolVersion20251125
	modernVersion   = mcp.ProtocolVersion20260728
)

// passedCaps are the capabilities of an agent that the gateway passes on: what
// a server may ask it for.
var passedCaps = []string{"sampling", "elicitation", "roots", "extensions", "experimental"}

// agentCaps is what an agent offers, as servers are told it.
func agentCaps(raw []byte) []byte {
	out := []byte("{}")
	for _, name := range passedCaps {
		if v := field(raw, name); v != nil {
			out = withFields(out, change{name, v})
		}
	}
	return withoutTasks(out)
}

// tasksExtension is what agents of the newer era name that can follow a task of
// a server. The gateway waits for each call's end, so servers are not told.
const tasksExtension = "io.modelcontextprotocol/tasks"

// withoutTasks takes that extension off an agent's capabilities.
func withoutTasks(caps []byte) []byte {
	all := field(caps, "extensions")
	if field(all, tasksExtension) == nil {
		return caps
	}
	return withFields(caps, change{"extensions", withFields(all, change{tasksExtension, nil})})
}

// greet is the handshake, and the first lists. A server that refuses the older
// era's is asked in the newer way.
func (u *upstream) greet(ctx context.Context, l link) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var caps []byte
	select { // what the server may ask for depends on the agent
	case <-u.g.met:
		caps = u.g.caps
	case <-l.ended():
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
	result, err := ask(ctx, l, "initialize", map[string]any{"protocolVersion": protocolVersion,
		"capabilities": raw(caps), "clientInfo": u.g.info})
	modern := false
	var refused *rpcError
	switch {
	case errors.As(err, &refused):
		modern = true
		if result, err = ask(ctx, l, "server/discover", map[string]any{"_meta": raw(u.g.modernMeta(caps))}); err != nil {
			return fmt.Errorf("initialize: %w; server/discover: %w", refused, err)
		}
	case err != nil:
		return fmt.Errorf("initialize: %w", err)
	default:
		l.tell("notifications/initialized", nil)
	}
	u.mu.Lock()
	u.modern, u.caps = modern, field(result, "capabilities")
	u.mu.Unlock()
	if h, ok := l.(*httpLink); ok && !modern {
		h.listen()
	}
	return u.list(ctx, l)
}

// modernMeta is what each request of the newer era says of its client.
func (g *Gateway) modernMeta(caps []byte) []byte {
	return encode(map[string]any{mcp.MetaKeyProtocolVersion: modernVersion, mcp.MetaKeyClientInfo: g.info,
		mcp.MetaKeyClientCapabilities: raw(caps)})
}

// follow asks for what the server says by itself: list changes, and the
// resources that agents follow.
func (u *upstream) follow(l link) {
	u.mu.Lock()
	uris := []string{}
	for uri := range u.subs {
		uris = append(uris, uri)
	}
	modern, old := u.modern, u.listen
	u.mu.Unlock()
	if !modern {
		for _, uri := range uris {
			l.send("resources/subscribe", encode(map[string]any{"uri": uri}), nil, func(message, error) {})
		}
		return
	}
	if old != 0 {
		l.cancel(old, "another one follows")
	}
	params := encode(map[string]any{"_meta": raw(u.g.modernMeta(u.g.caps)), "notifications": map[string]any{
		"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": uris}})
	ticket := l.send("subscriptions/listen", params, nil, func(message, error) {})
	u.mu.Lock()
	u.listen = ticket
	u.mu.Unlock()
}

// subscribe follows a resource, or (by -1) follows it no more.
func (u *upstream) subscribe(uri string, by int) {
	u.mu.Lock()
	was := u.subs[uri]
	now := max(0, was+by)
	if u.subs[uri] = now; now == 0 {
		delete(u.subs, uri)
	}
	l, modern := u.link, u.modern
	u.mu.Unlock()
	if l == nil || (was == 0) == (now == 0) {
		return
	}
	if modern {
		u.follow(l)
		return
	}
	method := "resources/subscribe"
	if now == 0 {
		method = "resources/unsubscribe"
	}
	l.send(method, encode(map[string]any{"uri": uri}), nil, func(message, error) {})
}
