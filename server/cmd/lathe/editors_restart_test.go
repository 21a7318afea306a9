package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// daemonPID asks the daemon, which must be there.
func (s *editorSite) daemonPID() int {
	s.t.Helper()
	var status server.Status
	if err := s.client().Call(s.t.Context(), http.MethodGet, "/v1/status", nil, &status); err != nil {
		s.t.Fatal(err)
	}
	return status.PID
}

// killings does what a driver asks for: stop has the daemon stand still, so that
// the next command is under way when kill ends it; again kills the one behind it.
func (s *editorSite) killings(done string) func(what string) {
	pid := 0
	return func(what string) {
		sig := syscall.SIGKILL
		if what == "stop" {
			sig = syscall.SIGSTOP
		}
		if what != "kill" {
			pid = s.daemonPID()
		}
		if err := syscall.Kill(pid, sig); err != nil {
			s.t.Errorf("%s the daemon: %v", what, err)
		}
		if err := os.WriteFile(filepath.Join(done, what), nil, 0o644); err != nil {
			s.t.Error(err)
		}
	}
}

// proposalsOf are the queue's items for a workspace that have one of the states.
func (s *editorSite) proposalsOf(workspace string, states ...learn.State) []review.Item {
	s.t.Helper()
	var items []review.Item
	if err := s.client().Call(s.t.Context(), http.MethodGet, "/v1/reviews", nil, &items); err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(items, func(it review.Item) bool {
		return it.Plan == nil || it.Plan.Workspace != workspace || !slices.Contains(states, it.State)
	})
}

// TestHeavyEditorsRestart: Neovim has two checkouts of one project open, and the
// daemon is killed twice: while an approval is under way, and at once behind the
// next. Each time what is proposed comes back; the person is told that the
// command was cut off and that the editor is locked again; nothing happens
// twice; and the other checkout stays as it is.
func TestHeavyEditorsRestart(t *testing.T) {
	s := newEditorSite(t)
	root, file := s.workspace("neovim")
	other := filepath.Join(s.dir, "another checkout")
	otherFile := s.checkout(other, filepath.Base(file))
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	done := filepath.Join(s.dir, "done")
	if err := os.Mkdir(done, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := neovim(t, "restart.lua")
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = root
	cmd.Env = append(slices.Clone(s.env), s.driverEnv(t, root, file)...)
	cmd.Env = append(cmd.Env, "LATHE_TEST_OTHER="+otherFile, "LATHE_TEST_DONE="+done)
	saw := s.answer(ctx, cmd, s.killings(done))

	it := s.decided(t, filepath.Base(file))
	if it.Plan.Workspace != root {
		t.Errorf("decided about the file of %s, not of %s", it.Plan.Workspace, root)
	}
	decided := []learn.State{learn.StateApproved, learn.StateActive}
	if here, there := s.proposalsOf(root, decided...), s.proposalsOf(other, decided...); len(here) != 1 || len(there) != 0 {
		t.Errorf("%d proposals are approved here, %d in the other checkout", len(here), len(there))
	}
	if !strings.Contains(saw.Told, "look before you repeat it") {
		t.Errorf("of the approval that was cut off the editor is told %q", saw.Told)
	}
	if again := strings.Join(saw.After, "\n"); !strings.Contains(again, "Lathe: Unlock") || strings.Contains(again, "Lathe: approve") {
		t.Errorf("behind the restart it is offered %q", saw.After)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cleanDiff(t, it.Plan.Diff, string(before), string(after))
	if untouched, err := os.ReadFile(otherFile); err != nil || string(untouched) != string(before) {
		t.Errorf("the other checkout's file: %v\n%s", err, untouched)
	}
	if out, err := s.run("lathe", "verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}
