package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRunPrintsWritesAndReads(t *testing.T) {
	r := mustRun(t, &Spec{
		Args: []string{"sh", "-c", "cat /in/a/b; cat; echo oops >&2; echo hi >/out/x; exit 3"}, OutDir: "/out",
		Stdin: strings.NewReader("typed\n"), Files: map[string][]byte{"a/b": []byte("hello\n")},
	})
	if string(r.Stdout) != "hello\ntyped\n" || string(r.Stderr) != "oops\n" || r.ExitCode != 3 || string(r.Files["x"]) != "hi\n" {
		t.Errorf("got %s files %q", show(r), r.Files)
	}
	if r.Wall <= 0 || r.CPU <= 0 || r.MaxRSS <= 0 || r.Limit != "" || r.Truncated {
		t.Errorf("got %+v", r)
	}
}

func TestRunGuestPathsThatTheImageLacks(t *testing.T) {
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "f"), []byte("bound"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, &Spec{
		Args:  []string{"sh", "-c", "cat /deep/er/bind/f /usr/new/in/x /one; echo out >/tmp/o/y; ls /usr/bin/env; (: >/usr/new/z) 2>/dev/null || echo ro"},
		Files: map[string][]byte{"x": []byte(" file ")}, FilesDir: "/usr/new/in", OutDir: "/tmp/o",
		Binds: []Bind{{Host: host, Guest: "/deep/er/bind"}, {Host: filepath.Join(host, "f"), Guest: "/one"}},
	})
	if string(r.Stdout) != "bound file bound/usr/bin/env\nro\n" || string(r.Files["y"]) != "out\n" {
		t.Errorf("got %s files %q", show(r), r.Files)
	}
}

func TestBindsAreReadOnlyUnlessWritable(t *testing.T) {
	ro, rw := t.TempDir(), t.TempDir()
	if err := os.Symlink("/etc/shadow", filepath.Join(ro, "link")); err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, &Spec{
		Args: []string{"sh", "-c", "echo a >/ro/a; echo b >/rw/b; cat /ro/link; mkdir /rw/d"},
		Dir:  "/rw", Binds: []Bind{{Host: ro, Guest: "/ro"}, {Host: rw, Guest: "/rw", Writable: true}},
	})
	if _, err := os.Lstat(filepath.Join(ro, "a")); err == nil {
		t.Error("a read-only bind was written")
	}
	if b, err := os.ReadFile(filepath.Join(rw, "b")); err != nil || string(b) != "b\n" {
		t.Errorf("the writable bind holds %q, %v; %s", b, err, show(r))
	}
	if strings.Contains(string(r.Stdout), "root:") {
		t.Error("a link in a bind led to the host")
	}
}

func TestOutputFolderGivesOnlyRegularFiles(t *testing.T) {
	r := python(t, `
import os
os.chdir("/out")
os.makedirs("d/e"); open("d/e/ok", "w").write("fine")
os.symlink("/etc/passwd", "link"); os.symlink("/", "dirlink"); os.mkfifo("fifo"); os.link("d/e/ok", "hard")
import socket; s = socket.socket(socket.AF_UNIX); s.bind("sock")
open("a\nb\x1b[31m", "w").write("odd name")
d = "deep"
for _ in range(100):
    os.mkdir(d); d += "/x"
open("deep/" + "x/" * 60 + "f", "w").write("too deep")
os.chmod("d/e/ok", 0)
`, &Spec{OutDir: "/out"})
	if r.ExitCode != 0 {
		t.Fatal(show(r))
	}
	want := map[string]string{"d/e/ok": "fine", "hard": "fine", "a\nb\x1b[31m": "odd name"}
	if os.Geteuid() != 0 {
		// An ordinary user cannot read what the command made unreadable.
		delete(want, "d/e/ok")
		delete(want, "hard")
	}
	if len(r.Files) != len(want) {
		t.Errorf("files %q", r.Files)
	}
	for name, content := range want {
		if string(r.Files[name]) != content {
			t.Errorf("%q holds %q, want %q", name, r.Files[name], content)
		}
	}
	if len(r.Skipped) < 5 {
		t.Errorf("skipped %q", r.Skipped)
	}
	held(t, "symlinks and FIFOs in the output")
}

func TestFillingScratchSpaceEnds(t *testing.T) {
	const size = 4 << 20
	r := python(t, `
import os
def fill(path):
    n = 0
    try:
        with open(path, "wb", 0) as f:
            while n < 1 << 28: n += f.write(b"x" * 65536)
    except OSError: pass
    return n
def files(dir):
    n = 0
    try:
        while n < 200000: open(f"{dir}/f{n}", "w").close(); n += 1
    except OSError: pass
    return n
for p in ("/tmp/x", "/out/x", "/dev/shm/x", "/dev/x"): print(fill(p))
for d in ("/tmp", "/out", "/dev/shm"): os.unlink(d + "/x"); print(files(d))
try: os.truncate("/out/f0", 1 << 40); print("grew")
except OSError: print(0)
`, &Spec{OutDir: "/out", Limits: Limits{TmpBytes: size}})
	lines := strings.Fields(string(r.Stdout))
	if len(lines) != 8 || r.ExitCode != 0 {
		t.Fatal(show(r))
	}
	limits := []int{size, size, size, 0, size / 1024, size / 1024, size / 1024, 0}
	for i, l := range lines {
		var n int
		if _, err := fmt.Sscan(l, &n); err != nil || n > limits[i] || (n == 0) != (limits[i] == 0) {
			t.Errorf("line %d: got %s, limit %d", i, l, limits[i])
		}
	}
	held(t, "filling /tmp, /dev and the output folder")
}

func TestNothingIsLeftBehind(t *testing.T) {
	listener, dir := listen(t)
	r := python(t, `
import os, socket, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up")
        os.close(0); os.close(1); os.close(2)
        s.recv(1)
    os._exit(0)
os.wait()
s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up"); s.recv(1)
`, &Spec{Binds: []Bind{{Host: dir, Guest: "/sock", Writable: true}}, Limits: Limits{WallTime: time.Second}})
	stoppedBy(LimitWall)(t, r)
	for range 2 {
		untilGone(t, accept(t, listener))
	}
	held(t, "a daemon left behind")
}

func listen(t *testing.T) (*net.UnixListener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lathe") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, p := range []string{dir, filepath.Join(dir, "s")} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return l, dir
}

// accept waits for a guest process to report over its socket.
func accept(t *testing.T, l *net.UnixListener) net.Conn {
	t.Helper()
	if err := l.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Read(make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	return c
}

// untilGone waits for the end of the process at the other side.
func untilGone(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a process outlived its run: %v", err)
	}
}

// runForever is the launcher that TestKillingTheLauncherKillsTheRun kills.
func runForever(dir string) int {
	l, err := Open(os.Getenv(backendEnv))
	if err != nil {
		return 1
	}
	_, err = l.Run(context.Background(), &Spec{
		RootFS: os.Getenv(rootEnv), Binds: []Bind{{Host: dir, Guest: "/sock", Writable: true}},
		Args: []string{"python3", "-c", `
import os, socket
os.fork()
s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up"); s.recv(1)
`},
	})
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestKillingTheLauncherKillsTheRun(t *testing.T) {
	listener, dir := listen(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), runEnv+"="+dir, rootEnv+"="+rootFS(t))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first, second := accept(t, listener), accept(t, listener)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	untilGone(t, first)
	untilGone(t, second)
	if err := cmd.Wait(); err == nil {
		t.Error("the launcher ended well, and should have been killed")
	}
	held(t, "killing the launcher in mid-run")
}

func TestCancelEndsTheRun(t *testing.T) {
	listener, dir := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	root := rootFS(t)
	done := make(chan error, 1)
	go func() {
		_, err := launcher(t).Run(ctx, &Spec{
			RootFS: root, Binds: []Bind{{Host: dir, Guest: "/sock", Writable: true}},
			Args: []string{"python3", "-c", `import socket; s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up"); s.recv(1)`},
		})
		done <- err
	}()
	c := accept(t, listener)
	cancel()
	untilGone(t, c)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestRunRefusesBadSpecs(t *testing.T) {
	for name, s := range map[string]Spec{
		"no command":        {RootFS: "/"},
		"no root":           {Args: []string{"x"}},
		"relative dir":      {RootFS: "/", Args: []string{"x"}, Dir: "a"},
		"file upwards":      {RootFS: "/", Args: []string{"x"}, Files: map[string][]byte{"../x": nil}},
		"absolute file":     {RootFS: "/", Args: []string{"x"}, Files: map[string][]byte{"/x": nil}},
		"bind over proc":    {RootFS: "/", Args: []string{"x"}, Binds: []Bind{{Host: "/", Guest: "/proc/x"}}},
		"bind over root":    {RootFS: "/", Args: []string{"x"}, Binds: []Bind{{Host: "/", Guest: "/"}}},
		"two on one path":   {RootFS: "/", Args: []string{"x"}, OutDir: "/out", Binds: []Bind{{Host: "/", Guest: "/out"}}},
		"unclean bind":      {RootFS: "/", Args: []string{"x"}, Binds: []Bind{{Host: "/", Guest: "/a/../b"}}},
		"bind from nowhere": {RootFS: "/", Args: []string{"x"}, Binds: []Bind{{Guest: "/b"}}},
		"NUL in argument":   {RootFS: "/", Args: []string{"x\x00"}},
		"output over /tmp":  {RootFS: "/", Args: []string{"x"}, OutDir: "/tmp"},
	} {
		if _, err := launcher(t).Run(t.Context(), &s); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRunSaysWhatWentWrong(t *testing.T) {
	root := rootFS(t)
	for want, s := range map[string]Spec{
		"no such program": {RootFS: root, Args: []string{"no-such-thing"}},
		"is a link":       {RootFS: root, Args: []string{"true"}, OutDir: "/bin/out"},
		"lies in another": {RootFS: root, Args: []string{"true"}, OutDir: "/a/b", FilesDir: "/a", Files: map[string][]byte{"x": nil}},
		"no such file":    {RootFS: root, Args: []string{"true"}, Binds: []Bind{{Host: "/no/such/place", Guest: "/b"}}},
		"working dir":     {RootFS: root, Args: []string{"true"}, Dir: "/nowhere"},
		"root file":       {RootFS: root + "/missing", Args: []string{"true"}},
	} {
		_, err := launcher(t).Run(t.Context(), &s)
		if os.Geteuid() != 0 && want == "root file" {
			want = "missing"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestNoSuchProgramIsTold(t *testing.T) {
	for _, name := range []string{"no-such-thing", "/no/such/thing", "./no-such-thing"} {
		_, err := launcher(t).Run(t.Context(), &Spec{RootFS: rootFS(t), Args: []string{name}})
		if !errors.Is(err, ErrNoProgram) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSelfTestHolds(t *testing.T) {
	rep, err := SelfTest(t.Context(), launcher(t), rootFS(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rep.Checks {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	if !rep.OK && len(rep.Checks) == 0 {
		t.Errorf("got %+v", rep)
	}
}
