package learn

import "time"

// Verdict is what a reviewer says.
type Verdict string

const (
	VerdictApprove              Verdict = "approve"
	VerdictReject               Verdict = "reject"
	VerdictRequestClarification Verdict = "request_clarification"
)

// Decision is a reviewer's word on exactly one content. Signature is Ed25519
// over SigningBytes.
type Decision struct {
	DecisionID  string    `json:"decision_id"`
	ObjectID    string    `json:"object_id"` // review_id or proposal_id
	ContentHash string    `json:"content_hash"`
	Verdict     Verdict   `json:"verdict"`
	Reason      string    `json:"reason,omitempty"`
	Reviewer    string    `json:"reviewer"` // fingerprint of the reviewer's public key
	Timestamp   time.Time `json:"timestamp"`
	Nonce       string    `json:"nonce"` // hex, so that a decision cannot be replayed
	Signature   []byte    `json:"signature"`
}

// SigningBytes is what the signature covers: every field but the signature,
// each with its length in front.
func (d Decision) SigningBytes() []byte {
	var b []byte
	for _, p := range []string{
		"lathe decision v1", d.DecisionID, d.ObjectID, d.ContentHash, string(d.Verdict),
		d.Reason, d.Reviewer, d.Timestamp.UTC().Format(time.RFC3339Nano), d.Nonce,
	} {
		b = appendPart(b, p)
	}
	return b
}

// State is where a tool, a proposal or a strategy stands.
type State string

const (
	StateCandidate   State = "candidate"
	StateValidated   State = "validated"
	StateInReview    State = "in_review"
	StateApproved    State = "approved"
	StateActive      State = "active"
	StateQuarantined State = "quarantined"
	StateDeprecated  State = "deprecated"
	StateRolledBack  State = "rolled_back"
	StateRejected    State = "rejected"
)

// The life of a strategy, from StateCandidate on. Only a confirmed one is
// served; a retired one never comes back.
const (
	StateConfirmed    State = "confirmed"
	StateContradicted State = "contradicted" // what came later does not bear it out
	StateDecayed      State = "decayed"      // not seen for long
	StateSuperseded   State = "superseded"   // another says it better or does it cheaper
	StateRetired      State = "retired"      // it harms, or is forgotten
)

// Served reports whether a strategy in this state is recommended.
func (s State) Served() bool { return s == StateConfirmed }

// ByTrials is who decided a StateChange that no person did.
const ByTrials = "trials"

// StateChange is a step in the life of a tool, proposal or strategy.
type StateChange struct {
	ObjectID   string    `json:"object_id"`
	ToolName   string    `json:"tool_name,omitempty"`
	From       State     `json:"from,omitempty"`
	To         State     `json:"to"`
	Reason     string    `json:"reason,omitempty"`
	Digest     string    `json:"digest,omitempty"` // of the deployed image
	DecisionID string    `json:"decision_id,omitempty"`
	Timestamp  time.Time `json:"timestamp"`
	// Numbers are what the reason rests on, by name.
	Numbers map[string]float64 `json:"numbers,omitempty"`
	// Of a tool: its version, the share of calls that it gets beside the one
	// before it (0 and 1 are all), what to take instead of a deprecated one, who
	// says so (trials, or a door), and the tenure that an automatic change is
	// about: it does not hold of a later one.
	Version    string  `json:"version,omitempty"`
	Share      float64 `json:"share,omitempty"`
	ReplacedBy string  `json:"replaced_by,omitempty"`
	By         string  `json:"by,omitempty"`
	Tenure     string  `json:"tenure,omitempty"`
}
