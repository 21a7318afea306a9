package learn

import "time"

// Clarification answers what a reviewer asked back on a proposal.
type Clarification struct {
	ClarificationID string    `json:"clarification_id"`
	ObjectID        string    `json:"object_id"` // review_id or proposal_id
	ContentHash     string    `json:"content_hash"`
	DecisionID      string    `json:"decision_id"` // the request_clarification
	Question        string    `json:"question"`
	Answer          []string  `json:"answer"` // sentences, those of a model first
	By              string    `json:"by"`     // "evidence", or the model's name
	Evidence        []string  `json:"evidence,omitempty"`
	Timestamp       time.Time `json:"timestamp"`
}

// ProposalGroup names a group of proposals: all of a kind, from a source or by
// an author.
type ProposalGroup struct {
	By    string `json:"by"`    // kind, source or author
	Value string `json:"value"` // add_retry, recovery, agent, ...
}

// AcceptanceChange is the body of an EntryAcceptance: proposals of a group are
// made no more because people always rejected them, or are made again.
type AcceptanceChange struct {
	ChangeID string        `json:"change_id"`
	Group    ProposalGroup `json:"group"`
	Stopped  bool          `json:"stopped"`
	Accepted int           `json:"accepted"`
	Judged   int           `json:"judged"`   // accepted and rejected
	Interval Interval      `json:"interval"` // of the share that people accept
	Reason   string        `json:"reason"`
	// Undoes is the change that a person took back: what was decided before it
	// counts no more.
	Undoes    string    `json:"undoes,omitempty"`
	Timestamp time.Time `json:"timestamp"`
}

// Forgetting is the body of an EntryForgotten. It says that records were
// removed and how many, not which.
type Forgetting struct {
	ForgettingID string    `json:"forgetting_id"`
	Events       uint64    `json:"events"` // event and task records
	Ledger       uint64    `json:"ledger"` // entries: conclusions and decisions
	Timestamp    time.Time `json:"timestamp"`
}

// Mute is the body of an EntryMute: no unasked advice on a failure, in a
// project, or at all, for a while. Empty fields take everything.
type Mute struct {
	MuteID      string    `json:"mute_id"`
	SignatureID string    `json:"signature_id,omitempty"`
	ProjectID   string    `json:"project_id,omitempty"`
	Until       time.Time `json:"until,omitzero"` // zero: until it is lifted
	Lifted      bool      `json:"lifted,omitempty"`
	Timestamp   time.Time `json:"timestamp"`
}
