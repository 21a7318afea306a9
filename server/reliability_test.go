package server

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"lathe/fixtures"
	"lathe/learn"
	"lathe/server/intake"
	"lathe/server/redact"
)

// memorySink keeps what is imported.
type memorySink struct {
	door    *intake.Door
	records []learn.Record
}

// Accept implements intake.Sink.
func (m *memorySink) Accept(_ context.Context, recs []learn.Record) (intake.Receipt, error) {
	admitted, _, rejected := m.door.Admit(recs)
	m.records = append(m.records, admitted...)
	return intake.Receipt{Accepted: len(admitted), Rejected: rejected}, nil
}

func sharedSessions(t *testing.T) []learn.Record {
	t.Helper()
	r, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	m := memorySink{door: intake.NewDoor(r, intake.Limits{})}
	archive := filepath.Join("..", "..", "shared", "data", "mini-swe-agent.tar.gz")
	if _, err := intake.Import(t.Context(), intake.ImportOptions{Format: "mini-swe-agent", Paths: []string{archive}}, &m); err != nil {
		t.Fatalf("the recorded sessions must lie beside the repository: %v", err)
	}
	return m.records
}

func shippedSessions(t *testing.T) []learn.Record {
	t.Helper()
	var out []learn.Record
	for _, s := range fixtures.Sessions() {
		recs, err := fixtures.Read(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, recs...)
	}
	return out
}

// reliabilityOn gives records, in time order, to the learners that make
// reports, and returns how their claims turned out. Each claim is made before
// its answer is known.
func reliabilityOn(t *testing.T, recs []learn.Record) map[learn.Method]learn.Reliability {
	t.Helper()
	slices.SortStableFunc(recs, func(a, b learn.Record) int {
		return timeOf(&learn.Observation{Record: a}).Compare(timeOf(&learn.Observation{Record: b}))
	})
	l, err := newLearners(0, func(string) bool { return false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		o := &learn.Observation{Record: rec}
		for _, x := range []learn.Learner{l.reader, l.diagnose, l.recovery} {
			if err := x.Apply(o, func(learn.LedgerEntry) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return l.diagnose.Reliability()
}

// Of the reports that claim a confidence, about that share must be right: on
// the shipped recordings, and on sessions that nothing here was designed on.
func TestHeavyReportsAreCalibrated(t *testing.T) {
	for name, recs := range map[string][]learn.Record{"shipped": shippedSessions(t), "shared": sharedSessions(t)} {
		t.Run(name, func(t *testing.T) {
			got := reliabilityOn(t, recs)
			for _, m := range slices.Sorted(maps.Keys(got)) {
				r := got[m]
				t.Logf("%s: %d claims, calibration error %.3f, of honest claims %.3f by chance", m, r.N(), r.Error(), r.Chance())
				for i, b := range r.Bins {
					if b.N > 0 {
						low, high := b.Interval()
						t.Logf("  claimed %.1f to %.1f: %4d claims, mean %.2f, right %.2f (%.2f to %.2f)", float64(i)/10, float64(i+1)/10, b.N, b.Claimed/float64(b.N), float64(b.Right)/float64(b.N), low, high)
					}
				}
				if over := r.Error() - r.Chance(); over > 0.08 {
					t.Errorf("%s is off by %.3f, %.3f more than chance explains", m, r.Error(), over)
				}
			}
			if rules := got[learn.MethodRules]; rules.N() < 100 {
				t.Errorf("only %d claims were judged", rules.N())
			}
		})
	}
}
