package lsp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"go.lsp.dev/jsonrpc2"
)

// phase is where a connection stands in the protocol's life cycle.
type phase int

const (
	phaseNew phase = iota
	phaseReady
	phaseShutdown
)

// connection is one editor.
type connection struct {
	id     string
	server *Server
	log    *slog.Logger
	since  time.Time
	rpc    jsonrpc2.Conn
	ctx    context.Context // of the connection's life; handlers outlive their request
	cancel context.CancelFunc
	wake   chan struct{}  // to the publisher
	tasks  sync.WaitGroup // calls to the editor
	slots  chan struct{}  // bounds tasks and commands

	mu         sync.Mutex
	phase      phase
	editor     string
	can        abilities
	roots      []root
	rooted     bool // the editor named its roots itself
	docs       documents
	snap       *snapshot
	signer     Signer
	settings   settings
	mutes      mutes
	tokens     int    // of progress, so far
	revision   uint64 // counts what changes diagnostics and is neither a snapshot nor an edit
	offers     offers
	planSchema *schemaNode
	noted      int                 // events so far
	taken      map[string]bool     // remedies that were applied here
	answers    map[string][]Fix    // to problems, until experience changes
	sighted    map[string]Sighting // last told, by path and source
	journal    chan entry
	leaving    chan struct{} // closed when nothing more will be noted
	stale      bool          // the snapshot must be taken anew
	dirty      map[*document]bool
	refresh    bool // pulled diagnostics must be asked for anew
}

// Serve speaks with the editor at the other end of conn until it leaves, conn
// breaks, or ctx ends; it closes conn. A clean end is a nil error.
func (s *Server) Serve(ctx context.Context, conn io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &connection{
		id: s.o.NewID(), server: s, since: s.o.Now(), ctx: ctx, cancel: cancel,
		wake: make(chan struct{}, 1), slots: make(chan struct{}, 16),
		docs: documents{byPath: map[string]*document{}},
		snap: &snapshot{}, dirty: map[*document]bool{}, offers: offers{}, taken: map[string]bool{},
		answers: map[string][]Fix{}, sighted: map[string]Sighting{}, journal: make(chan entry, journalSize), leaving: make(chan struct{}),
	}
	c.log = s.o.Logger.With("connection", c.id[:min(8, len(c.id))])
	s.add(c)
	defer s.remove(c)

	st := newStream(conn, c.log, c.loseDocuments)
	c.rpc = jsonrpc2.NewConn(st, jsonrpc2.WithCodec(codec{}))
	c.rpc.Go(ctx, c.handle)
	var beside sync.WaitGroup
	beside.Go(c.publish)
	beside.Go(c.keep)
	broken := false
	select {
	case <-ctx.Done():
	case <-c.rpc.Done():
		broken = true
	}
	cancel()
	_ = c.rpc.Close() // the reason, if there is one, is in Err
	c.tasks.Wait()
	c.dismissAll()
	close(c.leaving)
	beside.Wait()
	_ = st.Close()
	<-st.done
	if err := c.rpc.Err(); broken && err != nil {
		return fmt.Errorf("lsp: editor %s: %w", c.describe().Editor, err)
	}
	return nil
}

// handle is the jsonrpc2.Handler: it runs on the reading goroutine, one
// message after the other. What goes wrong with a notification is logged; it
// would end the connection.
func (c *connection) handle(ctx context.Context, req *jsonrpc2.Request) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("lsp: panic", "method", req.Method(), "panic", r, "stack", string(debug.Stack()))
			result, err = nil, jsonrpc2.Errorf(jsonrpc2.InternalError, "lathe: %s failed inside the server; its log says where", short(req.Method()))
		}
		if err != nil && !req.IsCall() {
			c.log.Warn("lsp: notification ignored", "method", short(req.Method()), "why", err)
			result, err = nil, nil
		}
	}()
	return c.dispatch(ctx, req)
}

func (c *connection) describe() Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := Connection{ID: c.id, Editor: c.editor, Unlocked: c.signer != nil, Since: c.since, Roots: []string{}}
	for _, r := range c.roots {
		d.Roots = append(d.Roots, r.path)
	}
	return d
}

func (c *connection) setSigner(s Signer) {
	c.mu.Lock()
	c.signer = s
	c.mu.Unlock()
	c.log.Info("lsp: editor connection changed", "unlocked", s != nil)
}

func (c *connection) loseDocuments() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.docs.loseAll()
	c.allDirty()
}

// allDirty asks the publisher for all documents. mu is held.
func (c *connection) allDirty() {
	for _, d := range c.docs.byPath {
		c.dirty[d] = true
	}
	c.nudge()
}

func (c *connection) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// background runs a call to the editor beside the reading goroutine, which
// the call's answer needs. When too many are under way it is dropped.
func (c *connection) background(what string, do func(ctx context.Context)) {
	select {
	case c.slots <- struct{}{}:
	default:
		c.log.Warn("lsp: too many calls to the editor wait for its answer; dropped", "call", what)
		return
	}
	c.tasks.Add(1)
	go func() {
		defer c.tasks.Done()
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, callTime)
		defer cancel()
		do(ctx)
	}()
}

// short keeps a hostile method name out of logs and replies.
func short(method string) string {
	return fmt.Sprintf("%.64q", method)
}
