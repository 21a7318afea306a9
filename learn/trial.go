package learn

import "time"

// TrialRecord is the body of an EntryTrial: that something was served to a
// task or withheld from it (the control), and later what came of it.
type TrialRecord struct {
	TrialID string `json:"trial_id"` // of this assignment; its result has the same
	// AdviceKind pools effects: remedy, strategy, tool, proposal, ...
	AdviceKind string    `json:"advice_kind"`
	ObjectID   string    `json:"object_id"` // what was served, or would have been
	Arm        string    `json:"arm"`       // "treatment", "control", or the alternative chosen
	Propensity float64   `json:"propensity"`
	TaskID     string    `json:"task_id,omitempty"`
	ProjectID  string    `json:"project_id,omitempty"`
	EventID    string    `json:"event_id,omitempty"` // what it was served on
	Timestamp  time.Time `json:"timestamp"`
	// Phase is "assigned" or "result".
	Phase string `json:"phase"`
	// The result: whether the advice was followed, and whether what followed
	// succeeded. Worked is nil while that is not known.
	Taken      bool    `json:"taken,omitempty"`
	Worked     *bool   `json:"worked,omitempty"`
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
