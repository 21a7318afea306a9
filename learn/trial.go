package learn

import "time"

// TrialRecord is the body of an EntryTrial: that something was served to a
// task or withheld from it (the control), and later what came of it.
type TrialRecord struct {
	TrialID string `json:"trial_id"` // of this assignment; its result has the same
	// AdviceKind pools effects: remedy, strategy, plan, ...
	AdviceKind string `json:"advice_kind"`
	ObjectID   string `json:"object_id"` // what was served, or would have been
	Arm        string `json:"arm"`       // "treatment" or "control"
	// Propensity is the probability of Arm; 1 when nothing is measured.
	Propensity float64 `json:"propensity"`
	// Alternatives are the objects, ObjectID among them, one of which was put
	// first, and ChoicePropensity the probability that it was ObjectID. Without
	// a choice they are empty and 0.
	Alternatives     []string  `json:"alternatives,omitempty"`
	ChoicePropensity float64   `json:"choice_propensity,omitempty"`
	Door             string    `json:"door,omitempty"` // where it was served: record_outcome, hook, ...
	TaskID           string    `json:"task_id,omitempty"`
	ProjectID        string    `json:"project_id,omitempty"`
	EventID          string    `json:"event_id,omitempty"` // what it was served on
	After            uint64    `json:"after,omitempty"`    // last message of the event log then
	Timestamp        time.Time `json:"timestamp"`
	// Advised is what following it looks like; empty when that cannot be seen.
	Advised []RemedyAction `json:"advised,omitempty"`
	// Phase is "assigned" or "result".
	Phase string `json:"phase"`
	// The result: whether the advised was done, and whether what followed
	// succeeded. Worked is nil while that is not known.
	Observable bool    `json:"observable,omitempty"` // whether Taken says anything
	Taken      bool    `json:"taken,omitempty"`
	Worked     *bool   `json:"worked,omitempty"`
	TaskResult Outcome `json:"task_outcome,omitempty"`
	// Calls, DurationMS and Tokens are those of the task; of a remedy those
	// from the failure to its resolution, or to the task's end without one.
	Calls      float64 `json:"calls,omitempty"`
	DurationMS float64 `json:"duration_ms,omitempty"`
	Tokens     float64 `json:"tokens,omitempty"`
}

// Phases and the two arms of a TrialRecord.
const (
	TrialAssigned  = "assigned"
	TrialResult    = "result"
	TrialTreatment = "treatment"
	TrialControl   = "control"
)

// Kinds of advice that are measured.
const (
	AdviceRemedy   = "remedy"   // what fixed a failure, on that failure
	AdviceStrategy = "strategy" // a proven strategy, for a task
	AdvicePitfall  = "pitfall"  // a remedy in advance, for a task
	AdvicePlan     = "plan"     // a change of a plan
	AdviceTool     = "tool"     // a version of a generated tool
)

// TrialVerdict is the body of an EntryVerdict: what the trials decided of a
// kind of advice or of one object, or that somebody took that back.
type TrialVerdict struct {
	VerdictID  string    `json:"verdict_id"`
	AdviceKind string    `json:"advice_kind"`
	ObjectID   string    `json:"object_id,omitempty"` // "" is the whole kind
	Verdict    string    `json:"verdict"`             // promote, retire or revoke
	Revokes    string    `json:"revokes,omitempty"`   // the verdict that is taken back
	Metric     string    `json:"metric,omitempty"`    // success or calls: what decided
	Reason     string    `json:"reason"`              // one sentence with the numbers
	By         string    `json:"by"`                  // trials, or who took it back
	Effect     Interval  `json:"effect"`              // of treatment less control, by the metric
	LogE       float64   `json:"log_e,omitempty"`     // natural logarithm of the evidence
	Treated    int       `json:"treated,omitempty"`
	Controls   int       `json:"controls,omitempty"`
	Timestamp  time.Time `json:"timestamp"`
}

// What a TrialVerdict says.
const (
	TrialPromote = "promote" // better: it stays, and fewer tasks go without it
	TrialRetire  = "retire"  // worse: it is not served any more
	TrialRevoke  = "revoke"  // an earlier verdict does not hold; measuring begins anew
)
