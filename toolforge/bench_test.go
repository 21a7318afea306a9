package toolforge

import (
	"testing"

	"lathe/learn"
)

// BenchmarkOpportunities is what one look at all candidates of the recorded
// sessions costs.
func BenchmarkOpportunities(b *testing.B) {
	f := NewFinder(Options{})
	recorded(b, f)
	b.ReportMetric(float64(len(f.state.Candidates)), "candidates")
	for b.Loop() {
		f.Opportunities()
	}
}

// BenchmarkConcludeAfterOneCall is what the pipeline pays in a live session.
func BenchmarkConcludeAfterOneCall(b *testing.B) {
	f := NewFinder(Options{})
	recorded(b, f)
	i := 0
	for b.Loop() {
		i++
		feed(b, f, "p", "live", i, "nl -ba a.py | sed -n '1,20p'", "x\n", 0, 0)
		if err := f.Conclude(func(learn.LedgerEntry) {}); err != nil {
			b.Fatal(err)
		}
	}
}
