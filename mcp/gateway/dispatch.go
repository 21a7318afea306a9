package gateway

import (
	"strconv"

	"github.com/mark3labs/mcp-go/mcp"
)

// take serves one message of an agent. emit gets what concerns this message,
// and final its answer; without final that goes where the rest goes. Unless the
// agent's goroutine is its messages' alone, take does not wait for servers.
func (g *Gateway) take(p *peer, m message, emit, final func([]byte), over func()) {
	switch {
	case m.method == "":
		g.answeredAsk(p, m)
		over()
	case m.id == nil:
		g.noticed(p, m)
		over()
	default:
		x, ok := p.newExchange(m, emit)
		x.over, x.final, x.patient = over, final, final != nil && !p.shared
		if !ok {
			x.fail(mcp.INTERNAL_ERROR, strconv.Itoa(maxRequests)+" requests are open; wait for answers")
			return
		}
		g.serve(x)
	}
}

// serve answers one request.
func (g *Gateway) serve(x *exchange) {
	if x.modern {
		g.meet(field(x.meta, mcp.MetaKeyClientCapabilities))
	}
	switch x.method {
	case "tools/call":
		g.callTool(x)
	case "initialize":
		g.initialize(x)
	case "server/discover":
		x.own(encode(map[string]any{"supportedVersions": []string{modernVersion, protocolVersion}, "capabilities": raw(ownCaps),
			"serverInfo": g.info, "instructions": instructions, "_meta": map[string]any{mcp.MetaKeyServerInfo: g.info}}))
	case "ping":
		x.own([]byte("{}"))
	case "tools/list", "prompts/list", "resources/list", "resources/templates/list":
		g.later(x, g.list)
	case "prompts/get":
		g.later(x, g.getPrompt)
	case "resources/read":
		g.later(x, g.readResource)
	case "resources/subscribe", "resources/unsubscribe":
		g.later(x, g.subscribe)
	case "completion/complete":
		g.later(x, g.completion)
	case "logging/setLevel":
		for _, u := range g.upstreams {
			if l, modern, err := u.up(); err == nil && !modern && u.offers("logging") {
				l.send(x.method, x.params, nil, func(message, error) {})
			}
		}
		x.own([]byte("{}"))
	case "subscriptions/listen":
		g.listen(x)
	default:
		x.fail(mcp.METHOD_NOT_FOUND, "the gateway does not know "+plain(x.method, 100))
	}
}

// later goes on when the servers have started: many agents ask once.
func (g *Gateway) later(x *exchange, f func(*exchange, *catalog)) {
	g.asking.Go(func() {
		g.Ready(g.ctx)
		f(x, g.catalog.Load())
	})
}

// ownCaps is what the gateway offers, whatever servers it has: they come and
// go.
var ownCaps = []byte(`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"completions":{},"logging":{}}`)

// initialize begins a session of the older era.
func (g *Gateway) initialize(x *exchange) {
	caps := field(x.params, "capabilities")
	version := text(field(x.params, "protocolVersion"))
	if !mcp.IsValidProtocolVersion(version) || mcp.IsModernProtocol(version) {
		version = protocolVersion
	}
	x.p.mu.Lock()
	x.p.caps, x.p.version, x.p.ready = caps, version, true
	x.p.mu.Unlock()
	g.meet(caps)
	x.result(encode(map[string]any{"protocolVersion": version, "capabilities": raw(ownCaps), "serverInfo": g.info, "instructions": instructions}))
}

// meet notes what the first agent offers: servers are told it in their
// handshake, which waits for it.
func (g *Gateway) meet(caps []byte) {
	g.meeting.Do(func() {
		g.caps = agentCaps(caps)
		close(g.met)
	})
}

func (g *Gateway) list(x *exchange, c *catalog) {
	body, err := c.page(x.method, text(field(x.params, "cursor")))
	if err != nil {
		x.fail(mcp.INVALID_PARAMS, err.Error())
		return
	}
	x.own(body)
}

// pass answers with what a server answered, in the form of the agent's era.
func pass(x *exchange, m message, err error) {
	switch {
	case err == errCancelled:
	case err != nil:
		x.fail(mcp.INTERNAL_ERROR, plain(err.Error(), 2000))
	case m.err != nil:
		x.answer("error", compact(m.err))
	default:
		x.own(compact(m.result))
	}
}

func (g *Gateway) getPrompt(x *exchange, c *catalog) {
	name := text(field(x.params, "name"))
	e := c.prompts[name]
	if e == nil {
		x.fail(mcp.INVALID_PARAMS, "there is no prompt "+plain(name, 100)+g.withheld(kindPrompt, name))
		return
	}
	g.resume(x, e.u, withFields(x.params, change{"name", quote(e.own)}), pass)
}

// readResource asks the server that lists a resource, or, when none does, each
// that has resources until one knows it: tools name resources that no list has.
func (g *Gateway) readResource(x *exchange, c *catalog) {
	if u := c.owner(text(field(x.params, "uri"))); u != nil {
		g.resume(x, u, x.params, pass)
		return
	}
	g.tryAll(x, g.upstreams)
}

func (g *Gateway) tryAll(x *exchange, left []*upstream) {
	for i, u := range left {
		if !u.offers("resources") {
			continue
		}
		g.resume(x, u, x.params, func(x *exchange, m message, err error) {
			if err == nil && m.err == nil || err == errCancelled {
				pass(x, m, err)
				return
			}
			g.asking.Go(func() { g.tryAll(x, left[i+1:]) }) // not here: this is a server's reader
		})
		return
	}
	code := mcp.RESOURCE_NOT_FOUND
	if x.modern {
		code = mcp.INVALID_PARAMS
	}
	x.fail(code, "no server has the resource "+plain(text(field(x.params, "uri")), 500))
}

func (g *Gateway) subscribe(x *exchange, c *catalog) {
	uri := text(field(x.params, "uri"))
	u := c.owner(uri)
	if u == nil {
		x.fail(mcp.RESOURCE_NOT_FOUND, "no server lists the resource "+plain(uri, 500))
		return
	}
	x.p.mu.Lock()
	had := x.p.subs[uri]
	if x.method == "resources/subscribe" {
		x.p.subs[uri] = u
	} else {
		delete(x.p.subs, uri)
	}
	x.p.mu.Unlock()
	if x.method == "resources/unsubscribe" && had != nil {
		had.subscribe(uri, -1)
	}
	x.own([]byte("{}")) // before what the server may say at once
	if x.method == "resources/subscribe" && had == nil {
		u.subscribe(uri, 1)
	}
}

func (g *Gateway) completion(x *exchange, c *catalog) {
	ref := field(x.params, "ref")
	if e := c.prompts[text(field(ref, "name"))]; e != nil && text(field(ref, "type")) == "ref/prompt" {
		g.resume(x, e.u, withFields(x.params, change{"ref", withFields(ref, change{"name", quote(e.own)})}), pass)
		return
	}
	uri := text(field(ref, "uri"))
	for _, e := range c.listed["resources/templates/list"] {
		if e.own == uri && uri != "" {
			g.resume(x, e.u, x.params, pass)
			return
		}
	}
	x.fail(mcp.INVALID_PARAMS, "there is no such prompt or template to complete")
}

// noticed takes a notification of an agent.
func (g *Gateway) noticed(p *peer, m message) {
	switch m.method {
	case "notifications/cancelled":
		p.mu.Lock()
		x := p.inflight[string(field(m.params, "requestId"))]
		p.mu.Unlock()
		if x != nil && x.method != "initialize" {
			reason := text(field(m.params, "reason"))
			if reason == "" {
				reason = "cancelled"
			}
			x.cancel(reason)
		}
	case "notifications/progress":
		g.askProgress(p, m.params)
	case "notifications/roots/list_changed":
		for _, u := range g.upstreams {
			if l, modern, err := u.up(); err == nil && !modern {
				l.tell(m.method, nil)
			}
		}
	}
}
