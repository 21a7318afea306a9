package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// BridgeOptions say what Bridge connects. In, Out and Dial are required.
type BridgeOptions struct {
	In  io.Reader // from the editor
	Out io.Writer // to it
	// Dial opens a connection that is served by a Server. With start it may
	// start what is not there, and waits for it; without, it only looks.
	Dial   func(ctx context.Context, start bool) (io.ReadWriteCloser, error)
	Logger *slog.Logger
	// Look is how often it is looked whether the server is back while nobody
	// asks for anything; 0 means half a second.
	Look time.Duration
}

const (
	answerTime = 2 * time.Second // for answers under way when the editor is gone
	maxPending = 10_000          // requests that are remembered for sending again
)

// Bridge carries one editor's stdio to the daemon until In ends or the editor
// says exit.
//
// When the daemon goes away, Bridge connects again: at once when the editor asks
// for something, which may start a daemon, or else as soon as one is there. The
// new one is told what the editor said before: initialize, folders, settings,
// and the documents that are open, as they are now. Requests without an answer
// are sent again, except for commands, which may have been carried out already:
// those get an error that says so. The right to approve is not carried over.
//
// The error is nil when the editor left, else what went wrong with In or Out,
// with the first connection, or the context's.
func Bridge(ctx context.Context, o BridgeOptions) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Look <= 0 {
		o.Look = 500 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bridge{o: o, memory: newEditorMemory(), pending: map[string]wire{}, progress: map[string]json.RawMessage{}, shown: map[string]bool{}}
	conn, err := o.Dial(ctx, true)
	if err != nil {
		return err
	}
	b.connect(ctx, conn)
	defer b.drop()
	said := make(chan said)
	go hear(ctx, o.In, said)
	return b.run(ctx, said)
}

// said is a message of the editor, or of the daemon; or the end.
type said struct {
	raw []byte
	err error
}

// hear reads messages until the input ends. It may outlive ctx, by one read.
func hear(ctx context.Context, in io.Reader, out chan<- said) {
	f := newFrames(in)
	for {
		raw, err := f.raw()
		var lost *lostError
		if errors.As(err, &lost) {
			continue // too long: the daemon would not take it either
		}
		select {
		case out <- said{raw, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// link is one connection to a daemon.
type link struct {
	conn  io.ReadWriteCloser
	in    chan said
	stop  context.CancelFunc
	named string // sets its requests to the editor apart from those of others
}

// bridge is the state of one Bridge call; one goroutine owns it.
type bridge struct {
	o        BridgeOptions
	memory   *editorMemory
	link     *link           // nil while there is no daemon
	links    int             // so far
	pending  map[string]wire // the editor's requests, by id
	order    []string        // of their ids
	progress map[string]json.RawMessage
	shown    map[string]bool // URIs that have diagnostics
	replay   string          // id of our own initialize, while it is not answered
	leaving  bool
}

func (b *bridge) connect(ctx context.Context, conn io.ReadWriteCloser) {
	b.links++
	life, stop := context.WithCancel(ctx)
	b.link = &link{conn: conn, in: make(chan said), stop: stop, named: fmt.Sprintf("%d:", b.links)}
	go hear(life, conn, b.link.in)
}

func (b *bridge) drop() {
	if b.link != nil {
		b.link.stop()
		_ = b.link.conn.Close()
		b.link = nil
	}
}

func (b *bridge) run(ctx context.Context, editor chan said) error {
	look := time.NewTicker(b.o.Look)
	defer look.Stop()
	var late <-chan time.Time
	for {
		var daemon chan said
		if b.link != nil {
			daemon = b.link.in
		}
		select {
		case m := <-editor:
			if m.err != nil {
				if !errors.Is(m.err, io.EOF) {
					return fmt.Errorf("lsp: read from the editor: %w", m.err)
				}
				if len(b.pending) == 0 || b.link == nil {
					return nil
				}
				editor, late = nil, time.After(answerTime)
				continue
			}
			if done, err := b.fromEditor(ctx, m.raw); done || err != nil {
				return err
			}
		case m := <-daemon:
			if m.err != nil {
				if err := b.lost(ctx, m.err); err != nil {
					return err
				}
				if editor == nil {
					return nil
				}
				continue
			}
			if err := b.fromDaemon(m.raw); err != nil {
				return err
			}
			if editor == nil && len(b.pending) == 0 {
				return nil
			}
		case <-look.C:
			if b.link == nil {
				if err := b.reconnect(ctx, false); err != nil {
					return err
				}
			}
		case <-late:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lost tidies up after a daemon that went away.
func (b *bridge) lost(ctx context.Context, why error) error {
	b.o.Logger.Info("the daemon went away", "why", why)
	b.drop()
	for token := range b.progress {
		if err := b.say(wire{Method: "$/progress", Params: mustJSON(map[string]any{"token": b.progress[token], "value": map[string]string{"kind": "end"}})}); err != nil {
			return err
		}
	}
	clear(b.progress)
	b.replay = ""
	for _, id := range append([]string(nil), b.order...) {
		m := b.pending[id]
		switch {
		case b.leaving || m.Method == "shutdown":
			b.forget(id)
			if err := b.say(wire{ID: m.ID, Result: json.RawMessage("null")}); err != nil {
				return err
			}
		case m.Method == "workspace/executeCommand":
			b.forget(id)
			if err := b.refuse(m.ID, "the Lathe daemon went away while this command was under way; it may have been carried out: look before you repeat it"); err != nil {
				return err
			}
		}
	}
	if len(b.pending) > 0 {
		return b.reconnect(ctx, true)
	}
	return nil
}

// reconnect finds a daemon and tells it what the editor said before.
func (b *bridge) reconnect(ctx context.Context, start bool) error {
	conn, err := b.o.Dial(ctx, start)
	if err != nil {
		if !start {
			return nil // later
		}
		b.o.Logger.Warn("there is no daemon", "why", err)
		for _, id := range append([]string(nil), b.order...) {
			b.forget(id)
			if err := b.refuse(json.RawMessage(id), "the Lathe daemon is gone and none could be started: "+cut(err.Error(), 300)); err != nil {
				return err
			}
		}
		return nil
	}
	b.connect(ctx, conn)
	for uri := range b.shown { // the new daemon does not know that they are shown
		if err := b.say(wire{Method: "textDocument/publishDiagnostics", Params: mustJSON(map[string]any{"uri": uri, "diagnostics": []string{}})}); err != nil {
			return err
		}
	}
	clear(b.shown)
	if b.memory.initialize == nil {
		return b.sendAgain()
	}
	if pending, ok := b.pending[string(b.memory.initialize.ID)]; ok && pending.Method == "initialize" {
		return b.sendAgain() // the editor itself still waits for it
	}
	b.replay = fmt.Sprintf(`"lathe-again-%d"`, b.links)
	again := *b.memory.initialize
	again.ID = json.RawMessage(b.replay)
	return b.pass(again.bytes())
}

// sendAgain sends what has no answer yet.
func (b *bridge) sendAgain() error {
	for _, id := range b.order {
		if err := b.pass(b.pending[id].bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bridge) forget(id string) {
	delete(b.pending, id)
	for i, o := range b.order {
		if o == id {
			b.order = append(b.order[:i:i], b.order[i+1:]...)
			return
		}
	}
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings only
	}
	return raw
}
