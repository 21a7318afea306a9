package lsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// TestSurvives: after each of these the connection still answers, in order.
func TestSurvives(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, ".ocode", "plans", "build.json")
	note := func(method, params string) string {
		return frame(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params))
	}
	for _, c := range []struct{ name, bytes string }{
		{"unknown notification", note("$/foo", `{}`)},
		{"unknown notification without parameters", frame(`{"jsonrpc":"2.0","method":"x"}`)},
		{"cancelling nothing", note("$/cancelRequest", `{"id": 77}`)},
		{"malformed JSON", frame(`{"jsonrpc":"2.0","method":`)},
		{"no JSON", frame("\x00\xff")},
		{"junk between messages", "warning: something\r\n\r\n"},
		{"a batch", frame(`[]`)},
		{"deep nesting", note("textDocument/didChange", strings.Repeat(`[`, 1<<20))},
		{"oversized", frame(strings.Repeat(" ", maxMessage+1))},
		{"didOpen without parameters", frame(`{"jsonrpc":"2.0","method":"textDocument/didOpen"}`)},
		{"didOpen of another type", note("textDocument/didOpen", `[1]`)},
		{"didOpen of no file", note("textDocument/didOpen", `{"textDocument":{"uri":"untitled:1","languageId":"x","version":1,"text":""}}`)},
		{"didChange of numbers", note("textDocument/didChange", `{"textDocument":{"uri":3,"version":"x"},"contentChanges":[7]}`)},
		{"didChange of a negative line", note("textDocument/didChange", `{"textDocument":{"uri":"file:///a","version":1},"contentChanges":[{"range":{"start":{"line":-1,"character":0},"end":{"line":0,"character":0}},"text":""}]}`)},
		{"didChange of an unknown file", note("textDocument/didChange", `{"textDocument":{"uri":"file:///nowhere","version":1},"contentChanges":[{"text":""}]}`)},
		{"didClose of an unknown file", note("textDocument/didClose", `{"textDocument":{"uri":"file:///nowhere"}}`)},
		{"folders of an unknown scheme", note("workspace/didChangeWorkspaceFolders", `{"event":{"added":[{"uri":"ssh://x/y","name":"y"}],"removed":[]}}`)},
		{"an answer that nobody asked for", frame(`{"jsonrpc":"2.0","id":999,"result":{}}`)},
		{"an error answer without an id", frame(`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}`)},
		{"initialize as a notification", note("initialize", `{}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newQueue()
			q.put(root, proposal("p1", "test"))
			e := connect(t, testServer(q))
			e.initialize(modern(), root)
			e.bytes(c.bytes)
			e.open(path, plan)
			if d := e.shown(path, 1); d[0].Range.Start.Line != 3 {
				t.Errorf("afterwards the diagnostic is at %v", d[0].Range)
			}
			if find(e.actions(path, 3), commandEvidence) == nil {
				t.Error("afterwards there is no action")
			}
		})
	}
}

// TestLostEdit: when an edit was lost, places are not made up from a text that
// the editor does not have; the whole text heals it.
func TestLostEdit(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, ".ocode", "plans", "build.json")
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := connect(t, testServer(q))
	e.initialize(modern(), root)
	e.open(path, plan)
	line := func(want uint32) {
		t.Helper()
		e.until(fmt.Sprintf("the diagnostic at line %d", want), func() bool {
			d := e.diagnostics[string(uri.File(path))]
			return len(d) == 1 && d[0].Range.Start.Line == want
		})
	}
	line(3)
	e.raw(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"`)
	line(0)
	e.change(path, 3, edit(0, 0, 0, "\n"))
	e.change(path, 4, &protocol.TextDocumentContentChangeWholeDocument{Text: "\n\n" + plan})
	line(5)
}

// TestErrors: requests that cannot be answered get an error that says why.
func TestErrors(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, ".ocode", "plans", "build.json")
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	e := connect(t, testServer(q))
	if err := e.call(protocol.MethodTextDocumentHover, &protocol.HoverParams{}, nil); err == nil || !strings.Contains(err.Error(), "before initialize") {
		t.Errorf("hover before initialize: %v", err)
	}
	e.initialize(modern(), root)
	e.open(path, plan)
	e.shown(path, 1)
	ref := `{"proposal_id":"p1","content_hash":"hash-of-p1"}`
	for _, c := range []struct{ name, method, params, want string }{
		{"unknown method", "textDocument/rename", `{}`, "has no method"},
		{"initialize twice", "initialize", `{"capabilities":{}}`, "sent already"},
		{"hover on nothing", "textDocument/hover", `{"textDocument":7}`, "not readable"},
		{"unknown command", "workspace/executeCommand", `{"command":"rm -rf","arguments":[` + ref + `]}`, "has no command"},
		{"no argument", "workspace/executeCommand", `{"command":"lathe.reject"}`, "one argument"},
		{"two arguments", "workspace/executeCommand", `{"command":"lathe.reject","arguments":[` + ref + `,1]}`, "one argument"},
		{"another argument", "workspace/executeCommand", `{"command":"lathe.reject","arguments":[["p1"]]}`, "is not {proposal_id"},
		{"unknown proposal", "workspace/executeCommand", `{"command":"lathe.reject","arguments":[{"proposal_id":"p9","content_hash":"h"}]}`, "not open any more"},
		{"stale hash", "workspace/executeCommand", `{"command":"lathe.reject","arguments":[{"proposal_id":"p1","content_hash":"old"}]}`, "changed after this action"},
		{"approve while locked", "workspace/executeCommand", `{"command":"lathe.approve","arguments":[` + ref + `]}`, "not unlocked"},
		{"a reason without end", "workspace/executeCommand", `{"command":"lathe.reject","arguments":[{"proposal_id":"p1","content_hash":"hash-of-p1","reason":"` + strings.Repeat("x", 5000) + `"}]}`, "limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := e.call(c.method, jsonrpc2.RawMessage(c.params), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if d := q.decided(); len(d) != 0 {
		t.Errorf("decisions were made: %+v", d)
	}
	var refused []string // in any order: each is told beside the connection
	for range 4 {
		r := <-q.refusals
		refused = append(refused, fmt.Sprintf("%s %s %s %s", r.Verdict, r.ProposalID, r.ContentHash, r.Editor))
	}
	slices.Sort(refused)
	if want := []string{"approve p1 hash-of-p1 tester 1", "reject p1 hash-of-p1 tester 1", "reject p1 old tester 1", "reject p9 h tester 1"}; !slices.Equal(refused, want) {
		t.Errorf("refusals %q, want %q", refused, want)
	}
	e.must(protocol.MethodShutdown, nil, nil)
	if err := e.call(protocol.MethodTextDocumentHover, &protocol.HoverParams{}, nil); err == nil || !strings.Contains(err.Error(), "after shutdown") {
		t.Errorf("hover after shutdown: %v", err)
	}
}

// TestDeafEditor: an editor that does not read is given up; the server goes on.
func TestDeafEditor(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	s := testServer(newQueue())
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), theirs) }()
	sent := 0
	for ; sent < 10*maxQueuedCount; sent++ {
		if _, err := ours.Write([]byte(frame(`{"jsonrpc":"2.0","id":1,"method":"textDocument/hover"}`))); err != nil {
			break
		}
	}
	if err := <-done; !errors.Is(err, errSlow) {
		t.Errorf("after %d requests: %v, want %v", sent, err, errSlow)
	}
	if n := len(s.Connections()); n != 0 {
		t.Errorf("%d connections left", n)
	}
}

// TestPanic: a bug in one handler costs one request.
func TestPanic(t *testing.T) {
	s := New(Options{Proposals: newQueue(), ReviewURL: func(string, string) string { panic("bug") }})
	root := t.TempDir()
	s.o.Proposals.(*queue).put(root, proposal("p1", "test"))
	e := connect(t, s)
	e.initialize(modern(), root)
	path := filepath.Join(root, ".ocode", "plans", "build.json")
	e.open(path, plan)
	e.shown(path, 1)
	err := e.execute(find(e.actions(path, 3), commandUnlock))
	if err == nil || !strings.Contains(err.Error(), "failed inside the server") {
		t.Errorf("%v", err)
	}
	if find(e.actions(path, 3), commandEvidence) == nil {
		t.Error("afterwards there is no action")
	}
}
