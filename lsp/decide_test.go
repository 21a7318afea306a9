package lsp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"lathe/learn"
)

// TestRenewed: what is shown follows the proposals and the document.
func TestRenewed(t *testing.T) {
	root := t.TempDir()
	path := planPath(root)
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	s := testServer(q)
	e := opened(t, q, s, modern(), root, 1)
	s.unlock(t)
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
	s := testServer(q)
	e := opened(t, q, s, modern(), root, 1)
	clarify := find(e.actions(planPath(root), 3), commandClarify)
	if err := e.execute(clarify); err != nil {
		t.Fatal(err)
	}
	e.until("the page", func() bool { return len(e.documents) == 1 })
	clarify.Arguments = []protocol.LSPAny{protocol.LSPAny(`{"proposal_id":"p1","content_hash":"hash-of-p1","reason":"Why four?"}`)}
	if err := e.execute(clarify); err == nil || !strings.Contains(err.Error(), "not unlocked") {
		t.Errorf("a question from a locked editor: %v", err)
	}
	s.unlock(t)
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
	if err := other.execute(find(e.actions(path, 3), commandReject)); err == nil || !strings.Contains(err.Error(), "not unlocked") {
		t.Errorf("the other connection rejected: %v", err)
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
	const each, unlock = 2, 1
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
