package verify

import (
	"fmt"

	"lathe/learn"
)

// decision is a task's outcome, why in one sentence, and the records that
// decided.
type decision struct {
	outcome  learn.Outcome
	reason   string
	evidence []string
}

// strength orders the kinds of verification that tools make.
func strength(k learn.VerificationKind) int {
	switch k {
	case learn.VerifyTest:
		return 4
	case learn.VerifyBuild:
		return 3
	case learn.VerifyTypecheck:
		return 2
	case learn.VerifyLint:
		return 1
	}
	return 0
}

// decide applies the rule of learning.md, section 3: user feedback, then a
// benchmark's verdict, then the last verification of the strongest kind after
// the last edit, then the agent's own word, else unknown.
//
// A success inferred wrongly is worse than none. So the strongest kind is that
// of the whole task: when tests ran before the last edit but not after it, a
// later build that passes decides nothing (one that fails still does); all
// runs of the deciding call must be good; and a run that tested nothing is
// passed over.
func decide(tk *task) decision {
	for _, kind := range []learn.VerificationKind{learn.VerifyUserFeedback, learn.VerifyBenchmark} {
		if v, ok := tk.verdict(kind); ok {
			return decision{v.Outcome, fmt.Sprintf("%s says %s.", verdictWords(kind), v.Outcome), ids(v.RecordID)}
		}
	}
	d, decided := tk.byVerification()
	if decided {
		return d
	}
	if v, ok := tk.verdict(learn.VerifySelfReported); ok {
		return decision{v.Outcome, fmt.Sprintf("Only the agent itself says %s; %s.", v.Outcome, d.reason), ids(v.RecordID)}
	}
	d.reason = upper(d.reason) + "."
	if tk.Ended != "" {
		d.reason = upper(d.reason[:len(d.reason)-1]) + " (the task ended because " + tk.Ended + ")."
	}
	return d
}

// byVerification decides by what tools said. Undecided, it gives the reason as
// a clause.
func (tk *task) byVerification() (decision, bool) {
	best := 0
	for _, c := range tk.Checks {
		if conclusive(c) {
			best = max(best, strength(c.Kind))
		}
	}
	if best == 0 {
		return decision{learn.OutcomeUnknown, "no test, build or check gave a verdict", nil}, false
	}
	for s := best; s > 0; s-- {
		last := tk.lastCall(s)
		if len(last) == 0 {
			continue
		}
		good := allOK(last)
		if s < best && good {
			continue
		}
		return tk.decided(last, good), true
	}
	return decision{
		learn.OutcomeUnknown,
		fmt.Sprintf("the last %s came before the last edit, so nothing verified the final state", kindOf(best)),
		ids(tk.lastEdit().ID),
	}, false
}

// lastCall returns the conclusive checks of strength s that the last call
// after the last edit made.
func (tk *task) lastCall(s int) []check {
	order, edited := 0, tk.lastEdit().Order
	var found []check
	for _, c := range tk.Checks {
		if c.Order < edited || strength(c.Kind) != s || !conclusive(c) {
			continue
		}
		if c.Order != order {
			found, order = nil, c.Order
		}
		found = append(found, c)
	}
	return found
}

func (tk *task) decided(last []check, good bool) decision {
	c := last[len(last)-1]
	for _, l := range last {
		if l.OK == good {
			c = l
		}
	}
	after := "after the last edit"
	if tk.lastEdit().Order == 0 {
		after = "of a task without edits"
	}
	if good {
		return decision{learn.OutcomeSuccess, fmt.Sprintf("The last %s %s (%s) passed%s.", c.Kind, after, c.Tool, counts(c)), ids(c.EventID)}
	}
	return decision{learn.OutcomeFailure, fmt.Sprintf("The last %s %s (%s) failed%s.", c.Kind, after, c.Tool, counts(c)), ids(c.EventID)}
}

// conclusive is false for a test run that tested nothing.
func conclusive(c check) bool {
	return c.Kind != learn.VerifyTest || c.OK || c.Passed+c.Failed+c.Errors > 0
}

func allOK(cs []check) bool {
	for _, c := range cs {
		if !c.OK {
			return false
		}
	}
	return true
}

func counts(c check) string {
	switch {
	case c.Failed+c.Errors > 0:
		return fmt.Sprintf(": %d failed, %d errors, %d passed", c.Failed, c.Errors, c.Passed)
	case c.Passed > 0:
		return fmt.Sprintf(": %d passed", c.Passed)
	}
	return ""
}

func (tk *task) verdict(kind learn.VerificationKind) (verdict, bool) {
	for _, v := range tk.Verdicts {
		if v.Kind == kind {
			return v, true
		}
	}
	return verdict{}, false
}

func verdictWords(kind learn.VerificationKind) string {
	if kind == learn.VerifyUserFeedback {
		return "The user's feedback"
	}
	return "The benchmark's verdict"
}

func kindOf(s int) learn.VerificationKind {
	for _, k := range []learn.VerificationKind{learn.VerifyTest, learn.VerifyBuild, learn.VerifyTypecheck} {
		if strength(k) == s {
			return k
		}
	}
	return learn.VerifyLint
}

func ids(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
