package signature

import "testing"

// mixedLog is lines of all generated systems in turn.
func mixedLog(head bool) (lines [][]byte, size int64) {
	logs := append(generated(tunedSystems, head), generated(heldOutSystems, head)...)
	for i := range logs[0].lines {
		for _, c := range logs {
			lines = append(lines, []byte(c.lines[i].line))
			size += int64(len(c.lines[i].line))
		}
	}
	return lines, size / int64(len(lines))
}

// BenchmarkOnline is a log of 16 systems whose templates are known already:
// lines/s on one core.
func BenchmarkOnline(b *testing.B) {
	lines, size := mixedLog(true)
	o := NewOnline(0, true)
	text := 0
	each := func(id, template string) { text += len(id) + len(template) }
	run := func(n int) {
		for i := range n {
			if o.Add(lines[i%len(lines)]); o.Pending() > 4096 {
				o.Flush(each)
			}
		}
		o.Flush(each)
	}
	run(len(lines))
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	run(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(o.Templates()), "templates")
}

// BenchmarkOnlineNew is lines none of which has a form seen before.
func BenchmarkOnlineNew(b *testing.B) {
	o := NewOnline(0, true)
	each := func(string, string) {}
	line := []byte("aaaaaaaa thing failed to do something with bbbbbbbb because of cccccccc today")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for k, x := 0, i; k < 8; k, x = k+1, x/16 {
			c := byte('g' + x%16)
			line[k], line[45+k], line[65+k] = c, c^1, c
		}
		if o.Add(line); o.Pending() > 4096 {
			o.Flush(each)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkDrain is the same log through plain Drain.
func BenchmarkDrain(b *testing.B) {
	lines, size := mixedLog(true)
	d := newDrainBaseline()
	b.SetBytes(size)
	for i := 0; b.Loop(); i++ {
		d.add(string(lines[i%len(lines)]))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
