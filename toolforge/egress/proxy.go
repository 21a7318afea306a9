package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options bound a Proxy and give it the network. Zero fields take the defaults
// that are said.
type Options struct {
	Bytes    int64         // sent to and received from all hosts: 64 MiB
	Requests int           // 1000
	AtOnce   int           // connections from the sandbox at a time: 32
	Time     time.Duration // of one request or tunnel: 10 minutes
	// Resolve finds the addresses of a name: the system's resolver.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// Own are this machine's addresses, of which some may be public: its
	// interfaces'.
	Own func() []netip.Addr
	// Dial connects to an address that was checked: TCP.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
}

// Bounds that nobody needs to set.
const (
	setupTime  = 15 * time.Second // to send a request's head, to resolve, to connect, to say hello
	maxHead    = 64 << 10         // bytes of a request's or an answer's head
	maxRecords = 100
)

func (o Options) withDefaults() Options {
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	if o.Requests <= 0 {
		o.Requests = 1000
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 32
	}
	if o.Time <= 0 {
		o.Time = 10 * time.Minute
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name+".") // no search domains
		}
	}
	if o.Own == nil {
		o.Own = interfaceAddresses
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		}
	}
	return o
}

// Request is what was asked of the proxy once, and what became of it.
type Request struct {
	Host     string `json:"host"`              // with the port, as asked for
	Address  string `json:"address,omitempty"` // that was connected to
	Allowed  bool   `json:"allowed"`
	Reason   string `json:"reason,omitempty"` // why it was refused, or failed
	Sent     int64  `json:"sent"`             // bytes to the host
	Received int64  `json:"received"`
}

// Proxy serves one run of one program. Safe for concurrent use.
type Proxy struct {
	rules  []Rule
	o      Options
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	server *http.Server
	bytes  atomic.Int64

	mu       sync.Mutex
	requests []*request
	unlisted int
	closed   bool
	busy     sync.WaitGroup
}

// request is a Request under way.
type request struct {
	Request
	sent, received atomic.Int64
}

// New makes a proxy to the places of the rules, and nothing else.
func New(rules []Rule, o Options) *Proxy {
	p := &Proxy{rules: rules, o: o.withDefaults()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: setupTime, IdleTimeout: time.Minute, MaxHeaderBytes: maxHead,
		BaseContext: func(net.Listener) context.Context { return p.ctx }, ErrorLog: log.New(io.Discard, "", 0)}
	return p
}

// Serve answers what comes over l until Close, which closes it.
func (p *Proxy) Serve(l net.Listener) {
	_ = p.server.Serve(&limited{Listener: l, free: make(chan struct{}, p.o.AtOnce), done: p.ctx.Done()})
}

// Close ends every connection, and says what was asked for: the first requests,
// and how many more there were.
func (p *Proxy) Close() ([]Request, int) {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	_ = p.server.Close()
	p.busy.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Request
	for _, r := range p.requests {
		r.Sent, r.Received = r.sent.Load(), r.received.Load()
		out = append(out, r.Request)
	}
	return out, p.unlisted
}

// begin records a request; nil when the proxy is closed.
func (p *Proxy) begin(host string) (r *request, number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, 0
	}
	p.busy.Add(1)
	r = &request{Request: Request{Host: clean(host)}}
	if len(p.requests) < maxRecords {
		p.requests = append(p.requests, r)
	} else {
		p.unlisted++
	}
	return r, len(p.requests) + p.unlisted
}

// clean makes a host that a program asked for fit for a record.
func clean(host string) string { return printable(host, '!')[:min(len(host), 260)] }

// printable replaces each byte that is not between lowest and '~'.
func printable(s string, lowest byte) string {
	out := []byte(s)
	for i, c := range out {
		if c < lowest || c > '~' {
			out[i] = '?'
		}
	}
	return string(out)
}

// refusal is an answer other than the host's.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(format string, args ...any) error {
	return &refusal{http.StatusForbidden, fmt.Sprintf(format, args...)}
}

func (p *Proxy) serve(w http.ResponseWriter, hr *http.Request) {
	r, number := p.begin(hr.URL.Host)
	if r == nil {
		return
	}
	defer p.busy.Done()
	// Not the request's own, which ends when a program that waits for the answer
	// says that it has no more to send.
	ctx, cancel := context.WithTimeout(p.ctx, p.o.Time)
	defer cancel()
	var err error
	switch {
	case number > p.o.Requests:
		err = refuse("more than %d requests", p.o.Requests)
		answer(w, err)
	case hr.Method == http.MethodConnect:
		err = p.connect(ctx, w, hr, r)
	default:
		err = p.forward(ctx, w, hr, r)
	}
	if err != nil {
		p.mu.Lock()
		r.Reason = clipped(err.Error())
		p.mu.Unlock()
	}
	if errors.Is(err, errCut) {
		panic(http.ErrAbortHandler) // so that the program sees an answer cut short
	}
}

func clipped(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "?") }

// answer tells the program why it got no answer of the host.
func answer(w http.ResponseWriter, err error) {
	http.Error(w, "lathe: "+clipped(err.Error()), status(err))
}

func status(err error) int {
	if no := (*refusal)(nil); errors.As(err, &no) {
		return no.status
	}
	return http.StatusBadGateway
}

// open resolves, checks and dials what a rule allows.
func (p *Proxy) open(ctx context.Context, host, port string, r *request) (net.Conn, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	to, ok := parsePlace(host)
	if err != nil || n == 0 || !ok {
		return nil, refuse("not a host and port")
	}
	if !allowed(p.rules, to, uint16(n)) {
		return nil, refuse("not among the hosts that may be reached")
	}
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	addrs, err := p.addresses(ctx, to)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	r.Allowed = true
	p.mu.Unlock()
	for _, a := range addrs {
		at := netip.AddrPortFrom(a, uint16(n))
		var conn net.Conn
		if conn, err = p.o.Dial(ctx, at); err == nil {
			p.mu.Lock()
			r.Address = at.String()
			p.mu.Unlock()
			return &counted{Conn: conn, p: p, r: r}, nil
		}
	}
	return nil, fmt.Errorf("cannot connect: %w", err)
}

// addresses are those of a place that may be dialled, at least one.
func (p *Proxy) addresses(ctx context.Context, to place) ([]netip.Addr, error) {
	if to.addr.IsValid() { // the rule names it
		return []netip.Addr{to.addr}, nil
	}
	if to.name == "localhost" { // whatever a resolver says
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	found, err := p.o.Resolve(ctx, to.name)
	if err != nil {
		return nil, fmt.Errorf("cannot resolve the name: %w", err)
	}
	own := p.o.Own()
	var out []netip.Addr
	for _, a := range found {
		if Public(a) && !slices.Contains(own, a.Unmap()) && len(out) < 8 {
			out = append(out, a.Unmap())
		}
	}
	if len(out) == 0 {
		return nil, refuse("the name leads to no public address")
	}
	return out, nil
}
