package mcp

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkCall measures review_status over each way; the backend answers at
// once, so that this is what the transport costs.
func BenchmarkCall(b *testing.B) {
	for _, way := range ways[:4] {
		b.Run(way.name, func(b *testing.B) {
			d := newDaemon(b, &testBackend{})
			if err := d.start(b.Context()); err != nil {
				b.Fatal(err)
			}
			s := newSession(b, way.connect(b, d), way.version)
			took := make([]time.Duration, 0, 1<<16)
			for b.Loop() {
				began := time.Now()
				s.mustCall("review_status", nil)
				took = append(took, time.Since(began))
			}
			report(b, took)
		})
	}
}

// BenchmarkHotRegistration measures from SetGenerated to the client's
// notification.
func BenchmarkHotRegistration(b *testing.B) {
	for _, way := range ways[:4] {
		b.Run(way.name, func(b *testing.B) {
			d := newDaemon(b, &testBackend{})
			if err := d.start(b.Context()); err != nil {
				b.Fatal(err)
			}
			s := newSession(b, way.connect(b, d), way.version)
			took := make([]time.Duration, 0, 1<<16)
			names := []string{"one_tool"}
			for b.Loop() {
				began := time.Now()
				d.deploy(names...)
				s.await("notifications/tools/list_changed")
				took = append(took, time.Since(began))
				if names = []string{"one_tool"}; len(took)%2 == 1 {
					names = []string{"other_tool"}
				}
			}
			report(b, took)
		})
	}
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	us := func(p int) float64 { return float64(took[min(len(took)*p/100, len(took)-1)].Nanoseconds()) / 1e3 }
	b.ReportMetric(us(50), "p50-µs")
	b.ReportMetric(us(99), "p99-µs")
}
