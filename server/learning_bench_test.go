package server

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"lathe/fixtures"
	"lathe/learn"
)

// BenchmarkLearningPath applies events to every learner, as the daemon does for
// each record, after a log of ten thousand and of a million events. An
// operation is one event; the two should cost the same. The stream is the
// shipped recordings again and again, each round by other sessions of other
// projects a day later, as if more people had come.
func BenchmarkLearningPath(b *testing.B) {
	for _, before := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint("after=", before), func(b *testing.B) {
			l, err := newLearners(0.1, func(string) bool { return true }, nil)
			if err != nil {
				b.Fatal(err)
			}
			next := again(b)
			for range before {
				learnFrom(b, l, next())
			}
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				rec := next()
				b.StartTimer()
				learnFrom(b, l, rec)
			}
		})
	}
}

func learnFrom(b *testing.B, l *learners, rec learn.Record) {
	o := &learn.Observation{Record: rec}
	for _, each := range l.all() {
		if err := each.Apply(o, func(learn.LedgerEntry) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// again yields the recordings without end.
func again(b *testing.B) func() learn.Record {
	var all [][]byte
	for _, s := range fixtures.Sessions() {
		recs, err := fixtures.Read(s)
		if err != nil {
			b.Fatal(err)
		}
		for _, rec := range recs {
			raw, err := json.Marshal(rec)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, raw)
		}
	}
	at, round := 0, 0
	return func() learn.Record {
		var rec learn.Record
		if err := json.Unmarshal(all[at], &rec); err != nil {
			b.Fatal(err)
		}
		if at++; at == len(all) {
			at, round = 0, round+1
		}
		later, suffix, team := time.Duration(round)*24*time.Hour, fmt.Sprint("-", round), fmt.Sprint("-", round%20)
		if ev := rec.Action; ev != nil {
			ev.ID, ev.SessionID, ev.TaskID, ev.ProjectID = ev.ID+suffix, ev.SessionID+suffix, ev.TaskID+suffix, ev.ProjectID+team
			ev.Timestamp = ev.Timestamp.Add(later)
		}
		if t := rec.Task; t != nil {
			t.ID, t.SessionID, t.TaskID, t.ProjectID = t.ID+suffix, t.SessionID+suffix, t.TaskID+suffix, t.ProjectID+team
			t.Timestamp = t.Timestamp.Add(later)
		}
		return rec
	}
}
