package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
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

// protocolVersion is what the gateway speaks with its servers.
const protocolVersion = "2025-11-25"

// upstream keeps one server running.
type upstream struct {
	cfg     ServerConfig
	spawn   func(notify func(p *process, method string, params json.RawMessage)) (*process, error)
	log     *slog.Logger
	publish func() // the tools changed
	version string

	open    atomic.Int64
	changed chan struct{} // holds one
	first   chan struct{} // closed when the first start came to an end, good or bad

	mu       sync.Mutex
	proc     *process // nil while down
	why      string   // why it is down
	tools    []tool
	refused  []string
	progress map[string]func(json.RawMessage)
	tokens   int64
}

// run starts the server again and again until ctx ends.
func (u *upstream) run(ctx context.Context) {
	var once sync.Once
	settled := func() { once.Do(func() { close(u.first) }) }
	defer settled()
	pause := minPause
	for ctx.Err() == nil {
		began := time.Now()
		err := u.session(ctx, settled)
		if ctx.Err() != nil {
			return
		}
		u.setDown(err.Error())
		settled()
		if time.Since(began) > maxPause {
			pause = minPause
		}
		u.log.Warn("server down; it is started again", "server", u.cfg.Name, "why", err, "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPause)
	}
}

// session is one life of the server. The error says why it ended.
func (u *upstream) session(ctx context.Context, settled func()) error {
	p, err := u.spawn(u.notified)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := u.greet(ctx, p); err != nil {
		return u.explain(p, err)
	}
	u.mu.Lock()
	u.proc, u.why = p, ""
	u.mu.Unlock()
	u.publish()
	settled()
	for {
		select {
		case <-ctx.Done():
			u.setDown("the gateway is ending")
			return ctx.Err()
		case <-p.conn.gone:
			return u.explain(p, errGone)
		case <-u.changed:
			if err := u.relist(ctx, p); err != nil {
				u.log.Warn("tool list not read again; the old one stands", "server", u.cfg.Name, "err", err)
			}
		}
	}
}

// explain adds how the process ended to an error, if it did.
func (u *upstream) explain(p *process, err error) error {
	select {
	case <-p.conn.gone:
		p.stop()
		return fmt.Errorf("%s", p.why())
	default:
		return err
	}
}

// greet is the handshake, and the first list.
func (u *upstream) greet(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	_, err := p.conn.call(ctx, "initialize", map[string]any{"protocolVersion": protocolVersion,
		"capabilities": struct{}{}, "clientInfo": map[string]string{"name": "lathe-gateway", "version": u.version}})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	p.conn.tell("notifications/initialized", struct{}{})
	return u.list(ctx, p)
}

func (u *upstream) list(ctx context.Context, p *process) error {
	tools, refused, err := listTools(ctx, p.conn, u.cfg.Name)
	if err != nil {
		return err
	}
	reasons := []string{}
	for _, r := range refused {
		reasons = append(reasons, plain(r.Error(), 500))
		u.log.Warn("tool left out", "server", u.cfg.Name, "why", plain(r.Error(), 500))
	}
	u.mu.Lock()
	u.tools, u.refused = tools, reasons
	u.mu.Unlock()
	return nil
}

func (u *upstream) relist(ctx context.Context, p *process) error {
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
	if err := u.list(ctx, p); err != nil {
		return err
	}
	u.publish()
	return nil
}

func (u *upstream) setDown(why string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.proc, u.why = nil, why
}

// notified takes a notification of the server; it does not block.
func (u *upstream) notified(_ *process, method string, params json.RawMessage) {
	switch method {
	case "notifications/tools/list_changed":
		select {
		case u.changed <- struct{}{}:
		default:
		}
	case "notifications/progress":
		var p struct {
			Token json.RawMessage `json:"progressToken"`
		}
		if json.Unmarshal(params, &p) != nil {
			return
		}
		u.mu.Lock()
		pass := u.progress[string(p.Token)]
		u.mu.Unlock()
		if pass != nil {
			pass(params)
		}
	}
}

// snapshot is the server's tools as of now.
func (u *upstream) snapshot() []tool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.tools)
}

// call passes a call on. While it runs, progress gets the server's progress
// notifications if it is not nil; meta goes along.
func (u *upstream) call(ctx context.Context, name string, arguments any, meta map[string]any, progress func(json.RawMessage)) (json.RawMessage, error) {
	if u.open.Add(1) > maxOpen {
		u.open.Add(-1)
		return nil, fmt.Errorf("%d of its calls are open: wait for answers before calling it again", maxOpen)
	}
	defer u.open.Add(-1)
	u.mu.Lock()
	p, why := u.proc, u.why
	u.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("the server does not run (%s); it is being started again: try again shortly", why)
	}
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	if meta == nil {
		meta = map[string]any{}
	}
	if progress != nil {
		token, done := u.awaitProgress(progress)
		defer done()
		meta["progressToken"] = token
	}
	if len(meta) > 0 {
		params["_meta"] = meta
	}
	return p.conn.call(ctx, "tools/call", params)
}

func (u *upstream) awaitProgress(pass func(json.RawMessage)) (token int64, done func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tokens++
	token = u.tokens
	key := fmt.Sprint(token)
	u.progress[key] = pass
	return token, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.progress, key)
	}
}
