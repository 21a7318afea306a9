package lsp

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"lathe/learn"
)

// memory is experience, the plans' language and a recorder, in memory.
type memory struct {
	mu      sync.Mutex
	facts   map[string][]Fact // by root
	fixes   map[string][]Fix  // by message
	asked   int
	events  []learn.ActionOutcome
	roots   []string
	seen    []Sighting
	words   map[string]bool // remedy -> worked
	changed chan struct{}
	stored  chan struct{}
}

func newMemory() *memory {
	return &memory{facts: map[string][]Fact{}, fixes: map[string][]Fix{}, words: map[string]bool{}, changed: make(chan struct{}), stored: make(chan struct{})}
}

func (m *memory) Known(_ context.Context, root string) []Fact {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.facts[root])
}

func (m *memory) Fixes(_ context.Context, p Problem) []Fix {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	return m.fixes[p.Message]
}

func (m *memory) Watch() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) put(root string, facts ...Fact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts[root] = facts
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) judge(_ context.Context, _, remedy string, worked bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.words[remedy] = worked
	return nil
}

func (m *memory) Record(_ context.Context, root string, events []learn.ActionOutcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range events {
		m.events, m.roots = append(m.events, e), append(m.roots, root)
	}
	close(m.stored)
	m.stored = make(chan struct{})
	return nil
}

func (m *memory) Seen(_ context.Context, _ string, s Sighting) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, s)
	close(m.stored)
	m.stored = make(chan struct{})
}

// until waits until what was recorded satisfies ok.
func (m *memory) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		m.mu.Lock()
		done, stored := ok(), m.stored
		m.mu.Unlock()
		if done {
			return
		}
		select {
		case <-stored:
		case <-deadline:
			m.mu.Lock()
			defer m.mu.Unlock()
			t.Fatalf("waited in vain for %s; events %+v, sightings %+v", what, m.events, m.seen)
		}
	}
}

// knowing is a server with a memory.
func knowing(q *queue, m *memory) *Server {
	s := testServer(q)
	s.o.Experience, s.o.Recorder, s.o.Judge, s.o.Plans = m, m, m.judge, plansOf{}
	return s
}

const code = "import yaml\n\n\ndef load(name):\n    return parse(name)\n\n\nclass Store:\n    def put(self, key):\n        load(key)\n"

func (e *editor) lenses(path string) []protocol.CodeLens {
	e.t.Helper()
	p := &protocol.CodeLensParams{}
	p.TextDocument.URI = uri.File(path)
	var out []protocol.CodeLens
	e.must(protocol.MethodTextDocumentCodeLens, p, &out)
	return out
}

func (e *editor) hoverAt(path string, line, character uint32) string {
	e.t.Helper()
	p := &protocol.HoverParams{}
	p.TextDocument.URI, p.Position = uri.File(path), protocol.Position{Line: line, Character: character}
	var h *protocol.Hover
	e.must(protocol.MethodTextDocumentHover, p, &h)
	if h == nil {
		return ""
	}
	return h.Contents.(*protocol.MarkupContent).Value
}

// TestHistory: what failed is seen above it, on it, where it is used, and as a
// diagnostic when it keeps failing; all follow edits, also the one that renames
// it.
func TestHistory(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "store.py")
	m := newMemory()
	last := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	m.facts[root] = []Fact{
		{Path: "store.py", Failures: 9, Sessions: 4, Last: last},
		{Path: "store.py", Symbol: "load", Failures: 8, Sessions: 3, Last: last, Failing: true, Summary: "key missing: KeyError '<b>'",
			Detail: "- key missing: 8 times", EvidenceURL: "http://127.0.0.1:7/event/1"},
		{Path: "store.py", Symbol: "Store.put", Failures: 1, Sessions: 1},
		{Path: "store.py", Symbol: "gone", Failures: 5, Sessions: 5},
		{Path: ".ocode/plans/build.json", Step: "test", Runs: 12, Failures: 3, Sessions: 4},
	}
	e := connect(t, knowing(newQueue(), m))
	e.initialize(modern(), root)
	e.open(path, code)
	e.open(planPath(root), plan)
	d := e.shown(path, 1)[0]
	if d.Range.Start.Line != 3 || d.Range.Start.Character != 4 || !strings.Contains(string(d.Message.(protocol.String)), "keeps failing: failed 8 times in 3 sessions, last on 2026-10-12") {
		t.Errorf("diagnostic %+v", d)
	}
	titles := func() map[uint32]string {
		out := map[uint32]string{}
		for _, l := range e.lenses(path) {
			out[l.Range.Start.Line] = l.Command.Title
		}
		return out
	}
	got := titles()
	if len(got) != 3 || got[0] != "Lathe: this file failed 9 times in 4 sessions, last on 2026-10-12" || got[8] != "Lathe: failed 1 time in 1 session" || !strings.Contains(got[3], "failed 8 times") {
		t.Errorf("lenses %v", got)
	}
	if l := e.lenses(planPath(root)); len(l) != 1 || l[0].Range.Start.Line != 3 || l[0].Command.Title != "Lathe: failed in 3 of 12 runs (25 %)" {
		t.Errorf("lenses of the plan: %+v", l)
	}
	for _, h := range []string{e.hoverAt(path, 3, 6), e.hoverAt(path, 9, 9)} { // its definition, and a use
		if !strings.Contains(h, "load failed 8 times in 3 sessions") || !strings.Contains(h, `KeyError '\<b\>'`) || !strings.Contains(h, "[Evidence]") {
			t.Errorf("hover %q", h)
		}
	}
	if err := e.execute(&e.lenses(path)[1].Command); err != nil {
		t.Fatal(err)
	}
	e.until("the evidence", func() bool { return len(e.documents) == 1 && e.documents[0] == "http://127.0.0.1:7/event/1" })

	e.change(path, 2, edit(0, 0, 0, "# new\n"), edit(4, 4, 8, "load_all"))
	if h := e.hoverAt(path, 4, 6); !strings.Contains(h, "load failed 8 times") {
		t.Errorf("after renaming, hover %q", h)
	}
	if got := titles(); !strings.Contains(got[4], "failed 8 times") || got[9] == "" {
		t.Errorf("after renaming, lenses %v", got)
	}
	m.put(root)
	e.shown(path, 0)
}

// TestFix: a problem of another server that is known is answered with what
// fixed it: an edit, or text; then a person's word is taken.
func TestFix(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "store.py")
	m := newMemory()
	m.facts[root] = []Fact{{Path: "store.py", Symbol: "Store", Failures: 3, Sessions: 3, Failing: true}}
	m.fixes["no yaml"] = []Fix{{RemedyID: "r1", Description: "Use `pip install yaml`.", Command: "pip install yaml", Confidence: 0.84, Sessions: 11, Generated: true}}
	m.fixes["bad call"] = []Fix{{RemedyID: "r2", Description: "Call load.", Confidence: 0.9, Sessions: 2, Edits: []Replacement{{"parse(name)", "load(name)"}}}}
	caps := modern()
	caps.Workspace = &protocol.WorkspaceClientCapabilities{WorkspaceEdit: &protocol.WorkspaceEditClientCapabilities{DocumentChanges: new(true)}}
	e := connect(t, knowing(newQueue(), m))
	e.initialize(caps, root)
	e.open(path, code)
	e.shown(path, 1) // what is known came: answers are kept from here
	ask := func(line uint32, message string) []protocol.CommandOrCodeAction {
		t.Helper()
		p := &protocol.CodeActionParams{}
		p.TextDocument.URI = uri.File(path)
		p.Range.Start.Line, p.Range.End.Line = line, line
		p.Context.Diagnostics = []protocol.Diagnostic{{Range: p.Range, Message: protocol.String(message), Source: protocol.NewOptional("pyright"), Severity: 1},
			{Range: p.Range, Message: protocol.String(message), Source: protocol.NewOptional("lathe")}}
		var raw jsonrpc2.RawMessage
		e.must(protocol.MethodTextDocumentCodeAction, p, (*rawResult)(&raw))
		var out []protocol.CommandOrCodeAction
		if err := protocol.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := ask(0, "no yaml")
	if len(first) != 1 || find(first, commandFix) == nil || len(first[0].(*protocol.CodeAction).Tags) != 1 ||
		!strings.Contains(first[0].(*protocol.CodeAction).Title, "(84 %, 11 sessions)") {
		t.Fatalf("actions %+v", first)
	}
	if err := e.execute(find(first, commandFix)); err != nil {
		t.Fatal(err)
	}
	e.until("the text", func() bool { return len(e.messages) == 1 && strings.Contains(e.messages[0], "pip install yaml") })
	again := ask(0, "no yaml")
	if len(again) != 3 || m.asked != 1 {
		t.Fatalf("after the fix was taken: %+v, asked %d times", again, m.asked)
	}
	if err := e.execute(find(again, commandFailed)); err != nil {
		t.Fatal(err)
	}
	edits := ask(4, "bad call")
	change := edits[0].(*protocol.CodeAction).Edit.DocumentChanges[0].(*protocol.TextDocumentEdit)
	if te := change.Edits[0].(*protocol.TextEdit); te.NewText != "load(name)" || te.Range.Start.Line != 4 || te.Range.Start.Character != 11 || te.Range.End.Character != 22 || *change.TextDocument.Version != 1 {
		t.Errorf("edit %+v", te)
	}
	if none := ask(4, "unheard of"); len(none) != 0 {
		t.Errorf("actions for an unknown problem: %+v", none)
	}
	m.until(t, "the word and the events", func() bool { return len(m.words) == 1 && len(m.events) == 4 })
	var tools []string
	for _, ev := range m.events {
		tools = append(tools, ev.ToolName)
		if ev.Source != learn.SourceLSP || ev.AgentID != "editor tester 1" || ev.SessionID != m.events[0].SessionID || ev.ContextSnapshot.CWD != root {
			t.Errorf("event %+v", ev)
		}
	}
	if worked, ok := m.words["r1"]; !ok || worked || !slices.Equal(tools, []string{ToolOffered, ToolCommand, ToolCommand, ToolOffered}) {
		t.Errorf("words %v, events %v", m.words, tools)
	}
}

// TestRecorded: offers, what was taken, what was not when the file was closed,
// and a refusal for want of a signature, which is no failure.
func TestRecorded(t *testing.T) {
	root := t.TempDir()
	path := planPath(root)
	q, m := newQueue(), newMemory()
	q.put(root, proposal("p1", "test"), proposal("p2", "fetch"))
	s := knowing(q, m)
	e := opened(t, q, s, modern(), root, 2)
	for range 3 {
		e.actions(path, 3) // asked for at each move of the cursor
	}
	clarify := find(e.actions(path, 3), commandClarify)
	reject := &protocol.Command{Command: commandReject, Arguments: clarify.Arguments}
	if err := e.execute(reject); err == nil {
		t.Fatal("rejected without a signature")
	}
	if err := s.Unlock(s.Connections()[0].ID, signer{}); err != nil {
		t.Fatal(err)
	}
	if err := e.execute(find(e.actions(path, 3), commandApprove)); err != nil {
		t.Fatal(err)
	}
	e.actions(path, 2)
	closing := &protocol.DidCloseTextDocumentParams{}
	closing.TextDocument.URI = uri.File(path)
	e.notify(protocol.MethodTextDocumentDidClose, closing)
	m.until(t, "the dismissal", func() bool { return len(m.events) == 5 })
	type line struct {
		tool    string
		status  learn.Status
		subject string
	}
	var got []line
	for _, ev := range m.events {
		var p struct {
			Action, Subject string
			Subjects        []string
		}
		if err := json.Unmarshal(ev.ToolParameters, &p); err != nil {
			t.Fatal(err)
		}
		got = append(got, line{ev.ToolName, ev.Status, p.Action + p.Subject + strings.Join(p.Subjects, ",")})
	}
	want := []line{{ToolOffered, learn.StatusSuccess, "p1"}, {ToolCommand, learn.StatusInterrupted, "lathe.rejectp1"},
		{ToolCommand, learn.StatusSuccess, "lathe.approvep1"}, {ToolOffered, learn.StatusSuccess, "p2"}, {ToolDismissed, learn.StatusSuccess, "p2"}}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %+v, want %+v", got, want)
	}
}

// TestLeft: what waits to be stored is stored when the editor leaves.
func TestLeft(t *testing.T) {
	root := t.TempDir()
	q, m := newQueue(), newMemory()
	q.put(root, proposal("p1", "test"))
	e := opened(t, q, knowing(q, m), modern(), root, 1)
	e.actions(planPath(root), 3)
	e.must(protocol.MethodShutdown, nil, nil)
	e.notify(protocol.MethodExit, nil)
	if err := <-e.served; err != nil {
		t.Fatal(err)
	}
	e.served <- nil
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.events) != 2 || m.events[1].ToolName != ToolDismissed {
		t.Errorf("recorded %+v", m.events)
	}
}

// TestSightings: the diagnostics that other servers have for a file are told,
// also that there are none any more.
func TestSightings(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "store.py")
	m := newMemory()
	e := connect(t, knowing(newQueue(), m))
	e.initialize(modern(), root)
	e.open(path, code)
	d := func(severity protocol.DiagnosticSeverity, from string) protocol.Diagnostic {
		return protocol.Diagnostic{Message: protocol.String("m"), Severity: severity, Source: protocol.NewOptional(from)}
	}
	e.notify(methodDiagnostics, &protocol.PublishDiagnosticsParams{URI: uri.File(path), Diagnostics: []protocol.Diagnostic{d(1, "pyright"), d(1, "pyright"), d(2, "ruff"), d(3, "lathe")}})
	e.change(path, 2, edit(0, 0, 0, "\n"))
	e.notify(methodDiagnostics, &protocol.PublishDiagnosticsParams{URI: uri.File(path), Diagnostics: []protocol.Diagnostic{}})
	m.until(t, "four states", func() bool { return len(m.seen) == 4 })
	slices.SortStableFunc(m.seen, func(a, b Sighting) int { return strings.Compare(a.Source, b.Source) })
	for i, want := range []Sighting{{Source: "pyright", Errors: 2, Version: 1}, {Source: "pyright", Version: 2}, {Source: "ruff", Warnings: 1, Version: 1}, {Source: "ruff", Version: 2}} {
		got := m.seen[i]
		want.Path, want.Time = path, got.Time
		if got != want {
			t.Errorf("state %d is %+v, want %+v", i, got, want)
		}
	}
}
