package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"lathe/learn"
)

// daemons are what a bridge meets: one server after the other.
type daemons struct {
	t       *testing.T
	q       Proposals
	mu      sync.Mutex
	life    context.CancelFunc // of the one that runs; nil: none does
	server  *Server
	serving sync.WaitGroup
	started int
	down    bool // none can be started
}

func (d *daemons) dial(_ context.Context, start bool) (io.ReadWriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.life == nil {
		if !start || d.down {
			return nil, errors.New("no daemon runs")
		}
		d.begin()
	}
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	stop := d.life
	d.life = func() { stop(); cancel(); _ = theirs.Close() }
	server := d.server
	d.serving.Go(func() { _ = server.Serve(ctx, theirs) })
	return ours, nil
}

func (d *daemons) begin() {
	d.server = New(Options{Proposals: d.q, Version: "1", Debounce: time.Millisecond,
		ReviewURL: func(conn, _ string) string { return "http://127.0.0.1:7/unlock?connection=" + conn }})
	d.life = func() {}
	d.started++
}

// crash ends the daemon that runs, in the middle of whatever it does.
func (d *daemons) crash() {
	d.mu.Lock()
	life := d.life
	d.life = nil
	d.mu.Unlock()
	if life != nil {
		life()
	}
}

// kill ends it and waits for its end.
func (d *daemons) kill() {
	d.crash()
	d.serving.Wait()
}

// bridged is an editor behind a bridge.
func bridged(t *testing.T, d *daemons) *editor {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		done <- Bridge(ctx, BridgeOptions{In: theirs, Out: theirs, Dial: d.dial, Look: time.Millisecond})
		_ = theirs.Close()
	}()
	e := attach(t, ours)
	t.Cleanup(func() {
		_ = ours.Close()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("bridge: %v", err)
		}
		d.kill()
	})
	return e
}

// TestRestart: the daemon is replaced while an editor works; the new one knows
// folders, settings and documents as they are, and answers what the old one
// left open.
func TestRestart(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	q := newQueue()
	q.put(first, proposal("p1", "test"))
	q.put(second, proposal("p2", "fetch"))
	d := &daemons{t: t, q: q}
	e := bridged(t, d)
	e.initialize(modern(), first)
	e.open(planPath(first), plan)
	e.open(filepath.Join(first, "closed.py"), "x")
	e.shown(planPath(first), 1)
	e.notify(protocol.MethodWorkspaceDidChangeWorkspaceFolders, &protocol.DidChangeWorkspaceFoldersParams{
		Event: protocol.WorkspaceFoldersChangeEvent{Added: []protocol.WorkspaceFolder{{URI: uri.File(second), Name: "second"}}, Removed: []protocol.WorkspaceFolder{}}})
	e.open(planPath(second), plan)
	e.shown(planPath(second), 1)
	closing := &protocol.DidCloseTextDocumentParams{}
	closing.TextDocument.URI = uri.File(filepath.Join(first, "closed.py"))
	e.notify(protocol.MethodTextDocumentDidClose, closing)
	for i := range 50 {
		e.change(planPath(first), int32(2+i), edit(0, 0, 0, "\n"))
	}
	e.notify(protocol.MethodWorkspaceDidChangeConfiguration, &protocol.DidChangeConfigurationParams{Settings: protocol.LSPAny(`{"lathe": {"hover": false}}`)})
	if a := e.actions(planPath(first), 53); find(a, commandEvidence) == nil {
		t.Fatalf("before: %v", a)
	}
	d.server.unlock(t)
	d.kill()
	a := e.offeredAt(planPath(first), 53, commandEvidence) // starts another
	if d.started != 2 || find(a, commandEvidence) == nil || find(a, commandApprove) != nil {
		t.Fatalf("after: %d daemons, %v", d.started, a)
	}
	if h := e.hoverAt(planPath(first), 53, 10); h != "" {
		t.Errorf("the settings are forgotten: %q", h)
	}
	e.offeredAt(planPath(second), 2, commandEvidence)
	conns := d.server.Connections()
	if len(conns) != 1 || conns[0].Unlocked || len(conns[0].Roots) != 2 {
		t.Errorf("connections %+v", conns)
	}
	if n := len(d.server.conns[conns[0].ID].docs.byPath); n != 2 {
		t.Errorf("%d documents are open", n)
	}
	d.server.unlock(t)
	if err := e.execute(find(e.actions(planPath(first), 53), commandReject)); err != nil {
		t.Fatal(err)
	}
	e.shown(planPath(first), 0)
}

// offeredAt asks for actions until the one wanted is there: a daemon that just
// began answers before it knows everything.
func (e *editor) offeredAt(path string, line uint32, name string) []protocol.CommandOrCodeAction {
	e.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a := e.actions(path, line)
		if find(a, name) != nil {
			return a
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("%s is not offered: %v", name, a)
		}
	}
}

// slow is a queue whose decisions and looks wait.
type slow struct {
	*queue
	deciding chan struct{}
	release  chan struct{}
}

func (s slow) Decide(ctx context.Context, id, hash string, v learn.Verdict, reason string, by Signer) error {
	s.deciding <- struct{}{}
	<-s.release
	return s.queue.Decide(ctx, id, hash, v, reason, by)
}

// TestRestartUnderWay: a command that was under way is not repeated; the editor
// is told.
func TestRestartUnderWay(t *testing.T) {
	root := t.TempDir()
	q := slow{newQueue(), make(chan struct{}, 1), make(chan struct{})}
	q.put(root, proposal("p1", "test"))
	d := &daemons{t: t, q: q}
	e := bridged(t, d)
	e.initialize(modern(), root)
	e.open(planPath(root), plan)
	e.shown(planPath(root), 1)
	d.server.unlock(t)
	reject := find(e.actions(planPath(root), 3), commandReject)
	failed := make(chan error, 1)
	go func() { failed <- e.execute(reject) }()
	<-q.deciding
	d.crash()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "may have been carried out") {
		t.Errorf("the command ended with %v", err)
	}
	close(q.release)
	d.kill()
	d.mu.Lock()
	d.down = true
	d.mu.Unlock()
	p := &protocol.CodeActionParams{Context: protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{}}}
	p.TextDocument.URI = uri.File(planPath(root))
	if err := e.call(protocol.MethodTextDocumentCodeAction, p, nil); err == nil || !strings.Contains(err.Error(), "none could be started") {
		t.Errorf("without a daemon: %v", err)
	}
	d.mu.Lock()
	d.down = false
	d.begin() // somebody starts it: it is found without being asked for
	d.mu.Unlock()
	e.until("what the new daemon shows", func() bool { return e.published > 1 })
	e.must(protocol.MethodShutdown, nil, nil)
	e.notify(protocol.MethodExit, nil)
}

// TestStaleAnswer: an editor's answer to a daemon that is gone does not reach
// the next one, whose requests have the same ids.
func TestStaleAnswer(t *testing.T) {
	b := &bridge{o: BridgeOptions{Out: io.Discard}, links: 2, link: &link{conn: nopConn{}, named: "2:"}}
	var sent []string
	b.link.conn = recording{&sent}
	for _, raw := range []string{`{"jsonrpc":"2.0","id":"1:3","result":null}`, `{"jsonrpc":"2.0","id":"2:3","result":null}`, `{"jsonrpc":"2.0","id":7,"result":1}`} {
		if _, err := b.fromEditor(t.Context(), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 1 || !strings.Contains(sent[0], `"id":3,"result":null`) {
		t.Errorf("sent %q", sent)
	}
}

type nopConn struct{}

func (nopConn) Read([]byte) (int, error)    { return 0, io.EOF }
func (nopConn) Write(p []byte) (int, error) { return len(p), nil }
func (nopConn) Close() error                { return nil }

// recording keeps what is written to it.
type recording struct{ to *[]string }

func (recording) Read([]byte) (int, error) { return 0, io.EOF }
func (r recording) Write(p []byte) (int, error) {
	*r.to = append(*r.to, string(p))
	return len(p), nil
}
func (recording) Close() error { return nil }

// FuzzBridge: whatever comes from either side, the bridge goes on.
func FuzzBridge(f *testing.F) {
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`, `{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"positionEncoding":"utf-8"}}}`)
	f.Add(`{"method":"textDocument/didChange","params":{"contentChanges":[{"text":"x"}]}}`, `{"method":"$/progress","params":{"token":[],"value":{"kind":"begin"}}}`)
	f.Fuzz(func(t *testing.T, editor, daemon string) {
		b := &bridge{o: BridgeOptions{Out: io.Discard, Dial: func(context.Context, bool) (io.ReadWriteCloser, error) { return nopConn{}, nil }},
			memory: newEditorMemory(), pending: map[string]wire{}, progress: map[string]json.RawMessage{}, shown: map[string]bool{}}
		b.o.Logger = New(Options{}).o.Logger
		b.connect(t.Context(), nopConn{})
		defer b.drop()
		for range 2 {
			if _, err := b.fromEditor(t.Context(), []byte(editor)); err != nil {
				t.Fatal(err)
			}
			if err := b.fromDaemon([]byte(daemon)); err != nil {
				t.Fatal(err)
			}
			if err := b.lost(t.Context(), io.EOF); err != nil {
				t.Fatal(err)
			}
		}
	})
}
