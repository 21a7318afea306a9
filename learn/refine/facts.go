package refine

import (
	"math"
	"regexp"
	"sync"

	"lathe/learn"
)

// Level says how well recorded calls fit a step of a plan.
type Level string

// From the surest: the calls were reported under this plan and step, and were of
// the form that the step has now; they were this very call; they were of the same form, with other arguments.
const (
	LevelStep    Level = "step"
	LevelCommand Level = "command"
	LevelForm    Level = "form"
)

// StepFacts is what was measured of the calls that a step of a plan makes.
type StepFacts struct {
	Level Level `json:"level"`
	// Runs counts the calls, Failures those that failed or that a verification
	// in their output calls bad; Masked of these ended as successes all the
	// same, as when a pipe hides an exit code.
	Runs     int `json:"runs"`
	Failures int `json:"failures"`
	Masked   int `json:"masked,omitempty"`
	// Ignored of the masked ones ended with another exit code than 0. Codeless
	// says that no run has an exit code at all.
	Ignored  int  `json:"ignored,omitempty"`
	Codeless bool `json:"codeless,omitempty"`
	// Tasks counts the tasks with such a call whose outcome is known, and
	// GoodTasks those that succeeded.
	Tasks     int `json:"tasks,omitempty"`
	GoodTasks int `json:"good_tasks,omitempty"`
	// Sessions are distinct ones, exact up to maxSessions.
	Sessions int     `json:"sessions"`
	MeanMS   float64 `json:"mean_ms,omitempty"` // of the calls whose duration was measured
	// Pattern, one of a fixed set, was printed by every good run and by no bad
	// one; "" when none was, or when there were not enough of both.
	Pattern  string      `json:"pattern,omitempty"`
	Evidence []string    `json:"evidence,omitempty"` // the newest calls' event ids
	Failed   []FailedRun `json:"failed,omitempty"`   // one for each signature, the most frequent first
}

// FailedRun is how a step failed.
type FailedRun struct {
	SignatureID string `json:"signature_id"`
	EventID     string `json:"event_id"` // the newest
	Runs        int    `json:"runs"`
	Sessions    int    `json:"sessions"`
}

// Success is the interval of a step's success rate (Wilson 1927), 95 %.
func (f StepFacts) Success() learn.Interval { return wilson(f.Runs-f.Failures, f.Runs) }

// wilson is the score interval of a proportion at 95 % (Wilson 1927).
func wilson(k, n int) learn.Interval {
	out := learn.Interval{Low: 0, High: 1, Level: 0.95}
	if n <= 0 {
		return out
	}
	const z = 1.959964
	total := float64(n)
	p := float64(k) / total
	middle := p + z*z/(2*total)
	spread := z * math.Sqrt(p*(1-p)/total+z*z/(4*total*total))
	out.Low = max(0, (middle-spread)/(1+z*z/total))
	out.High = min(1, (middle+spread)/(1+z*z/total))
	return out
}

// expectations are the patterns that a step's output may be held to. They are
// words of tools, never text of a recording: what a step printed is another's
// to choose.
var expectations = []string{
	`(?m)^OK( \(.*\))?\s*$`,
	`(?m)^PASS\s*$`,
	`(?m)^ok\s+\S+`,
	`\b[1-9][0-9]* passed\b`,
	`\b[1-9][0-9]* passing\b`,
	`\btest result: ok\.`,
	`(?m)^# fail 0\s*$`,
	`\bTests:\s+([0-9]+ [a-z]+, )*[1-9][0-9]* passed, [0-9]+ total`,
	`\b0 failed\b`,
	`\b0 failures\b`,
	`\b0 errors\b`,
	`\bno issues found\b`,
	`\bAll checks passed!`,
	`\bBUILD SUCCESS(FUL)?\b`,
	`(?m)^Finished\b`,
	`\bnothing to commit\b`,
}

var expectationsCompiled = sync.OnceValue(func() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, e := range expectations {
		out = append(out, regexp.MustCompile(e))
	}
	return out
})

// maxExpected is how much of an output's end is looked at.
const maxExpected = 2 << 10

// printed is the set of expectations that an output meets, as bits.
func printed(output string) uint32 {
	if len(output) > maxExpected {
		output = output[len(output)-maxExpected:]
	}
	var bits uint32
	for i, e := range expectationsCompiled() {
		if e.MatchString(output) {
			bits |= 1 << i
		}
	}
	return bits
}
