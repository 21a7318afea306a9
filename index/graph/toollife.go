package graph

import (
	"strconv"

	"lathe/learn"
)

// ran keeps, at a generated tool's node, how it does in use: beside what its
// validation measured, so that the two can be compared. Mean times are those of
// calls that succeeded.
func (g *Graph) ran(n uint32, ev *learn.ActionOutcome) {
	if ev.Generated == nil || n == 0 || ev.Status == learn.StatusInterrupted {
		return
	}
	v := g.nodes.at(n)
	count := func(key string) float64 {
		f, err := strconv.ParseFloat(v.get(key), 64)
		if err != nil {
			return 0 // the first
		}
		return f
	}
	calls, good, ms := count("calls")+1, count("calls_succeeded"), count("mean_ms")
	if ev.Status == learn.StatusSuccess {
		good++
		ms += (ev.ResourceMetrics.DurationMS - ms) / good
	}
	whole := func(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }
	g.property(n, "calls", whole(calls))
	g.property(n, "calls_succeeded", whole(good))
	g.property(n, "success_rate", number(good/calls))
	g.property(n, "mean_ms", strconv.FormatFloat(ms, 'g', 10, 64))
}

// reviewed keeps where a tool comes from that was pulled.
func (g *Graph) reviewed(r *learn.ToolReviewRequest, o origin) {
	if r.Origin == nil || r.Tool.Manifest.Name == "" {
		return
	}
	n := g.node(Tool, 0, r.Tool.Manifest.Name, r.Tool.Manifest.Name, o)
	for key, value := range map[string]string{"origin": r.Origin.Reference, "signed_by": r.Origin.Key, "builder": r.Origin.Builder} {
		g.property(n, key, value)
	}
}
