package verify_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/verify"
)

// BenchmarkRead reads every recording once an iteration.
func BenchmarkRead(b *testing.B) {
	files, _ := filepath.Glob("testdata/*-*.txt")
	var events []*learn.ActionOutcome
	var acts []learn.Action
	size := 0
	for _, file := range files {
		ev := recording(b, file)
		events, acts, size = append(events, ev), append(acts, action.Parse(ev)), size+len(ev.ToolOutput.Stdout)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			verify.Read(events[i], acts[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

// BenchmarkReadOther is what calls cost that verify nothing: most calls.
func BenchmarkReadOther(b *testing.B) {
	ev := shellEvent("grep -rn TODO src | head -50", 0, strings.Repeat("src/main.go:12: // TODO: later\n", 50))
	act := action.Parse(ev)
	b.SetBytes(int64(len(ev.ToolOutput.Stdout)))
	b.ReportAllocs()
	for b.Loop() {
		verify.Read(ev, act)
	}
}

// BenchmarkReadLong reads a long log: by the one reader of the tool that the
// command names, and by the shapes of all, as under make.
func BenchmarkReadLong(b *testing.B) {
	var log strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&log, "tests/test_mod_%d.py::TestThing::test_case_%d PASSED [ %d%%]\n", i/50, i, i/50)
	}
	log.WriteString("==== 5000 passed in 12.34s ====\n")
	for _, command := range []string{"pytest -v", "make test"} {
		b.Run(command, func(b *testing.B) {
			ev := shellEvent(command, 0, log.String())
			act := action.Parse(ev)
			b.SetBytes(int64(log.Len()))
			b.ReportAllocs()
			for b.Loop() {
				verify.Read(ev, act)
			}
		})
	}
}

// BenchmarkTracker is the whole learner, per call of a session.
func BenchmarkTracker(b *testing.B) {
	calls := []string{"cat lib/card.py", edit, good, "ls", oneBad, "git diff", other}
	var obs []learn.Observation
	for i, c := range calls {
		command, rest, _ := strings.Cut(c, " => ")
		_, output, _ := strings.Cut(rest, " => ")
		ev := shellEvent(command, 0, strings.ReplaceAll(output, "\\n", "\n"))
		ev.ID, ev.TaskID, ev.SessionID, ev.ProjectID = fmt.Sprint(i), "t", "t", "p"
		act := action.Parse(ev)
		obs = append(obs, learn.Observation{Record: learn.Record{Action: ev}, Action: act, Verifications: verify.Read(ev, act)})
	}
	tracker := verify.NewTracker(verify.TrackerOptions{})
	drop := func(learn.LedgerEntry) {}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		o := obs[n%len(obs)]
		if n++; o.Verifications == nil {
			o.Verifications = []learn.Verification{}
		}
		if err := tracker.Apply(&o, drop); err != nil {
			b.Fatal(err)
		}
	}
}
