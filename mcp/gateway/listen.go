package gateway

import (
	"maps"

	"github.com/mark3labs/mcp-go/mcp"
)

// listen is a subscription of an agent of the newer era.
type listen struct {
	emit                      func([]byte)
	id                        []byte
	tools, prompts, resources bool
	uris                      map[string]*upstream
}

// listen opens a subscription, which ends with the agent's cancellation or its
// connection.
func (g *Gateway) listen(x *exchange) {
	want := field(x.params, "notifications")
	l := &listen{emit: x.emit, id: x.id, uris: map[string]*upstream{},
		tools:     string(field(want, "toolsListChanged")) == "true",
		prompts:   string(field(want, "promptsListChanged")) == "true",
		resources: string(field(want, "resourcesListChanged")) == "true"}
	uris := []string{}
	c := g.catalog.Load()
	eachItem(field(want, "resourceSubscriptions"), func(v []byte) {
		uri := text(v)
		if u := c.owner(uri); u != nil && len(uris) < 1000 && l.uris[uri] == nil {
			l.uris[uri] = u
			uris = append(uris, uri)
		}
	})
	over := x.over
	x.over = func() {
		x.p.mu.Lock()
		delete(x.p.listens, string(x.id))
		x.p.mu.Unlock()
		l.release()
		over()
	}
	granted := map[string]any{}
	for name, on := range map[string]bool{"toolsListChanged": l.tools, "promptsListChanged": l.prompts, "resourcesListChanged": l.resources} {
		if on {
			granted[name] = true
		}
	}
	if len(uris) > 0 {
		granted["resourceSubscriptions"] = uris
	}
	x.emit(requestFrame(nil, mcp.MethodNotificationSubscriptionsAcknowledged, encode(map[string]any{"notifications": granted, "_meta": l.mark()})))
	if len(granted) == 0 {
		x.result(encode(map[string]any{"resultType": "complete", "_meta": l.mark()}))
		return
	}
	owners := maps.Clone(l.uris)
	x.p.mu.Lock()
	x.p.listens[string(x.id)] = l
	x.p.mu.Unlock()
	for uri, u := range owners { // now: a server may say at once that one changed
		u.subscribe(uri, 1)
	}
}

func (l *listen) mark() map[string]any {
	return map[string]any{mcp.MetaKeySubscriptionID: raw(l.id)}
}

// release follows the resources of a subscription no more.
func (l *listen) release() {
	for uri, u := range l.uris {
		u.subscribe(uri, -1)
	}
	l.uris = nil
}

// wants reports whether a subscription is for a notification.
func (l *listen) wants(method, uri string) bool {
	switch method {
	case "notifications/tools/list_changed":
		return l.tools
	case "notifications/prompts/list_changed":
		return l.prompts
	case "notifications/resources/list_changed":
		return l.resources
	case "notifications/resources/updated":
		return l.uris[uri] != nil
	}
	return false
}

// tell sends a notification to the agents that want it; uri is of a resource
// that was updated.
func (g *Gateway) tell(method, uri string, params []byte) {
	type to struct {
		emit  func([]byte)
		frame []byte
	}
	var all []to
	g.mu.Lock()
	for p := range g.peers {
		p.mu.Lock()
		if p.ready && (uri == "" || p.subs[uri] != nil) {
			all = append(all, to{p.emit, requestFrame(nil, method, params)})
		}
		for _, l := range p.listens {
			if l.wants(method, uri) {
				all = append(all, to{l.emit, requestFrame(nil, method, withFields(params, change{"_meta", encode(l.mark())}))})
			}
		}
		p.mu.Unlock()
	}
	g.mu.Unlock()
	for _, t := range all {
		t.emit(t.frame)
	}
}

// broadcast sends a notification to all agents of the older era.
func (g *Gateway) broadcast(method string, params []byte) {
	for _, p := range g.ready() {
		p.emit(requestFrame(nil, method, params))
	}
}

// updated says that a resource changed.
func (g *Gateway) updated(uri string, params []byte) {
	if uri != "" {
		g.tell("notifications/resources/updated", uri, compact(params))
	}
}
