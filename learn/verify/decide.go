package verify

import (
	"fmt"
	"slices"

	"lathe/learn"
)

// decision is a task's outcome, why in one sentence, and the records that
// decided.
type decision struct {
	outcome    learn.Outcome
	leaning    learn.Outcome // what the evidence points to, when it is too weak for an outcome
	basis      basis
	confidence float64
	reason     string
	evidence   []string
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
// the last edit, else unknown. What the tools' verifications are worth depends
// on their basis (see infer); below the least confidence that was asked for,
// the outcome is unknown and the decision says what it leans to.
func decide(tk *task, rates *rates, least float64) decision {
	for _, kind := range []learn.VerificationKind{learn.VerifyUserFeedback, learn.VerifyBenchmark} {
		if v, ok := tk.verdict(kind); ok {
			return decision{
				outcome: v.Outcome, basis: basis(kind), confidence: 1,
				reason: fmt.Sprintf("%s says %s.", verdictWords(kind), v.Outcome), evidence: ids(v.RecordID),
			}
		}
	}
	d := tk.infer()
	if d.leaning == "" {
		if v, ok := tk.verdict(learn.VerifySelfReported); ok {
			d = decision{
				leaning: v.Outcome, basis: basisSelf, evidence: ids(v.RecordID),
				reason: fmt.Sprintf("only the agent itself says %s; %s", v.Outcome, d.reason),
			}
			if v.Outcome == learn.OutcomeFailure { // nobody says so without need
				d.basis = basisSelfFailed
			}
		}
	}
	d.outcome = learn.OutcomeUnknown
	if d.leaning == "" {
		d.reason = upper(d.reason) + tk.endedBecause()
		return d
	}
	if d.confidence = rates.confidence(d.basis); d.confidence >= least {
		d.outcome = d.leaning
		d.leaning = ""
		d.reason = upper(d.reason) + "."
		return d
	}
	d.reason = upper(d.reason) + fmt.Sprintf(", which is too weak to decide; it leans to %s", d.leaning) + tk.endedBecause()
	return d
}

func (tk *task) endedBecause() string {
	if tk.Ended == "" {
		return "."
	}
	return " (the task ended because " + tk.Ended + ")."
}

// infer says what the tools' verifications point to, and on what basis.
//
// Of all runs after the last edit the last of each scope counts; the strongest
// kind among them decides, but what does not compile is a failure whatever the
// tests said before. Failures that were there before the task changed anything
// are not its own. Undecided, infer gives the reason as a clause and no
// leaning.
func (tk *task) infer() decision {
	last := tk.lastOfScopes()
	byKind := make(map[learn.VerificationKind][]check)
	for _, c := range last {
		byKind[c.Kind] = append(byKind[c.Kind], c)
	}
	if tests := byKind[learn.VerifyTest]; len(tests) > 0 {
		return tk.byTests(tests)
	}
	for _, kind := range []learn.VerificationKind{learn.VerifyBuild, learn.VerifyTypecheck, learn.VerifyLint} {
		for _, c := range byKind[kind] {
			if !c.OK {
				return decision{
					leaning: learn.OutcomeFailure, basis: badBasis(kind), evidence: ids(c.EventID),
					reason: fmt.Sprintf("the last %s %s (%s) failed%s", kind, tk.after(), c.Tool, counts(c)),
				}
			}
		}
	}
	tested := false
	for _, c := range tk.Checks {
		tested = tested || c.Kind == learn.VerifyTest && conclusive(c)
	}
	if tested {
		return decision{
			basis: basisStale, evidence: ids(tk.lastEdit().ID),
			reason: "the last test came before the last edit, so nothing verified the final state",
		}
	}
	for _, kind := range []learn.VerificationKind{learn.VerifyBuild, learn.VerifyTypecheck, learn.VerifyLint} {
		if cs := byKind[kind]; len(cs) > 0 {
			c := cs[len(cs)-1]
			return decision{
				leaning: learn.OutcomeSuccess, basis: goodBasis(kind), evidence: ids(c.EventID),
				reason: fmt.Sprintf("the last %s %s (%s) passed%s, but nothing was tested", kind, tk.after(), c.Tool, counts(c)),
			}
		}
	}
	for _, c := range tk.Checks {
		if conclusive(c) {
			return decision{
				basis: basisStale, evidence: ids(tk.lastEdit().ID),
				reason: fmt.Sprintf("the last %s came before the last edit, so nothing verified the final state", c.Kind),
			}
		}
	}
	return decision{basis: basisNone, reason: "no test, build or check gave a verdict"}
}

// byTests decides by the last test run of each scope after the last edit.
func (tk *task) byTests(tests []check) decision {
	var good []check
	for _, c := range tests {
		switch {
		case c.OK || tk.wasBad(c):
			good = append(good, c)
		default:
			return tk.failedTests(c)
		}
	}
	c, b := tk.bestTest(good)
	d := decision{
		leaning: learn.OutcomeSuccess, basis: b, evidence: ids(c.EventID),
		reason: fmt.Sprintf("the last test %s (%s) passed%s", tk.after(), c.Tool, counts(c)),
	}
	if !c.OK {
		d.reason = fmt.Sprintf("the last test %s (%s) failed only where it had failed before the first edit%s", tk.after(), c.Tool, counts(c))
	}
	switch {
	case tk.lastEdit().Order == 0 && tk.needsEdit():
		d.basis = basisNoEdit
		d.reason += ", but no change was seen that it could verify"
	case b == basisOwn:
		d.reason += ", but the task wrote all that was tested"
	case b == basisPlain:
		d.reason += ", but by a closing line alone, of a runner that is not known"
	case b == basisUnrelated:
		d.reason += ", but it has nothing to do with what was edited"
	}
	if run, ok := tk.failingScript(); ok {
		d.basis = basisContradicted
		d.evidence = append(d.evidence, run.ID)
		d.reason += ", but a script that the task wrote to check its work failed after that edit"
	}
	return d
}

func (tk *task) failedTests(c check) decision {
	d := decision{
		leaning: learn.OutcomeFailure, basis: basisTestsFailed, evidence: ids(c.EventID),
		reason: fmt.Sprintf("the last test %s (%s) failed%s", tk.after(), c.Tool, counts(c)),
	}
	switch {
	case tk.passedBefore(c):
		d.basis = basisRegression
		d.reason += ", and it had passed before"
	case c.Own:
		d.basis = basisOwnFailed
		d.reason += ", but the task wrote all that was tested"
	case c.Failed == 0 && c.Passed == 0:
		d.basis = basisNotRun
		d.reason += ", but by errors alone: the call or the environment may be to blame"
	case c.Passed > 0:
		d.basis = basisPartlyFailed
		d.reason += ", and whether that failed before the first edit was not seen"
	}
	return d
}

// bestTest is the run that says most, and what it rests on.
func (tk *task) bestTest(good []check) (check, basis) {
	best, rank := good[len(good)-1], -1
	var b basis
	for _, c := range good {
		cb := tk.testBasis(c)
		if r := goodRank(cb); r >= rank {
			best, rank, b = c, r, cb
		}
	}
	if b == basisTests {
		for _, c := range good {
			if c.Own && tk.keptTests(c) {
				return best, basisExtended
			}
		}
	}
	return best, b
}

func (tk *task) testBasis(c check) basis {
	switch {
	case c.Own:
		return basisOwn
	case !tk.related(c):
		return basisUnrelated
	case c.Tool == "plain":
		return basisPlain
	case slices.ContainsFunc(c.Targets, tk.isChanged):
		return basisExtended
	case c.OK && tk.failedAtFirst(c):
		return basisFixed
	}
	return basisTests
}

// lastOfScopes gives the last conclusive check of each scope and kind after
// the last edit, in order.
func (tk *task) lastOfScopes() []check {
	edited, aside := tk.lastEdit().Order, tk.pristine()
	at := make(map[string]int)
	order := make(map[string]int)
	var found []check
	for _, c := range tk.Checks {
		if c.Order < edited || strength(c.Kind) == 0 || !conclusive(c) || c.Aside && !aside {
			continue
		}
		key := string(c.Kind) + " " + c.Scope
		if i, ok := at[key]; ok && order[key] != c.Order { // a later run of the same
			found[i] = c
			order[key] = c.Order
			continue
		} else if ok && (!c.OK || !found[i].OK) { // several summaries in one call
			if found[i].OK {
				found[i] = c
			}
			continue
		}
		at[key], order[key] = len(found), c.Order
		found = append(found, c)
	}
	return found
}

// conclusive is false for a test run that tested nothing and for what only
// prepares the ground.
func conclusive(c check) bool {
	if setsUp(c.Tool) && c.OK {
		return false
	}
	return c.Kind != learn.VerifyTest || c.OK || c.Passed+c.Failed+c.Errors > 0
}

func (tk *task) verdict(kind learn.VerificationKind) (verdict, bool) {
	for _, v := range tk.Verdicts {
		if v.Kind == kind {
			return v, true
		}
	}
	return verdict{}, false
}
