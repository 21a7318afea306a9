package learn

import (
	"encoding/json"
	"time"
)

// TaskGraph is ocode's plan format with the optional fields that refinement
// adds.
type TaskGraph struct {
	Name         string              `json:"name,omitempty"`
	Tasks        []PlanTask          `json:"tasks"`
	Dependencies map[string][]string `json:"dependencies"`
}

// PlanTask is one step of a TaskGraph.
type PlanTask struct {
	ID             string          `json:"id"`
	ToolName       string          `json:"tool_name"`
	Arguments      json.RawMessage `json:"arguments,omitempty"`
	Priority       string          `json:"priority,omitempty"` // high, normal, background
	Preconditions  []Precondition  `json:"preconditions,omitempty"`
	Retry          *Retry          `json:"retry,omitempty"`
	Fallback       []string        `json:"fallback,omitempty"`
	ExpectedOutput *ExpectedOutput `json:"expected_output,omitempty"`
}

// Precondition must hold before a step runs.
type Precondition struct {
	Kind     string `json:"kind"` // file_exists, module_importable, program_available, port_open
	Argument string `json:"argument"`
}

// Retry says how often and for which error patterns a step is tried again.
type Retry struct {
	MaxAttempts int      `json:"max_attempts"`
	BackoffMS   int      `json:"backoff_ms"`
	Patterns    []string `json:"patterns,omitempty"`
}

// ExpectedOutput is what a step must print or return.
type ExpectedOutput struct {
	ExitCode *int            `json:"exit_code,omitempty"`
	Pattern  string          `json:"pattern,omitempty"`
	Schema   json.RawMessage `json:"schema,omitempty"`
}

// Interval is a two-sided interval with its level (0.95 for 95 %).
type Interval struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Level float64 `json:"level"`
}

// CostComparison is what successful tasks with a strategy cost as a multiple
// of those with an alternative to it.
type CostComparison struct {
	StrategyID string   `json:"strategy_id"` // the alternative
	Metric     string   `json:"metric"`      // calls, duration_ms, tokens
	Ratio      float64  `json:"ratio"`       // of geometric means
	Interval   Interval `json:"interval"`
	Tasks      int      `json:"tasks"`
	Against    int      `json:"against"` // tasks with the alternative
}

// Condition is a feature of tasks that stands out among those with a strategy.
type Condition struct {
	Feature string  `json:"feature"` // problem_type, language, file, error, term, project
	Value   string  `json:"value"`
	With    int     `json:"with"`    // tasks with strategy and feature
	Support int     `json:"support"` // tasks with the strategy
	All     int     `json:"all"`     // tasks with the feature
	Tasks   int     `json:"tasks"`
	Lift    float64 `json:"lift"`
}

// PerformanceMetrics are means over a strategy's occurrences.
type PerformanceMetrics struct {
	DurationMS float64 `json:"duration_ms"`
	Calls      float64 `json:"calls"`
	Tokens     float64 `json:"tokens"`
}

// ProvenStrategy is a sequence of actions that successful tasks have and
// failed ones lack.
type ProvenStrategy struct {
	StrategyID              string    `json:"strategy_id"`
	ProjectID               string    `json:"project_id,omitempty"`
	Name                    string    `json:"name"`
	Description             string    `json:"description"`
	TemplatePlanFragment    TaskGraph `json:"template_plan_fragment"`
	ApplicabilityConditions []string  `json:"applicability_conditions,omitempty"`
	// Conditions are the same with their numbers, the highest lift first.
	Conditions                []Condition        `json:"conditions,omitempty"`
	AveragePerformanceMetrics PerformanceMetrics `json:"average_performance_metrics"`
	CostComparisons           []CostComparison   `json:"cost_comparisons,omitempty"`
	SuccessRate               float64            `json:"success_rate"`
	SuccessInterval           Interval           `json:"success_rate_interval"`
	// BaselineRate is the rate of success without it in the same strata
	// (projects and problem types), weighted as its own tasks are; Strata is
	// how many there are.
	BaselineRate float64 `json:"baseline_rate"`
	Strata       int     `json:"strata,omitempty"`
	// Contrast is the odds ratio, successes against failures, within strata.
	Contrast         float64  `json:"contrast"`
	ContrastInterval Interval `json:"contrast_interval"`
	// PValue is the level of false discoveries at which it is proven, however
	// many hypotheses there are and however often one looks; EValue is its
	// evidence before that correction.
	PValue              float64   `json:"p_value"`
	EValue              float64   `json:"e_value,omitempty"`
	Support             int       `json:"support"` // distinct tasks with the pattern
	RelatedProblemTypes []string  `json:"related_problem_types,omitempty"`
	LastConfirmed       time.Time `json:"last_confirmed"`
	Evidence            []string  `json:"evidence"` // event ids
	// State is where its life stands, StateReason why; History the steps so
	// far, the newest last. An empty State is that of an older ledger entry.
	State       State         `json:"state,omitempty"`
	StateReason string        `json:"state_reason,omitempty"`
	History     []StateChange `json:"history,omitempty"`
}

// Served reports whether the strategy is recommended. One in an older ledger
// entry, without a state, is.
func (s *ProvenStrategy) Served() bool { return s.State == "" || s.State.Served() }

// ModificationType is one of the eight ways to change a plan.
type ModificationType string

const (
	AddPrecondition   ModificationType = "add_precondition"
	AddRetry          ModificationType = "add_retry"
	AddFallback       ModificationType = "add_fallback"
	AdjustParameters  ModificationType = "adjust_parameters"
	SetExpectedOutput ModificationType = "set_expected_output"
	ReplaceFragment   ModificationType = "replace_fragment"
	AddFragment       ModificationType = "add_fragment"
	AdjustPriority    ModificationType = "adjust_priority"
)

// PlanModificationProposal is a change to a plan template, as JSON Patch
// (RFC 6902) and as a diff to read.
type PlanModificationProposal struct {
	ProposalID         string           `json:"proposal_id"`
	ProjectID          string           `json:"project_id,omitempty"`
	Type               ModificationType `json:"type"`
	TargetPlanTemplate string           `json:"target_plan_template"`
	TargetStep         string           `json:"target_step,omitempty"`
	// Workspace is the folder that the template is in, on this machine; ""
	// when it is in no file. BaseHash is the content hash of the template's
	// text that the change was made for.
	Workspace string `json:"workspace,omitempty"`
	BaseHash  string `json:"base_hash,omitempty"`
	// Support is how much evidence there is: distinct sessions, tasks of a
	// strategy, or measured runs.
	Support          int             `json:"support,omitempty"`
	Modifications    json.RawMessage `json:"modifications"`
	Diff             string          `json:"diff"`
	Rationale        string          `json:"rationale"`
	SourceReportID   string          `json:"source_report_id,omitempty"`
	SourceStrategyID string          `json:"source_strategy_id,omitempty"`
	ConfidenceScore  float64         `json:"confidence_score"`
	Risk             string          `json:"risk"` // low, medium, high
	Evidence         []string        `json:"evidence,omitempty"`
	ContentHash      string          `json:"content_hash"`
}

// PlanWrite is a change of a plan template's file by Lathe. It is in the ledger
// before the file is written. Before and After are content hashes of the text;
// one edit leads from the one to the other and back.
type PlanWrite struct {
	WriteID    string    `json:"write_id"`
	ProposalID string    `json:"proposal_id"`
	DecisionID string    `json:"decision_id,omitempty"` // the approval that it rests on
	Undoes     string    `json:"undoes,omitempty"`      // the write that this takes back
	Workspace  string    `json:"workspace"`
	Template   string    `json:"template"`
	Before     string    `json:"before"`
	After      string    `json:"after"`
	Offset     int       `json:"offset"` // byte in the text where Removed stood and Inserted stands
	Removed    string    `json:"removed"`
	Inserted   string    `json:"inserted"`
	Timestamp  time.Time `json:"timestamp"`
}

// AutonomousAct is the body of an EntryAutonomy: that Lathe is about to bring a
// proposal into its file without a person, and on what grounds. It is in the
// ledger before the file is written; `lathe undo` with the proposal's id takes
// it back.
type AutonomousAct struct {
	ActID      string           `json:"act_id"`
	ProposalID string           `json:"proposal_id"`
	Type       ModificationType `json:"type"`
	Risk       string           `json:"risk"`
	Workspace  string           `json:"workspace"`
	Template   string           `json:"template"`
	Accepted   int              `json:"accepted"`  // proposals of this type that people approved, by signature
	Judged     int              `json:"judged"`    // that they approved, rejected or took back
	Bound      float64          `json:"bound"`     // lower, at 95 %, of the share that they accept
	Threshold  float64          `json:"threshold"` // that the bound had to reach
	Reason     string           `json:"reason"`
	Timestamp  time.Time        `json:"timestamp"`
}
