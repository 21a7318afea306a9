package gateway

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxRequests bounds an agent's open requests; beyond it they are refused.
const maxRequests = 512

// peer is one agent's connection.
type peer struct {
	g    *Gateway
	emit func(frame []byte) // what concerns no request; one whole frame at a time
	// group is whom a parked call may be resumed by: over HTTP each request of the
	// newer era is a peer of its own.
	group *peer
	// shared: its requests come one after the other on one goroutine, which may
	// not wait for a server.
	shared bool

	mu       sync.Mutex
	ready    bool   // initialised in the older era
	version  string // that was agreed on then
	caps     []byte // of the older era
	deaf     bool   // the agent's input ended: it answers nothing any more
	inflight map[string]*exchange
	subs     map[string]*upstream // resources that it follows in the older era
	listens  map[string]*listen
}

func (g *Gateway) newPeer(emit func([]byte)) *peer {
	p := &peer{g: g, emit: emit, inflight: map[string]*exchange{}, subs: map[string]*upstream{}, listens: map[string]*listen{}}
	p.group = p
	g.mu.Lock()
	g.peers[p] = struct{}{}
	g.mu.Unlock()
	return p
}

// leave ends what the agent had under way.
func (p *peer) leave(reason string) {
	p.g.mu.Lock()
	delete(p.g.peers, p)
	p.g.mu.Unlock()
	p.mu.Lock()
	var open []*exchange
	for _, x := range p.inflight {
		open = append(open, x)
	}
	subs, listens := p.subs, p.listens
	p.subs, p.listens = map[string]*upstream{}, map[string]*listen{}
	p.mu.Unlock()
	for _, x := range open {
		x.cancel(reason)
	}
	for uri, u := range subs {
		u.subscribe(uri, -1)
	}
	for _, l := range listens {
		l.release()
	}
}

// deafen notes that the agent answers nothing any more, and gives up what it
// was asked.
func (p *peer) deafen() {
	p.mu.Lock()
	p.deaf = true
	p.mu.Unlock()
	var open []*asked
	p.g.mu.Lock()
	for key, a := range p.g.asked {
		if a.p == p {
			delete(p.g.asked, key)
			open = append(open, a)
		}
	}
	p.g.mu.Unlock()
	for _, a := range open {
		a.answer(message{err: errorBody(mcp.REQUEST_INTERRUPTED, errDeaf)})
	}
}

// giveUp answers what is still open with an error. Subscriptions have no answer
// to wait for.
func (p *peer) giveUp(why string) {
	p.mu.Lock()
	var open []*exchange
	for _, x := range p.inflight {
		if x.method != "subscriptions/listen" {
			open = append(open, x)
		}
	}
	p.mu.Unlock()
	for _, x := range open {
		x.fail(mcp.INTERNAL_ERROR, why)
		x.cancel(why)
	}
}

// exchange is one request of an agent.
type exchange struct {
	p      *peer
	emit   func(frame []byte) // what concerns this request
	final  func(frame []byte) // its answer; nil when that goes where the rest goes
	id     []byte
	method string
	params []byte
	meta   []byte
	token  []byte // for progress; nil when none is wanted
	modern bool   // asked in the newer era
	began  time.Time
	// patient: who serves the request may wait for the server on its goroutine.
	patient bool
	ended   atomic.Bool
	over    func() // called once, after the answer or the cancellation

	mu        sync.Mutex
	flight    *flight
	cancelled string // the reason
}

// newExchange notes a request as under way; false when too many are.
func (p *peer) newExchange(m message, emit func([]byte)) (*exchange, bool) {
	x := &exchange{p: p, emit: emit, id: m.id, method: m.method, params: m.params, began: p.g.now()}
	eachField(x.params, func(key, value []byte) {
		if string(key) == "_meta" && len(value) > 0 && value[0] == '{' {
			x.meta = value
		}
	})
	if x.meta != nil {
		eachField(x.meta, func(key, value []byte) {
			switch string(key) {
			case "progressToken":
				x.token = notNull(value)
			case mcp.MetaKeyProtocolVersion:
				x.modern = mcp.IsModernProtocol(text(value))
			}
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inflight) >= maxRequests {
		return x, false
	}
	p.inflight[string(m.id)] = x
	return x, true
}

// finish reports whether the caller may end the request: one may.
func (x *exchange) finish() bool {
	if x.ended.Swap(true) {
		return false
	}
	x.p.mu.Lock()
	if x.p.inflight[string(x.id)] == x {
		delete(x.p.inflight, string(x.id))
	}
	x.p.mu.Unlock()
	return true
}

// result answers with a result as it is.
func (x *exchange) result(body []byte) { x.answer("result", body) }

// fail answers with a protocol error.
func (x *exchange) fail(code int, message string) { x.answer("error", errorBody(code, message)) }

func (x *exchange) answer(kind string, body []byte) {
	if !x.finish() {
		return
	}
	if x.final != nil {
		x.final(answerFrame(x.id, kind, body))
	} else {
		x.emit(answerFrame(x.id, kind, body))
	}
	if x.over != nil {
		x.over()
	}
}

// own answers with a result of the gateway's own, in the form of the request's
// era.
func (x *exchange) own(body []byte) {
	if x.modern {
		body = complete(x.method, body)
	}
	x.result(body)
}

// complete adds to a result what the newer era wants in each.
func complete(method string, body []byte) []byte {
	if field(body, "resultType") != nil {
		return body
	}
	changes := []change{{"resultType", []byte(`"complete"`)}}
	switch method {
	case "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read", "server/discover":
		for _, c := range []change{{"ttlMs", []byte("0")}, {"cacheScope", []byte(`"private"`)}} {
			if field(body, c.key) == nil {
				changes = append(changes, c)
			}
		}
	}
	return withFields(body, changes...)
}

// cancel ends the request without an answer, as the agent wishes.
func (x *exchange) cancel(reason string) {
	x.mu.Lock()
	x.cancelled = reason
	f := x.flight
	x.mu.Unlock()
	if f != nil {
		f.cancel(x, reason)
	}
	if x.finish() && x.over != nil {
		x.over()
	}
}
