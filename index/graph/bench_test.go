package graph_test

import (
	"fmt"
	"testing"

	"lathe/index/graph"
	"lathe/learn"
)

func BenchmarkObserve(b *testing.B) {
	for _, status := range []learn.Status{learn.StatusSuccess, learn.StatusFailure} {
		b.Run(string(status), func(b *testing.B) {
			g := graph.New(graph.Options{})
			o := call(1, status)
			n := 0
			for b.Loop() {
				n++
				o.Record.Action.ID = id(n)
				g.Observe(o)
			}
		})
	}
}

func BenchmarkAround(b *testing.B) {
	g := graph.New(graph.Options{})
	for n := range 20_000 {
		o := call(n, learn.StatusFailure)
		o.Record.Action.TaskID = fmt.Sprint("t", n%500)
		o.Signatures[0].ID = fmt.Sprint("sig", n%200)
		g.Observe(o)
	}
	b.Logf("%d edges", g.Stats().Edges)
	for b.Loop() {
		g.Around("Error:sig7", 2, graph.Query{Limit: 1000, ProjectID: "p"})
	}
}
