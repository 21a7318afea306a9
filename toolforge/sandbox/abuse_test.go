package sandbox

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// abuse is one thing that generated code must not get away with: a Python
// program, and what must be true of its end.
type abuse struct {
	name    string
	program string
	spec    Spec
	check   func(t *testing.T, r *Result)
}

// prints wants exactly that output from a run that ended well.
func prints(want string) func(*testing.T, *Result) {
	return func(t *testing.T, r *Result) {
		if got := strings.TrimSpace(string(r.Stdout)); got != want || r.ExitCode != 0 {
			t.Errorf("printed %q, want %q; %s", got, want, show(r))
		}
	}
}

func stoppedBy(limit string) func(*testing.T, *Result) {
	return func(t *testing.T, r *Result) {
		if r.Limit != limit || r.ExitCode == 0 {
			t.Errorf("ended by %q with %d, want %q", r.Limit, r.ExitCode, limit)
		}
	}
}

func show(r *Result) string {
	return fmt.Sprintf("exit %d signal %q limit %q stdout %.500q stderr %.1500q", r.ExitCode, r.Signal, r.Limit, r.Stdout, r.Stderr)
}

// tryAll prints the name of each action that did not raise OSError.
const tryAll = `
def tried(**actions):
    for name, action in actions.items():
        try: action()
        except OSError: continue
        print("did", name)
    print("end")
`

// sysc calls the kernel directly and prints the name of each call that was not
// refused with EPERM, or ENOSYS for those that must look absent.
const sysc = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def refused(absent=(), **calls):
    for name, args in calls.items():
        ctypes.set_errno(0)
        r = libc.syscall(*[ctypes.c_long(a) for a in args])
        if r == 0 and name.startswith("clone"): os._exit(0)
        want = errno.ENOSYS if name in absent else errno.EPERM
        if r != -1 or ctypes.get_errno() != want:
            print("allowed", name, r, errno.errorcode.get(ctypes.get_errno()))
    print("end")
`

func abuses(t *testing.T) []abuse {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hidden"), 0o644); err != nil {
		t.Fatal(err)
	}
	return append([]abuse{
		{"fork bomb", `
import os, time
n = 0
try:
    while True:
        if os.fork() == 0: time.sleep(60); os._exit(0)
        n += 1
except OSError: print(n)
`, Spec{Limits: Limits{PIDs: 40, WallTime: 30 * time.Second}}, func(t *testing.T, r *Result) {
			var n int
			if _, err := fmt.Sscan(string(r.Stdout), &n); err != nil || n < 1 || n > 40 {
				t.Errorf("made %d processes of 40: %s", n, show(r))
			}
		}},
		{"fork bomb that doubles", `
import os
while True:
    try: os.fork()
    except OSError: pass
`, Spec{Limits: Limits{PIDs: 40, WallTime: time.Second}}, stoppedBy(LimitWall)},
		{"2 GiB of memory", `x = bytearray(2 << 30); print(len(x))`, Spec{Limits: Limits{MemoryBytes: 128 << 20}}, outOfMemory},
		{"memory of many processes", `
import os
for _ in range(8):
    if os.fork() == 0:
        x = bytearray(64 << 20); os.read(os.pipe()[0], 1)
while True:
    pid, status = os.wait()
    if status: raise SystemExit(7)
`, Spec{Limits: Limits{MemoryBytes: 128 << 20, WallTime: 5 * time.Second}}, outOfGroupMemory},
		{"busy loop", `
while True: pass
`, Spec{Limits: Limits{CPUTime: time.Second}}, stoppedBy(LimitCPU)},
		{"time beyond the limit", `import time; time.sleep(600)`, Spec{Limits: Limits{WallTime: 300 * time.Millisecond}}, stoppedBy(LimitWall)},
		{"time beyond the limit, signals ignored", `
import signal, time
for s in range(1, 32):
    try: signal.signal(s, signal.SIG_IGN)
    except OSError: pass
time.sleep(600)
`, Spec{Limits: Limits{WallTime: 500 * time.Millisecond}}, stoppedBy(LimitWall)},
		{"writes to the root", tryAll + `
w = lambda p: (lambda: open(p, "w"))
import os
tried(root=w("/x"), usr=w("/usr/x"), etc=w("/etc/passwd"), dev=w("/dev/x"), run=lambda: os.mkdir("/y"), chmod=lambda: os.chmod("/usr", 0o777))
`, Spec{}, prints("end")},
		{"host files", `
import os
print([p for p in ("/etc/shadow", "/root/.ssh", "/home/user", "/var/lib/dpkg", ` + fmt.Sprintf("%q", secret) + `) if os.path.exists(p)],
      sorted(p for p in os.listdir("/proc") if p.isdigit()), os.path.exists("/proc/1/root/etc/shadow"))
`, Spec{}, prints("[] ['1'] False")},
		{"/proc/sys and other settings", tryAll + `
w = lambda p: (lambda: open(p, "w").write("1"))
tried(core=w("/proc/sys/kernel/core_pattern"), sysrq=w("/proc/sysrq-trigger"), oom=w("/proc/self/oom_score_adj"),
      uid=w("/proc/self/uid_map"), kcore=lambda: open("/proc/kcore"), sys=w("/sys/kernel/x"), keys=lambda: open("/proc/keys"))
`, Spec{}, prints("end")},
		{"terminal and devices", tryAll + `
import os, stat
tried(tty=lambda: open("/dev/tty"), ptmx=lambda: open("/dev/ptmx"), mem=lambda: open("/dev/mem"), fuse=lambda: open("/dev/fuse"),
      node=lambda: os.mknod("/tmp/x", stat.S_IFBLK | 0o666, os.makedev(254, 0)))
`, Spec{}, prints("end")},
		{"privileges", `
import re
s = open("/proc/self/status").read()
print(*[re.search(k + r":\s*(\S+)", s).group(1) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")])
`, Spec{}, prints("0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 1 2")},
		{"signalling pid 1", `
import os, signal
if os.fork() == 0:
    os.kill(1, signal.SIGKILL); os.kill(1, signal.SIGTERM)
    os._exit(0)
os.wait()
try: os.kill(-1, signal.SIGKILL)
except OSError: pass
print("alive")
`, Spec{}, prints("alive")},
		{"1 GiB of stdout", `
import os
b = b"y" * 65536
for _ in range(16384): os.write(1, b)
`, Spec{Limits: Limits{OutputBytes: 100_000}}, func(t *testing.T, r *Result) {
			if stoppedBy(LimitOutput)(t, r); !r.Truncated || len(r.Stdout) != 100_000 {
				t.Errorf("kept %d bytes, truncated %v", len(r.Stdout), r.Truncated)
			}
		}},
		{"1 GiB of stderr", `
import os
b = b"y" * 65536
for _ in range(16384): os.write(2, b)
`, Spec{Limits: Limits{OutputBytes: 100_000}}, stoppedBy(LimitOutput)},
	}, callAbuses()...)
}

func outOfMemory(t *testing.T, r *Result) {
	if r.ExitCode == 0 || bytes.Contains(r.Stdout, []byte("2147483648")) {
		t.Errorf("got the memory: %s", show(r))
	}
	if launcher(t).cgroups.memory != nil && r.Limit != LimitMemory {
		t.Errorf("limit %q, want memory", r.Limit)
	}
}

// outOfGroupMemory holds where there is a cgroup; elsewhere the run must say
// that it cannot be held.
func outOfGroupMemory(t *testing.T, r *Result) {
	if launcher(t).cgroups.memory == nil {
		if !strings.Contains(strings.Join(r.Degradations, " "), "memory") {
			t.Errorf("no memory cgroup, and no degradation says so: %q", r.Degradations)
		}
		return
	}
	if stoppedBy(LimitMemory)(t, r); r.MaxRSS > 140<<20 {
		t.Errorf("used %d bytes", r.MaxRSS)
	}
}

// held says for the table of the battery that an abuse was held.
func held(t *testing.T, abuse string) {
	t.Helper()
	user := "ordinary user"
	if os.Geteuid() == 0 {
		user = "root"
	}
	if !t.Failed() {
		t.Logf("battery: %-9s %-14s held: %s", launcher(t).Name(), user, abuse)
	}
}

// battery repeats what another run of the tests said of the battery.
func battery(t *testing.T, out []byte) {
	t.Helper()
	lines := regexp.MustCompile(`battery: .*`).FindAllString(string(out), -1)
	t.Logf("%d abuses were held:\n%s", len(lines), strings.Join(lines, "\n"))
}

func TestAbuse(t *testing.T) {
	t.Setenv("LATHE_TEST_SECRET", "hidden")
	for _, a := range abuses(t) {
		t.Run(a.name, func(t *testing.T) {
			spec := a.spec
			a.check(t, python(t, a.program, &spec))
			held(t, a.name)
		})
	}
}

func TestAbuseNetwork(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	abstract := fmt.Sprintf("@lathe-sandbox-test-%d", os.Getpid())
	un, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer un.Close()
	r := python(t, tryAll+fmt.Sprintf(`
import socket
s = socket
tried(loopback=lambda: s.create_connection(("127.0.0.1", %d), 1), world=lambda: s.create_connection(("192.0.2.1", 80), 1),
      udp=lambda: s.socket(s.AF_INET, s.SOCK_DGRAM), six=lambda: s.socket(s.AF_INET6), raw=lambda: s.socket(s.AF_INET, s.SOCK_RAW),
      packet=lambda: s.socket(s.AF_PACKET, s.SOCK_RAW), netlink=lambda: s.socket(s.AF_NETLINK, s.SOCK_RAW), vsock=lambda: s.socket(40, s.SOCK_STREAM),
      alg=lambda: s.socket(38, s.SOCK_SEQPACKET), name=lambda: s.getaddrinfo("example.org", 80), abstract=lambda: s.socket(s.AF_UNIX).connect("\0" + %q))
`, tcp.Addr().(*net.TCPAddr).Port, abstract[1:]), &Spec{})
	prints("end")(t, r)
	held(t, "host loopback and any network")
}

func TestAbuseInheritance(t *testing.T) {
	t.Setenv("LATHE_TEST_SECRET", "hidden")
	f, err := os.CreateTemp(t.TempDir(), "open")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	leaky, err := unix.Dup(int(f.Fd())) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaky)
	r := python(t, `
import os
print(sorted(os.environ), sorted(int(x) for x in os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
`, &Spec{Env: []string{"A=1"}})
	// The fourth descriptor is the listing itself.
	prints("['A', 'HOME', 'LANG', 'PATH', 'TMPDIR'] [0, 1, 2] 4")(t, r)
	held(t, "environment and descriptors of the parent")
}
