package sandbox

import (
	"os/exec"
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
