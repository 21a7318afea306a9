package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// laps are the times of several things that are done in turn, so that all meet
// the same load.
type laps map[string][]time.Duration

func (l laps) lap(b *testing.B, name string, do func() error) {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	l[name] = append(l[name], time.Since(start))
}

// report gives the median and the 95th percentile of each, and its median as
// a multiple of that of yardstick.
func (l laps) report(b *testing.B, yardstick string) {
	b.ReportMetric(0, "ns/op") // a round of all of them says nothing
	for name, times := range l {
		slices.Sort(times)
		at := func(share float64) time.Duration { return times[int(share*float64(len(times)-1))] }
		b.ReportMetric(float64(at(0.5).Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(at(0.95).Microseconds())/1000, name+"-p95-ms")
		if name != yardstick {
			b.ReportMetric(float64(at(0.5))/float64(max(1, slices.Sorted(slices.Values(l[yardstick]))[len(times)/2])), name+"/"+yardstick)
		}
	}
}

func runTrue() error { return exec.Command("/bin/true").Run() }

// BenchmarkWarmCall calls a program in a warm interpreter of each backend, and
// starts /bin/true on the host beside it.
func BenchmarkWarmCall(b *testing.B) {
	times := laps{}
	warms := map[string]*Warm{}
	for _, name := range Names() {
		b.Setenv(backendEnv, name)
		warms[name] = warm(b, Spec{})
		warms[name].mustCall(b, "print(1)")
	}
	for b.Loop() {
		times.lap(b, "true", runTrue)
		for name, w := range warms {
			times.lap(b, name, func() error { w.mustCall(b, "print(1)"); return nil })
		}
	}
	times.report(b, "true")
}

// BenchmarkWarmTool calls a tool as the daemon does, through its caller, beside
// a program that only prints, and starts /bin/true on the host beside them.
func BenchmarkWarmTool(b *testing.B) {
	times := laps{}
	files := map[string][]byte{}
	for name, from := range map[string]string{"call.py": "call.py", "rehearse.py": "rehearse.py", "rehearsal/tool.py": "rehearsal.py"} {
		var err error
		if files[name], err = os.ReadFile("../guest/" + from); err != nil {
			b.Fatal(err)
		}
	}
	dir, err := filepath.Abs("../testdata/corpus/good/duration_text")
	if err != nil {
		b.Fatal(err)
	}
	p := Program{Path: "/opt/lathe/call/call.py", Args: []string{"/opt/tool", "duration_text"}, Read: []string{"/opt/tool/tool.py", "/opt/lathe/call/rehearsal/tool.py"},
		Rehearsal: "/opt/lathe/call/rehearse.py"}
	tool, err := launcher(b).Warm(b.Context(), &Spec{RootFS: rootFS(b), Files: files, FilesDir: "/opt/lathe/call", Binds: []Bind{{Host: dir, Guest: "/opt/tool"}}}, p)
	if err != nil {
		b.Fatal(err)
	}
	defer tool.Close()
	printing := warm(b, Spec{})
	call := func() error {
		r, err := tool.Call(b.Context(), []byte(`{"seconds": 3725}`))
		if err == nil && r.ExitCode != 0 {
			b.Fatalf("%s%s", r.Stdout, r.Stderr)
		}
		return err
	}
	settled := func(w *Warm, call func() error) {
		if err := w.Settle(); err != nil {
			b.Fatal(err)
		}
		if call != nil {
			times.lap(b, "tool", call)
			return
		}
		times.lap(b, "print", func() error { printing.mustCall(b, "print(1)"); return nil })
	}
	_ = call()
	for b.Loop() {
		times.lap(b, "true", runTrue)
		settled(tool, call)
		settled(printing, nil)
	}
	times.report(b, "true")
}

// BenchmarkColdStart runs plain Python and each backend in turn.
func BenchmarkColdStart(b *testing.B) {
	root := rootFS(b)
	times := laps{}
	var backends []*Launcher
	for _, name := range Names() {
		l, err := Open(name)
		if err != nil {
			b.Fatal(err)
		}
		backends = append(backends, l)
	}
	for b.Loop() {
		times.lap(b, "true", runTrue)
		times.lap(b, "plain", func() error {
			// The image's own interpreter and library, on the host.
			return exec.Command("chroot", root, "/usr/bin/python3", "-c", "print(1)").Run()
		})
		for _, l := range backends {
			times.lap(b, l.Name(), func() error {
				_, err := l.Run(b.Context(), &Spec{RootFS: root, Args: []string{"python3", "-c", "print(1)"}})
				return err
			})
		}
	}
	times.report(b, "plain")
}
