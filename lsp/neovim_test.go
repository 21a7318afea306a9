package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lathe/learn"
)

// neovimSaw is what testdata/editor.lua prints.
type neovimSaw struct {
	Diagnostics []struct {
		Line, Column, Severity int
		Source, Message        string
	}
	LockedActions   []string `json:"locked_actions"`
	UnlockedActions []string `json:"unlocked_actions"`
	Messages        []string
	Hover           struct{ Contents struct{ Kind, Value string } }
	UnlockError     string          `json:"unlock_error"`
	RejectResult    json.RawMessage `json:"reject_result"`
	RejectError     string          `json:"reject_error"`
	AgainError      string          `json:"again_error"`
	ApproveResult   json.RawMessage `json:"approve_result"`
	ApproveError    string          `json:"approve_error"`
	Errors          []string
}

// TestNeovim drives a real editor through the main story, over a Unix socket
// and a process between, as it is used.
func TestNeovim(t *testing.T) {
	nvim, err := exec.LookPath("nvim")
	if err != nil {
		t.Fatal("Neovim is missing: apt-get install neovim (lathe setup --dev does it)")
	}
	root := filepath.Join(t.TempDir(), "a workspace € with (signs)")
	plans := filepath.Join(root, ".ocode", "plans")
	if err := os.MkdirAll(plans, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(plans, "build.json")
	if err := os.WriteFile(file, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	q := newQueue()
	q.put(root, proposal("p-fetch", "fetch"), proposal("p-test", "test"))
	asked := make(chan string, 10)
	s := New(Options{Proposals: q, Version: "1", ReviewURL: func(conn, _ string) string {
		asked <- conn
		return "http://127.0.0.1:7/unlock?connection=" + conn
	}})
	socket := listen(t, s)
	ended := make(chan struct{})
	var person sync.WaitGroup
	person.Go(func() {
		select {
		case conn := <-asked:
			if err := s.Unlock(conn, signer{}); err != nil {
				t.Errorf("unlock: %v", err)
			}
		case <-ended:
		}
	})
	saw := func() neovimSaw {
		defer person.Wait()
		defer close(ended)
		return runNeovim(t, nvim, root, file, socket)
	}()
	saw.check(t)
	decisions := q.decided()
	want := []decision{
		{"p-test", "hash-of-p-test", learn.VerdictReject, ""},
		{"p-fetch", "hash-of-p-fetch", learn.VerdictApprove, ""},
	}
	if len(decisions) != 2 || decisions[0] != want[0] || decisions[1] != want[1] {
		t.Errorf("decisions %+v, want %+v", decisions, want)
	}
}

// listen serves s on a Unix socket, as the daemon does, until the test ends.
func listen(t testing.TB, s *Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lsp") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				if err := s.Serve(ctx, conn); err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		serving.Wait()
		_ = os.RemoveAll(dir)
	})
	return socket
}

// runNeovim runs the script and reads what it printed.
func runNeovim(t *testing.T, nvim, root, file, socket string) neovimSaw {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "editor.lua"))
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, nvim, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-S", script)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home,
		"LSP_TEST_FILE="+file, "LSP_TEST_COMMAND="+self, "LSP_TEST_PIPE="+socket, "LSP_TEST_ROOT="+root)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		t.Fatalf("nvim: %v\n%s", err, output.Bytes())
	}
	var saw neovimSaw
	text := output.String()
	if i := strings.Index(text, `{"`); i >= 0 {
		err = json.Unmarshal([]byte(text[i:]), &saw)
	} else {
		err = fmt.Errorf("no JSON")
	}
	if err != nil {
		t.Fatalf("nvim printed %q: %v", text, err)
	}
	if len(saw.Errors) > 0 {
		t.Fatalf("in the editor: %q\n%s", saw.Errors, text)
	}
	return saw
}

func (saw neovimSaw) check(t *testing.T) {
	t.Helper()
	const information = 3
	if len(saw.Diagnostics) != 2 || saw.Diagnostics[0].Line != 2 || saw.Diagnostics[1].Line != 3 {
		t.Fatalf("diagnostics %+v", saw.Diagnostics)
	}
	d := saw.Diagnostics[1]
	if d.Column != 11 || d.Severity != information || d.Source != "lathe" || !strings.Contains(d.Message, "Retry test: It failed 4 times") {
		t.Errorf("diagnostic %+v", d)
	}
	for _, c := range []struct {
		what, got, want string
	}{
		{"actions while locked", strings.Join(saw.LockedActions, "\n"), "Unlock this editor to approve or reject…"},
		{"actions while locked", strings.Join(saw.LockedActions, "\n"), "show evidence for “Retry test”"},
		{"actions when unlocked", strings.Join(saw.UnlockedActions, "\n"), "approve “Retry fetch”"},
		{"messages", strings.Join(saw.Messages, "\n"), "http://127.0.0.1:7/unlock?connection="},
		{"hover", saw.Hover.Contents.Value, "It failed 4 times"},
		{"rejection", string(saw.RejectResult), `"verdict":"reject"`},
		{"second rejection", saw.AgainError, "not open any more"},
		{"approval", string(saw.ApproveResult), `"verdict":"approve"`},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: %q lacks %q", c.what, c.got, c.want)
		}
	}
	if all := strings.Join(saw.LockedActions, "\n"); strings.Contains(all, "Lathe: approve") || strings.Contains(all, "Lathe: reject") {
		t.Errorf("a locked editor is offered %q", all)
	}
	for _, e := range []string{saw.UnlockError, saw.RejectError, saw.ApproveError} {
		if e != "" {
			t.Errorf("an action failed: %s", e)
		}
	}
}
