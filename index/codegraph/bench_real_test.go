package codegraph_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"lathe/index/codegraph"
)

// goroot is the source of Go's own library: a real workspace that is wherever
// these tests run.
func goroot(b *testing.B) string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkReal indexes Go's own library: from nothing, from the snapshot, one
// changed file, and what questions cost then.
func BenchmarkReal(b *testing.B) {
	root := goroot(b)
	o := codegraph.Options{Snapshot: filepath.Join(b.TempDir(), "snapshot")}
	b.Run("first", func(b *testing.B) {
		var files int
		for b.Loop() {
			g := open(b, root, codegraph.Options{})
			files = update(b, g).Parsed
		}
		b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	})
	before := heap()
	g := open(b, root, o)
	c := update(b, g)
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(float64(heap()-before)/1000/float64(c.Parsed), "MB/1000files")
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			update(b, g)
		}
	})
	b.Run("one file", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.UpdateFile(b.Context(), "net/http/server.go"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stats", func(b *testing.B) {
		var s codegraph.Stats
		for b.Loop() {
			s = g.Stats()
		}
		b.ReportMetric(float64(s.Calls)*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		b.ReportMetric(100*float64(s.Resolved)/float64(s.Calls), "%resolved")
	})
	for _, symbol := range []string{"net/http.Handler", "strings.Builder.WriteString", "net/http.ListenAndServe"} {
		b.Run("callers "+filepath.Base(symbol), func(b *testing.B) {
			for b.Loop() {
				callers(b, g, symbol)
			}
		})
		b.Run("neighbourhood "+filepath.Base(symbol), func(b *testing.B) {
			for b.Loop() {
				if _, err := g.Neighbourhood(b.Context(), symbol, 2, 100); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	_ = os.Remove(o.Snapshot)
}
