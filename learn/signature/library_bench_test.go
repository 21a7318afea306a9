package signature

import (
	"strings"
	"testing"
)

// BenchmarkRecordings matches every recorded output once a round.
func BenchmarkRecordings(b *testing.B) {
	a := newAnalyser(b)
	recs := recordings(b)
	for b.Loop() {
		for i := range recs {
			a.Match(recs[i].event(), recs[i].action())
		}
	}
	b.ReportMetric(float64(b.N*len(recs))/b.Elapsed().Seconds(), "outputs/s")
}

// BenchmarkLongOutput matches one output of half a megabyte in which every
// other line is of some failure.
func BenchmarkLongOutput(b *testing.B) {
	a := newAnalyser(b)
	var text strings.Builder
	plain := benchmarkLines()
	for i := 0; text.Len() < maxText; i++ {
		for _, r := range recordings(b) {
			for _, l := range strings.Split(r.Output, "\n") {
				text.WriteString(l + "\n" + plain[i%len(plain)] + "\n")
				i++
			}
		}
	}
	ev := failure(text.String(), 1)
	r := recording{Command: "make"}
	b.SetBytes(int64(min(text.Len(), maxText)))
	for b.Loop() {
		a.Match(ev, r.action())
	}
}
