package learn

import (
	"encoding/json"
	"time"
)

// Record is what the event log stores: exactly one field is set.
type Record struct {
	Action *ActionOutcome `json:"action,omitempty"`
	Task   *TaskRecord    `json:"task,omitempty"`
}

// ID is the record's identity, by which replays and imports deduplicate.
func (r Record) ID() string {
	switch {
	case r.Action != nil:
		return r.Action.ID
	case r.Task != nil:
		return r.Task.ID
	}
	return ""
}

// Project is the project that the record belongs to.
func (r Record) Project() string {
	switch {
	case r.Action != nil:
		return r.Action.ProjectID
	case r.Task != nil:
		return r.Task.ProjectID
	}
	return ""
}

// EntryKind says what a LedgerEntry is about.
type EntryKind string

const (
	EntryTask        EntryKind = "task"          // Task (a finished one)
	EntryReport      EntryKind = "report"        // FailureAnalysisReport
	EntryRemedy      EntryKind = "remedy"        // Remedy
	EntryStrategy    EntryKind = "strategy"      // ProvenStrategy
	EntryProposal    EntryKind = "proposal"      // PlanModificationProposal
	EntryOpportunity EntryKind = "opportunity"   // ToolOpportunity
	EntryTool        EntryKind = "tool"          // ProposedTool
	EntryValidation  EntryKind = "validation"    // ValidationResult
	EntryReview      EntryKind = "review"        // ToolReviewRequest
	EntryDecision    EntryKind = "decision"      // Decision
	EntryState       EntryKind = "state"         // StateChange
	EntryTrial       EntryKind = "trial"         // an assignment or its result
	EntryVerdict     EntryKind = "verdict"       // TrialVerdict
	EntryAutonomy    EntryKind = "autonomy"      // AutonomousAct
	EntryModelAnswer EntryKind = "model_answer"  // what a model said, and whether it was used
	EntryRefused     EntryKind = "refused"       // a forged, stale or replayed decision
	EntryName        EntryKind = "pattern_name"  // PatternName
	EntryAlias       EntryKind = "pattern_alias" // PatternAlias
	EntryPlanWrite   EntryKind = "plan_write"    // PlanWrite, before the file is written
	EntryDescription EntryKind = "description"   // DescriptionChange

	EntryClarification EntryKind = "clarification" // Clarification: what was asked back is answered
	EntryAcceptance    EntryKind = "acceptance"    // AcceptanceChange: a kind is proposed no more, or again
	EntryMute          EntryKind = "mute"          // Mute: less advice, or none, for a while
	EntryForgotten     EntryKind = "forgotten"     // Forgetting: a person had records removed
)

// LedgerEntry is one line of the ledger: what was concluded, proposed, decided
// or deployed. Its ID is made from kind, object and content, so that replaying
// the event log concludes nothing twice.
type LedgerEntry struct {
	ID        string          `json:"id"`
	Kind      EntryKind       `json:"kind"`
	ObjectID  string          `json:"object_id"`
	ProjectID string          `json:"project_id,omitempty"`
	Timestamp time.Time       `json:"timestamp"` // event time of the conclusion
	Body      json.RawMessage `json:"body"`
	Evidence  []string        `json:"evidence,omitempty"` // event ids
}

// NewEntry marshals body and derives the entry's ID.
func NewEntry(kind EntryKind, objectID, projectID string, at time.Time, body any, evidence []string) (LedgerEntry, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return LedgerEntry{}, err
	}
	return LedgerEntry{
		ID:        UUIDv8("ledger", string(kind), objectID, projectID, string(raw)),
		Kind:      kind,
		ObjectID:  objectID,
		ProjectID: projectID,
		Timestamp: at,
		Body:      raw,
		Evidence:  evidence,
	}, nil
}

// Observation is a Record as the learners see it: parsed once, in log order.
// Action, Signatures and Verifications are set for an action; Finished is set
// when the record ended a task. Learners copy what they keep.
type Observation struct {
	Record        Record
	Seq           uint64 // message in the event log
	Index         int    // record within the message
	Action        Action
	Signatures    []ErrorSignature
	Verifications []Verification
	Finished      *Task
}

// Learner is fed every observation once, in log order. Apply may emit ledger
// entries; it does no I/O. Snapshot and Restore carry its state over a
// restart; Restore fails on a snapshot of another version, and the pipeline
// then replays from the start.
type Learner interface {
	Name() string
	Apply(o *Observation, emit func(LedgerEntry)) error
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Concluder is a Learner that draws conclusions too costly to renew after
// every record. The pipeline calls Conclude when it has caught up with the
// log, and before a snapshot.
type Concluder interface {
	Conclude(emit func(LedgerEntry)) error
}
