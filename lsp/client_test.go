package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if pipeMain() {
		return
	}
	goleak.VerifyTestMain(m)
}

// patience ends tests that hang; nothing is measured against it.
const patience = 30 * time.Second

// editor is an editor as the server meets it: it answers calls, keeps what it
// is shown, and writes raw bytes when a test wants that.
type editor struct {
	t      testing.TB
	conn   net.Conn
	rpc    jsonrpc2.Conn
	served chan error

	mu          sync.Mutex
	news        chan struct{} // closed when something was shown
	diagnostics map[string][]protocol.Diagnostic
	raws        map[string][]protocol.Diagnostic // by URI as it was sent
	published   int
	messages    []string
	documents   []string
	refreshes   int
	settings    string   // what it has under "lathe"
	progress    []string // token:kind
	created     int      // tokens
	registered  int
	refuseShow  bool
	result      protocol.InitializeResult
}

// connect starts a server's connection and an editor at its other end.
func connect(t *testing.T, s *Server) *editor {
	t.Helper()
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, theirs) }()
	e := attach(t, ours)
	e.served = served
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Logf("Serve: %v", err)
		}
	})
	return e
}

// attach makes an editor of a connection to a server.
func attach(t testing.TB, conn net.Conn) *editor {
	e := &editor{t: t, conn: conn, news: make(chan struct{}), diagnostics: map[string][]protocol.Diagnostic{}, raws: map[string][]protocol.Diagnostic{}, settings: "{}"}
	e.rpc = jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(conn), jsonrpc2.WithCodec(codec{}))
	e.rpc.Go(context.Background(), e.handle)
	t.Cleanup(func() { _ = e.rpc.Close() })
	return e
}

func (e *editor) handle(ctx context.Context, req *jsonrpc2.Request) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { close(e.news); e.news = make(chan struct{}) }()
	switch req.Method() {
	case protocol.MethodTextDocumentPublishDiagnostics:
		var p protocol.PublishDiagnosticsParams
		if err := protocol.Unmarshal(req.Params(), &p); err != nil {
			return nil, err
		}
		e.diagnostics[string(p.URI)] = p.Diagnostics
		var spelled struct{ URI string }
		if err := json.Unmarshal(req.Params(), &spelled); err != nil {
			return nil, err
		}
		e.raws[spelled.URI] = p.Diagnostics
		e.published++
	case protocol.MethodWindowShowMessage:
		var p protocol.ShowMessageParams
		if err := protocol.Unmarshal(req.Params(), &p); err != nil {
			return nil, err
		}
		e.messages = append(e.messages, p.Message)
	case protocol.MethodWindowShowDocument:
		var p protocol.ShowDocumentParams
		if err := protocol.Unmarshal(req.Params(), &p); err != nil {
			return nil, err
		}
		e.documents = append(e.documents, string(p.URI))
		return &protocol.ShowDocumentResult{Success: !e.refuseShow}, nil
	case protocol.MethodWorkspaceDiagnosticRefresh:
		e.refreshes++
	default:
		if result, err, ok := e.answerMore(ctx, req.Method(), req.Params()); ok {
			return result, err
		}
		if req.IsCall() { // an error for a notification would end the connection
			return nil, jsonrpc2.ErrMethodNotFound
		}
	}
	return nil, nil
}

// until waits for something that the server shows.
func (e *editor) until(what string, ok func() bool) {
	e.t.Helper()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		done, news := ok(), e.news
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-deadline:
			e.mu.Lock()
			defer e.mu.Unlock()
			e.t.Fatalf("waited in vain for %s; diagnostics %v, messages %q, documents %q", what, e.diagnostics, e.messages, e.documents)
		}
	}
}

func (e *editor) call(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := e.rpc.Call(ctx, method, params, result)
	return err
}

func (e *editor) must(method string, params, result any) {
	e.t.Helper()
	if err := e.call(method, params, result); err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
}

func (e *editor) notify(method string, params any) {
	e.t.Helper()
	if err := e.rpc.Notify(context.Background(), method, params); err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
}

// raw writes a frame with any body.
func (e *editor) raw(body string) {
	e.bytes(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

func (e *editor) bytes(s string) {
	e.t.Helper()
	if _, err := e.conn.Write([]byte(s)); err != nil {
		e.t.Fatalf("write: %v", err)
	}
}

// modern are the capabilities of an editor that can do everything but pull.
func modern() protocol.ClientCapabilities {
	return protocol.ClientCapabilities{
		General: &protocol.GeneralClientCapabilities{PositionEncodings: []protocol.PositionEncodingKind{"utf-8", "utf-16"}},
		Window:  &protocol.WindowClientCapabilities{ShowDocument: &protocol.ShowDocumentClientCapabilities{Support: true}},
		TextDocument: &protocol.TextDocumentClientCapabilities{
			PublishDiagnostics: &protocol.PublishDiagnosticsClientCapabilities{VersionSupport: new(true),
				DiagnosticsCapabilities: protocol.DiagnosticsCapabilities{CodeDescriptionSupport: new(true), DataSupport: new(true)}},
			CodeAction: &protocol.CodeActionClientCapabilities{
				CodeActionLiteralSupport: protocol.ClientCodeActionLiteralOptions{CodeActionKind: protocol.ClientCodeActionKindOptions{ValueSet: []protocol.CodeActionKind{"quickfix"}}},
				TagSupport:               protocol.CodeActionTagOptions{ValueSet: []protocol.CodeActionTag{protocol.CodeActionTagLLMGenerated}},
			},
			Hover: &protocol.HoverClientCapabilities{ContentFormat: []protocol.MarkupKind{"markdown", "plaintext"}},
		},
	}
}

func (e *editor) initialize(caps protocol.ClientCapabilities, roots ...string) {
	e.t.Helper()
	p := &protocol.InitializeParams{Capabilities: caps, ClientInfo: protocol.ClientInfo{Name: "tester", Version: protocol.NewOptional("1")}}
	folders := []protocol.WorkspaceFolder{}
	for _, r := range roots {
		folders = append(folders, protocol.WorkspaceFolder{URI: uri.File(r), Name: filepath.Base(r)})
	}
	p.WorkspaceFolders = protocol.NewNullable(folders)
	e.must(protocol.MethodInitialize, p, &e.result)
	e.notify(protocol.MethodInitialized, &protocol.InitializedParams{})
}

func (e *editor) open(path, text string) {
	e.t.Helper()
	e.notify(protocol.MethodTextDocumentDidOpen, &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
		URI: uri.File(path), LanguageID: "json", Version: 1, Text: text}})
}

func edit(line, from, to uint32, text string) protocol.TextDocumentContentChangeEvent {
	return &protocol.TextDocumentContentChangePartial{Text: text, Range: protocol.Range{
		Start: protocol.Position{Line: line, Character: from}, End: protocol.Position{Line: line, Character: to}}}
}

func (e *editor) change(path string, version int32, changes ...protocol.TextDocumentContentChangeEvent) {
	e.t.Helper()
	p := &protocol.DidChangeTextDocumentParams{ContentChanges: changes}
	p.TextDocument.URI, p.TextDocument.Version = uri.File(path), version
	e.notify(protocol.MethodTextDocumentDidChange, p)
}

// shown waits until the file has n diagnostics and returns them.
func (e *editor) shown(path string, n int) []protocol.Diagnostic {
	e.t.Helper()
	var out []protocol.Diagnostic
	e.until(fmt.Sprintf("%d diagnostics of %s", n, path), func() bool {
		d, ok := e.diagnostics[string(uri.File(path))]
		out = slices.Clone(d)
		return ok && len(d) == n
	})
	return out
}

func (e *editor) actions(path string, line uint32) []protocol.CommandOrCodeAction {
	e.t.Helper()
	p := &protocol.CodeActionParams{Context: protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{}}}
	p.TextDocument.URI = uri.File(path)
	p.Range.Start.Line, p.Range.End.Line = line, line
	var raw jsonrpc2.RawMessage
	e.must(protocol.MethodTextDocumentCodeAction, p, (*rawResult)(&raw))
	var out []protocol.CommandOrCodeAction
	if err := protocol.Unmarshal(raw, &out); err != nil {
		e.t.Fatalf("code actions %s: %v", raw, err)
	}
	return out
}

// rawResult takes a result as it came.
type rawResult jsonrpc2.RawMessage

func (r *rawResult) UnmarshalJSON(b []byte) error { *r = slices.Clone(b); return nil }

// find returns the command of that name among actions, or nil.
func find(actions []protocol.CommandOrCodeAction, name string) *protocol.Command {
	for _, a := range actions {
		switch a := a.(type) {
		case *protocol.Command:
			if a.Command == name {
				return a
			}
		case *protocol.CodeAction:
			if a.Command.Command == name {
				return &a.Command
			}
		}
	}
	return nil
}

func (e *editor) execute(c *protocol.Command) error {
	if c == nil {
		e.t.Helper()
		e.t.Fatal("the action was not offered")
	}
	return e.call(protocol.MethodWorkspaceExecuteCommand, &protocol.ExecuteCommandParams{Command: c.Command, Arguments: c.Arguments}, nil)
}
