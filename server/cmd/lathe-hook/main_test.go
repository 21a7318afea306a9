package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"lathe/learn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const event = `{"session_id":"s-1","cwd":"/home/joe/widgets","hook_event_name":"PostToolUseFailure","tool_name":"Bash",` +
	`"tool_input":{"command":"curl -u joe:hunter2xyz https://h.example"},"tool_use_id":"toolu_1","error":"Exit code 22\ndenied"}`

// daemon is a real server on a Unix socket.
func daemon(t *testing.T, dir string, h http.HandlerFunc) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, "lathe.sock"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestAdviceComesBack(t *testing.T) {
	dir := t.TempDir()
	var path, got string
	daemon(t, dir, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, got = r.Method+" "+r.URL.Path, string(b)
		_, _ = io.WriteString(w, `{"hookSpecificOutput":{}}`)
	})
	var out bytes.Buffer
	if err := run(t.Context(), nil, env(map[string]string{"LATHE_DATA_DIR": dir}), strings.NewReader(event), &out); err != nil {
		t.Fatal(err)
	}
	if path != "POST /v1/hooks/claude-code" || got != event || out.String() != `{"hookSpecificOutput":{}}` {
		t.Errorf("the daemon got %s %s, the agent %s", path, got, out.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "spool")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a spool: %v", err)
	}
}

// spooled reads all that waits in the spool of dir.
func spooled(t *testing.T, dir string) (recs []learn.Record, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "spool", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(raw)
		for sc := bufio.NewScanner(bytes.NewReader(raw)); sc.Scan(); {
			var rec learn.Record
			if err := json.Unmarshal(sc.Bytes(), &rec); err != nil {
				t.Fatal(err)
			}
			recs = append(recs, rec)
		}
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", file, fi.Mode(), err)
		}
	}
	return recs, text
}

func TestWhatTheDaemonDoesNotTakeIsSpooled(t *testing.T) {
	for name, tc := range map[string]struct {
		answer  http.HandlerFunc
		args    []string
		event   string
		records int
		says    string
	}{
		"no daemon":        {nil, nil, event, 1, "spooled 1 records"},
		"daemon in need":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil, event, 1, "503"},
		"daemon stopping":  {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "stopping", 422) }, nil, event, 1, "422"},
		"daemon refuses":   {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not that", 400) }, nil, event, 0, "not that"},
		"nothing to tell":  {nil, nil, `{"session_id":"s","hook_event_name":"PreCompact"}`, 0, ""},
		"junk":             {nil, nil, "\x00junk", 0, "could not be spooled"},
		"an unknown form":  {nil, []string{"martian"}, event, 0, "martian"},
		"not a form":       {nil, []string{"../x"}, event, 0, "wrong use"},
		"more than a form": {nil, []string{"a", "b"}, event, 0, "wrong use"},
		"too large":        {nil, nil, strings.Repeat(" ", maxEvent+1), 0, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.answer != nil {
				daemon(t, dir, tc.answer)
			}
			var out bytes.Buffer
			err := run(t.Context(), tc.args, env(map[string]string{"LATHE_DATA_DIR": dir}), strings.NewReader(tc.event), &out)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one with %q", err, tc.says)
			}
			if out.Len() > 0 {
				t.Errorf("printed %q", out.String())
			}
			recs, text := spooled(t, dir)
			if len(recs) != tc.records {
				t.Fatalf("%d records in the spool, want %d", len(recs), tc.records)
			}
			if strings.Contains(text, "hunter2xyz") {
				t.Errorf("a secret in the spool: %s", text)
			}
			if tc.records > 0 && (recs[0].Action == nil || recs[0].Action.ID != learn.EventID("s-1", "toolu_1")) {
				t.Errorf("spooled %s", text)
			}
		})
	}
}

func TestAHangingDaemonIsLeft(t *testing.T) {
	dir := t.TempDir()
	arrived := make(chan struct{})
	daemon(t, dir, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices a client that left only after the body
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	p := place{socket: filepath.Join(dir, "lathe.sock")}
	if _, err := post(ctx, p, "claude-code", []byte(event)); !errors.Is(err, context.Canceled) {
		t.Errorf("post returned %v", err)
	}
}

func TestAFullSpoolTakesNoMore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "big.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(maxSpoolBytes), f.Close()); err != nil { // sparse
		t.Fatal(err)
	}
	if _, err := spool(t.Context(), dir, "claude-code", []byte(event)); err == nil || !strings.Contains(err.Error(), "is full") {
		t.Errorf("spool returned %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%d files, %v", len(left), err)
	}
}

func TestLocate(t *testing.T) {
	for name, tc := range map[string]struct {
		vars map[string]string
		want place
	}{
		"home":         {map[string]string{"HOME": "/h"}, place{"/h/.local/share/lathe/lathe.sock", false, "/h/.local/share/lathe/spool"}},
		"xdg":          {map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/x"}, place{"/x/lathe/lathe.sock", false, "/x/lathe/spool"}},
		"relative xdg": {map[string]string{"HOME": "/h", "XDG_DATA_HOME": "x"}, place{"/h/.local/share/lathe/lathe.sock", false, "/h/.local/share/lathe/spool"}},
		"data dir":     {map[string]string{"LATHE_DATA_DIR": "/d"}, place{"/d/lathe.sock", false, "/d/spool"}},
		"socket":       {map[string]string{"LATHE_DATA_DIR": "/d", "LATHE_SOCKET": "/s"}, place{"/s", true, "/d/spool"}},
	} {
		if got, err := locate(env(tc.vars)); err != nil || got != tc.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	deep := "/" + strings.Repeat("d", 120)
	if got, err := locate(env(map[string]string{"LATHE_DATA_DIR": deep})); err != nil || len(got.socket) > maxSocketPath || got.spool != deep+"/spool" {
		t.Errorf("a long path: %v, %v", got, err)
	}
	if _, err := locate(env(nil)); err == nil {
		t.Error("no home, and no error")
	}
}

// build makes the real program.
func build(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "lathe-hook")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

func TestTheProgramNeverFails(t *testing.T) {
	bin, dir := build(t), t.TempDir()
	for name, in := range map[string]string{"an event": event, "junk": "junk", "nothing": ""} {
		cmd := exec.Command(bin)
		cmd.Env, cmd.Stdin = []string{"LATHE_DATA_DIR=" + dir}, strings.NewReader(in)
		if out, err := cmd.Output(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v, printed %q", name, err, out)
		}
	}
	if recs, _ := spooled(t, dir); len(recs) != 1 {
		t.Errorf("%d records in the spool, want 1", len(recs))
	}
}

// BenchmarkHook is one run of the whole program with a daemon that answers at
// once, and without one (which reads the rules for secrets and spools).
func BenchmarkHook(b *testing.B) {
	bin := build(b)
	loop := func(b *testing.B, vars ...string) {
		for b.Loop() {
			cmd := exec.Command(bin)
			cmd.Env, cmd.Stdin = vars, strings.NewReader(event)
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("daemon", func(b *testing.B) {
		dir := b.TempDir()
		l, err := net.Listen("unix", filepath.Join(dir, "lathe.sock"))
		if err != nil {
			b.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go func() { _ = srv.Serve(l) }() // ends by Close
		defer srv.Close()
		loop(b, "LATHE_DATA_DIR="+dir)
	})
	b.Run("spool", func(b *testing.B) { loop(b, "LATHE_DATA_DIR="+b.TempDir()) })
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
