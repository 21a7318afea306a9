package sandbox

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is the ordinary user that root runs the tests as again.
const nobody = 65534

// TestRootless runs the whole battery again as an ordinary user. When the tests
// run as one already, it has nothing to add and checks just that.
func TestRootless(t *testing.T) {
	l := launcher(t)
	if os.Geteuid() != 0 {
		if l.ids.privileged {
			t.Error("an ordinary user's launcher thinks that it is root")
		}
		return
	}
	dir, err := os.MkdirTemp("", "lathe-rootless")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	root, bin := filepath.Join(dir, "root"), filepath.Join(dir, "sandbox.test")
	// Links where the cache is on the same file system, copies otherwise.
	if out, err := exec.Command("cp", "-al", rootFS(t), root).CombinedOutput(); err != nil {
		os.RemoveAll(root)
		if again, err := exec.Command("cp", "-a", rootFS(t), root).CombinedOutput(); err != nil {
			t.Fatalf("copy the image: %v\n%s%s", err, out, again)
		}
	}
	copyFile(t, "/proc/self/exe", bin)
	cmd := exec.CommandContext(t.Context(), bin, "-test.run", "^Test", "-test.v")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, rootEnv + "=" + root, backendEnv + "=" + os.Getenv(backendEnv)}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
	battery(t, out)
}

// TestRunc runs every test again with runc in the launcher's place, as root and
// as an ordinary user.
func TestRunc(t *testing.T) {
	if backend := os.Getenv(backendEnv); backend != "" {
		if got := launcher(t).Name(); got != backend {
			t.Errorf("tests run on %s, and %s was asked for", got, backend)
		}
		return
	}
	if _, err := Open(Runc); err != nil {
		t.Fatalf("this test needs runc: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^Test", "-test.v")
	cmd.Env = append(os.Environ(), backendEnv+"="+Runc, rootEnv+"="+rootFS(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("with runc: %v\n%s", err, out)
	}
	battery(t, out)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
