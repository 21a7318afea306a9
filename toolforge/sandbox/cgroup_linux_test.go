package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseMountinfo(t *testing.T) {
	const text = `30 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw,nsdelegate
35 30 0:31 /sub /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw master:2 shared:9 - cgroup cgroup rw,cpu,cpuacct
nonsense
37 30 0:33 / - cgroup`
	got := parseMountinfo(strings.NewReader(text))
	if len(got) != 3 || !got[0].v2 || got[0].point != "/sys/fs/cgroup/unified" ||
		got[1].root != "/sub" || got[1].controllers[1] != "memory" || got[2].controllers[2] != "cpuacct" {
		t.Errorf("got %+v", got)
	}
}

func TestParseCgroup(t *testing.T) {
	got := parseCgroup(strings.NewReader("4:memory:/a/b\n3:cpu,cpuacct:/c\n0::/d:e\nbroken\n"))
	want := map[string]string{"memory": "/a/b", "cpu": "/c", "cpuacct": "/c", "": "/d:e"}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%q: got %q, want %q", k, got[k], v)
		}
	}
}

// tree makes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestChooseCgroups(t *testing.T) {
	v2 := tree(t, map[string]string{"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "memory pids", "own/x": ""})
	bare := tree(t, map[string]string{"cgroup.controllers": "", "cgroup.subtree_control": ""})
	mem := tree(t, map[string]string{"svc/x": ""})
	pids := tree(t, map[string]string{"x": ""})
	v1 := []mounted{
		{root: "/", point: mem, controllers: []string{"rw", "memory"}},
		{root: "/", point: pids, controllers: []string{"rw", "pids"}},
	}
	own := map[string]string{"memory": "/svc", "pids": "/", "": "/own"}
	for name, c := range map[string]struct {
		mounts       []mounted
		memory, pids string
		isV2         bool
	}{
		"version 1":                      {v1, filepath.Join(mem, "svc"), pids, false},
		"hybrid, controllers in 1":       {append([]mounted{{root: "/", point: bare, v2: true}}, v1...), filepath.Join(mem, "svc"), pids, false},
		"version 2":                      {[]mounted{{root: "/", point: v2, v2: true}}, v2, v2, true},
		"nothing":                        {nil, "", "", false},
		"version 2 without controllers":  {[]mounted{{root: "/", point: bare, v2: true}}, "", "", false},
		"mounted from another namespace": {[]mounted{{root: "/elsewhere", point: pids, controllers: []string{"pids"}}}, "", pids, false},
	} {
		got := chooseCgroups(c.mounts, own)
		at := func(h *hierarchy) string {
			if h == nil {
				return ""
			}
			return h.parent
		}
		if at(got.memory) != c.memory || at(got.pids) != c.pids || (got.memory != nil && got.memory.v2 != c.isV2) {
			t.Errorf("%s: got memory %q pids %q", name, at(got.memory), at(got.pids))
		}
	}
}

// A machine without usable cgroups says so, and still limits each process.
func TestRunWithoutCgroups(t *testing.T) {
	l := launcher(t)
	l.cgroups = &cgroups{}
	r, err := l.Run(t.Context(), &Spec{
		RootFS: rootFS(t), Args: []string{"python3", "-c", "bytearray(1 << 30)"}, Limits: Limits{MemoryBytes: 200 << 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.ExitCode == 0 || len(r.Degradations) != 2 {
		t.Errorf("got %s degradations %q", show(r), r.Degradations)
	}
}

// No cgroup of a finished run stays.
func TestCgroupsAreRemoved(t *testing.T) {
	l := launcher(t)
	if _, err := l.Run(t.Context(), &Spec{RootFS: rootFS(t), Args: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*hierarchy{l.cgroups.memory, l.cgroups.pids} {
		if h == nil {
			continue
		}
		left, err := filepath.Glob(filepath.Join(h.parent, groupPrefix()+"*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left %q, %v", left, err)
		}
	}
}

func FuzzParseCgroupFiles(f *testing.F) {
	f.Add("31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw", "0::/a")
	f.Add("35 30 0:31 /../x /m rw - cgroup cgroup rw,memory", "4:memory:/../../b")
	f.Fuzz(func(t *testing.T, mounts, own string) {
		groups := parseCgroup(strings.NewReader(own))
		for _, m := range parseMountinfo(strings.NewReader(mounts)) {
			dir := ownDir(m, groups["memory"])
			if m.point != "" && filepath.IsAbs(m.point) && !strings.HasPrefix(dir, filepath.Clean(m.point)) {
				t.Errorf("%q leads to %q outside its mount", groups["memory"], dir)
			}
		}
	})
}
