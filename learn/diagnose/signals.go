package diagnose

import "lathe/learn/lazyregexp"

// signal is one reason to suspect a turn, or, with a negative weight, not to.
type signal struct {
	name   string
	weight float64 // log odds a unit of value
	says   string
	value  func(v *view, i int) float64
}

// signals and their weights are set by what they mean, in steps of a half, and
// not fitted: labelled failures are few.
var signals = []signal{
	// The decisive mistake is the earliest that could have saved the task, so
	// of two turns alike the earlier one is it; later ones work with what it
	// left behind.
	{"first", 1.5, "it is the first contribution, on which the others build", func(v *view, i int) float64 { return flag(v.order[i] == 0) }},
	{"later", -0.15, "", func(v *view, i int) float64 { return float64(min(v.order[i], 12)) }},
	// What somebody did can be wrong; what somebody announced is not yet.
	{"acts", 1, "it does something that can be wrong", func(v *view, i int) float64 { return flag(v.turns[i].acts) }},
	{"action failed", 0.5, "what it did failed or gave nothing", func(v *view, i int) float64 { return flag(v.actionFailed(i)) }},
	{"unsupported", 1, "it states what nothing before it supports", func(v *view, i int) float64 { return v.unsupported(i) }},
	{"made up", 0.5, "it says itself that it assumes or simulates", func(v *view, i int) float64 { return flag(madeUp.MatchString(v.turns[i].body)) }},
	{"answer", 1, "the final answer appears here first", func(v *view, i int) float64 { return flag(i == v.origin) }},
	{"empty-handed", 0.5, "it comes back without what was asked", func(v *view, i int) float64 { return flag(emptyHanded.MatchString(v.plain(i))) }},
	{"questioned", 0.5, "the next speaker finds something wrong with it", func(v *view, i int) float64 { return flag(v.questioned(i)) }},
	{"closes", 0.5, "it ends the task without a check of its own", func(v *view, i int) float64 { return flag(v.closes(i)) }},
	{"repeats", 0.5, "it repeats itself", func(v *view, i int) float64 { return flag(v.repeats(i)) }},
	// A crash ends the run: everything before it could still be repaired.
	{"breaks off", 2, "the run breaks off here with an error", func(v *view, i int) float64 { return flag(v.breaksOff(i)) }},
	{"taken as progress", -1, "", func(v *view, i int) float64 { return flag(v.progress(i)) }},
	{"announces", -1.5, "", func(v *view, i int) float64 { return flag(v.plans[i]) }},
	{"repairs", -0.5, "", func(v *view, i int) float64 { return flag(v.repairs(i)) }},
}

var (
	madeUp      = lazyregexp.New(`\b(assum(e|ed|ing|ption)|hypothetical|simulat(e|ed|ing)|placeholder|for (the sake of|demonstration)|suppose|from (my )?(memory|knowledge)|my knowledge|known (data|information)|manually)\b`)
	emptyHanded = lazyregexp.New(`\b(unable to|could ?n[o']t|can ?not|can't|was ?n[o']t able|failed to|not (found|available|accessible|possible)|no (results?|information|access|data)|error)\b`)
	objection   = lazyregexp.New(`\b(error|incorrect|wrong|mistake|inaccura|discrepanc|issue|problem|fail(ed|ure)?|not (defined|found|correct|available)|missing|unfortunately|need to (correct|fix|adjust|revise)|no output|did(n't| not) (return|yield|provide|produce))`)
	ending      = lazyregexp.New(`(?m)(\bterminate\b|final answer|task (is|has been) (complete|completed|solved)|end the conversation|conclude)`)
	planWords   = lazyregexp.New(`\b(let's|let us|i will|i'll|we will|we need to|we should|next step|to (begin|start|proceed)|please|could you|plan)\b`)
	sentences   = lazyregexp.New(`[.!?:](\s|$)|\n`)
	crash       = lazyregexp.New(`(?m)^(traceback \(most recent call last\)|.*error code: [45]\d\d|panic: |fatal error:)`)
	resultWords = lazyregexp.New(`\b(i (have )?(found|retrieved|obtained|identified|reviewed|determined|confirmed)|i have successfully|the (result|answer|findings?|output)s? (is|are|shows?)|here (is|are) the|based on (the|my)|therefore|as follows|after (reviewing|careful|analy))`)
)

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
