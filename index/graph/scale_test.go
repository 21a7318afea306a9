package graph

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lathe/learn"
)

const million = 1_000_000

// skewed is a graph of n edges between nodes drawn by Zipf's law: the degrees
// follow a power law, the largest hub has tens of thousands of edges.
func skewed(n int) *Graph {
	limits := map[NodeKind]int{}
	for _, k := range NodeKinds() {
		limits[k] = n
	}
	g := New(Options{MaxNodes: limits, MaxEdges: n})
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.2, 40, uint64(n/5))
	w := rand.NewZipf(r, 1.5, 1, 1000)
	o := origin{project: g.projects.number("p"), at: 1}
	kinds := NodeKinds()
	node := func() uint32 {
		i := int(z.Uint64())
		return g.node(kinds[i%len(kinds)], o.project, fmt.Sprint("node number ", i), "a label of usual length", o)
	}
	for g.edges < n {
		from, to := node(), node()
		e := g.edge(from, EdgeKinds()[r.IntN(20)], to, o)
		if e != 0 && g.arcs.at(e).weight == 0 {
			g.weigh(e, float64(1+w.Uint64()))
		}
	}
	g.settled()
	return g
}

// observed is a graph of n edges as the projection makes them, of calls whose
// tools, files, errors and tasks are drawn by Zipf's law, in 40 projects.
func observed(n int) *Graph {
	limits := map[NodeKind]int{}
	for _, k := range NodeKinds() {
		limits[k] = n
	}
	g := New(Options{MaxNodes: limits, MaxEdges: n})
	r := rand.New(rand.NewPCG(3, 4))
	draw := func(imax uint64) func() uint64 { return rand.NewZipf(r, 1.3, 8, imax).Uint64 }
	project, tool, file, sig, task := draw(39), draw(200), draw(100_000), draw(5000), draw(20_000)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; g.Stats().Edges < n-100; i++ {
		at = at.Add(time.Second)
		p := fmt.Sprint("project-", project())
		f := fmt.Sprintf("src/package%d/file%d.py", file()%300, file())
		ev := &learn.ActionOutcome{ID: learn.UUIDv8("e", fmt.Sprint(i)), ProjectID: p, SessionID: "s", TaskID: fmt.Sprint("task-", task()),
			AgentID: fmt.Sprint("agent-", i%5), ToolName: fmt.Sprint("tool-", tool()), Timestamp: at, Status: learn.StatusSuccess,
			ContextSnapshot: learn.ContextSnapshot{Environment: map[string]string{"os": "linux", "python": fmt.Sprint("3.", i%9)}}}
		o := &learn.Observation{Record: learn.Record{Action: ev}, Action: learn.Action{Skeleton: "python -m pytest -q <path>",
			Intent: learn.IntentTest, Writes: []string{f}, Entities: []learn.Entity{{Kind: "file", Name: f}}}}
		if i%3 == 0 {
			ev.Status = learn.StatusFailure
			s := sig()
			o.Signatures = []learn.ErrorSignature{{ID: fmt.Sprint("sig-", s), PatternID: fmt.Sprint("pattern-", s%300), Name: "a pattern's name", File: f}}
		}
		g.Observe(o)
	}
	return g
}

var built = map[string]func() *Graph{
	"zipf":     sync.OnceValue(func() *Graph { return skewed(million) }),
	"observed": sync.OnceValue(func() *Graph { return observed(million) }),
}

// roots are node ids to ask about: the greatest hubs, nodes drawn by degree,
// and nodes drawn evenly.
func (g *Graph) roots(n int) map[string][]string {
	type at struct {
		id     string
		degree int
	}
	var all []at
	for i := uint32(1); i < g.nodes.next; i++ {
		if v := g.nodes.at(i); v.kind != 0 {
			all = append(all, at{v.id, len(g.touching(v))})
		}
	}
	slices.SortFunc(all, func(a, b at) int { return b.degree - a.degree })
	r := rand.New(rand.NewPCG(5, 6))
	out := map[string][]string{}
	arcs := g.arcsInOrder()
	for i := range n {
		out["hubs"] = append(out["hubs"], all[i%100].id)
		out["by degree"] = append(out["by degree"], g.nodes.at(g.arcs.at(arcs[r.IntN(len(arcs))]).to).id)
		out["even"] = append(out["even"], all[r.IntN(len(all))].id)
	}
	return out
}

func BenchmarkMillionAround(b *testing.B) {
	for name, build := range built {
		b.Run(name, func(b *testing.B) {
			g := build()
			roots := g.roots(2000)
			for _, from := range []string{"hubs", "by degree", "even"} {
				for _, scope := range []string{"", "scoped"} {
					for _, memory := range []string{"fresh", "reused"} {
						b.Run(strings.Trim(from+"/"+scope, "/")+"/"+memory, func(b *testing.B) { g.measureAround(b, roots[from], scope != "", memory == "reused") })
					}
				}
			}
		})
	}
}

func (g *Graph) measureAround(b *testing.B, roots []string, scoped, reused bool) {
	q := Query{Limit: 1000}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var took, busy []time.Duration
	i, nodes, edges, cut := 0, 0, 0, 0
	s := new(Subgraph)
	for b.Loop() {
		id := roots[i%len(roots)]
		if scoped {
			n, _ := g.Node(id, "")
			if q.ProjectID = n.ProjectID; q.ProjectID == "" {
				q.ProjectID = "project-1"
			}
		}
		began, cpu := time.Now(), threadTime(b)
		if !reused {
			s = new(Subgraph)
		}
		g.AroundInto(s, id, 2, q)
		took, busy = append(took, time.Since(began)), append(busy, threadTime(b)-cpu)
		nodes, edges, i = nodes+len(s.Nodes), edges+len(s.Edges), i+1
		if s.Truncated {
			cut++
		}
	}
	slices.Sort(took)
	slices.Sort(busy)
	b.ReportMetric(ms(busy[len(busy)/2]), "cpu-p50-ms")
	b.ReportMetric(ms(busy[len(busy)*99/100]), "cpu-p99-ms")
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(float64(nodes)/float64(i), "nodes/op")
	b.ReportMetric(float64(edges)/float64(i), "edges/op")
	b.ReportMetric(float64(cut)/float64(i), "cut/op")
}

// threadTime is what this thread has computed: on a machine that others use
// too, it says what an answer costs, where the clock says how long it took.
func threadTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkMillionMemory(b *testing.B) {
	for name, build := range map[string]func(int) *Graph{"zipf": skewed, "observed": observed} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				g := build(million)
				after := heap()
				s := g.Stats()
				nodes := 0
				for _, n := range s.Nodes {
					nodes += n
				}
				b.ReportMetric(float64(after-before)/float64(s.Edges), "bytes/edge")
				b.ReportMetric(float64(nodes), "nodes")
				b.ReportMetric(float64(s.Hubs), "hubs")
				runtime.KeepAlive(g)
			}
		})
	}
}

func BenchmarkMillionSnapshot(b *testing.B) {
	g := built["observed"]()
	var raw []byte
	b.Run("Snapshot", func(b *testing.B) {
		for b.Loop() {
			raw, _ = g.Snapshot()
		}
		b.ReportMetric(float64(len(raw)), "bytes")
	})
	b.Run("Restore", func(b *testing.B) {
		fresh := New(g.o)
		for b.Loop() {
			if err := fresh.Restore(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
