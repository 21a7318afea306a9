package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"lathe/learn"
)

// BenchmarkDurable compares durable 2 KiB events a second with what the bare
// disk does (write and fsync of 2 KiB, one after the other) in the same run:
// "xdisk" is the ratio. An op is one event.
func BenchmarkDurable(b *testing.B) {
	var disk float64
	b.Run("bare", func(b *testing.B) { disk = bareDisk(b) })
	for _, shape := range []struct{ callers, batch int }{{1, 1}, {16, 1}, {64, 1}, {4, 20}, {4, 100}} {
		b.Run(fmt.Sprintf("callers=%d/batch=%d", shape.callers, shape.batch), func(b *testing.B) {
			rate := appendRate(b, shape.callers, shape.batch)
			b.ReportMetric(rate, "events/s")
			if disk > 0 {
				b.ReportMetric(rate/disk, "xdisk")
			}
		})
	}
}

func bareDisk(b *testing.B) float64 {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 2048)
	for b.Loop() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "events/s")
	return rate
}

// appendRate stores b.N events from several callers, batch at a time.
func appendRate(b *testing.B, callers, batch int) float64 {
	l := openTest(b, Options{Dir: b.TempDir()})
	template := bulky("p", 1, 1600)
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range callers {
		wg.Go(func() {
			for n := c * batch; n < b.N; n += callers * batch {
				recs := make([]learn.Record, 0, batch)
				for i := n; i < min(n+batch, b.N); i++ {
					event := *template.Action
					event.ID = learn.EventID("bench", fmt.Sprint(i))
					recs = append(recs, learn.Record{Action: &event})
				}
				if _, err := l.Append(context.Background(), recs); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	return float64(b.N) / b.Elapsed().Seconds()
}

// BenchmarkOpen is a start with 200,000 events in 2,000 messages, by the
// checkpoint and without one.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	l := openTest(b, Options{Dir: dir})
	for n := range 2000 {
		mustAppend(b, l, actions("p", 100*n, 100))
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"checkpoint", "whole stream"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if name != "checkpoint" {
					os.Remove(filepath.Join(dir, "events.ids"))
				}
				l, err := Open(context.Background(), Options{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkRead is reading and decoding; an op is one event.
func BenchmarkRead(b *testing.B) {
	l := openTest(b, Options{Dir: b.TempDir()})
	const events = 20_000
	for n := range events / 100 {
		mustAppend(b, l, actions("p", 100*n, 100))
	}
	b.Run("ReadEvents", func(b *testing.B) {
		for n := 0; n < b.N; {
			if err := l.ReadEvents(context.Background(), 0, func(_ uint64, recs []learn.Record) error {
				n += len(recs)
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Record", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := l.Record(context.Background(), action("p", n%events).ID()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
