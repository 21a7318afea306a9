package sandbox

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkColdStart runs plain Python and sandboxed Python in turn, so that
// both meet the same load, and reports the ratio.
func BenchmarkColdStart(b *testing.B) {
	l, root := launcher(b), rootFS(b)
	var plain, boxed time.Duration
	for b.Loop() {
		start := time.Now()
		// The image's own interpreter and library, on the host.
		cmd := exec.Command("chroot", root, "/usr/bin/python3", "-c", "print(1)")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		plain += time.Since(start)
		start = time.Now()
		r, err := l.Run(b.Context(), &Spec{RootFS: root, Args: []string{"python3", "-c", "print(1)"}})
		if err != nil || string(r.Stdout) != "1\n" {
			b.Fatalf("%v %+v", err, r)
		}
		boxed += time.Since(start)
	}
	b.ReportMetric(float64(plain.Microseconds())/1000/float64(b.N), "plain-ms/op")
	b.ReportMetric(float64(boxed.Microseconds())/1000/float64(b.N), "sandbox-ms/op")
	b.ReportMetric(float64(boxed)/float64(plain), "ratio")
}
