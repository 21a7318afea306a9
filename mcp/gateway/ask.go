package gateway

import (
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// errDeaf is what servers are told that ask an agent whose input ended.
const errDeaf = "the agent's input has ended: it answers no questions"

// maxAsked bounds what servers have asked agents and is not answered.
const maxAsked = 256

// asked is a question of a server on its way to an agent. Exactly one of
// server and gather is set.
type asked struct {
	p      *peer
	emit   func([]byte)
	link   link   // of the server that asks
	id     []byte // the server's
	token  []byte // the server's, for progress
	gather func(m message)
}

// capabilityOf says what an agent must offer for a method.
var capabilityOf = map[string]string{"sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots"}

// incoming takes what a server says by itself. x is the agent's request that it
// came with, where the transport tells.
func (u *upstream) incoming(l link, m message, x *exchange) {
	if m.id == nil {
		u.noticed(l, m, x)
		return
	}
	switch {
	case m.method == "ping":
		l.reply(m.id, "result", []byte("{}"))
	case capabilityOf[m.method] == "":
		l.reply(m.id, "error", errorBody(mcp.METHOD_NOT_FOUND, "the gateway does not pass "+plain(m.method, 100)+" on"))
	default:
		if why := u.passQuestion(l, m, x); why != "" {
			l.reply(m.id, "error", errorBody(mcp.METHOD_NOT_FOUND, why))
		}
	}
}

// passQuestion passes a server's question to the agent whose call it most
// likely belongs to. It returns why that cannot be.
func (u *upstream) passQuestion(l link, m message, x *exchange) (why string) {
	f, x := u.asker(x)
	if x != nil && x.modern {
		if !offersTo(field(x.meta, mcp.MetaKeyClientCapabilities), m.method) {
			return "the agent does not offer this"
		}
		return f.park(x, l, m)
	}
	p, emit := u.g.only(), func([]byte) {}
	if x != nil {
		p, emit = x.p, x.emit
	} else if p != nil {
		emit = p.emit
	}
	if p == nil {
		return "no call of an agent is open, so nobody can be asked"
	}
	p.mu.Lock()
	caps := p.caps
	p.mu.Unlock()
	if !offersTo(caps, m.method) {
		return "the agent does not offer this"
	}
	return u.g.ask(&asked{p: p, emit: emit, link: l, id: m.id}, m.method, m.params)
}

func offersTo(caps []byte, method string) bool {
	return field(caps, capabilityOf[method]) != nil
}

// asker finds the agent's request that a server's question belongs to: the one
// that it came with, or else the oldest open one of this server.
func (u *upstream) asker(x *exchange) (*flight, *exchange) {
	u.mu.Lock()
	flights := make([]*flight, 0, len(u.flights))
	for f := range u.flights {
		flights = append(flights, f)
	}
	u.mu.Unlock()
	var found *flight
	var of *exchange
	for _, f := range flights {
		f.mu.Lock()
		now := f.x
		f.mu.Unlock()
		if now == nil || x != nil && x != now && f != x.flightNow() {
			continue
		}
		if of == nil || now.began.Before(of.began) {
			found, of = f, now
		}
	}
	return found, of
}

func (x *exchange) flightNow() *flight {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.flight
}

// only is the one agent that is connected in the older era, nil when there are
// none or several.
func (g *Gateway) only() (found *peer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.peers {
		if p.isReady() {
			if found != nil {
				return nil
			}
			found = p
		}
	}
	return found
}

func (p *peer) isReady() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready
}

func (p *peer) isDeaf() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaf
}

// ask sends a question to an agent under an id of the gateway's.
func (g *Gateway) ask(a *asked, method string, params []byte) (why string) {
	g.mu.Lock()
	if a.p.isDeaf() {
		g.mu.Unlock()
		return errDeaf
	}
	if len(g.asked) >= maxAsked {
		g.mu.Unlock()
		return "too many questions are open"
	}
	g.lastAsked++
	key := "lathe-" + strconv.FormatInt(g.lastAsked, 10)
	g.asked[key] = a
	g.mu.Unlock()
	if meta := field(params, "_meta"); meta != nil {
		if a.token = field(meta, "progressToken"); a.token != nil {
			params = withFields(params, change{"_meta", withFields(meta, change{"progressToken", quote(key)})})
		}
	}
	a.emit(requestFrame(quote(key), method, compact(params)))
	return ""
}

// answeredAsk takes an agent's answer to a question.
func (g *Gateway) answeredAsk(p *peer, m message) {
	key := text(m.id)
	g.mu.Lock()
	a := g.asked[key]
	if a != nil && a.p == p {
		delete(g.asked, key)
	}
	g.mu.Unlock()
	if a != nil && a.p == p {
		a.answer(m)
	}
}

// answer hands an agent's answer to whoever asked.
func (a *asked) answer(m message) {
	switch {
	case a.gather != nil:
		a.gather(m)
	case m.err != nil:
		a.link.reply(a.id, "error", compact(m.err))
	default:
		a.link.reply(a.id, "result", compact(m.result))
	}
}

// askProgress passes an agent's progress with a question on.
func (g *Gateway) askProgress(p *peer, params []byte) {
	g.mu.Lock()
	a := g.asked[text(field(params, "progressToken"))]
	g.mu.Unlock()
	if a != nil && a.p == p && a.token != nil && a.link != nil {
		a.link.tell("notifications/progress", withFields(params, change{"progressToken", a.token}))
	}
}

// noticed takes a notification of a server.
func (u *upstream) noticed(l link, m message, x *exchange) {
	switch m.method {
	case "notifications/tools/list_changed", "notifications/prompts/list_changed", "notifications/resources/list_changed":
		u.read()
	case "notifications/progress":
		u.progress(m.params)
	case "notifications/resources/updated":
		u.g.updated(text(field(m.params, "uri")), m.params)
	case "notifications/message":
		logger := u.cfg.Name
		if own := text(field(m.params, "logger")); own != "" {
			logger += "/" + own
		}
		u.g.logged(u, withFields(m.params, change{"logger", quote(logger)}), x)
	case "notifications/cancelled":
		u.g.withdraw(l, field(m.params, "requestId"), m.params)
	case "notifications/elicitation/complete":
		u.g.broadcast(m.method, compact(m.params))
	}
}

// withdraw takes a server's question back.
func (g *Gateway) withdraw(l link, id, params []byte) {
	var found *asked
	var name string
	g.mu.Lock()
	for key, a := range g.asked {
		if a.link == l && string(a.id) == string(id) {
			delete(g.asked, key)
			found, name = a, key
		}
	}
	g.mu.Unlock()
	if found != nil {
		found.emit(requestFrame(nil, "notifications/cancelled", withFields(params, change{"requestId", quote(name)})))
	}
}

// progress passes a server's progress on under the agent's own token.
func (u *upstream) progress(params []byte) {
	token := strings.Trim(string(field(params, "progressToken")), `"`)
	u.mu.Lock()
	var found *flight
	for f := range u.flights {
		if f.token == token && token != "" {
			found = f
		}
	}
	u.mu.Unlock()
	if found == nil {
		return
	}
	found.mu.Lock()
	x := found.x
	found.mu.Unlock()
	if x != nil && x.token != nil {
		x.emit(requestFrame(nil, "notifications/progress", compact(withFields(params, change{"progressToken", x.token}))))
	}
}

// logged passes a server's log message to the agents that may want it.
func (g *Gateway) logged(u *upstream, params []byte, x *exchange) {
	frame := requestFrame(nil, "notifications/message", compact(params))
	_, x = u.asker(x)
	if x != nil && x.modern { // it must have asked for it
		if field(x.meta, mcp.MetaKeyLogLevel) != nil {
			x.emit(frame)
		}
		return
	}
	for _, p := range g.ready() {
		p.emit(frame)
	}
}

func (g *Gateway) ready() (out []*peer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.peers {
		if p.isReady() {
			out = append(out, p)
		}
	}
	return out
}
