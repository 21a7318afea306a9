package learn

import "time"

// Method says how a conclusion was reached.
type Method string

const (
	MethodRules    Method = "rules"
	MethodRecovery Method = "recovery"
	MethodLLM      Method = "llm"
)

// Claim is what of a report its confidence is the confidence of.
type Claim string

const (
	// ClaimNothing: the cause is unknown, nothing is known to help and no
	// earlier action is suspected. Its confidence is 0.
	ClaimNothing Claim = "nothing"
	// ClaimRemedy: the first remedy is what will resolve the failure.
	ClaimRemedy Claim = "remedy"
	// ClaimCulprit: what the culprit did has to be done again or undone; where
	// the failing call itself is blamed, that nothing before it has to be.
	ClaimCulprit Claim = "culprit"
	// ClaimHypothesis: the model's guess at cause and remedy holds.
	ClaimHypothesis Claim = "hypothesis"
)

// FailureAnalysisReport is the diagnosis of one failure.
type FailureAnalysisReport struct {
	ReportID                    string           `json:"report_id"`
	TaskID                      string           `json:"task_id,omitempty"`
	ProjectID                   string           `json:"project_id,omitempty"`
	FailedEventID               string           `json:"failed_event_id,omitempty"`
	Timestamp                   time.Time        `json:"timestamp"`
	ErrorPattern                *ErrorPattern    `json:"error_pattern,omitempty"`
	Signatures                  []ErrorSignature `json:"signatures,omitempty"`
	RootCause                   string           `json:"root_cause"`
	CulpritAction               string           `json:"culprit_action,omitempty"` // event id
	CulpritReason               string           `json:"culprit_reason,omitempty"`
	CulpritCall                 string           `json:"culprit_call,omitempty"` // what it did, cut to 200 bytes
	CulpritStep                 int              `json:"culprit_step,omitempty"` // of the task's steps, from 1
	FailedStep                  int              `json:"failed_step,omitempty"`  // the same of the failing call
	ProposedRemediationStrategy string           `json:"proposed_remediation_strategy,omitempty"`
	Remedies                    []RemedyOffer    `json:"remedies"`
	Withheld                    string           `json:"withheld,omitempty"` // what is known but not told, and why
	Hints                       []string         `json:"hints,omitempty"`    // canned, not seen to work here
	// ConfidenceScore is the calibrated probability that what ConfidenceOf
	// names is right: of the reports that say 0.8, about 80 % turn out so. A
	// report that claims nothing has 0.
	ConfidenceScore  float64         `json:"confidence_score"`
	ConfidenceOf     Claim           `json:"confidence_of"`
	RelevantEntities []Entity        `json:"relevant_entities,omitempty"`
	Code             *CodeContext    `json:"code,omitempty"`     // what it touches in the workspace's code
	History          *FailureHistory `json:"history,omitempty"`  // of the first signature
	Evidence         []string        `json:"evidence,omitempty"` // event ids
	Method           Method          `json:"method"`
	// Hypothesis is what a model said, when one was asked, whether or not the
	// report follows it (Method says which); MethodConfidence has the
	// confidence of each method that had a say, each calibrated once by how
	// often such claims were right before: of recovery, in the first remedy; of
	// rules, in the culprit, also where the report claims nothing; of a model, in
	// its hypothesis.
	Hypothesis       *Hypothesis        `json:"hypothesis,omitempty"`
	MethodConfidence map[Method]float64 `json:"method_confidence,omitempty"`
}

// FailureHistory is how often a failure was seen before, here and in other
// projects, of which it tells no more than the number.
type FailureHistory struct {
	TimesHere      int       `json:"times_here"`
	SessionsHere   int       `json:"sessions_here"`
	FirstHere      time.Time `json:"first_here,omitzero"`
	LastHere       time.Time `json:"last_here,omitzero"`
	TimesElsewhere int       `json:"times_elsewhere"`
	OtherProjects  int       `json:"other_projects"`
}

// RemedyAction is one action of a remedy as a template: parameters stand in
// braces, like "pip install {module}".
type RemedyAction struct {
	ToolName   string         `json:"tool_name"`
	Intent     Intent         `json:"intent,omitempty"`
	Command    string         `json:"command,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// Remedy (RecoveryStrategy in the knowledge graph) is what fixed a pattern
// before. Successes and failures are counted by session, decayed by event
// time; Posterior is the mean of Beta(successes+1, failures+1).
type Remedy struct {
	RemedyID    string         `json:"remedy_id"`
	PatternID   string         `json:"pattern_id"`
	SignatureID string         `json:"signature_id"`
	ProjectID   string         `json:"project_id,omitempty"` // "" for all projects
	Language    string         `json:"language,omitempty"`
	Description string         `json:"description"`
	Actions     []RemedyAction `json:"actions"`
	// Kind is changed_command, inserted_actions, changed_parameter or edit.
	Kind      string  `json:"kind"`
	Support   int     `json:"support"` // distinct sessions
	Successes float64 `json:"successes"`
	Failures  float64 `json:"failures"`
	Posterior float64 `json:"posterior"`
	// CallsSaved is the mean number of calls between failure and resolution.
	CallsSaved float64   `json:"calls_saved"`
	LastSeen   time.Time `json:"last_seen"`
	Evidence   []string  `json:"evidence"` // event ids: failing, acting, succeeding
}

// Posterior is how often something works that did so and did not so often: the
// mean of Beta(successes+1, failures+1), which is 0.5 where nothing was seen.
func Posterior(successes, failures float64) float64 {
	return (successes + 1) / (successes + failures + 2)
}

// RemedyOffer is a remedy with its parameters filled for one failure.
type RemedyOffer struct {
	RemedyID    string `json:"remedy_id"`
	Kind        string `json:"kind,omitempty"` // as in Remedy
	Description string `json:"description"`
	// Confidence is the calibrated probability that this is what will resolve
	// the failure.
	Confidence float64        `json:"confidence"`
	Why        string         `json:"why,omitempty"` // where that is known from
	Support    int            `json:"support"`
	Successes  float64        `json:"successes"`
	Failures   float64        `json:"failures"`
	Actions    []RemedyAction `json:"actions"`
	Evidence   []string       `json:"evidence"`
}
