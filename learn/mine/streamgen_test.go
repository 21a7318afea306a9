package mine

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// taskGen makes tasks that look like those of coding agents: 30 to 60 steps,
// skeletons of a Zipf distribution that depend on the step before, and some
// procedures of several steps with other steps in between.
type taskGen struct {
	rng        *rand.Rand
	common     *rand.Zipf
	follow     [][]int32 // by skeleton, what often comes next
	procedures [][]int32
}

func newTaskGen(skeletons int, seed uint64) *taskGen {
	g := &taskGen{rng: rand.New(rand.NewPCG(seed, 1))}
	g.common = rand.NewZipf(g.rng, 1.3, 4, uint64(skeletons-1))
	g.follow = make([][]int32, skeletons)
	for i := range g.follow {
		for range 4 {
			g.follow[i] = append(g.follow[i], int32(g.common.Uint64()))
		}
	}
	for range 40 {
		p := make([]int32, 3+g.rng.IntN(4))
		for i := range p {
			p[i] = int32(g.common.Uint64())
		}
		g.procedures = append(g.procedures, p)
	}
	return g
}

func (g *taskGen) task() []int32 {
	n := 30 + g.rng.IntN(31)
	out := make([]int32, 0, n+8)
	last := int32(g.common.Uint64())
	for len(out) < n {
		if g.rng.IntN(20) == 0 {
			for _, it := range g.procedures[g.rng.IntN(len(g.procedures))] {
				for g.rng.IntN(4) == 0 {
					out = append(out, int32(g.common.Uint64()))
				}
				out = append(out, it)
			}
			continue
		}
		next := int32(g.common.Uint64())
		if g.rng.IntN(2) == 0 {
			next = g.follow[last][g.rng.IntN(4)]
		}
		out, last = append(out, next), next
	}
	return out
}

// BenchmarkStream prints what a task costs when a stream has seen so many: the
// mean in processor time, the rest by the clock. Run it with -benchtime 1x.
func BenchmarkStream(b *testing.B) {
	for _, c := range []struct{ skeletons, support int }{{500, 10}, {500, 100}, {3000, 10}, {3000, 50}} {
		b.Run(fmt.Sprintf("skeletons=%d/support=%d", c.skeletons, c.support), func(b *testing.B) {
			for b.Loop() {
				s := newStream(b, StreamOptions{MinSupport: c.support, MaxLength: 6, MaxGap: 2, MaxPatterns: 10_000, MaxBytes: 32 << 20})
				streamTable(b, s, newTaskGen(c.skeletons, 7))
			}
		})
	}
}

// threadTime is the processor time of this thread, which the benchmark keeps:
// what others on the machine do does not change it.
func threadTime(b *testing.B) time.Duration {
	const thisThread = 1 // RUSAGE_THREAD of Linux
	var use syscall.Rusage
	if err := syscall.Getrusage(thisThread, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func streamTable(b *testing.B, s *Stream, g *taskGen) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.Logf("%8s %10s %10s %10s %10s %10s %8s %8s  %s", "tasks", "us cpu", "us p50", "us p99", "us max", "frequent", "MB", "heap MB", "dropped")
	for _, until := range []int{500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000} {
		const window = 500
		for s.Len() < until-window {
			if _, err := s.Add(g.task()); err != nil {
				b.Fatal(err)
			}
		}
		var took []time.Duration
		cpu := threadTime(b)
		for range window {
			q := g.task()
			begin := time.Now()
			if _, err := s.Add(q); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begin))
		}
		cpu = threadTime(b) - cpu
		slices.Sort(took)
		var mem runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&mem)
		us := func(d time.Duration) int64 { return d.Microseconds() }
		b.Logf("%8d %10d %10d %10d %10d %10d %8.1f %8.1f  %+v", until, us(cpu)/window, us(took[window/2]), us(took[window*99/100]),
			us(took[window-1]), s.Frequent(), float64(s.Bytes())/(1<<20), float64(mem.HeapAlloc)/(1<<20), s.Dropped())
	}
}
