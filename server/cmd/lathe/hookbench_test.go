package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/server"
)

// BenchmarkHookLatency prints how long an agent waits for its hook: the
// installed program from exec to exit, with a daemon that learned something,
// beside /bin/true, started in the same way, in rounds that take turns: as an
// agent calls it, with pauses for the daemon to digest, and without pause.
// Without a daemon each run is waited for until its event lies in the spool.
//
//	go test ./server/cmd/lathe -run '^$' -bench HookLatency -benchtime 1x
func BenchmarkHookLatency(b *testing.B) {
	for range b.N {
		h := newHookBench(b)
		// Shorter than a model thinks, far shorter, and none.
		for round, pause := range []time.Duration{250 * time.Millisecond, 30 * time.Millisecond, 0} {
			for i := range hookRuns {
				for _, k := range h.kinds {
					h.run(k, round*hookRuns+i)
					time.Sleep(pause)
				}
			}
			for i := range hookRuns / 4 {
				h.run(h.spool, i)
				h.spooled(round*hookRuns/4 + i + 1)
			}
			h.print(pause)
		}
	}
}

const hookRuns = 200

// hookKind is what is run, and how it went.
type hookKind struct {
	name    string
	command []string
	event   func(i int) map[string]any // nil for none
	answers bool                       // advice is to come back
	bar     string                     // what p95 is to stay within

	took []time.Duration
	cpu  []time.Duration // of the program itself: what a busy machine does not change
}

type hookBench struct {
	b     testing.TB
	env   []string
	dir   string
	kinds []*hookKind
	spool *hookKind
}

// run starts the program as an agent does, with the event on a pipe.
func (h *hookBench) run(k *hookKind, i int) {
	cmd := exec.Command(k.command[0], k.command[1:]...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &out, &errs
	if k.event != nil {
		event := k.event(i)
		event["cwd"], event["tool_use_id"] = h.dir, fmt.Sprint("toolu_", k.name, i)
		raw, err := json.Marshal(event)
		if err != nil {
			h.b.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(raw)
	} else {
		cmd.Stdin = strings.NewReader("{}")
	}
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil || errs.Len() > 0 {
		h.b.Fatalf("%s: %v\n%s", k.name, err, &errs)
	}
	if (out.Len() > 0) == k.answers { // a share of the sessions goes without advice, to compare
		k.took = append(k.took, took)
		k.cpu = append(k.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
}

// spooled waits for the n-th event without a daemon.
func (h *hookBench) spooled(n int) {
	for end := time.Now().Add(time.Minute); ; <-time.After(2 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(h.dir, "none", "spool", "*.jsonl"))
		if err == nil && len(names) >= n {
			return
		}
		if time.Now().After(end) {
			h.b.Fatalf("%d of %d events lie in the spool, %v", len(names), n, err)
		}
	}
}

// print shows what was measured since it was called last.
func (h *hookBench) print(pause time.Duration) {
	fmt.Printf("\na pause of %v between calls\n%-34s %5s %8s %8s %8s %8s  %s\n", pause, "WHAT", "RUNS", "P50-MS", "P95-MS", "P99-MS", "CPU-MS", "BAR")
	for _, k := range append(h.kinds, h.spool) {
		if len(k.took) == 0 {
			h.b.Fatalf("%s: no run answered as it should", k.name)
		}
		fmt.Printf("%-34s %5d %8.2f %8.2f %8.2f %8.2f  %s\n", k.name, len(k.took), quantile(k.took, 0.5)/1e3, quantile(k.took, 0.95)/1e3, quantile(k.took, 0.99)/1e3, quantile(k.cpu, 0.5)/1e3, k.bar)
		k.took, k.cpu = nil, nil
	}
}

const benchFails, benchWorks = "python3 -m pytest -q tests/test_price.py", "python3 run_tests.py test_price"

// hookEvent is an event of Claude Code; each run is a session of its own.
func hookEvent(name, session, command string, more map[string]any) func(int) map[string]any {
	return func(i int) map[string]any {
		e := map[string]any{"hook_event_name": name, "session_id": fmt.Sprint(session, i), "permission_mode": "default", "transcript_path": "/dev/null",
			"tool_name": "Bash", "tool_input": map[string]string{"command": command, "description": "Run it"}}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
}

// newHookBench builds and starts everything, and lets the daemon learn.
func newHookBench(b *testing.B) *hookBench {
	b.Helper()
	dir, err := os.MkdirTemp("", "lathe-hooks-") // b.TempDir may be too long for a socket
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, pkg := range map[string]string{"lathe": ".", "lathe-hook": "../lathe-hook"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg).CombinedOutput(); err != nil {
			b.Fatalf("go build: %v\n%s", err, out)
		}
	}
	h := &hookBench{b: b, dir: dir, env: append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "LATHE_DATA_DIR="+filepath.Join(dir, "data"), "LATHE_HTTP=off")}
	lathe := func(args ...string) {
		b.Helper()
		cmd := exec.Command(filepath.Join(dir, "lathe"), args...)
		cmd.Env, cmd.Dir = h.env, dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("lathe %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	past := filepath.Join(dir, "past.jsonl")
	if err := os.WriteFile(past, pastFailures(b, server.WorkspaceProject(dir)), 0o600); err != nil {
		b.Fatal(err)
	}
	lathe("import", "events", past)
	b.Cleanup(func() { lathe("stop") })

	hook := filepath.Join(dir, "lathe-hook")
	after, before := []string{hook, "claude-code"}, []string{hook, "claude-code", "before"}
	well := hookEvent("PostToolUse", "well", "ls", map[string]any{"tool_response": map[string]any{"stdout": strings.Repeat("a file\n", 300), "stderr": "", "interrupted": false}})
	known := hookEvent("PostToolUseFailure", "known", benchFails, map[string]any{"error": "Exit code 1\nE   ModuleNotFoundError: No module named 'shop'", "is_interrupt": false})
	unknown := hookEvent("PostToolUseFailure", "unknown", "frobnicate --now", map[string]any{"error": "Exit code 1\nthe moon is in the wrong phase"})
	h.kinds = []*hookKind{
		{name: "/bin/true", command: []string{"/bin/true"}},
		{name: "after a success", command: after, event: well, bar: "5"},
		{name: "after a failure, nothing known", command: after, event: unknown, bar: "5"},
		{name: "after a failure, with advice", command: after, event: known, answers: true, bar: "15"},
		{name: "before a call, nothing known", command: before, event: hookEvent("PreToolUse", "plain", "ls", nil), bar: "5"},
		{name: "before a call, with advice", command: before, event: hookEvent("PreToolUse", "warned", benchFails, nil), answers: true, bar: "15"},
	}
	h.spool = &hookKind{name: "no daemon: into the spool", command: []string{hook, "--data", filepath.Join(dir, "none"), "claude-code"}, event: well, bar: "5"}
	return h
}

// pastFailures are sessions in which a command failed and another worked.
func pastFailures(b testing.TB, project string) []byte {
	var lines bytes.Buffer
	for i := range 12 {
		for k, step := range []struct {
			command, output string
			code            int
		}{{benchFails, "E   ModuleNotFoundError: No module named 'shop'", 1}, {"cat README.md", "run " + benchWorks, 0}, {benchWorks, "ok", 0}} {
			raw, err := json.Marshal(learn.ActionOutcome{ProjectID: project, SessionID: fmt.Sprint("past-", i), CallID: fmt.Sprint(k), ToolName: "Bash",
				ToolParameters: json.RawMessage(fmt.Sprintf(`{"command":%q}`, step.command)), ToolOutput: learn.ToolOutput{Stdout: step.output, ExitCode: &step.code},
				Timestamp: time.Now().Add(-time.Duration(24*(i+1))*time.Hour + time.Duration(k)*time.Minute)})
			if err != nil {
				b.Fatal(err)
			}
			lines.Write(append(raw, '\n'))
		}
	}
	return lines.Bytes()
}
