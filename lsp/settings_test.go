package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.lsp.dev/protocol"
)

// TestSettings: settings that are sent, asked for, wrong, or mute.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		lens, bad bool
	}{
		{"nothing", ``, true, false}, {"null", `null`, true, false}, {"wrapped", `{"lathe": {"code_lens": false}}`, false, false},
		{"bare", `{"code_lens": false, "other": 1}`, false, false}, {"another's", `{"gopls": {"code_lens": false}}`, true, false},
		{"a wrong type", `{"lathe": {"code_lens": "no"}}`, true, true}, {"a list", `[1]`, true, true},
	} {
		s, err := readSettings([]byte(c.raw))
		if on(s.CodeLens) != c.lens || (err != nil) != c.bad {
			t.Errorf("%s: %+v, %v", c.name, s, err)
		}
	}
}

// TestConfigured: settings take effect on what is shown, sent with the change
// or asked for.
func TestConfigured(t *testing.T) {
	for _, pulled := range []bool{false, true} {
		t.Run(fmt.Sprint("asked for: ", pulled), func(t *testing.T) {
			root := t.TempDir()
			q := newQueue()
			q.put(root, proposal("p1", "test"))
			caps := modern()
			if pulled {
				caps.Workspace = &protocol.WorkspaceClientCapabilities{Configuration: new(true),
					DidChangeConfiguration: &protocol.DidChangeConfigurationClientCapabilities{DynamicRegistration: new(true)}}
			}
			e := opened(t, q, testServer(q), caps, root, 1)
			set := func(raw string) {
				e.mu.Lock()
				e.settings = raw
				e.mu.Unlock()
				if pulled {
					raw = "null"
				}
				e.notify(protocol.MethodWorkspaceDidChangeConfiguration, &protocol.DidChangeConfigurationParams{Settings: protocol.LSPAny(`{"lathe": ` + raw + `}`)})
			}
			set(`{"diagnostics": false, "hover": false}`)
			e.shown(planPath(root), 0)
			if h := e.hoverAt(planPath(root), 3, 4); h != "" {
				t.Errorf("hover %q", h)
			}
			set(`{"diagnostics": 3}`) // wrong: nothing changes
			set(`{}`)
			e.shown(planPath(root), 1)
			e.mu.Lock()
			defer e.mu.Unlock()
			if pulled && e.registered != 1 {
				t.Errorf("%d registrations", e.registered)
			}
		})
	}
}

// TestProgress: the first look at a workspace and a command are told while they
// go on, where the editor wants that.
func TestProgress(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	caps := modern()
	caps.Window.WorkDoneProgress = new(true)
	s := testServer(q)
	e := opened(t, q, s, caps, root, 1)
	s.unlock(t)
	e.until("the end of the first look", func() bool { return len(e.progress) == 2 })
	reject := find(e.actions(planPath(root), 3), commandReject)
	p := &protocol.ExecuteCommandParams{Command: reject.Command, Arguments: reject.Arguments}
	p.WorkDoneToken = protocol.String("mine")
	e.must(protocol.MethodWorkspaceExecuteCommand, p, nil)
	e.until("the end of the command", func() bool { return len(e.progress) == 4 })
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := strings.Join(e.progress, " "); got != "lathe-1:begin lathe-1:end mine:begin mine:end" || e.created != 1 {
		t.Errorf("progress %s, %d created", got, e.created)
	}
}

// TestNews: proposals that came since are told, not too often, not when muted,
// and not those that were there before.
func TestNews(t *testing.T) {
	snap := func(ids ...string) *snapshot {
		s := &snapshot{byID: map[string]*Proposal{}}
		for _, id := range ids {
			s.byID[id] = &Proposal{ID: id, Title: "Title of " + id}
		}
		return s
	}
	var m mutes
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		after time.Duration
		ids   string
		off   bool
		want  string
	}{
		{0, "a b", false, ""},
		{time.Minute, "a b c", false, "a new proposal waits for you: Title of c."},
		{time.Minute, "a b c d e", false, ""},
		{time.Minute, "a b c d e", true, ""},
		{notifyEvery, "a b c d e", false, "2 new proposals wait for you, such as Title of d."},
		{notifyEvery, "a", false, ""},
		{notifyEvery, "a f", true, ""},
		{notifyEvery, "a", false, ""},
	} {
		now = now.Add(c.after)
		m.off = c.off
		if got := m.notice(snap(strings.Fields(c.ids)...), now); got != c.want {
			t.Errorf("step %d: %q, want %q", i, got, c.want)
		}
	}
}

// TestTold: the message reaches the editor, and the command silences it.
func TestTold(t *testing.T) {
	root := t.TempDir()
	q := newQueue()
	q.put(root, proposal("p1", "test"))
	s := testServer(q)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.o.Now = func() time.Time { return now }
	e := opened(t, q, s, modern(), root, 1)
	q.put(root, proposal("p2", "fetch"))
	e.until("the message", func() bool {
		return len(e.messages) == 1 && strings.Contains(e.messages[0], "a new proposal waits for you: Retry fetch")
	})
	if err := e.call(protocol.MethodWorkspaceExecuteCommand, &protocol.ExecuteCommandParams{Command: commandMute}, nil); err != nil {
		t.Fatal(err)
	}
	e.until("the answer", func() bool { return len(e.messages) == 2 })
	if err := e.call(protocol.MethodWorkspaceExecuteCommand, &protocol.ExecuteCommandParams{Command: "rm -rf"}, nil); err == nil {
		t.Error("an unknown command was run")
	}
}

// answerMore is what a tester's editor answers beside the essentials.
func (e *editor) answerMore(_ context.Context, method string, params []byte) (any, error, bool) {
	switch method {
	case protocol.MethodWorkspaceConfiguration:
		return []json.RawMessage{json.RawMessage(e.settings)}, nil, true
	case protocol.MethodClientRegisterCapability:
		e.registered++
		return nil, nil, true
	case protocol.MethodWindowWorkDoneProgressCreate:
		e.created++
		return nil, nil, true
	case protocol.MethodWorkspaceCodeLensRefresh:
		return nil, nil, true
	case protocol.MethodProgress:
		var p struct {
			Token string
			Value struct{ Kind string }
		}
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, err, true
		}
		e.progress = append(e.progress, p.Token+":"+p.Value.Kind)
		return nil, nil, true
	}
	return nil, nil, false
}
