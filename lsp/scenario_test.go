package lsp

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"lathe/learn"
)

func planPath(root string) string { return filepath.Join(root, ".ocode", "plans", "build.json") }

// opened is an editor with the plan open and n diagnostics shown.
func opened(t *testing.T, q *queue, s *Server, caps protocol.ClientCapabilities, root string, n int) *editor {
	t.Helper()
	e := connect(t, s)
	e.initialize(caps, root)
	e.open(planPath(root), plan)
	e.shown(planPath(root), n)
	return e
}

// TestBurst: 5,000 edits in a row, each depending on the one before, give the
// text that they make, and a request behind them sees it.
func TestBurst(t *testing.T) {
	for _, enc := range []encoding{utf8Units, utf16Units, utf32Units} {
		t.Run(string(enc), func(t *testing.T) {
			root := t.TempDir()
			q := newQueue()
			p := proposal("p1", "")
			p.Match = "needle"
			q.put(root, p)
			caps := modern()
			caps.General.PositionEncodings = []protocol.PositionEncodingKind{enc}
			e := opened(t, q, testServer(q), caps, root, 1)
			if e.result.Capabilities.PositionEncoding != enc {
				t.Fatalf("negotiated %s", e.result.Capabilities.PositionEncoding)
			}
			path := planPath(root)
			e.change(path, 2, &protocol.TextDocumentContentChangeWholeDocument{Text: "needle"})
			pieces := []string{"a", "😀", "é", "€"}
			var before string
			const edits = 5000
			for i := range edits {
				// Each goes in front of the needle, where the ones before have moved it.
				piece, at := pieces[i%len(pieces)], length(before, enc)
				e.change(path, int32(3+i), edit(0, at, at, piece))
				before += piece
			}
			var hover protocol.Hover
			params := &protocol.HoverParams{}
			params.TextDocument.URI = uri.File(path)
			e.must(protocol.MethodTextDocumentHover, params, &hover)
			want := length(before, enc)
			if hover.Range == nil || hover.Range.Start.Character != want || hover.Range.End.Character != want+6 {
				t.Errorf("after %d edits the needle is at %+v, want %d", edits, hover.Range, want)
			}
		})
	}
}

// length is a text's length as the editor counts, by other means than the server's.
func length(s string, enc encoding) uint32 {
	switch enc {
	case utf8Units:
		return uint32(len(s))
	case utf16Units:
		return uint32(len(utf16.Encode([]rune(s))))
	default:
		return uint32(len([]rune(s)))
	}
}

// TestAbilities: what is sent depends on what the editor said it can take.
func TestAbilities(t *testing.T) {
	plainEditor := protocol.ClientCapabilities{TextDocument: &protocol.TextDocumentClientCapabilities{
		PublishDiagnostics: &protocol.PublishDiagnosticsClientCapabilities{}}}
	for _, c := range []struct {
		name           string
		caps           protocol.ClientCapabilities
		literals, link bool
		kind           protocol.MarkupKind
		documents      int
	}{
		{"modern", modern(), true, true, protocol.MarkupKindMarkdown, 1},
		{"plain", plainEditor, false, false, protocol.MarkupKindPlainText, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			q := newQueue()
			p := proposal("p1", "test")
			p.Generated = true
			q.put(root, p)
			e := opened(t, q, testServer(q), c.caps, root, 1)
			d := e.shown(planPath(root), 1)[0]
			if got := d.CodeDescription.Href != ""; got != c.link {
				t.Errorf("link in the diagnostic: %v", d.CodeDescription)
			}
			actions := e.actions(planPath(root), 3)
			for _, a := range actions {
				literal, ok := a.(*protocol.CodeAction)
				if ok != c.literals {
					t.Fatalf("action %T", a)
				}
				if ok && (len(literal.Tags) != 1 || literal.Tags[0] != protocol.CodeActionTagLLMGenerated) {
					t.Errorf("a model wrote it, but the tags are %v", literal.Tags)
				}
			}
			var hover protocol.Hover
			params := &protocol.HoverParams{}
			params.TextDocument.URI, params.Position.Line = uri.File(planPath(root)), 3
			e.must(protocol.MethodTextDocumentHover, params, &hover)
			if m, ok := hover.Contents.(*protocol.MarkupContent); !ok || m.Kind != c.kind || !strings.Contains(m.Value, "+ retry") || !strings.Contains(m.Value, p.EvidenceURL) {
				t.Errorf("hover %+v", hover.Contents)
			}
			if err := e.execute(find(actions, commandEvidence)); err != nil {
				t.Fatal(err)
			}
			e.until("the evidence", func() bool {
				if c.documents == 1 {
					return len(e.documents) == 1 && e.documents[0] == p.EvidenceURL
				}
				return len(e.messages) == 1 && strings.HasSuffix(e.messages[0], p.EvidenceURL)
			})
		})
	}
}

// TestShowRefused: an editor that cannot open the browser tells the address.
func TestShowRefused(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := opened(t, q, testServer(q), modern(), root, 1)
	e.mu.Lock()
	e.refuseShow = true
	e.mu.Unlock()
	if err := e.execute(find(e.actions(planPath(root), 3), commandUnlock)); err != nil {
		t.Fatal(err)
	}
	e.until("the address", func() bool {
		return len(e.documents) == 1 && len(e.messages) == 1 && strings.Contains(e.messages[0], "http://127.0.0.1:7/unlock?connection=")
	})
}

// TestPull: an editor that pulls is told when to pull, and gets nothing pushed.
func TestPull(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	caps := modern()
	caps.TextDocument.Diagnostic = &protocol.DiagnosticClientCapabilities{}
	caps.Workspace = &protocol.WorkspaceClientCapabilities{Diagnostics: &protocol.DiagnosticWorkspaceClientCapabilities{RefreshSupport: new(true)}}
	e := connect(t, testServer(q))
	e.initialize(caps, root)
	if e.result.Capabilities.DiagnosticProvider == nil {
		t.Fatal("pulling is not offered")
	}
	e.open(planPath(root), plan)
	e.until("the request to pull", func() bool { return e.refreshes == 1 })
	pull := func(previous *string) (*protocol.RelatedFullDocumentDiagnosticReport, protocol.DocumentDiagnosticReport) {
		t.Helper()
		p := &protocol.DocumentDiagnosticParams{PreviousResultID: previous}
		p.TextDocument.URI = uri.File(planPath(root))
		var raw jsonrpc2.RawMessage
		e.must(protocol.MethodTextDocumentDiagnostic, p, (*rawResult)(&raw))
		var report protocol.DocumentDiagnosticReport
		if err := protocol.Unmarshal(raw, &report); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		full, _ := report.(*protocol.RelatedFullDocumentDiagnosticReport)
		return full, report
	}
	full, _ := pull(nil)
	if full == nil || len(full.Items) != 1 || full.Items[0].Range.Start.Line != 3 {
		t.Fatalf("pulled %+v", full)
	}
	if _, again := pull(full.ResultID); again.(*protocol.RelatedUnchangedDocumentDiagnosticReport).ResultID != *full.ResultID {
		t.Errorf("pulled again %+v", again)
	}
	q.put(root, proposal("p2", "fetch"))
	e.until("the second request to pull", func() bool { return e.refreshes == 2 })
	if full, _ = pull(full.ResultID); full == nil || len(full.Items) != 2 {
		t.Errorf("pulled after a change %+v", full)
	}
	if e.published != 0 {
		t.Errorf("%d diagnostics were pushed too", e.published)
	}
}

// TestFolders: several folders, added and removed while open; proposals do not
// reach out of theirs.
func TestFolders(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	q := newQueue()
	outside := proposal("p3", "test")
	outside.Path = "../" + filepath.Base(first) + "/.ocode/plans/build.json"
	absolute := proposal("p4", "fetch")
	absolute.Path = planPath(second)
	decided := proposal("p5", "fetch")
	decided.State = learn.StateActive
	q.put(first, proposal("p1", "test"), decided)
	q.put(second, proposal("p2", "test"), outside, absolute)
	e := connect(t, testServer(q))
	e.initialize(modern(), first)
	e.open(planPath(first), plan)
	e.open(planPath(second), plan)
	e.shown(planPath(first), 1)
	change := func(added, removed []protocol.WorkspaceFolder) {
		e.notify(protocol.MethodWorkspaceDidChangeWorkspaceFolders, &protocol.DidChangeWorkspaceFoldersParams{
			Event: protocol.WorkspaceFoldersChangeEvent{Added: added, Removed: removed}})
	}
	change([]protocol.WorkspaceFolder{{URI: uri.File(second), Name: "second"}}, []protocol.WorkspaceFolder{})
	e.shown(planPath(second), 2)
	change([]protocol.WorkspaceFolder{}, []protocol.WorkspaceFolder{{URI: uri.File(first), Name: "first"}})
	e.shown(planPath(first), 0)
}

// TestSingleFile: an editor without a workspace opens a plan; its folder counts.
func TestSingleFile(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := connect(t, testServer(q))
	e.initialize(modern())
	escaped := "file://" + strings.ReplaceAll(planPath(root), "/", "%2F")
	e.raw(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":%q,"languageId":"json","version":1,"text":%q}}}`, escaped, plan))
	shown := func(n int) func() bool {
		return func() bool {
			for u, d := range e.diagnostics {
				if p, _ := pathOf(u); p == planPath(root) {
					return len(d) == n
				}
			}
			return false
		}
	}
	e.until("diagnostics of the file", shown(1))
	close := &protocol.DidCloseTextDocumentParams{}
	close.TextDocument.URI = uri.File(planPath(root))
	e.notify(protocol.MethodTextDocumentDidClose, close)
	e.until("none once closed under another spelling", shown(0))
}

// TestMend: only URIs are touched.
func TestMend(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"uri":"file://%2Ftmp%2Fa"}`, `{"uri":"file:///tmp%2Fa"}`},
		{`{"rootUri" : "file://%2ftmp"}`, `{"rootUri" : "file:///tmp"}`},
		{`{"text":"{\"uri\":\"file://%2Ftmp\"}"}`, `{"text":"{\"uri\":\"file://%2Ftmp\"}"}`},
		{`{"uri":"file:///tmp"}`, `{"uri":"file:///tmp"}`},
	} {
		if got := string(mend([]byte(c.in))); got != c.want {
			t.Errorf("mend(%s) = %s", c.in, got)
		}
	}
}

// TestRenewed: what is shown follows the proposals and the document.
func TestRenewed(t *testing.T) {
	root := t.TempDir()
	path := planPath(root)
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := opened(t, q, testServer(q), modern(), root, 1)
	stale := find(e.actions(path, 3), commandReject)
	changed := proposal("p1", "test")
	changed.ContentHash, changed.Title = "another", "Retry twice"
	q.put(root, changed)
	e.until("the changed proposal", func() bool {
		d := e.diagnostics[string(uri.File(path))]
		return len(d) == 1 && strings.HasPrefix(string(d[0].Message.(protocol.String)), "Retry twice")
	})
	if err := e.execute(stale); err == nil || !strings.Contains(err.Error(), "changed after this action was offered") {
		t.Errorf("rejecting what was not seen: %v", err)
	}
	e.change(path, 2, edit(0, 0, 0, "\n\n"))
	e.until("the moved diagnostic", func() bool { return e.diagnostics[string(uri.File(path))][0].Range.Start.Line == 5 })
	if find(e.actions(path, 5), commandReject) == nil || len(e.actions(path, 3)) != 0 {
		t.Error("the actions did not move along")
	}
	if len(q.decided()) != 0 {
		t.Errorf("decided %+v", q.decided())
	}
}

// TestClarify: with a question it is a decision, without one the page opens.
func TestClarify(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := opened(t, q, testServer(q), modern(), root, 1)
	clarify := find(e.actions(planPath(root), 3), commandClarify)
	if err := e.execute(clarify); err != nil {
		t.Fatal(err)
	}
	e.until("the page", func() bool { return len(e.documents) == 1 })
	clarify.Arguments = []protocol.LSPAny{protocol.LSPAny(`{"proposal_id":"p1","content_hash":"hash-of-p1","reason":"Why four?"}`)}
	if err := e.execute(clarify); err != nil {
		t.Fatal(err)
	}
	if d := q.decided(); len(d) != 1 || d[0].Verdict != learn.VerdictRequestClarification || d[0].Reason != "Why four?" {
		t.Errorf("decided %+v", d)
	}
}

// TestRights: the right to approve is one connection's, ends with Lock, and
// ends with the connection.
func TestRights(t *testing.T) {
	root := t.TempDir()
	path := planPath(root)
	q := newQueue()
	q.needSign = true
	q.put(root, proposal("p1", "test"))
	s := testServer(q)
	e := opened(t, q, s, modern(), root, 1)
	id := s.Connections()[0].ID
	other := opened(t, q, s, modern(), root, 1)
	if err := s.Unlock(id, nil); err == nil {
		t.Error("unlocked without a signer")
	}
	if err := s.Unlock("guess", signer{}); !errors.Is(err, ErrNoConnection) {
		t.Errorf("unlock of no connection: %v", err)
	}
	if err := s.Unlock(id, signer{}); err != nil {
		t.Fatal(err)
	}
	approve := find(e.actions(path, 3), commandApprove)
	if approve == nil || find(other.actions(path, 3), commandApprove) != nil {
		t.Fatal("unlocked is not the one connection")
	}
	if err := other.execute(approve); err == nil || !strings.Contains(err.Error(), "not unlocked") {
		t.Errorf("the other connection approved: %v", err)
	}
	if err := other.execute(find(other.actions(path, 3), commandReject)); err == nil || !strings.Contains(err.Error(), "not unlocked") {
		t.Errorf("a rejection that needs a signature: %v", err)
	}
	other.until("the unlock page, twice", func() bool { return len(other.documents) == 2 })
	if err := s.Lock(id); err != nil {
		t.Fatal(err)
	}
	if err := e.execute(approve); err == nil {
		t.Error("approved after Lock")
	}
	if err := s.Unlock(id, signer{}); err != nil {
		t.Fatal(err)
	}
	e.must(protocol.MethodShutdown, nil, nil)
	e.notify(protocol.MethodExit, nil)
	if err := <-e.served; err != nil {
		t.Errorf("after exit: %v", err)
	}
	e.served <- nil
	if err := s.Unlock(id, signer{}); !errors.Is(err, ErrNoConnection) {
		t.Errorf("unlock of a closed connection: %v", err)
	}
	if err := s.Lock(id); !errors.Is(err, ErrNoConnection) {
		t.Errorf("lock of a closed connection: %v", err)
	}
	if len(q.decided()) != 0 {
		t.Errorf("decided %+v", q.decided())
	}
}

// TestResolve: Neovim resolves command-only actions; they come back unchanged.
func TestResolve(t *testing.T) {
	e := connect(t, testServer(newQueue()))
	e.initialize(modern())
	const action = `{"title":"t","command":{"title":"t","command":"lathe.reject","arguments":[{"proposal_id":"p"}]},"data":null}`
	var got jsonrpc2.RawMessage
	e.must(protocol.MethodCodeActionResolve, jsonrpc2.RawMessage(action), (*rawResult)(&got))
	if string(got) != action {
		t.Errorf("resolved to %s", got)
	}
}

// TestOnly: asked for other kinds of actions, there are none.
func TestOnly(t *testing.T) {
	for _, c := range []struct {
		only []protocol.CodeActionKind
		want bool
	}{
		{nil, true}, {[]protocol.CodeActionKind{""}, true}, {[]protocol.CodeActionKind{"quickfix"}, true},
		{[]protocol.CodeActionKind{"refactor", "source.fixAll"}, false}, {[]protocol.CodeActionKind{"quick"}, false},
	} {
		if got := wanted(c.only); got != c.want {
			t.Errorf("wanted(%q) = %v", c.only, got)
		}
	}
}

// TestCaptured: text that tools printed stays text.
func TestCaptured(t *testing.T) {
	p := &Proposal{Title: "x](http://evil)\n# big", Summary: "<img src=x> ![a](b) `c` \x1b[31m\u202Eabc", Detail: "```\nopen", EvidenceURL: "javascript:alert(1)"}
	got := markdown(p)
	for _, bad := range []string{"](http", "\n# big", " <img", " ![", "\x1b", "\u202e", "javascript"} {
		if strings.Contains(got, bad) {
			t.Errorf("hover has %q: %s", bad, got)
		}
	}
	if strings.Count(got, "```")%2 != 0 {
		t.Errorf("a fence stays open: %s", got)
	}
}

// TestMany: a file with very many proposals shows some, and answers.
func TestMany(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	var ps []Proposal
	for i := range 3000 {
		ps = append(ps, proposal(fmt.Sprintf("p%04d", i), "test"))
	}
	q.items[root] = ps
	e := opened(t, q, testServer(q), modern(), root, maxPlaced)
	const each, unlock = 3, 1
	if n := len(e.actions(planPath(root), 3)); n != maxActed*each+unlock {
		t.Errorf("%d actions", n)
	}
}

// TestCancelled: the daemon's end ends every connection.
func TestCancelled(t *testing.T) {
	q := newQueue()
	s := testServer(q)
	e := connect(t, s)
	e.initialize(modern())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Serve(ctx, e.conn); err != nil {
		t.Errorf("a connection made after the end: %v", err)
	}
	if err := <-e.served; err != nil && !errors.Is(err, context.Canceled) {
		t.Logf("its other end: %v", err)
	}
	e.served <- nil
}
