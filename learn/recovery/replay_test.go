package recovery_test

import (
	"iter"
	"strings"
	"testing"

	"lathe/fixtures"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/recovery"
	"lathe/learn/signature"
	"lathe/learn/verify"
)

// reader reads records as the daemon does: the action parsed, the signatures
// learned as they come, what was verified read.
type reader struct{ signatures *signature.Analyser }

func newReader(t testing.TB) *reader {
	t.Helper()
	a, err := signature.New()
	if err != nil {
		t.Fatal(err)
	}
	return &reader{a}
}

func (r *reader) read(rec learn.Record) *learn.Observation {
	o := &learn.Observation{Record: rec}
	if ev := rec.Action; ev != nil {
		o.Action = action.Parse(ev)
		o.Signatures = r.signatures.Learn(ev, o.Action)
		o.Verifications = verify.Read(ev, o.Action)
	}
	return o
}

// recordings are the shipped sessions in time order.
func recordings(r *reader) iter.Seq2[*learn.Observation, error] {
	return func(yield func(*learn.Observation, error) bool) {
		for _, s := range fixtures.Sessions() {
			recs, err := fixtures.Read(s)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, rec := range recs {
				if !yield(r.read(rec), nil) {
					return
				}
			}
		}
	}
}

func report(t *testing.T, cases []recovery.Case) recovery.Measures {
	t.Helper()
	m := recovery.Measure(cases, recovery.DefaultThreshold())
	t.Logf("%+v", m)
	return m
}

// TestReplayRecordings holds what the shipped recordings give: much of what
// comes again is known, and what is said is mostly right.
func TestReplayRecordings(t *testing.T) {
	cases, err := recovery.Replay(recovery.ReplayOptions{}, recordings(newReader(t)))
	if err != nil {
		t.Fatal(err)
	}
	got := report(t, cases)
	if got.Specific < 80 || got.Hit1 < 0.35 || got.Precision < 0.7 {
		t.Error("worse than what these recordings gave when this was written")
	}
	again, err := recovery.Replay(recovery.ReplayOptions{}, recordings(newReader(t)))
	if err != nil || recovery.Measure(again, recovery.DefaultThreshold()) != got {
		t.Errorf("the second replay differs: %v", err)
	}
}

// TestDemoFailures: with all recordings learned, the failures that the demo
// meets again get the right remedy first. The wheel that lies beside the
// project was found in a single session after that failure, which is too thin
// to be offered.
func TestDemoFailures(t *testing.T) {
	demo, err := fixtures.ReadDemo()
	if err != nil {
		t.Fatal(err)
	}
	r, m := newReader(t), recovery.New(recovery.Options{}) // as the daemon has it
	for o, err := range recordings(r) {
		if err == nil {
			err = m.Apply(o, func(learn.LedgerEntry) {})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	right := map[string]bool{}
	for _, f := range demo.Failures {
		act := action.Parse(&f.Event)
		offers := m.Offer(recovery.Query{ProjectID: f.ProjectID, Signatures: r.signatures.Match(&f.Event, act), Action: act})
		if len(offers) > 0 && contains(offers[0], f.Remedy.CommandContains) {
			right[f.ProjectID+"/"+f.Kind] = true
		} else {
			t.Logf("%s/%s got %+v", f.ProjectID, f.Kind, offers)
		}
	}
	if len(right) < 4 || !right["shop-api/python/wrong-test-runner"] {
		t.Errorf("right at the first place: %v of %d", right, len(demo.Failures))
	}
}

// contains reports whether the commands of an offer have all of the parts.
func contains(o learn.RemedyOffer, parts []string) bool {
	var commands []string
	for _, a := range o.Actions {
		commands = append(commands, a.Command)
	}
	all := strings.Join(commands, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			return false
		}
	}
	return true
}
