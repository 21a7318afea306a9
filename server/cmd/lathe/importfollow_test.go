package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFollowingWhatWasFound: of the histories of this machine those that can be
// followed are, and the others are taken in once and named.
func TestFollowingWhatWasFound(t *testing.T) {
	dir, err := os.MkdirTemp("", "lathe-follow-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	t.Cleanup(func() { endDaemon(t, data) })
	codex := filepath.Join(dir, ".codex", "sessions", "2026", "01", "02", "rollout-2026-01-02T03-04-05-0199b0aa-0000-7000-8000-00000000c0de.jsonl")
	storage := filepath.Join(dir, ".local", "share", "opencode", "storage")
	for name, text := range map[string]string{
		codex: `{"timestamp":"2026-01-02T03:04:05Z","type":"session_meta","payload":{"id":"0199b0aa-0000-7000-8000-00000000c0de","cwd":"/home/joe/widgets"}}
{"timestamp":"2026-01-02T03:04:07Z","type":"response_item","payload":{"type":"function_call","name":"shell_command","arguments":"{\"command\":\"pytest -q\"}","call_id":"call_1"}}
{"timestamp":"2026-01-02T03:04:08Z","type":"response_item","payload":{"type":"function_call_output","call_id":"call_1","output":"Exit code: 0\nOutput:\nok\n"}}
`,
		filepath.Join(storage, "session", "p1", "ses_1.json"):    `{"id":"ses_1","directory":"/home/joe/widgets","time":{"created":1767323040000,"updated":1767323050000}}`,
		filepath.Join(storage, "message", "ses_1", "msg_1.json"): `{"id":"msg_1","sessionID":"ses_1","role":"assistant","time":{"created":1767323041000}}`,
		filepath.Join(storage, "part", "msg_1", "prt_1.json"):    `{"type":"tool","callID":"c1","tool":"bash","state":{"status":"completed","input":{"command":"ls"},"output":"a","metadata":{"exit":0},"time":{"start":1767323041000,"end":1767323042000}}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begin := func() (cmd *exec.Cmd, out *bytes.Buffer, said *bufio.Reader) {
		out = &bytes.Buffer{}
		cmd = exec.Command("lathe", "import", "--discover", "--yes", "--follow", "--json")
		cmd.Env = append(os.Environ(), "HOME="+dir, "LATHE_DATA_DIR="+data, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"),
			"XDG_DATA_HOME=", "CODEX_HOME=", "CLAUDE_CONFIG_DIR=", "LATHE_HTTP=off")
		cmd.Stdout = out
		pipe, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out, bufio.NewReader(pipe)
	}

	cmd, out, said := begin()
	var all strings.Builder
	for !strings.Contains(all.String(), "waiting for more") {
		line, err := said.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			t.Fatalf("it ended: %v\n%s", cmd.Wait(), all.String())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(said)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s%s", err, all.String(), rest)
	}
	var d discovered
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(d.Found) != 2 || d.Calls != 2 || d.Sessions != 2 || d.Rejected != 0 {
		t.Errorf("taken in: %+v", d)
	}
	for _, want := range []string{"following codex ", "not followed: opencode "} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is not said:\n%s", want, all.String())
		}
	}

	// Where nothing can be followed, what is there comes in, and that is said.
	if err := os.RemoveAll(filepath.Join(dir, ".codex")); err != nil {
		t.Fatal(err)
	}
	cmd, out, said = begin()
	last, _ := io.ReadAll(said)
	if err := cmd.Wait(); err == nil || !strings.Contains(string(last), "can be followed") {
		t.Errorf("nothing to follow: %v\n%s", err, last)
	}
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.Duplicates == 0 {
		t.Errorf("nothing to follow: %v: %s", err, out)
	}
}
