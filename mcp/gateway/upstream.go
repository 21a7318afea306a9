package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// startTime bounds a server's handshake and its first list.
	startTime = 30 * time.Second
	// listTime bounds a later list.
	listTime = 30 * time.Second
	// settleTime is how long further list changes are waited for before the
	// list is read: servers that load plug-ins announce each.
	settleTime = 20 * time.Millisecond
	// maxOpen bounds a server's open calls.
	maxOpen = 64
	// minPause and maxPause bound the pause before a server is started again.
	minPause = 200 * time.Millisecond
	maxPause = 30 * time.Second
)

// upstream keeps one server connected.
type upstream struct {
	g   *Gateway
	cfg ServerConfig
	log *slog.Logger

	open    atomic.Int64
	changed chan struct{} // holds one
	first   chan struct{} // closed when the first start came to an end, good or bad

	mu       sync.Mutex
	link     link // nil while down
	modern   bool // it speaks 2026-07-28 only
	caps     []byte
	why      string // why it is down
	took     time.Duration
	lists    lists
	refused  []string
	withheld map[string]map[string]string // by kind, then by the agents' name
	flights  map[*flight]struct{}
	tokens   int64
	subs     map[string]int // resources that are followed, by how many
	listen   int64          // ticket of the modern subscription
}

func newUpstream(g *Gateway, cfg ServerConfig) *upstream {
	return &upstream{g: g, cfg: cfg, log: g.o.Logger, changed: make(chan struct{}, 1), first: make(chan struct{}),
		why: "it is starting", withheld: map[string]map[string]string{}, flights: map[*flight]struct{}{}, subs: map[string]int{}}
}

// run connects the server again and again until ctx ends.
func (u *upstream) run(ctx context.Context) {
	var once sync.Once
	settled := func() { once.Do(func() { close(u.first) }) }
	defer settled()
	pause := minPause
	for ctx.Err() == nil {
		began := time.Now()
		err := u.life(ctx, settled)
		if ctx.Err() != nil {
			return
		}
		why := plain(u.g.secrets.hide(err.Error()), 1000)
		u.setDown(why)
		settled()
		if time.Since(began) > maxPause {
			pause = minPause
		}
		u.log.Warn("server down; it is started again", "server", u.cfg.Name, "why", why, "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPause)
	}
}

// connect opens the link; stop ends it and says how it ended.
func (u *upstream) connect() (l link, stop func() error, err error) {
	cfg, err := u.g.secrets.expand(u.cfg)
	if err != nil {
		return nil, nil, err
	}
	if cfg.URL != "" {
		var h *httpLink
		h = newHTTPLink(cfg, func(m message, x *exchange) { u.incoming(h, m, x) })
		return h, func() error { h.close(); return h.reason() }, nil
	}
	var conn *conn
	ready := make(chan struct{})
	p, err := start(cfg, u.g.o.Dir, u.g.secrets.environ(u.g.o.Env, u.cfg), &scrubbed{u.g.secrets, u.g.o.Stderr}, func(m message, x *exchange) {
		<-ready
		u.incoming(conn, m, x)
	})
	if err != nil {
		return nil, nil, err
	}
	conn = p.conn
	close(ready)
	return conn, func() error { p.stop(); return errors.New(p.why()) }, nil
}

// life is one life of the server. The error says why it ended.
func (u *upstream) life(ctx context.Context, settled func()) error {
	began := time.Now()
	l, stop, err := u.connect()
	if err != nil {
		return err
	}
	stop = sync.OnceValue(stop)
	defer stop()
	if err := u.greet(ctx, l); err != nil {
		return explain(l, stop, err)
	}
	u.mu.Lock()
	u.link, u.why, u.took, u.listen = l, "", time.Since(began), 0
	u.mu.Unlock()
	u.follow(l)
	u.g.publish()
	settled()
	for {
		select {
		case <-ctx.Done():
			u.setDown("the gateway is ending")
			return ctx.Err()
		case <-l.ended():
			u.setDown("it ended")
			return explain(l, stop, errGone)
		case <-u.changed:
			if err := u.relist(ctx, l); err != nil {
				u.log.Warn("lists not read again; the old ones stand", "server", u.cfg.Name, "err", err)
			}
		}
	}
}

// explain adds how the server ended to an error, if it did.
func explain(l link, stop func() error, err error) error {
	select {
	case <-l.ended():
		return stop()
	default:
		return err
	}
}

func (u *upstream) relist(ctx context.Context, l link) error {
	select {
	case <-time.After(settleTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	select { // what came meanwhile is in the list that is read now
	case <-u.changed:
	default:
	}
	if err := u.list(ctx, l); err != nil {
		return err
	}
	u.g.publish()
	return nil
}

func (u *upstream) setDown(why string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.link, u.why = nil, why
}

// read makes the lists be read again.
func (u *upstream) read() {
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

// offers reports whether the server named a capability.
func (u *upstream) offers(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return field(u.caps, name) != nil
}

// up returns the link, or why there is none.
func (u *upstream) up() (link, bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.link == nil {
		return nil, false, fmt.Errorf("the server does not run (%s); it is being started again: try again shortly", u.why)
	}
	return u.link, u.modern, nil
}

// scrubbed passes on what a server says without its secrets.
type scrubbed struct {
	secrets *secrets
	w       io.Writer
}

func (s *scrubbed) Write(p []byte) (int, error) {
	_, err := io.WriteString(s.w, s.secrets.hide(string(p)))
	return len(p), err
}
