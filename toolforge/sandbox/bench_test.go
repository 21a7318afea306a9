package sandbox

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkColdStart runs plain Python and each backend in turn, so that all
// meet the same load, and reports times and their ratios to plain.
func BenchmarkColdStart(b *testing.B) {
	root := rootFS(b)
	var backends []*Launcher
	for _, name := range Names() {
		l, err := Open(name)
		if err != nil {
			b.Fatal(err)
		}
		backends = append(backends, l)
	}
	took := map[string]time.Duration{}
	timed := func(name string, run func() error) {
		start := time.Now()
		if err := run(); err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		took[name] += time.Since(start)
	}
	for b.Loop() {
		timed("plain", func() error {
			// The image's own interpreter and library, on the host.
			return exec.Command("chroot", root, "/usr/bin/python3", "-c", "print(1)").Run()
		})
		for _, l := range backends {
			timed(l.Name(), func() error {
				_, err := l.Run(b.Context(), &Spec{RootFS: root, Args: []string{"python3", "-c", "print(1)"}})
				return err
			})
		}
	}
	for name, d := range took {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), name+"-ms/op")
		if name != "plain" {
			b.ReportMetric(float64(d)/float64(took["plain"]), name+"/plain")
		}
	}
}
