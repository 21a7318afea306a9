package lsp

import (
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

// TestSpelling: a document is named to the editor as the editor spells it.
func TestSpelling(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a (b) [é]!")
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	for _, spell := range []func(path string) string{
		func(p string) string { return "file://" + strings.ReplaceAll(p, " ", "%20") },
		func(p string) string { return string(uri.File(p)) },
		func(p string) string { return "FILE://localhost" + strings.ReplaceAll(p, " ", "%20") },
	} {
		spelled := spell(planPath(root))
		e := connect(t, testServer(q))
		e.initialize(modern(), root)
		e.raw(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":%q,"languageId":"json","version":1,"text":%q}}}`, spelled, plan))
		e.until("diagnostics under the same spelling", func() bool { return len(e.raws[spelled]) == 1 })
	}
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
			d, ok := e.raws[escaped]
			return ok && len(d) == n
		}
	}
	e.until("diagnostics of the file", shown(1))
	close := &protocol.DidCloseTextDocumentParams{}
	close.TextDocument.URI = uri.File(planPath(root))
	e.notify(protocol.MethodTextDocumentDidClose, close)
	e.until("none once closed under another spelling", shown(0))
}

// TestTwoLines: an editor that says its version in two lines, as Emacs does, is
// named in one: what goes into the log is bounded to that.
func TestTwoLines(t *testing.T) {
	root := t.TempDir()
	q, m := newQueue(), newMemory()
	q.put(root, proposal("p1", "test"))
	s := knowing(q, m)
	e := connect(t, s)
	e.must(protocol.MethodInitialize, jsonrpc2.RawMessage(fmt.Sprintf(`{"processId":null,"clientInfo":{"name":"emacs","version":"GNU Emacs 28.2 (build 1)\n of 2023"},"rootUri":%q,"capabilities":{}}`,
		uri.File(root))), nil)
	if got := s.Connections()[0].Editor; got != "emacs GNU Emacs 28.2 (build 1) of 2023" {
		t.Errorf("editor %q", got)
	}
}

// TestRootOfPlans: an editor that takes the templates' folder for the workspace
// means the one around it, also when it is removed.
func TestRootOfPlans(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := connect(t, testServer(q))
	e.initialize(modern(), filepath.Dir(planPath(root)))
	e.open(planPath(root), plan)
	e.shown(planPath(root), 1)
	e.notify(protocol.MethodWorkspaceDidChangeWorkspaceFolders, &protocol.DidChangeWorkspaceFoldersParams{Event: protocol.WorkspaceFoldersChangeEvent{
		Added: []protocol.WorkspaceFolder{}, Removed: []protocol.WorkspaceFolder{{URI: uri.File(filepath.Join(root, ".ocode")), Name: "x"}}}})
	e.shown(planPath(root), 0)
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
