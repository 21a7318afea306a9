package codegraph_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// processorTime is what this process has computed: on a machine that others
// use too, it says what work costs, where the clock says how long it took.
func processorTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// reportProcessor reports the processor time of an operation, for work of some
// files also how many a second of one processor takes.
func reportProcessor(b *testing.B, began time.Duration, files int) {
	used := processorTime(b) - began
	b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "cpu-ms/op")
	if files > 0 {
		b.ReportMetric(float64(files)*float64(b.N)/used.Seconds(), "files/cpu-s")
	}
}

// BenchmarkReal indexes Go's own library: from nothing, from the snapshot, one
// changed file, and what questions cost then.
func BenchmarkReal(b *testing.B) {
	root := goroot(b)
	o := codegraph.Options{Snapshot: filepath.Join(b.TempDir(), "snapshot")}
	b.Run("first", func(b *testing.B) {
		var files int
		cpu := processorTime(b)
		for b.Loop() {
			g := open(b, root, codegraph.Options{})
			files = update(b, g).Parsed
		}
		reportProcessor(b, cpu, files)
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
	if err := g.Save(); err != nil {
		b.Fatal(err)
	}
	b.Run("open snapshot", func(b *testing.B) {
		if again := update(b, open(b, root, o)); again.Parsed != 0 || again.Unchanged != c.Parsed {
			b.Fatalf("%+v from the snapshot, want %d files unchanged", again, c.Parsed)
		}
		cpu := processorTime(b)
		for b.Loop() {
			again, err := codegraph.New(root, o)
			if err != nil {
				b.Fatal(err)
			}
			if err := again.Close(); err != nil {
				b.Fatal(err)
			}
		}
		reportProcessor(b, cpu, c.Parsed)
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

// BenchmarkRealEdit changes the body of a function of one file, in a copy of
// Go's own library, and reads that file again.
func BenchmarkRealEdit(b *testing.B) {
	const name = "net/http/server.go"
	dir := b.TempDir()
	if err := os.CopyFS(dir, os.DirFS(goroot(b))); err != nil {
		b.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		b.Fatal(err)
	}
	const at = "func (s *Server) doKeepAlives() bool {\n"
	before, after, found := strings.Cut(string(src), at)
	if !found {
		b.Fatalf("%s has no %q", name, at)
	}
	g := open(b, dir, codegraph.Options{})
	update(b, g)
	n := 0
	cpu := processorTime(b)
	for b.Loop() {
		n++
		body := fmt.Sprintf("%s\tprintln(%d)\n", at, n)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(before+body+after), 0o600); err != nil {
			b.Fatal(err)
		}
		c, err := g.UpdateFile(b.Context(), name)
		if err != nil || c.Parsed != 1 {
			b.Fatalf("%+v %v", c, err)
		}
	}
	reportProcessor(b, cpu, 0)
}
