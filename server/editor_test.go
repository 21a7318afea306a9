package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"

	"lathe/learn"
	"lathe/learn/verify"
	"lathe/lsp"
	"lathe/server/review"
)

// editorPatience ends waits that would otherwise last for ever.
const editorPatience = time.Minute

// editing is an editor that speaks with a daemon's language server.
type editing struct {
	t   testing.TB
	id  string // of the connection
	rpc jsonrpc2.Conn
}

// editor opens the workspace's plan in an editor with this name.
func (a *alone) editor(name string) *editing {
	a.t.Helper()
	a.named()
	before := map[string]bool{}
	for _, c := range a.d.lsp.Connections() {
		before[c.ID] = true
	}
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.d.lsp.Serve(ctx, theirs) }()
	e := &editing{t: a.t, rpc: jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(ours))}
	e.rpc.Go(ctx, func(context.Context, *jsonrpc2.Request) (any, error) { return nil, nil })
	a.t.Cleanup(func() {
		_ = e.rpc.Close()
		cancel()
		<-served
	})
	e.must("initialize", map[string]any{"processId": nil, "clientInfo": map[string]any{"name": name}, "rootUri": "file://" + a.at.workspace,
		"capabilities": map[string]any{}}, nil)
	for _, c := range a.d.lsp.Connections() {
		if !before[c.ID] {
			e.id = c.ID
		}
	}
	e.tell("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": a.uri(), "languageId": "json", "version": 1, "text": releasePlan}})
	return e
}

func (a *alone) uri() string { return "file://" + a.file }

// named gives the workspace the project's name in the person's configuration.
func (a *alone) named() {
	a.t.Helper()
	own := a.t.TempDir()
	a.t.Setenv("XDG_CONFIG_HOME", own)
	text := fmt.Sprintf("[projects]\n%q = %q\n", a.at.workspace, a.at.project)
	a.must(errors.Join(os.MkdirAll(filepath.Join(own, "lathe"), 0o700), os.WriteFile(filepath.Join(own, "lathe", "config.toml"), []byte(text), 0o600)))
}

func (e *editing) call(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), editorPatience)
	defer cancel()
	_, err := e.rpc.Call(ctx, method, params, result)
	return err
}

func (e *editing) must(method string, params, result any) {
	e.t.Helper()
	if err := e.call(method, params, result); err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
}

func (e *editing) tell(method string, params any) {
	e.t.Helper()
	if err := e.rpc.Notify(context.Background(), method, params); err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
}

// command is a command as the editor got it.
type command struct {
	Command   string            `json:"command"`
	Arguments []json.RawMessage `json:"arguments"`
}

// offered waits until a command is offered about an item, as it is now.
func (e *editing) offered(a *alone, name string, it review.Item) command {
	e.t.Helper()
	for deadline := time.After(editorPatience); ; {
		var got []command
		e.must("textDocument/codeAction", map[string]any{"textDocument": map[string]any{"uri": a.uri()}, "context": map[string]any{"diagnostics": []any{}},
			"range": map[string]any{"start": map[string]any{"line": 2, "character": 0}, "end": map[string]any{"line": 2, "character": 0}}}, &got)
		for _, c := range got {
			if c.Command == name && strings.Contains(string(c.Arguments[0]), it.ID) && strings.Contains(string(c.Arguments[0]), it.ContentHash) {
				return c
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			e.t.Fatalf("%s of %s is not offered: %+v", name, it.ID, got)
		}
	}
}

func (e *editing) execute(c command) error { return e.call("workspace/executeCommand", c, nil) }

// unlocked is an editor that was unlocked with a key, as the page does it.
func (a *alone) unlocked(name string, key *review.Key) *editing {
	a.t.Helper()
	e := a.editor(name)
	a.must(pageEditors{a.d}.Unlock(e.id, key))
	return e
}

// entries are the ledger's of a kind.
func (a *alone) entries(kind learn.EntryKind) (out []learn.LedgerEntry) {
	a.t.Helper()
	a.must(a.d.log.ReadLedger(a.t.Context(), 0, func(_ uint64, es []learn.LedgerEntry) error {
		for _, e := range es {
			if e.Kind == kind {
				out = append(out, e)
			}
		}
		return nil
	}))
	return out
}

// refusedFor waits for the ledger's n-th refusal and checks what it is about.
func (a *alone) refusedFor(n int, id, why string) {
	a.t.Helper()
	for deadline := time.After(editorPatience); ; {
		if got := a.entries(learn.EntryRefused); len(got) >= n {
			if body := string(got[n-1].Body); len(got) > n || got[n-1].ObjectID != id || !regexp.MustCompile(why).MatchString(body) {
				a.t.Errorf("%d refusals, the last about %s: %s; want %d, about %s, with %q", len(got), got[n-1].ObjectID, body, n, id, why)
			}
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			a.t.Fatalf("the refusal with %q is not in the ledger", why)
		}
	}
}

// TestEditorDecisionsAreRefused: what is agent-made (no person unlocked the
// connection), forged (by another key, or about what is not there), stale or
// replayed decides nothing, is answered with the reason, and is in the ledger.
func TestEditorDecisionsAreRefused(t *testing.T) {
	a := newAlone(t, defaultAutonomy())
	it := a.propose("1", learn.SetExpectedOutput, true) // nothing else proposes it, so nothing takes it back
	agent := a.editor("an agent")
	seen := agent.offered(a, "lathe.clarify", it).Arguments
	question := []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"proposal_id":%q,"content_hash":%q,"reason":"why?"}`, it.ID, it.ContentHash))}
	refused := 0
	deny := func(e *editing, c command, id, want string) { // want is an expression
		t.Helper()
		if err := e.execute(c); err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("%s: %v, want %q", c.Command, err, want)
		}
		refused++
		a.refusedFor(refused, id, want)
	}
	for _, c := range []command{{"lathe.approve", seen}, {"lathe.reject", seen}, {"lathe.clarify", question}} {
		deny(agent, c, it.ID, "not unlocked")
	}
	foreign, err := review.Create(t.TempDir(), "another passphrase")
	a.must(err)
	forger := a.unlocked("a forger", foreign)
	deny(forger, forger.offered(a, "lathe.approve", it), it.ID, "not by this installation")
	deny(forger, command{"lathe.approve", []json.RawMessage{json.RawMessage(`{"proposal_id":"no-such","content_hash":"sha256:0"}`)}}, "no-such", "not open any more")

	e := a.unlocked("Neovim", a.key)
	old := e.offered(a, "lathe.approve", it)
	p := *it.Plan
	p.Rationale += " and more"
	p.ContentHash = "sha256:" + strings.Repeat("7", 64)
	a.must(a.d.writeLedger(t.Context(), learn.EntryProposal, p.ProposalID, "p", p, nil))
	a.must(a.d.ledgerSettled(t.Context()))
	changed, err := a.d.queue.Get(it.ID)
	a.must(err)
	if changed.ContentHash == it.ContentHash {
		t.Fatal("the proposal did not change")
	}
	e.offered(a, "lathe.approve", changed)
	deny(e, old, it.ID, "changed after this action")

	reject := e.offered(a, "lathe.reject", changed)
	a.must(e.execute(reject))
	deny(e, reject, it.ID, "not open any more|is rejected already") // as the editor has heard of it, or not yet
	if n := len(a.entries(learn.EntryDecision)); n != 1 {
		t.Errorf("%d decisions are in the ledger, want the one rejection", n)
	}
	if a.text() != releasePlan {
		t.Errorf("the plan has changed: %s", a.text())
	}
}

// TestTwoEditorsDecideAtOnce: one wins, the other is told, and both stand in the
// ledger as what they are.
func TestTwoEditorsDecideAtOnce(t *testing.T) {
	a := newAlone(t, defaultAutonomy())
	it := a.propose("1", learn.SetExpectedOutput, true) // nothing else proposes it, so nothing takes it back
	first, second := a.unlocked("Neovim", a.key), a.unlocked("Emacs", a.key)
	approve, reject := first.offered(a, "lathe.approve", it), second.offered(a, "lathe.reject", it)
	var told [2]error
	var both sync.WaitGroup
	both.Go(func() { told[0] = first.execute(approve) })
	both.Go(func() { told[1] = second.execute(reject) })
	both.Wait()
	if (told[0] == nil) == (told[1] == nil) {
		t.Fatalf("not one of two won: %v; %v", told[0], told[1])
	}
	loser, verdict := told[1], learn.VerdictApprove
	if told[1] == nil {
		loser, verdict = told[0], learn.VerdictReject
	}
	if text := loser.Error(); !strings.Contains(text, "already") && !strings.Contains(text, "not open any more") {
		t.Errorf("the other was told %q", text)
	}
	a.refusedFor(1, it.ID, it.ID)
	decisions := a.entries(learn.EntryDecision)
	if len(decisions) != 1 || !strings.Contains(string(decisions[0].Body), fmt.Sprintf("%q", verdict)) {
		t.Errorf("%s won, and the ledger has %d decisions: %s", verdict, len(decisions), decisions)
	}
}

// TestDiagnosticsJudgeAnEdit: what other servers show of a file before and after
// an agent's edit is recorded as a verification of it, once for each server.
func TestDiagnosticsJudgeAnEdit(t *testing.T) {
	a := newAlone(t, defaultAutonomy())
	e := a.editor("Neovim")
	file := filepath.Join(a.at.workspace, "store.py")
	document := map[string]any{"uri": "file://" + file, "languageId": "python", "version": 1, "text": "x = 1\n"}
	e.tell("textDocument/didOpen", map[string]any{"textDocument": document})
	diagnostics := func(found ...map[string]any) {
		t.Helper()
		if found == nil {
			found = []map[string]any{}
		}
		e.tell("lathe/diagnostics", map[string]any{"uri": document["uri"], "diagnostics": found})
		e.must("textDocument/hover", map[string]any{"textDocument": document, "position": map[string]any{"line": 0, "character": 0}}, nil) // it was read
	}
	at := map[string]any{"start": map[string]any{"line": 0, "character": 0}, "end": map[string]any{"line": 0, "character": 0}}
	bad := func(source string) map[string]any {
		return map[string]any{"range": at, "severity": 1, "source": source, "message": "m"}
	}
	diagnostics(bad("ruff"))
	edit := learn.ActionOutcome{CallID: "c1", Timestamp: a.d.now(), ProjectID: "p", SessionID: "s", TaskID: "t", AgentID: "claude", Source: learn.SourceHook,
		ActionType: learn.ToolCall, ToolName: "Edit", Status: learn.StatusSuccess,
		ToolParameters: json.RawMessage(fmt.Sprintf(`{"file_path":%q,"old_string":"x = 1","new_string":"x = y"}`, file))}
	receipt, err := a.d.accept(t.Context(), []learn.Record{{Action: &edit}})
	if a.must(err); receipt.Accepted != 1 {
		t.Fatalf("receipt %+v", receipt)
	}
	a.must(a.d.settle(t.Context()))
	e.tell("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": document["uri"], "version": 2}, "contentChanges": []any{map[string]any{"text": "x = y\n"}}})
	diagnostics(bad("pyright"), bad("pyright"))
	got := a.verdicts(1)[0]
	v := verify.Read(&got, learn.Action{})
	if len(v) != 1 || v[0].Kind != learn.VerifyTypecheck || v[0].Tool != "ruff" || !v[0].OK || v[0].EventID != got.ID || got.TaskID != "t" || got.AgentID != "claude" {
		t.Errorf("ruff's errors went with the edit, and it says %+v, of %+v", v, got)
	}
	diagnostics(bad("ruff")) // once for each edit and server
	edit.CallID, edit.ID, edit.Timestamp = "c2", "", a.d.now()
	_, err = a.d.accept(t.Context(), []learn.Record{{Action: &edit}})
	a.must(err)
	a.must(a.d.settle(t.Context()))
	e.tell("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": document["uri"], "version": 3}, "contentChanges": []any{map[string]any{"text": "x = z\n"}}})
	diagnostics(bad("pyright"), bad("ruff"))
	bySource := map[string]learn.Verification{}
	for _, ev := range a.verdicts(3)[1:] {
		for _, v := range verify.Read(&ev, learn.Action{}) {
			bySource[v.Tool] = v
		}
	}
	if p, r := bySource["pyright"], bySource["ruff"]; p.OK || p.Errors != 1 || r.OK || r.Errors != 1 {
		t.Errorf("the second edit: %+v", bySource)
	}
}

// verdicts waits for n recorded verdicts of diagnostics, oldest first.
func (a *alone) verdicts(n int) (out []learn.ActionOutcome) {
	a.t.Helper()
	for deadline := time.After(editorPatience); ; {
		out = nil
		a.must(a.d.log.ReadEvents(a.t.Context(), 0, func(_ uint64, recs []learn.Record) error {
			for _, r := range recs {
				if r.Action != nil && r.Action.ToolName == toolDiagnostics {
					out = append(out, *r.Action)
				}
			}
			return nil
		}))
		if len(out) >= n {
			return out
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			a.t.Fatalf("%d verdicts, want %d", len(out), n)
		}
	}
}

// TestProblemsReadAsTools: a diagnostic is looked up in the words of the tool
// behind its server.
func TestProblemsReadAsTools(t *testing.T) {
	for _, c := range []struct {
		problem lsp.Problem
		want    string
	}{
		{lsp.Problem{Root: "/w", Path: "/w/a/b.ts", Line: 3, Source: "ts", Code: "2304", Message: "Cannot find name 'x'."}, "a/b.ts:3:1 - error TS2304: Cannot find name 'x'."},
		{lsp.Problem{Root: "/w", Path: "/w/m.rs", Line: 9, Source: "rustc", Code: "E0425", Message: "cannot find value `x`"}, "error[E0425]: cannot find value `x`\n --> m.rs:9:1"},
		{lsp.Problem{Root: "/w", Path: "/w/m.py", Line: 1, Source: "Pyright", Message: `Import "yaml" could not be resolved`}, "ModuleNotFoundError: No module named 'yaml'"},
		{lsp.Problem{Root: "/w", Path: "/w/m.py", Line: 1, Source: "pyflakes", Message: "undefined: 'q' is not defined"}, "NameError: name 'q' is not defined"},
		{lsp.Problem{Root: "/w", Path: "/elsewhere/m.go", Line: 4, Source: "gopls", Message: " undefined: x "}, "m.go:4:1: undefined: x"},
	} {
		found := false
		for _, text := range asTools(c.problem) {
			found = found || text == c.want
		}
		if !found {
			t.Errorf("%+v is read as %q, not as %q", c.problem, asTools(c.problem), c.want)
		}
	}
}

// TestRemedyAsEdit: an edit is offered when it is all of the remedy, complete,
// and of this file.
func TestRemedyAsEdit(t *testing.T) {
	whole := learn.RemedyAction{Parameters: map[string]any{"file_path": "src/m.py", "old_string": "import yml", "new_string": "import yaml"}}
	open := learn.RemedyAction{Parameters: map[string]any{"file_path": "{path}", "old_string": "import {name}", "new_string": "import yaml"}}
	other := learn.RemedyAction{Parameters: map[string]any{"path": "src/n.py", "old_str": "a", "new_str": "b"}}
	run := learn.RemedyAction{Command: "pip install pyyaml"}
	for _, c := range []struct {
		name    string
		actions []learn.RemedyAction
		edits   int
		command string
	}{
		{"an edit", []learn.RemedyAction{whole}, 1, ""}, {"one with a hole", []learn.RemedyAction{open}, 0, ""}, {"one of another file", []learn.RemedyAction{other}, 0, ""},
		{"an edit and a command", []learn.RemedyAction{whole, run}, 0, "pip install pyyaml"}, {"commands", []learn.RemedyAction{run, run}, 0, "pip install pyyaml && pip install pyyaml"},
	} {
		r := learn.FailureAnalysisReport{Remedies: []learn.RemedyOffer{{RemedyID: "r", Confidence: 0.9, Actions: c.actions}, {RemedyID: "weak", Confidence: learn.AdviceThreshold / 2, Actions: c.actions}}}
		got := fixesOf(r, lsp.Problem{Path: "/w/src/m.py"})
		if len(got) != 1 || len(got[0].Edits) != c.edits || got[0].Command != c.command {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
