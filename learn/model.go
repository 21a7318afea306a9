package learn

import "time"

// ModelUse is what a language model was asked for.
type ModelUse string

const (
	UseHypothesis ModelUse = "hypothesis"
	UseNames      ModelUse = "names"
	UseAliases    ModelUse = "aliases"
	UseClarify    ModelUse = "clarification" // of a proposal, to a reviewer who asked back
	UseTool       ModelUse = "tool"          // code, tests and documentation of a tool
)

// ModelVerdict is what became of a model's answer.
type ModelVerdict string

const (
	ModelUsed    ModelVerdict = "used"    // it met the schema and every check
	ModelDropped ModelVerdict = "dropped" // it did not, twice
	ModelFailed  ModelVerdict = "failed"  // there was no answer
	ModelRefused ModelVerdict = "refused" // it was not asked: budget spent, or circuit open
)

// ModelAnswer is the ledger's word on one question to a model. The question
// itself is not kept, only its hash.
type ModelAnswer struct {
	AskID      string           `json:"ask_id"`
	Use        ModelUse         `json:"use"`
	Source     HypothesisSource `json:"source"`
	Model      string           `json:"model"`
	PromptHash string           `json:"prompt_hash,omitempty"` // SHA-256 of the first request
	Tries      int              `json:"tries"`                 // questions put, the correction included
	Calls      int              `json:"calls"`                 // requests sent, repeats included
	TokensIn   int64            `json:"tokens_in"`
	TokensOut  int64            `json:"tokens_out"`
	Estimated  bool             `json:"tokens_estimated,omitempty"` // the model did not say how many
	LatencyMS  float64          `json:"latency_ms"`
	Verdict    ModelVerdict     `json:"verdict"`
	Problem    string           `json:"problem,omitempty"`
	// Prediction is what is compared with how the failure was resolved.
	Prediction *Prediction `json:"prediction,omitempty"`
}

// Prediction is what each method says will resolve one failure, so that it can
// be told later which was right.
type Prediction struct {
	SessionID  string           `json:"session_id"`
	EventID    string           `json:"event_id,omitempty"` // the failure
	After      uint64           `json:"after"`              // the event log's last message when it was made
	Intent     Intent           `json:"intent"`             // of the failing call
	Target     string           `json:"target,omitempty"`
	Head       string           `json:"head"`              // its program and subcommand
	Command    string           `json:"command,omitempty"` // cut to MaxStepCommand bytes
	Signatures []string         `json:"signatures,omitempty"`
	Source     HypothesisSource `json:"source"`
	Model      Expected         `json:"model"`
	Rules      Expected         `json:"rules"`
	RulesBy    Method           `json:"rules_by"` // rules or recovery
}

// Expected is one method's expectation. Without intents, paths and head it
// expects nothing, and is not judged.
type Expected struct {
	Intents []Intent `json:"intents,omitempty"` // an action of one of these comes before the success
	Path    string   `json:"path,omitempty"`    // and is about this
	Head    string   `json:"head,omitempty"`    // or program and subcommand of what is run instead
	Retry   bool     `json:"retry,omitempty"`   // or nothing at all happens in between
}

// PatternName is a short name for a mined pattern. It changes no identity.
type PatternName struct {
	PatternID string    `json:"pattern_id"`
	Name      string    `json:"name"`
	Model     string    `json:"model"`
	AskID     string    `json:"ask_id"`
	Timestamp time.Time `json:"timestamp"`
}

// PatternAlias says of two mined patterns whether they are the same error. One
// that is undone is as if it had not been said, and is not said again.
type PatternAlias struct {
	From       string    `json:"from"`
	Into       string    `json:"into"`
	Same       bool      `json:"same"`
	Similarity float64   `json:"similarity"` // of the templates' words, 0 to 1
	Undone     bool      `json:"undone,omitempty"`
	By         string    `json:"by"` // the model, or "user"
	AskID      string    `json:"ask_id,omitempty"`
	Timestamp  time.Time `json:"timestamp"`
}
