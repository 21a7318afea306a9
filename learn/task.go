package learn

import "time"

// Outcome is how a task ended.
type Outcome string

const (
	OutcomeSuccess Outcome = "success"
	OutcomeFailure Outcome = "failure"
	OutcomeUnknown Outcome = "unknown"
)

// VerificationKind orders how much a verification says about a task.
type VerificationKind string

const (
	VerifyTest         VerificationKind = "test"
	VerifyLint         VerificationKind = "lint"
	VerifyTypecheck    VerificationKind = "typecheck"
	VerifyBuild        VerificationKind = "build"
	VerifyUserFeedback VerificationKind = "user_feedback"
	VerifyBenchmark    VerificationKind = "benchmark"
	// VerifySelfReported is what an agent says of its own task; it ranks
	// below every other kind.
	VerifySelfReported VerificationKind = "self_reported"
)

// Verification is one measurement of whether a task's work is good.
type Verification struct {
	Kind    VerificationKind `json:"kind"`
	Tool    string           `json:"tool"` // pytest, go test, mypy, ...
	Passed  int              `json:"passed"`
	Failed  int              `json:"failed"`
	Errors  int              `json:"errors"`
	Skipped int              `json:"skipped"`
	// OK is the verdict. It can be false with Failed == 0: a build that
	// printed no count, a test run that collected nothing.
	OK           bool     `json:"ok"`
	FailingNames []string `json:"failing_names,omitempty"`
	EventID      string   `json:"event_id,omitempty"`
}

// Phase says what a TaskRecord tells.
type Phase string

const (
	TaskStart    Phase = "start"
	TaskFinish   Phase = "finish"
	TaskFeedback Phase = "feedback"
)

// TaskRecord is the second kind of record in the event log: a task began,
// ended, or somebody judged it.
type TaskRecord struct {
	ID          string    `json:"id"` // UUIDv8 of task, phase and what it says
	TaskID      string    `json:"task_id"`
	ProjectID   string    `json:"project_id"`
	SessionID   string    `json:"session_id,omitempty"`
	AgentID     string    `json:"agent_id,omitempty"`
	Timestamp   time.Time `json:"timestamp"`
	Phase       Phase     `json:"phase"`
	Prompt      string    `json:"prompt,omitempty"`
	ProblemType string    `json:"problem_type,omitempty"`
	Outcome     Outcome   `json:"outcome,omitempty"`
	// OutcomeKind says who gave the outcome: VerifyBenchmark,
	// VerifyUserFeedback or VerifySelfReported.
	OutcomeKind VerificationKind `json:"outcome_kind,omitempty"`
	Feedback    string           `json:"feedback,omitempty"`
	// RemedyID says that a person's feedback is on a remedy instead of a task:
	// OutcomeSuccess is that it worked. TaskID is empty then.
	RemedyID string `json:"remedy_id,omitempty"`
}

// Step is one action of a finished task, without its output.
type Step struct {
	EventID    string    `json:"event_id"`
	Timestamp  time.Time `json:"timestamp"`
	Tool       string    `json:"tool_name"`
	Intent     Intent    `json:"intent"`
	Skeleton   string    `json:"skeleton"`
	Command    string    `json:"command,omitempty"` // capped, see MaxStepCommand
	Target     string    `json:"target,omitempty"`
	Status     Status    `json:"status"`
	Signatures []string  `json:"signatures,omitempty"` // signature ids
	DurationMS float64   `json:"duration_ms,omitempty"`
	Tokens     int64     `json:"tokens,omitempty"`
}

// MaxStepCommand is the number of bytes of a command that a Step keeps.
const MaxStepCommand = 2048

// Task is a finished task as the correlation engine (learn/verify) saw it.
type Task struct {
	TaskID        string    `json:"task_id"`
	ProjectID     string    `json:"project_id"`
	SessionID     string    `json:"session_id,omitempty"`
	AgentID       string    `json:"agent_id,omitempty"`
	Prompt        string    `json:"prompt,omitempty"`
	ProblemType   string    `json:"problem_type,omitempty"`
	Started       time.Time `json:"started"`
	Finished      time.Time `json:"finished"`
	Steps         []Step    `json:"steps"`
	Outcome       Outcome   `json:"outcome"`
	OutcomeReason string    `json:"outcome_reason"` // one sentence: which rule decided
	// OutcomeBasis is what the outcome rests on, in a word: user_feedback,
	// benchmark, tests_fixed, tests, ... (see learn/verify).
	OutcomeBasis string `json:"outcome_basis,omitempty"`
	// OutcomeConfidence estimates how often outcomes on this basis are right;
	// of an unknown one, how often its leaning is.
	OutcomeConfidence float64 `json:"outcome_confidence,omitempty"`
	// OutcomeLeaning is what evidence too weak for an outcome points to.
	OutcomeLeaning Outcome `json:"outcome_leaning,omitempty"`
	// OutcomeEvidence are the ids of the events and records that decided.
	OutcomeEvidence []string       `json:"outcome_evidence,omitempty"`
	Verifications   []Verification `json:"verifications,omitempty"`
}

// Likely is the outcome for a consumer that wants one at another confidence
// than the one that Outcome was decided at: an outcome below least is unknown,
// a leaning of at least that counts as an outcome.
func (t *Task) Likely(least float64) Outcome {
	o := t.Outcome
	if o == OutcomeUnknown && t.OutcomeLeaning != "" {
		o = t.OutcomeLeaning
	}
	if o == "" || t.OutcomeConfidence < least {
		return OutcomeUnknown
	}
	return o
}
