package lsp

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.lsp.dev/protocol"

	"lathe/learn"
)

const plan = `{
  "tasks": [
    {"id": "fetch", "tool_name": "shell", "arguments": {"command": "git fetch"}},
    {"id": "test", "tool_name": "shell", "arguments": {"command": "pytest -q"}}
  ],
  "dependencies": {"test": ["fetch"]}
}
`

func proposal(id, step string) Proposal {
	return Proposal{ID: id, ContentHash: "hash-of-" + id, Kind: "plan", Title: "Retry " + step, Summary: "It failed 4 times and passed when retried.",
		Detail: "```diff\n+ retry\n```", State: learn.StateInReview, Path: ".ocode/plans/build.json", Step: step, Risk: "low",
		EvidenceURL: "http://127.0.0.1:7/proposals/" + id}
}

func testServer(q *queue) *Server {
	return New(Options{Proposals: q, Version: "1", Debounce: time.Millisecond, Refused: q.refuse,
		ReviewURL: func(conn, id string) string {
			return "http://127.0.0.1:7/unlock?connection=" + conn + "&proposal=" + id
		}})
}

// TestLoop is the main story: a proposal appears, is looked at, rejected;
// another is approved, but only after the connection was unlocked.
func TestLoop(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, ".ocode", "plans", "build.json")
	q := newQueue()
	q.put(root, proposal("p1", "test"), proposal("p2", "fetch"))
	s := testServer(q)
	e := connect(t, s)
	e.initialize(modern(), root)
	e.open(path, plan)

	got := e.shown(path, 2)
	if d := got[1]; d.Severity != protocol.DiagnosticSeverityInformation || d.Range.Start.Line != 3 || d.Range.Start.Character != 11 || d.Range.End.Character != 17 {
		t.Errorf("the diagnostic of step test is %+v", d)
	}
	actions := e.actions(path, 3)
	if find(actions, commandApprove) != nil || find(actions, commandReject) != nil || find(actions, commandUnlock) == nil {
		t.Errorf("a locked connection is offered %v", actions)
	}
	conns := s.Connections()
	if len(conns) != 1 || conns[0].Editor != "tester 1" || conns[0].Unlocked || conns[0].Roots[0] != root {
		t.Fatalf("connections: %+v", conns)
	}
	if err := s.Unlock(conns[0].ID, signer{}); err != nil {
		t.Fatal(err)
	}
	reject := find(e.actions(path, 3), commandReject)
	if err := e.execute(reject); err != nil {
		t.Fatalf("reject: %v", err)
	}
	e.shown(path, 1)
	if err := e.execute(reject); err == nil || !strings.Contains(err.Error(), "not open any more") {
		t.Errorf("rejecting twice: %v", err)
	}
	actions = e.actions(path, 2)
	if find(actions, commandUnlock) != nil {
		t.Error("an unlocked connection is offered to unlock")
	}
	if err := e.execute(find(actions, commandApprove)); err != nil {
		t.Fatalf("approve: %v", err)
	}
	e.shown(path, 0)
	want := []decision{
		{"p1", "hash-of-p1", learn.VerdictReject, ""},
		{"p2", "hash-of-p2", learn.VerdictApprove, ""},
	}
	if d := q.decided(); len(d) != 2 || d[0] != want[0] || d[1] != want[1] {
		t.Errorf("decisions %+v, want %+v", d, want)
	}
}
