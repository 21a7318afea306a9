package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
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

// nobody is for events that must not be spooled.
func nobody(t *testing.T) func(place, string, []byte) error {
	return func(place, string, []byte) error {
		t.Error("the event was given to the spool")
		return nil
	}
}

func TestAdviceComesBack(t *testing.T) {
	dir := t.TempDir()
	var path, got string
	large := strings.Repeat("x", 100<<10)
	daemon(t, dir, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, got = r.Method+" "+r.URL.Path, string(b)
		_, _ = io.WriteString(w, `{"hookSpecificOutput":{}}`+large)
	})
	var out bytes.Buffer
	if err := run(nil, env(map[string]string{"LATHE_DATA_DIR": dir}), strings.NewReader(event+large), &out, time.Now().Add(limit), nobody(t)); err != nil {
		t.Fatal(err)
	}
	if path != "POST /v1/hooks/claude-code" || got != event+large || out.String() != `{"hookSpecificOutput":{}}`+large {
		t.Errorf("the daemon got %s, %d bytes, the agent %d bytes", path, len(got), out.Len())
	}
}

// TestTheProjectIsNamed: by the variable that names it for the other doors.
func TestTheProjectIsNamed(t *testing.T) {
	dir, project := t.TempDir(), "a shop/ä&b=c\r\n+%"
	var got string
	daemon(t, dir, func(w http.ResponseWriter, r *http.Request) { got = r.URL.Query().Get("project") })
	vars := map[string]string{"LATHE_DATA_DIR": dir, "LATHE_PROJECT": project}
	if err := run(nil, env(vars), strings.NewReader(event), io.Discard, time.Now().Add(limit), nobody(t)); err != nil || got != project {
		t.Errorf("the daemon was told %q, %v", got, err)
	}
}

func TestWhatTheDaemonDoesNotTakeIsSpooled(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) }
	}
	for name, tc := range map[string]struct {
		daemon  http.HandlerFunc
		args    []string
		event   string
		spooled bool
		says    string
	}{
		"no daemon":          {nil, nil, event, true, ""},
		"codex, no daemon":   {nil, []string{"codex"}, event, true, ""},
		"daemon in need":     {answer(503, ""), nil, event, true, ""},
		"daemon stopping":    {answer(422, "stopping"), nil, event, true, ""},
		"daemon refuses":     {answer(400, "not that"), nil, event, false, "not that"},
		"a call to come":     {nil, []string{"claude-code", "before"}, event, false, "lathe.sock"},
		"not a form":         {nil, []string{"../x"}, event, false, "wrong use"},
		"more than a form":   {nil, []string{"a", "b"}, event, false, "wrong use"},
		"--data with no dir": {nil, []string{"--data"}, event, false, "wrong use"},
		"too large":          {nil, nil, strings.Repeat(" ", maxEvent+1), false, "larger than"},
		"an answer cut off": {func(w http.ResponseWriter, _ *http.Request) {
			panic(http.ErrAbortHandler)
		}, nil, event, true, ""},
		"too much advice": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("a", maxAdvice+1))
		}, nil, event, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.daemon != nil {
				daemon(t, dir, tc.daemon)
			}
			var out bytes.Buffer
			var formats []string
			later := func(at place, format string, got []byte) error {
				if at.data != dir || string(got) != tc.event {
					t.Errorf("%s: %s", at.data, got)
				}
				formats = append(formats, format)
				return nil
			}
			err := run(tc.args, env(map[string]string{"LATHE_DATA_DIR": dir}), strings.NewReader(tc.event), &out, time.Now().Add(limit), later)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one with %q", err, tc.says)
			}
			if out.Len() > 0 {
				t.Errorf("printed %q", out.String())
			}
			if (len(formats) > 0) != tc.spooled {
				t.Errorf("spooled %v, want %v", formats, tc.spooled)
			}
		})
	}
}

func TestAHangingDaemonIsLeft(t *testing.T) {
	dir := t.TempDir()
	end := make(chan struct{})
	daemon(t, dir, func(http.ResponseWriter, *http.Request) { <-end })
	defer close(end)
	if _, err := post(place{socket: filepath.Join(dir, "lathe.sock")}, "claude-code", []byte(event), time.Now().Add(50*time.Millisecond)); !errors.Is(err, errLate) {
		t.Errorf("post returned %v", err)
	}
}

func TestRead(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody": "body", "HTTP/1.0 204 No Content\r\n\r\n": "",
	} {
		if got, err := read([]byte(answer)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", answer, got, err)
		}
	}
	for _, answer := range []string{"", "HTTP/1.0 200 OK\r\n", "HTTP/1.0\r\n\r\n", "SSH-2.0 200 x\r\n\r\n", "HTTP/1.0 x OK\r\n\r\n", "HTTP/1.0 500 No\r\n\r\nx"} {
		if got, err := read([]byte(answer)); err == nil || got != nil {
			t.Errorf("%q: %q", answer, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody"))
	f.Add([]byte("HTTP/1.1 404 \r\n\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		body, err := read(answer)
		if len(body) > maxAdvice || err != nil && body != nil || !bytes.HasSuffix(answer, body) {
			t.Fatalf("%q: %q, %v", answer, body, err)
		}
	})
}

func TestLocate(t *testing.T) {
	for name, tc := range map[string]struct {
		data string
		vars map[string]string
		want place
	}{
		"home":         {"", map[string]string{"HOME": "/h"}, place{"/h/.local/share/lathe/lathe.sock", false, "/h/.local/share/lathe"}},
		"xdg":          {"", map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/x"}, place{"/x/lathe/lathe.sock", false, "/x/lathe"}},
		"relative xdg": {"", map[string]string{"HOME": "/h", "XDG_DATA_HOME": "x"}, place{"/h/.local/share/lathe/lathe.sock", false, "/h/.local/share/lathe"}},
		"data dir":     {"", map[string]string{"LATHE_DATA_DIR": "/d"}, place{"/d/lathe.sock", false, "/d"}},
		"argument":     {"/a", map[string]string{"LATHE_DATA_DIR": "/d"}, place{"/a/lathe.sock", false, "/a"}},
		"socket":       {"", map[string]string{"LATHE_DATA_DIR": "/d", "LATHE_SOCKET": "/s"}, place{"/s", true, "/d"}},
	} {
		if got, err := locate(tc.data, env(tc.vars)); err != nil || got != tc.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	deep := "/" + strings.Repeat("d", 120)
	if got, err := locate("", env(map[string]string{"LATHE_DATA_DIR": deep})); err != nil || len(got.socket) > maxSocketPath || got.data != deep {
		t.Errorf("a long path: %v, %v", got, err)
	}
	// Package server has the same words.
	if got, err := locate("/"+strings.Repeat("d", 120), env(nil)); err != nil || filepath.Base(got.socket) != "79cc3099d4ac92fe.sock" {
		t.Errorf("a long path: %s, %v", got.socket, err)
	}
	if _, err := locate("", env(nil)); err == nil {
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

// The event reaches the program beside this one, which is not waited for.
func TestTheProgramNeverFails(t *testing.T) {
	bin, dir := build(t), t.TempDir()
	got := filepath.Join(dir, "got")
	script := "#!/bin/sh\nf=" + got + "\necho \"$@\" > $f.new$$\ncat >> $f.new$$\nmv $f.new$$ $f.$$\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(bin), "lathe"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{event, "junk", strings.Repeat("long ", 100<<10)}
	for _, in := range want {
		cmd := exec.Command(bin, "--data", dir, "codex")
		cmd.Env, cmd.Stdin = []string{"PATH=" + os.Getenv("PATH")}, strings.NewReader(in)
		if out, err := cmd.Output(); err != nil || len(out) > 0 {
			t.Errorf("%.20s: %v, printed %q", in, err, out)
		}
	}
	var files []string
	for end := time.Now().Add(time.Minute); len(files) < len(want) && time.Now().Before(end); {
		var err error
		if files, err = filepath.Glob(got + ".[0-9]*"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(raw)] = true
	}
	for _, in := range want {
		if !seen["hook --spool --data "+dir+" codex\n"+in] {
			t.Errorf("%.20s did not arrive", in)
		}
	}
}

// An agent that writes late is waited for, and one that never ends its event
// is not.
func TestTheInputIsWaitedFor(t *testing.T) {
	bin, dir := build(t), t.TempDir()
	got := make(chan string, 1)
	daemon(t, dir, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	})
	start := func() (*exec.Cmd, io.WriteCloser, *bytes.Buffer) {
		cmd := exec.Command(bin, "--data", dir)
		in, err := cmd.StdinPipe()
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := errors.Join(err, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, event[:50]); err != nil {
			t.Fatal(err)
		}
		return cmd, in, &said
	}
	cmd, in, said := start()
	time.Sleep(100 * time.Millisecond)
	if _, err := io.WriteString(in, event[50:]); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil || said.Len() > 0 || <-got != event {
		t.Errorf("a late event: %v, %s", err, said)
	}
	cmd, in, said = start()
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "gave up") {
		t.Errorf("an event without an end: %v, %s", err, said)
	}
	in.Close()
}
