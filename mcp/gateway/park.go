package gateway

import (
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// parkTime is how long an agent of the newer era may take for an answer.
	parkTime = 10 * time.Minute
	// maxParked bounds the calls that wait for one.
	maxParked = 64
	// maxRounds bounds how often a server of the newer era may ask in one call.
	maxRounds = 16
)

// parked is a call whose server, of the older era, asked something in the
// middle of it, while its agent, of the newer, answers only with another call.
type parked struct {
	f      *flight
	p      *peer
	params string // what the call was about
	link   link
	id     []byte // of the server's question
	late   *time.Timer
}

// inputKey is the name of the one question of a parked call.
const inputKey = "question"

// park answers the agent's request with a server's question; the server's call
// goes on. It returns why that cannot be.
func (f *flight) park(x *exchange, l link, m message) (why string) {
	state := "lathe-" + uuid.NewString()
	g := f.u.g
	pk := &parked{f: f, p: x.p, params: subject(x), link: l, id: m.id}
	g.mu.Lock()
	if len(g.parked) >= maxParked {
		g.mu.Unlock()
		return "too many calls wait for an answer"
	}
	g.parked[state] = pk
	pk.late = time.AfterFunc(parkTime, func() {
		if g.unpark(state) != nil {
			f.giveUp(errCancelled)
		}
	})
	g.mu.Unlock()
	f.mu.Lock()
	f.x = nil
	f.mu.Unlock()
	question := map[string]any{"method": m.method}
	if m.params != nil {
		question["params"] = raw(m.params)
	}
	x.result(encode(map[string]any{"resultType": mcp.ResultTypeInputRequired, "requestState": state,
		"inputRequests": map[string]any{inputKey: question}}))
	return ""
}

// subject is what a request is about, which its repetition must be too.
func subject(x *exchange) string {
	return x.method + " " + text(field(x.params, "name")) + text(field(x.params, "uri"))
}

func (g *Gateway) unpark(state string) *parked {
	g.mu.Lock()
	defer g.mu.Unlock()
	pk := g.parked[state]
	delete(g.parked, state)
	return pk
}

// resume passes a request on; one that answers a parked call's question goes on
// with that call.
func (g *Gateway) resume(x *exchange, u *upstream, params []byte, then func(*exchange, message, error)) {
	if !x.modern {
		u.fly(x, x.method, params, then)
		return
	}
	state := text(field(x.params, "requestState"))
	g.mu.Lock()
	pk := g.parked[state]
	if pk != nil && (pk.p.group != x.p.group || pk.f.u != u || pk.params != subject(x)) {
		pk = nil
	}
	if pk != nil {
		delete(g.parked, state)
	}
	g.mu.Unlock()
	if pk == nil {
		u.fly(x, x.method, params, then)
		return
	}
	pk.late.Stop()
	f := pk.f
	x.mu.Lock()
	x.flight = f
	x.mu.Unlock()
	f.mu.Lock()
	f.x = x
	late := f.late
	f.mu.Unlock()
	if late != nil {
		f.deliver(x, late.m, late.err)
		return
	}
	answer := field(field(x.params, "inputResponses"), inputKey)
	if answer == nil {
		pk.link.reply(pk.id, "error", errorBody(mcp.INVALID_PARAMS, "the agent gave no answer"))
		return
	}
	pk.link.reply(pk.id, "result", compact(answer))
}

// gather asks an agent of the older era what a server of the newer wants to
// know, and repeats the call with the answers. It is called on the server's
// reader and goes on elsewhere.
func (g *Gateway) gather(f *flight, x *exchange, result []byte) {
	g.asking.Go(func() {
		f.rounds++
		if f.rounds > maxRounds {
			x.fail(mcp.INTERNAL_ERROR, "the server asks too often")
			return
		}
		answers, err := g.askAll(x, field(result, "inputRequests"))
		if err != nil {
			x.answer("error", err)
			return
		}
		params := f.params
		for _, c := range []change{{"inputResponses", answers}, {"requestState", field(result, "requestState")}} {
			params = withFields(params, c)
		}
		next := f.then
		rounds := f.rounds
		f.u.flyAgain(x, f.method, params, next, rounds)
	})
}

// askAll asks the questions one after another, and returns the answers by their
// names, or the first error.
func (g *Gateway) askAll(x *exchange, questions []byte) (answers, failed []byte) {
	answers = []byte("{}")
	x.p.mu.Lock()
	caps := x.p.caps
	x.p.mu.Unlock()
	eachField(questions, func(key, question []byte) {
		if failed != nil {
			return
		}
		method := text(field(question, "method"))
		if capabilityOf[method] == "" || !offersTo(caps, method) {
			failed = errorBody(mcp.INVALID_REQUEST, "the server asks for "+plain(method, 100)+", which the agent does not offer")
			return
		}
		ch := make(chan message, 1)
		why := g.ask(&asked{p: x.p, emit: x.emit, gather: func(m message) { ch <- m }}, method, field(question, "params"))
		if why != "" {
			failed = errorBody(mcp.INTERNAL_ERROR, why)
			return
		}
		select {
		case m := <-ch:
			if m.err != nil {
				failed = compact(m.err)
				return
			}
			answers = withFields(answers, change{string(key), compact(m.result)})
		case <-time.After(parkTime):
			failed = errorBody(mcp.REQUEST_INTERRUPTED, "nobody answered the server's question")
		case <-g.ctx.Done():
			failed = errorBody(mcp.REQUEST_INTERRUPTED, "the gateway is ending")
		}
	})
	return answers, failed
}
