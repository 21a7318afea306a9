package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// flight is one request on its way through a server, for an agent's request
// that may change while it is parked.
type flight struct {
	u      *upstream
	method string
	then   func(x *exchange, m message, err error)
	token  string
	modern bool // the server's era
	params []byte
	rounds int // of questions before
	timer  *time.Timer

	mu     sync.Mutex
	x      *exchange // nil while parked
	link   link
	ticket int64
	over   bool
	late   *landing // what came while it was parked
}

type landing struct {
	m   message
	err error
}

var errCancelled = errors.New("cancelled by the agent")

// fly passes a request on. then is called once, and must not block: with the
// server's answer, or why there is none.
func (u *upstream) fly(x *exchange, method string, params []byte, then func(*exchange, message, error)) {
	u.flyAgain(x, method, params, then, 0)
}

func (u *upstream) flyAgain(x *exchange, method string, params []byte, then func(*exchange, message, error), rounds int) {
	l, modern, err := u.up()
	if err != nil {
		then(x, message{}, err)
		return
	}
	if u.open.Add(1) > maxOpen {
		u.open.Add(-1)
		then(x, message{}, fmt.Errorf("%d of its calls are open: wait for answers before calling it again", maxOpen))
		return
	}
	f := &flight{u: u, method: method, then: then, x: x, link: l, modern: modern, params: params, rounds: rounds}
	params = u.adapt(f, x, modern, params)
	u.mu.Lock()
	u.flights[f] = struct{}{}
	u.mu.Unlock()
	if u.cfg.Timeout > 0 {
		f.timer = time.AfterFunc(u.cfg.Timeout, func() { f.giveUp(context.DeadlineExceeded) })
	}
	x.mu.Lock()
	x.flight = f
	cancelled := x.cancelled
	x.mu.Unlock()
	ticket := l.send(method, params, x, f.land)
	f.mu.Lock()
	f.ticket = ticket
	f.mu.Unlock()
	if cancelled != "" {
		f.cancel(x, cancelled)
		return
	}
	x.mu.Lock() // it may have been cancelled before there was a ticket
	cancelled = x.cancelled
	x.mu.Unlock()
	if cancelled != "" {
		l.cancel(ticket, cancelled)
	}
}

// ticket notes what a server calls the request, before it has answered.
func (x *exchange) ticket(n int64) {
	if f := x.flightNow(); f != nil {
		f.mu.Lock()
		f.ticket = n
		f.mu.Unlock()
	}
}

// adapt makes the parameters' metadata those of the server's era.
func (u *upstream) adapt(f *flight, x *exchange, modern bool, params []byte) []byte {
	if x.meta == nil && !modern {
		return params
	}
	meta := []byte("{}")
	eachField(x.meta, func(key, value []byte) {
		own := strings.HasPrefix(string(key), "io.modelcontextprotocol/") // it is about this connection
		if string(key) == mcp.MetaKeyClientCapabilities {
			value = withoutTasks(value)
		}
		if string(key) != "progressToken" && (modern && x.modern || !own) {
			meta = withFields(meta, change{string(key), value})
		}
	})
	if modern && !x.modern {
		x.p.mu.Lock()
		caps := x.p.caps
		x.p.mu.Unlock()
		eachField(u.g.modernMeta(agentCaps(caps)), func(key, value []byte) { meta = withFields(meta, change{string(key), value}) })
	}
	if x.token != nil {
		u.mu.Lock()
		u.tokens++
		f.token = strconv.FormatInt(u.tokens, 10)
		u.mu.Unlock()
		meta = withFields(meta, change{"progressToken", []byte(f.token)})
	}
	if string(meta) == "{}" {
		return withFields(params, change{"_meta", nil})
	}
	return withFields(params, change{"_meta", meta})
}

// settle ends the flight; only the first caller may go on.
func (f *flight) settle() bool {
	f.mu.Lock()
	over := f.over
	f.over = true
	f.mu.Unlock()
	if over {
		return false
	}
	if f.timer != nil {
		f.timer.Stop()
	}
	f.u.mu.Lock()
	delete(f.u.flights, f)
	f.u.mu.Unlock()
	f.u.open.Add(-1)
	return true
}

// land takes the server's answer.
func (f *flight) land(m message, err error) {
	if !f.settle() {
		return
	}
	f.mu.Lock()
	x := f.x
	if x == nil {
		f.late = &landing{m, err}
	}
	f.mu.Unlock()
	if x != nil {
		f.deliver(x, m, err)
	}
}

// deliver hands an answer to whoever waits for it. A server of the newer era
// may want input first, which an agent of the older is asked for.
func (f *flight) deliver(x *exchange, m message, err error) {
	if err == nil && f.modern && !x.modern && text(field(m.result, "resultType")) == string(mcp.ResultTypeInputRequired) {
		f.u.g.gather(f, x, m.result)
		return
	}
	f.then(x, m, err)
}

// giveUp ends the flight for a reason of the gateway's.
func (f *flight) giveUp(why error) {
	if !f.settle() {
		return
	}
	f.mu.Lock()
	x, l, ticket := f.x, f.link, f.ticket
	f.mu.Unlock()
	l.cancel(ticket, why.Error())
	if x != nil {
		f.then(x, message{}, why)
	}
}

// cancel ends the flight as the agent wishes: the server is told, then has
// errCancelled, and nobody an answer.
func (f *flight) cancel(x *exchange, reason string) {
	if !f.settle() {
		return
	}
	f.mu.Lock()
	l, ticket := f.link, f.ticket
	f.mu.Unlock()
	l.cancel(ticket, reason)
	f.then(x, message{}, errCancelled)
}
