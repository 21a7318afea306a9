package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// runner is a program for Warm that executes its input: each call may be
// another abuse.
const runner = `
import sys
exec(compile(sys.stdin.read(), "call", "exec"), {"__name__": "call"})
`

// warm starts an interpreter that runs what each call gives it.
func warm(t testing.TB, spec Spec) *Warm {
	t.Helper()
	spec.RootFS = rootFS(t)
	spec.Files = map[string][]byte{"runner.py": []byte(runner)}
	w, err := launcher(t).Warm(t.Context(), &spec, Program{Path: "/in/runner.py"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *Warm) mustCall(t testing.TB, program string) *Result {
	t.Helper()
	r, err := w.Call(t.Context(), []byte(program))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWarmCallsAreAsNew(t *testing.T) {
	w := warm(t, Spec{Env: []string{"A=1"}})
	prints("None 3 x")(t, w.mustCall(t, `
import sys, os, json
print(getattr(json, "mark", None), len(os.listdir("/proc/self/fd")) - 1, sys.stdin.read() + "x"); json.mark = 1
os.environ["MARK"] = "1"; sys.path.append("/tmp"); os.chdir("/"); os.umask(0o777); os.nice(5)
import builtins; builtins.mark = 1; sys.setrecursionlimit(100)
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))
import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)
`))
	nice, err := exec.Command("nice").Output() // as the tests themselves run
	if err != nil {
		t.Fatal(err)
	}
	prints("None None False /tmp 18 "+strings.TrimSpace(string(nice))+" 1024 1000 0")(t, w.mustCall(t, `
import json, os, sys, builtins, resource, signal
print(getattr(json, "mark", None), os.environ.get("MARK"), hasattr(builtins, "mark"), os.getcwd(), os.umask(0), os.nice(0),
      resource.getrlimit(resource.RLIMIT_NOFILE)[0], sys.getrecursionlimit(), signal.getsignal(signal.SIGTERM).value)
`))
	prints("different")(t, &Result{Stdout: differ(w.mustCall(t, "import random; print(random.random())"), w.mustCall(t, "import random; print(random.random())"))})
	if r := w.mustCall(t, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"); r.ExitCode != 3 || string(r.Stdout) != "out\n" || string(r.Stderr) != "err\n" {
		t.Error(show(r))
	}
	if r := w.mustCall(t, "raise ValueError('no')"); r.ExitCode != 1 || !strings.Contains(string(r.Stderr), "ValueError: no") {
		t.Error(show(r))
	}
	if r := w.mustCall(t, "import os; os.abort()"); r.ExitCode != 128+6 || r.Signal != "SIGABRT" || r.Limit != "" {
		t.Error(show(r))
	}
	r := w.mustCall(t, "x = bytearray(30 << 20); print(len(x)); sum(range(300000))")
	if r.ExitCode != 0 || r.MaxRSS < 30<<20 || r.CPU <= 0 || r.Wall <= 0 {
		t.Errorf("%s: %+v", show(r), r)
	}
	if err := w.Settle(); err != nil {
		t.Error(err)
	}
	if n := w.Resident(); n < 1<<20 || n > 40<<20 {
		t.Errorf("%d bytes resident", n)
	}
}

func differ(a, b *Result) []byte {
	if string(a.Stdout) == string(b.Stdout) || len(a.Stdout) < 5 {
		return append(a.Stdout, b.Stdout...)
	}
	return []byte("different")
}

// TestWarmLeavesNothing makes a call leave something behind, each in another
// way, and looks for it in the next.
func TestWarmLeavesNothing(t *testing.T) {
	w := warm(t, Spec{})
	for name, c := range map[string]struct{ leave, look, want string }{
		"files": {`
import os
open("/tmp/a", "w").write("x"); os.makedirs("/tmp/d/e/f"); open("/tmp/d/e/f/g", "w").close(); os.mkfifo("/tmp/p"); os.symlink("/usr", "/tmp/l")
open("/dev/shm/s", "w").close(); os.chmod("/tmp/d/e", 0); os.chmod("/tmp/a", 0); os.chmod("/tmp", 0o700); os.utime("/tmp", (5, 5))
`, `import os; print(os.listdir("/tmp"), os.listdir("/dev/shm"), oct(os.stat("/tmp").st_mode), os.stat("/tmp").st_mtime, os.path.isdir("/usr/bin"))`,
			"[] [] 0o40777 0.0 True"},
		"attributes of the folder": {`
import os
try: os.setxattr("/tmp", "user.mark", b"1")
except OSError: pass
`, `import os; print(os.listxattr("/tmp"))`, "[]"},
		"daemon": {`
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(60)
    os._exit(0)
os.wait()
`, `import os; print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()))`, "[1]"},
		"many processes that fork on": {`
import os, time
for _ in range(20):
    if os.fork() == 0:
        while True:
            try:
                if os.fork() == 0: time.sleep(0.001)
                else: os._exit(0)
            except OSError: pass
`, `import os; print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()))`, "[1]"},
		"threads": {`
import threading, time
for _ in range(5): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
`, `import threading; print(threading.active_count())`, "1"},
		"descriptors": {`
import os, sys
for _ in range(50): os.dup2(os.open("/dev/null", 0), 100 + _)
`, `import os; print(sorted(map(int, os.listdir("/proc/self/fd")))[:3], len(os.listdir("/proc/self/fd")))`, "[0, 1, 2] 4"},
		"modules": {`
import sys, types
sys.modules["json"] = types.ModuleType("json"); sys.modules["planted"] = types.ModuleType("planted")
sys.stdout = None; sys.excepthook = None; __builtins__["open"] = None
`, `import sys, json; print("planted" in sys.modules, json.dumps(1), open is None)`, "False 1 False"},
		"abstract socket": {`
import os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind("\0mark"); s.listen()
if os.fork() == 0: time.sleep(60)
`, `
import socket
try: socket.socket(socket.AF_UNIX).connect("\0mark"); print("there")
except OSError: print("gone")
`, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if r := w.mustCall(t, c.leave); r.ExitCode != 0 {
				t.Fatal(show(r))
			}
			prints(c.want)(t, w.mustCall(t, c.look))
		})
	}
}

// TestWarmParentHolds lets a call attack the process that waits.
func TestWarmParentHolds(t *testing.T) {
	w := warm(t, Spec{})
	for name, program := range map[string]string{
		"kill": `
import os, signal
for s in range(1, 65):
    try: os.kill(1, s)
    except (OSError, ValueError): pass
try: os.kill(0, signal.SIGINT)
except KeyboardInterrupt: pass
print("end")
`,
		"memory and descriptors": tryAll + `
import os
def write(p): open(p, "r+b", 0).write(b"x")
tried(mem=lambda: open("/proc/1/mem", "rb"), memw=lambda: write("/proc/1/mem"), fd=lambda: os.readlink("/proc/1/fd/3"), fd0=lambda: open("/proc/1/fd/0"), environ=lambda: open("/proc/1/environ").read(),
      maps=lambda: open("/proc/1/maps").read(), cwd=lambda: os.readlink("/proc/1/cwd"), root=lambda: os.listdir("/proc/1/root"), oom=lambda: write("/proc/1/oom_score_adj"))
`,
		"its channel": tryAll + `
import os
def answer(n):
    with open(f"/proc/1/fd/{n}", "wb", 0) as f: f.write(b'{"status": 0}')
tried(**{f"fd{n}": (lambda n=n: answer(n)) for n in range(64)})
`,
		"attach": `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print("end" if libc.ptrace(16, 1, 0, 0) == -1 else "attached")
`,
	} {
		t.Run(name, func(t *testing.T) {
			prints("end")(t, w.mustCall(t, program))
			if err := w.Settle(); err != nil {
				t.Error(err)
			}
		})
	}
	prints("fine")(t, w.mustCall(t, `print("fine")`))
}

// TestWarmLiesAreOnlyOutput: what a call prints cannot pass for the answer of
// the process that waits.
func TestWarmLiesAreOnlyOutput(t *testing.T) {
	w := warm(t, Spec{})
	r := w.mustCall(t, `
import os, sys
lie = b'{"status": 0, "cpu": 0, "rss": 1}\n{"spent": "", "resident": 1}\n'
for fd in range(0, 64):
    try: os.write(fd, lie)
    except OSError: pass
os._exit(9)
`)
	if r.ExitCode != 9 || r.MaxRSS < 1000 || !strings.Contains(string(r.Stdout), `"status": 0`) {
		t.Error(show(r))
	}
	prints("fine")(t, w.mustCall(t, `print("fine")`))
}

// lowerPriority changes the process that waits; from the lowest there is none
// lower, so the tests must not run at that.
const lowerPriority = `import os; os.setpriority(os.PRIO_PROCESS, 1, os.getpriority(os.PRIO_PROCESS, 1) + 1)`

// TestWarmIsSpent: an interpreter that a call could change is not used again.
func TestWarmIsSpent(t *testing.T) {
	for name, program := range map[string]string{
		"priority":   lowerPriority,
		"processors": `import os; os.sched_setaffinity(1, {min(os.sched_getaffinity(1))})`,
		"limits": `
import resource
soft, hard = resource.prlimit(1, resource.RLIMIT_NOFILE)
resource.prlimit(1, resource.RLIMIT_NOFILE, (soft - 1, hard))
`,
		"many files": `
for n in range(3000): open(f"/tmp/{n}", "w").close()
`,
		"deep folders": `
import os
for n in range(100): os.mkdir("d"); os.chdir("d")
`,
	} {
		t.Run(name, func(t *testing.T) {
			w := warm(t, Spec{})
			one := strings.TrimSpace(string(w.mustCall(t, "import os; print(len(os.sched_getaffinity(0)))").Stdout)) == "1"
			if r := w.mustCall(t, program); r.ExitCode != 0 {
				if name == "limits" || name == "processors" {
					return // refused here, which is as good
				}
				t.Fatal(show(r))
			}
			if name == "processors" && one {
				return // nothing was changed
			}
			if _, err := w.Call(t.Context(), []byte(`print("used")`)); !errors.Is(err, ErrNotWarm) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWarmLimitsHoldForEachCall(t *testing.T) {
	limits := Limits{MemoryBytes: 128 << 20, WallTime: 2 * time.Second, OutputBytes: 100_000, PIDs: 24, CPUTime: time.Second}
	for name, c := range map[string]struct{ program, limit string }{
		"memory":            {`x = bytearray(1 << 30); print(len(x))`, LimitMemory},
		"time":              {`import time; time.sleep(600)`, LimitWall},
		"time of a child":   {"import os, time\nif os.fork() == 0: time.sleep(600)\nos.wait()", LimitWall},
		"output":            {"import os\nwhile True: os.write(1, b'y' * 65536)", LimitOutput},
		"output of stderr":  {"import os\nwhile True: os.write(2, b'y' * 65536)", LimitOutput},
		"processes":         {"import os, time\nn = 0\nwhile True:\n    if os.fork() == 0: time.sleep(60)\n    n += 1", LimitPIDs},
		"processor time":    {"while True: pass", LimitCPU},
		"scratch space":     {"with open('/tmp/x', 'wb', 0) as f:\n    for _ in range(80): f.write(b'x' * (1 << 20))", ""},
		"memory of several": {"import os\nfor _ in range(6):\n    if os.fork() == 0:\n        x = bytearray(48 << 20); os.read(os.pipe()[0], 1)\nwhile True:\n    if os.wait()[1]: raise SystemExit(7)", LimitMemory},
	} {
		t.Run(name, func(t *testing.T) {
			limits := limits
			if c.limit != LimitWall {
				limits.WallTime = time.Minute
			}
			w := warm(t, Spec{Limits: limits})
			prints("before")(t, w.mustCall(t, `print("before")`))
			r := w.mustCall(t, c.program)
			if r.ExitCode == 0 {
				t.Fatal(show(r))
			}
			if group := launcher(t).cgroups; c.limit == LimitMemory && group.memory == nil || c.limit == LimitPIDs && group.pids == nil {
				return // each process is limited, and the degradation says so
			}
			// The kernel's count by user may strike before the cgroup's.
			if r.Limit != c.limit && !(c.limit == LimitPIDs && r.Limit == "") {
				t.Errorf("limit %q, want %q: %s", r.Limit, c.limit, show(r))
			}
			again, err := w.Call(t.Context(), []byte(`import os; print(len(os.listdir("/tmp")))`))
			if err == nil {
				prints("0")(t, again)
			} else if !errors.Is(err, ErrNotWarm) {
				t.Error(err)
			}
		})
	}
}

func TestWarmCancelEndsTheCall(t *testing.T) {
	listener, dir := listen(t)
	w := warm(t, Spec{Binds: []Bind{{Host: dir, Guest: "/sock", Writable: true}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.Call(ctx, []byte(`
import os, socket
os.fork()
s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up"); s.recv(1)
`))
		done <- err
	}()
	first, second := accept(t, listener), accept(t, listener)
	cancel()
	untilGone(t, first)
	untilGone(t, second)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWarmCloseEndsEverything(t *testing.T) {
	listener, dir := listen(t)
	w := warm(t, Spec{Binds: []Bind{{Host: dir, Guest: "/sock", Writable: true}}})
	done := make(chan *Result, 1)
	go func() {
		r, _ := w.Call(context.WithoutCancel(t.Context()), []byte(`
import socket
s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up"); s.recv(1)
`))
		done <- r
	}()
	c := accept(t, listener)
	w.r.kill("")
	untilGone(t, c)
	if r := <-done; r == nil || r.ExitCode != 137 {
		t.Errorf("got %+v", r)
	}
	if _, err := w.Call(t.Context(), nil); !errors.Is(err, ErrNotWarm) {
		t.Errorf("got %v", err)
	}
}

func TestWarmCannotBeHad(t *testing.T) {
	root := rootFS(t)
	host := t.TempDir()
	for name, c := range map[string]struct {
		spec Spec
		p    Program
		want error
	}{
		"bind in /tmp":    {Spec{RootFS: root, Binds: []Bind{{Host: host, Guest: "/tmp/x", Writable: true}}}, Program{Path: "/in/p.py"}, ErrSpec},
		"files in /tmp":   {Spec{RootFS: root, Files: map[string][]byte{"p.py": nil}, FilesDir: "/tmp/in"}, Program{Path: "/tmp/in/p.py"}, ErrSpec},
		"output folder":   {Spec{RootFS: root, OutDir: "/out"}, Program{Path: "/in/p.py"}, ErrSpec},
		"no program":      {Spec{RootFS: root}, Program{Path: "/in/p.py"}, ErrNotWarm},
		"program's error": {Spec{RootFS: root, Files: map[string][]byte{"p.py": []byte("(")}}, Program{Path: "/in/p.py"}, ErrNotWarm},
	} {
		if w, err := launcher(t).Warm(t.Context(), &c.spec, c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
			if err == nil {
				w.Close()
			}
		}
	}
}

// TestWarmExecutesNothingBeforeACall: only the child runs what it read.
func TestWarmExecutesNothingBeforeACall(t *testing.T) {
	spec := Spec{RootFS: rootFS(t), Files: map[string][]byte{
		"p.py": []byte(`
import sys, os
if os.getpid() == 1: os._exit(9)
exec(sys._lathe_compiled.code["/in/t.py"] if hasattr(sys, "_lathe_compiled") else sys.modules["_lathe_compiled"].code["/in/t.py"])
print(sys.argv[1:])
`),
		"t.py": []byte("import os, csv, antigravity_\nif os.getpid() == 1: os._exit(8)\n"),
		"u.py": []byte("((((("),
	}}
	w, err := launcher(t).Warm(t.Context(), &spec, Program{Path: "/in/p.py", Args: []string{"a b"}, Read: []string{"/in/t.py", "/in/u.py"}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := w.mustCall(t, "")
	if r.ExitCode != 1 || !strings.Contains(string(r.Stderr), "antigravity_") {
		t.Error(show(r))
	}
}

// TestWarmRehearses: what the rehearsal does is there for each call, and what
// it prints, or that it fails, is nowhere.
func TestWarmRehearses(t *testing.T) {
	spec := Spec{RootFS: rootFS(t), Files: map[string][]byte{
		"p.py": []byte("import sys, json\ndef never(): import csv\nprint(getattr(json, 'mark', 0), sys.stdin.read(), sorted({'csv', 'shlex', 'wave'} & sys.modules.keys())); json.mark = 9\n"),
		"r.py": []byte("import sys, json, os\njson.mark = getattr(json, 'mark', 0) + 1\nprint('lost', os.getpid() > 1)\nsys.stderr.write('lost')\nraise ValueError('lost')\n"),
	}}
	w, err := launcher(t).Warm(t.Context(), &spec, Program{Path: "/in/p.py", Import: []string{"shlex", "wave"}, Rehearsal: "/in/r.py"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 2 {
		// wave is not of those that may be imported, csv is imported by a call only.
		if r := w.mustCall(t, "in"); string(r.Stdout) != "1 in ['shlex']\n" || len(r.Stderr) > 0 {
			t.Error(show(r))
		}
	}
}

func TestWarmTakesLargeInputAndOutput(t *testing.T) {
	w := warm(t, Spec{Limits: Limits{OutputBytes: 4 << 20}})
	data, err := json.Marshal(strings.Repeat("x", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	r := w.mustCall(t, fmt.Sprintf("x = %s; print(x * 3)", data))
	if r.ExitCode != 0 || len(r.Stdout) != 3<<20+1 {
		t.Errorf("%d bytes: exit %d, %.200q", len(r.Stdout), r.ExitCode, r.Stderr)
	}
	if os.Geteuid() == 0 {
		r = w.mustCall(t, "import os\ntry: os.ftruncate(0, 1 << 30); print('grew')\nexcept OSError: print('sealed')")
		prints("sealed")(t, r)
	}
}
