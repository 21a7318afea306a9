package review

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
)

// exact is the bound of Clopper and Pearson, by halving.
func exact(successes, n int, alpha float64) float64 {
	if successes <= 0 {
		return 0
	}
	tail := func(p float64) (sum float64) {
		for k := successes; k <= n; k++ {
			c := 1.0
			for i := range k {
				c = c * float64(n-i) / float64(i+1)
			}
			sum += c * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
		}
		return sum
	}
	low, high := 0.0, 1.0
	for range 60 {
		if mid := (low + high) / 2; tail(mid) < alpha {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// history is an Acceptance that proposals are put before.
type history struct {
	f func(format string, args ...any)
	a *Acceptance
	n int
}

func newHistory(fatal func(string, ...any)) *history {
	return &history{f: fatal, a: NewAcceptance(exact)}
}

func (h *history) apply(kind learn.EntryKind, id string, body any) {
	e, err := learn.NewEntry(kind, id, "p", time.Unix(int64(h.n), 0), body, nil)
	if err == nil {
		err = h.a.Apply(e)
	}
	if err != nil {
		h.f("%v", err)
	}
}

// decide proposes a change of a type and has it decided on.
func (h *history) decide(t learn.ModificationType, verdicts ...learn.Verdict) {
	for _, v := range verdicts {
		h.n++
		id := fmt.Sprint("p", h.n)
		h.apply(learn.EntryProposal, id, learn.PlanModificationProposal{ProposalID: id, Type: t})
		h.apply(learn.EntryDecision, id, learn.Decision{DecisionID: "d" + id, ObjectID: id, Verdict: v})
	}
}

func times(v learn.Verdict, n int) (out []learn.Verdict) {
	for range n {
		out = append(out, v)
	}
	return out
}

func TestAKindThatIsAlwaysRejectedStops(t *testing.T) {
	yes, no, ask := learn.VerdictApprove, learn.VerdictReject, learn.VerdictRequestClarification
	for name, tc := range map[string]struct {
		verdicts []learn.Verdict
		stops    bool
	}{
		"nothing decided":                     {nil, false},
		"four rejected":                       {times(no, 4), false},
		"five rejected":                       {times(no, 5), true},
		"five asked back":                     {times(ask, 5), false},
		"half accepted, then five rejected":   {append(times(yes, 5), times(no, 5)...), false},
		"once accepted, then eight rejected":  {append(times(yes, 1), times(no, 8)...), true},
		"rejected often, the last one wanted": {append(times(no, 9), yes), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t.Fatalf)
			h.decide(learn.AddRetry, tc.verdicts...)
			h.decide(learn.AddFragment, yes, no)
			due := h.a.Due(time.Unix(1000, 0))
			if (len(due) == 1) != tc.stops || len(due) > 1 {
				t.Fatalf("due: %+v", due)
			}
			if !tc.stops {
				return
			}
			c := due[0]
			if c.Group.Value != "add_retry" || c.Interval.High >= 0.5 || c.Reason == "" {
				t.Errorf("%+v", c)
			}
			h.apply(learn.EntryAcceptance, "x", c)
			if _, stopped := h.a.Stopped("add_retry"); !stopped {
				t.Error("not stopped")
			}
			if again := h.a.Due(time.Unix(1001, 0)); len(again) != 0 {
				t.Errorf("due again: %+v", again)
			}
			h.apply(learn.EntryAcceptance, "x", learn.AcceptanceChange{ChangeID: "undo", Group: c.Group, Undoes: c.ChangeID})
			if _, stopped := h.a.Stopped("add_retry"); stopped || len(h.a.Due(time.Unix(1002, 0))) != 0 {
				t.Error("a person took the stop back, but it holds, or comes again without new decisions")
			}
		})
	}
}

func TestAChangeThatWasTakenBackCountsAsRejected(t *testing.T) {
	h := newHistory(t.Fatalf)
	h.decide(learn.AddRetry, learn.VerdictApprove)
	h.apply(learn.EntryState, "p1", learn.StateChange{ObjectID: "p1", To: learn.StateRolledBack})
	for _, s := range h.a.Stats() {
		if s.Accepted != 1 || s.Judged != 2 {
			t.Errorf("%v: %d of %d", s.Group, s.Accepted, s.Judged)
		}
	}
}

func TestADescriptionIsInNoGroup(t *testing.T) {
	if g := GroupsOf(&Item{Kind: KindDescription, Description: &learn.DescriptionChange{}}); g != nil {
		t.Errorf("%v: rejecting descriptions could stop them", g)
	}
}

// What is accepted more is shown with more confidence; a confidence stays a
// probability whatever was decided; the ledger read twice says the same.
func TestConfidenceFollowsAcceptance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t.Fatalf)
		kinds := []learn.ModificationType{learn.AddRetry, learn.AddFragment, learn.AdjustPriority}
		for range rapid.IntRange(0, 30).Draw(t, "n") {
			h.decide(rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.SampledFrom([]learn.Verdict{learn.VerdictApprove, learn.VerdictReject}).Draw(t, "verdict"))
		}
		base := rapid.Float64Range(0, 1).Draw(t, "base")
		groups := GroupsOf(&Item{Plan: &learn.PlanModificationProposal{Type: learn.AddRetry}})
		before := h.a.Confidence(groups, base)
		if before < 0 || before > 1 || math.IsNaN(before) {
			t.Fatalf("%v became %v", base, before)
		}
		if h.n == 0 && before != base {
			t.Fatalf("without decisions %v became %v", base, before)
		}
		if h.n > 0 {
			last := fmt.Sprint("p", h.n)
			h.apply(learn.EntryDecision, last, learn.Decision{DecisionID: "d" + last, ObjectID: last, Verdict: learn.VerdictApprove})
			if again := h.a.Confidence(groups, base); again != before {
				t.Fatalf("a decision read twice changed %v to %v", before, again)
			}
			h.decide(learn.AddRetry, learn.VerdictApprove)
			if after := h.a.Confidence(groups, base); after < before-1e-9 {
				t.Fatalf("an approval lowered %v to %v", before, after)
			}
		}
	})
}
