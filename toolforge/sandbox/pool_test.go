package sandbox

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// poolCalls are calls of runner in a pool.
func poolCalls(t testing.TB, o PoolOptions) (*Pool, func(key, program string) (*Result, bool)) {
	t.Helper()
	p := NewPool(launcher(t), o)
	t.Cleanup(p.Close)
	return p, func(key, program string) (*Result, bool) {
		t.Helper()
		spec := &Spec{RootFS: rootFS(t), Files: map[string][]byte{"runner.py": []byte(runner)}, Env: []string{"KEY=" + key},
			Limits: Limits{WallTime: time.Minute, MemoryBytes: 128 << 20}}
		r, warm, err := p.Call(context.Background(), key, spec, Program{Path: "/in/runner.py"}, []byte(program))
		if err != nil {
			t.Error(err)
			return &Result{}, warm
		}
		return r, warm
	}
}

// pid prints which interpreter answers: the number of its child counts up.
const pid = `import os; print(os.environ["KEY"], os.getpid(), os.getppid())`

func TestPoolKeepsOneForEachKey(t *testing.T) {
	p, call := poolCalls(t, PoolOptions{})
	last := map[string]int{}
	for range 3 {
		for _, key := range []string{"a", "b"} {
			r, warm := call(key, pid)
			var got string
			var own, parent int
			_, err := fmt.Sscan(string(r.Stdout), &got, &own, &parent)
			if err != nil || !warm || got != key || parent != 1 || (last[key] != 0 && own != last[key]+1) {
				t.Errorf("warm %v, after %d: %s", warm, last[key], show(r))
			}
			last[key] = own
		}
	}
	if s := p.Stats(); s.Interpreters != 2 || s.Warm != 6 || s.Cold != 0 || s.Started != 2 || s.ResidentBytes < 4<<20 {
		t.Errorf("%+v", s)
	}
	p.Close()
	if s := p.Stats(); s.Interpreters != 0 || s.Ended != 2 {
		t.Errorf("after the end: %+v", s)
	}
	if r, warm := call("a", pid); warm || r.ExitCode != 0 {
		t.Errorf("after the end: warm %v, %s", warm, show(r))
	}
}

// A busy interpreter is not waited for, a dead or spent one is replaced.
func TestPoolFallsBackAndReplaces(t *testing.T) {
	listener, dir := listen(t)
	p := NewPool(launcher(t), PoolOptions{})
	defer p.Close()
	call := func(program string, wall time.Duration) (*Result, bool) {
		spec := &Spec{RootFS: rootFS(t), Files: map[string][]byte{"runner.py": []byte(runner)},
			Binds: []Bind{{Host: dir, Guest: "/sock", Writable: true}}, Limits: Limits{WallTime: wall, MemoryBytes: 128 << 20}}
		r, warm, err := p.Call(context.Background(), "k", spec, Program{Path: "/in/runner.py"}, []byte(program))
		if err != nil {
			t.Error(err)
			return &Result{}, warm
		}
		return r, warm
	}
	const waits = `
import socket
s = socket.socket(socket.AF_UNIX); s.connect("/sock/s"); s.sendall(b"up"); s.recv(1); print("done")
`
	var wg sync.WaitGroup
	wg.Go(func() {
		if r, warm := call(waits, time.Minute); !warm || string(r.Stdout) != "done\n" {
			t.Errorf("warm %v: %s", warm, show(r))
		}
	})
	c := accept(t, listener)
	if r, warm := call("print(1)", time.Minute); warm || r.ExitCode != 0 {
		t.Errorf("beside a busy one: warm %v, %s", warm, show(r))
	}
	c.Close()
	wg.Wait()
	for name, program := range map[string]string{
		"output": "import os\nwhile True: os.write(1, b'y' * 65536)",
		"memory": "x = bytearray(1 << 30)",
		"spent":  lowerPriority,
	} {
		before := p.Stats().Started
		if _, warm := call(program, time.Minute); !warm {
			t.Errorf("%s: the call was cold", name)
		}
		if r, warm := call("print(1)", time.Minute); !warm || string(r.Stdout) != "1\n" {
			t.Errorf("after %s: warm %v, %s", name, warm, show(r))
		}
		// Without a memory cgroup the interpreter itself survives the bomb.
		if after := p.Stats().Started; after != before+1 && name != "memory" {
			t.Errorf("%s: %d interpreters started", name, after-before)
		}
	}
}

func TestPoolIsBounded(t *testing.T) {
	p, call := poolCalls(t, PoolOptions{Interpreters: 2})
	for _, key := range []string{"a", "b", "c", "a"} {
		if _, warm := call(key, pid); !warm {
			t.Errorf("%s was cold", key)
		}
		if n := p.Stats().Interpreters; n > 2 {
			t.Errorf("%d interpreters", n)
		}
	}
	if s := p.Stats(); s.Started != 4 { // a was the oldest when c came
		t.Errorf("%+v", s)
	}
	small, call := poolCalls(t, PoolOptions{MemoryBytes: newInterpreter + 1<<20})
	for _, key := range []string{"a", "b"} {
		call(key, pid)
	}
	if s := small.Stats(); s.Interpreters != 1 || s.Started != 2 {
		t.Errorf("%+v", s)
	}
	none, call := poolCalls(t, PoolOptions{MemoryBytes: 1 << 20})
	if _, warm := call("a", pid); warm || none.Stats().Started != 0 {
		t.Errorf("warm %v, %+v", warm, none.Stats())
	}
	few, call := poolCalls(t, PoolOptions{Calls: 2})
	for range 3 {
		call("a", pid)
	}
	if s := few.Stats(); s.Started != 2 || s.Warm != 3 {
		t.Errorf("%+v", s)
	}
}

func TestPoolEndsIdleOnes(t *testing.T) {
	p, call := poolCalls(t, PoolOptions{Idle: time.Millisecond})
	call("a", pid)
	deadline := time.After(time.Minute)
	for p.Stats().Interpreters > 0 {
		select {
		case <-deadline:
			t.Fatal("it still waits")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if r, _ := call("a", pid); r.ExitCode != 0 {
		t.Error(show(r))
	}
}

// What cannot be warm is cold, and is not tried each time.
func TestPoolRunsColdWhatCannotBeWarm(t *testing.T) {
	p := NewPool(launcher(t), PoolOptions{})
	defer p.Close()
	spec := &Spec{RootFS: rootFS(t), Files: map[string][]byte{"p.py": []byte(`import sys; print(sys.argv[1], sys.stdin.read())`)}, FilesDir: "/tmp/in"}
	for range 3 {
		r, warm, err := p.Call(t.Context(), "k", spec, Program{Path: "/tmp/in/p.py", Args: []string{"x"}}, []byte("y"))
		if err != nil || warm || string(r.Stdout) != "x y\n" {
			t.Errorf("warm %v, %v", warm, err)
		}
	}
	if s := p.Stats(); s.Started != 1 || s.Cold != 3 {
		t.Errorf("%+v", s)
	}
}

func TestPoolManyAtOnce(t *testing.T) {
	p, call := poolCalls(t, PoolOptions{Interpreters: 2})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 5 {
				key := fmt.Sprint(i % 3)
				if r, _ := call(key, pid); !strings.HasPrefix(string(r.Stdout), key+" ") {
					t.Error(show(r))
				}
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Warm+s.Cold != 30 || s.Interpreters > 2 {
		t.Errorf("%+v", s)
	}
}
