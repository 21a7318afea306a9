package learn

import "context"

// RemediationKind is what a hypothesis says should be done, in kinds that Lathe
// puts into words of its own.
type RemediationKind string

const (
	RemedyInstall   RemediationKind = "install"
	RemedyEdit      RemediationKind = "edit"
	RemedyCreate    RemediationKind = "create"
	RemedyDelete    RemediationKind = "delete"
	RemedyArguments RemediationKind = "change_arguments"
	RemedyCommand   RemediationKind = "other_command"
	RemedyConfigure RemediationKind = "configure"
	RemedyRetry     RemediationKind = "retry"
	RemedyAsk       RemediationKind = "ask_user"
	RemedyUnknown   RemediationKind = "unknown"
)

// HypothesisSource says whose model made a hypothesis.
type HypothesisSource string

const (
	HypothesisClient   HypothesisSource = "client"   // the connected agent's own
	HypothesisProvider HypothesisSource = "provider" // the configured one
)

// Hypothesis is what a language model says of a failure, after validation: the
// culprit is one of the events that it was shown, the command one that the
// project's own history vouches for, the words are cut and cleaned.
type Hypothesis struct {
	AskID       string           `json:"ask_id"` // the ledger's model_answer
	Source      HypothesisSource `json:"source"`
	Model       string           `json:"model"`
	RootCause   string           `json:"root_cause"`
	Culprit     string           `json:"culprit_action,omitempty"` // event id; "" is none of those shown
	Kind        RemediationKind  `json:"kind"`
	Subject     string           `json:"subject,omitempty"` // what Kind applies to, of what the failure names
	Command     string           `json:"command,omitempty"`
	Remediation string           `json:"remediation,omitempty"` // Kind, Subject and Command in Lathe's words
	Confidence  float64          `json:"confidence"`            // what the model claims, 0 to 1
}

// HypothesisRequest is a failure that rules and experience do not explain well.
type HypothesisRequest struct {
	Report  FailureAnalysisReport // what they say
	Event   *ActionOutcome        // redacted, as it is stored
	Action  Action
	History []Step   // of the task, oldest first; the failing call may be in it
	Context []string // facts about what the error names, a line each (from the code graph, say)
}

// Hypothesiser asks a language model. Nil without an error means that there is
// no answer worth having, which is common; an error means that the call cannot
// go on, as when its client has to answer first.
type Hypothesiser interface {
	Hypothesise(ctx context.Context, r HypothesisRequest) (*Hypothesis, error)
}
