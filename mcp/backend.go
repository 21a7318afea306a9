package mcp

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
)

// Scope is what a connection may see and write, decided by how it connected.
type Scope struct {
	ProjectID string
	Root      string // the workspace on this machine; "" when unknown
	AgentID   string
	SessionID string
	// Import may write to any project.
	Import bool
}

type scopeKey struct{}

// WithScope attaches a connection's scope.
func WithScope(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

// ScopeOf returns the scope that WithScope attached.
func ScopeOf(ctx context.Context) Scope {
	s, _ := ctx.Value(scopeKey{}).(Scope)
	return s
}

// The headers by which `lathe mcp` tells the daemon where its agent works.
// They are believed on the Unix socket only.
const (
	HeaderProject = "X-Lathe-Project"
	HeaderRoot    = "X-Lathe-Root"
	HeaderAgent   = "X-Lathe-Agent"
	HeaderSession = "X-Lathe-Session"
)

// ScopeFromHeaders reads the scope that Bridge sent.
func ScopeFromHeaders(h http.Header) Scope {
	get := func(name string) string {
		value, _ := mcp.DecodeHeaderValue(h.Get(name)) // "" when it was not encoded as header does
		return value
	}
	return Scope{ProjectID: get(HeaderProject), Root: get(HeaderRoot), AgentID: get(HeaderAgent), SessionID: get(HeaderSession)}
}

func (s Scope) header() http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		HeaderProject: s.ProjectID, HeaderRoot: s.Root, HeaderAgent: s.AgentID, HeaderSession: s.SessionID,
	} {
		if value != "" {
			// Paths may hold any byte; a header may not.
			encoded, _ := mcp.EncodeHeaderValue(value) // strings always can be
			h.Set(name, encoded)
		}
	}
	return h
}

// Recorder takes what an agent reports.
type Recorder interface {
	RecordOutcomes(ctx context.Context, s Scope, outcomes []learn.ActionOutcome) (RecordResult, error)
	RecordTask(ctx context.Context, s Scope, t TaskReport) (TaskResult, error)
}

// Adviser gives back what was learned.
type Adviser interface {
	Diagnose(ctx context.Context, s Scope, f Failure) (learn.FailureAnalysisReport, error)
	Recall(ctx context.Context, s Scope, q RecallQuery) (RecallResult, error)
	RefinePlan(ctx context.Context, s Scope, q RefineQuery) (RefineResult, error)
	SearchLog(ctx context.Context, s Scope, q LogQuery) (LogResult, error)
}

// Forge makes, runs and reports on tools.
type Forge interface {
	RequestTool(ctx context.Context, s Scope, r ToolRequest, progress func(done, total float64, message string)) (ToolRequestResult, error)
	RunTool(ctx context.Context, s Scope, name string, arguments json.RawMessage) (ToolRun, error)
	ReviewStatus(ctx context.Context, s Scope, id string) (ReviewStatus, error)
}

// Resources reads lathe:// resources: kind is kpi, strategy, report, proposal,
// tool or graph.
type Resources interface {
	Resource(ctx context.Context, s Scope, kind, id string) (json.RawMessage, error)
}

// Backend is what a Server serves.
type Backend interface {
	Completer
	Recorder
	Adviser
	Forge
	Resources
}

// RecordResult says what became of a batch of outcomes.
type RecordResult struct {
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Rejected   []Rejected `json:"rejected"`
	// Advice is what is known of failures in the batch.
	Advice []OutcomeAdvice `json:"advice,omitempty"`
}

// OutcomeAdvice is advice on one outcome of a batch.
type OutcomeAdvice struct {
	Index int `json:"index"`
	learn.Advice
}

// Rejected names one outcome of a batch and why it was refused.
type Rejected struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// TaskReport is record_task's input.
type TaskReport struct {
	TaskID      string `json:"task_id" jsonschema:"the task's identity, chosen by the agent and used in its outcomes"`
	ProjectID   string `json:"project_id,omitempty"`
	SessionID   string `json:"session_id,omitempty"`
	Prompt      string `json:"prompt,omitempty" jsonschema:"what the user asked for; given once at the start"`
	ProblemType string `json:"problem_type,omitempty"`
	Outcome     string `json:"outcome,omitempty" jsonschema:"success, failure or unknown; its presence finishes the task. It counts as self-reported"`
	Feedback    string `json:"feedback,omitempty" jsonschema:"what was said about the finished task"`
}

// TaskResult acknowledges a TaskReport.
type TaskResult struct {
	TaskID string `json:"task_id"`
	Phase  string `json:"phase"`
}

// Failure is diagnose_failure's input: an event id, or a failing call.
type Failure struct {
	EventID        string              `json:"event_id,omitempty" jsonschema:"a recorded event; with it nothing else is needed"`
	ProjectID      string              `json:"project_id,omitempty"`
	SessionID      string              `json:"session_id,omitempty"`
	TaskID         string              `json:"task_id,omitempty"`
	ToolName       string              `json:"tool_name,omitempty"`
	ToolParameters map[string]any      `json:"tool_parameters,omitempty" jsonschema:"as the tool was called; a shell call has its line under command"`
	ToolOutput     learn.ToolOutput    `json:"tool_output,omitzero"`
	ErrorDetails   *learn.ErrorDetails `json:"error_details,omitempty"`
}

// RecallQuery is recall's input.
type RecallQuery struct {
	Prompt    string           `json:"prompt,omitempty" jsonschema:"the task in words"`
	Plan      *learn.TaskGraph `json:"plan,omitempty" jsonschema:"a plan in progress"`
	ProjectID string           `json:"project_id,omitempty"`
	TaskID    string           `json:"task_id,omitempty" jsonschema:"the task, if it has an identity; the session's when absent"`
	Limit     int              `json:"limit,omitempty" jsonschema:"at most this many of each kind; 5 when absent"`
	MaxTokens int              `json:"max_tokens,omitempty" jsonschema:"about the most tokens that the answer may have; 1500 when absent"`
}

// RecallResult is what experience says about a task.
type RecallResult struct {
	Strategies []RecalledStrategy `json:"strategies"`
	Pitfalls   []Pitfall          `json:"pitfalls"`
	Tools      []RecalledTool     `json:"tools"`
	// Withheld says what is known but not told, and why.
	Withheld []string `json:"withheld,omitempty"`
	// Next is what usually comes next in a session that has begun.
	Next    []NextHint `json:"next,omitempty"`
	Tokens  int        `json:"tokens"`             // about, of this answer
	LeftOut int        `json:"left_out,omitempty"` // of what fits, for its length
}

// NextHint is an action that often comes next where the session is.
type NextHint struct {
	Action      string  `json:"action"` // a tool, or a shell command's program
	Probability float64 `json:"probability"`
	Example     string  `json:"example,omitempty"` // the form in which it usually is
	Seen        int     `json:"seen"`              // times that it followed the last action
}

// RecalledStrategy is a proven strategy with why it is offered.
type RecalledStrategy struct {
	StrategyID  string         `json:"strategy_id"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Steps       []string       `json:"steps"`
	SuccessRate float64        `json:"success_rate"`
	Interval    learn.Interval `json:"success_rate_interval"`
	Support     int            `json:"support"`
	Why         string         `json:"why"`
	Evidence    []string       `json:"evidence"`
	Score       float64        `json:"score"`
	// Contributions are the parts of the score by name.
	Contributions map[string]float64 `json:"contributions"`
}

// Pitfall is a failure that this project met, with what fixed it.
type Pitfall struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	Why   string `json:"why"`
	// RootCause is why it failed, Sequence the steps that led there.
	RootCause     string             `json:"root_cause,omitempty"`
	Sequence      []string           `json:"sequence,omitempty"`
	Remedy        string             `json:"remedy,omitempty"`
	RemedyID      string             `json:"remedy_id,omitempty"`
	Evidence      []string           `json:"evidence,omitempty"`
	Score         float64            `json:"score"`
	Contributions map[string]float64 `json:"contributions"`
}

// RecalledTool is a generated tool that fits.
type RecalledTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Why         string          `json:"why"`
	Score       float64         `json:"score"`
	// Contributions are the parts of the score by name.
	Contributions map[string]float64 `json:"contributions"`
}

// RefineQuery is refine_plan's input. Plan is a learn.TaskGraph with whatever
// other fields the planner has; they come back as they are.
type RefineQuery struct {
	Plan     json.RawMessage `json:"plan"`
	Template string          `json:"template,omitempty" jsonschema:"the plan template that the plan was made from, like .ocode/plans/release.json; found by the plan's name when absent"`
	TaskID   string          `json:"task_id,omitempty" jsonschema:"the task that the plan is for, if it has an identity"`
	Target   string          `json:"target,omitempty" jsonschema:"plain lowers retries, preconditions and fallbacks to ordinary tasks, for planners that know only tool_name, arguments, priority and dependencies"`
}

// RefineResult is a plan with the approved changes, what they are and why, and
// apart from that what is proposed and not approved.
type RefineResult struct {
	Plan      json.RawMessage                  `json:"plan"`
	Changes   []RefineChange                   `json:"changes"`
	Proposals []learn.PlanModificationProposal `json:"proposals"`
	Notes     []string                         `json:"notes,omitempty"` // what was left out, and why
	// Withheld says what is approved but not done to the plan, and why.
	Withheld string `json:"withheld,omitempty"`
}

// RefineChange is an approved change that is in the plan now.
type RefineChange struct {
	ProposalID string                 `json:"proposal_id"`
	Type       learn.ModificationType `json:"type"`
	TargetStep string                 `json:"target_step,omitempty"`
	Line       string                 `json:"line"` // what was done and why, in one line
	Evidence   []string               `json:"evidence,omitempty"`
}

// LogQuery is search_log's input.
type LogQuery struct {
	Query     string `json:"query,omitempty" jsonschema:"words; without them the newest come first"`
	ToolName  string `json:"tool_name,omitempty"`
	Status    string `json:"status,omitempty" jsonschema:"success, failure, timeout or interrupted"`
	Intent    string `json:"intent,omitempty"`
	SessionID string `json:"session_id,omitempty"`
	TaskID    string `json:"task_id,omitempty"`
	Since     string `json:"since,omitempty" jsonschema:"RFC 3339 time"`
	Limit     int    `json:"limit,omitempty" jsonschema:"20 when absent, at most 100"`
	From      int    `json:"from,omitempty" jsonschema:"skip this many"`
}

// LogHit is one event found.
type LogHit struct {
	EventID   string   `json:"event_id"`
	Timestamp string   `json:"timestamp"`
	ToolName  string   `json:"tool_name"`
	Status    string   `json:"status"`
	Summary   string   `json:"summary"`
	TaskID    string   `json:"task_id,omitempty"`
	Errors    []string `json:"errors,omitempty"`
}

// LogResult is search_log's answer.
type LogResult struct {
	Total int      `json:"total"`
	Hits  []LogHit `json:"hits"`
}

// ToolRequest is request_tool's input.
type ToolRequest struct {
	Name        string   `json:"name,omitempty" jsonschema:"the wanted name, like count_errors"`
	Description string   `json:"description" jsonschema:"what the tool is for"`
	Command     string   `json:"command,omitempty" jsonschema:"a command line that does it once, from which the tool is made"`
	Examples    []string `json:"examples,omitempty" jsonschema:"further command lines of the same shape; what differs becomes parameters"`
}

// ToolRequestResult says what became of a request.
type ToolRequestResult struct {
	ReviewID string                  `json:"review_id,omitempty"`
	State    string                  `json:"state"`
	Message  string                  `json:"message"`
	Result   *learn.ValidationResult `json:"validation,omitempty"`
}

// ToolRun is the result of one run of a generated tool.
type ToolRun struct {
	Name       string          `json:"name"`
	Version    string          `json:"version"`
	Digest     string          `json:"digest"`
	Result     json.RawMessage `json:"result,omitempty"`
	Error      string          `json:"error,omitempty"`
	DurationMS float64         `json:"duration_ms"`
	Notice     string          `json:"notice,omitempty"` // that the tool is deprecated, and what to use
}

// ReviewStatus is review_status's answer.
type ReviewStatus struct {
	Items []ReviewItem `json:"items"`
}

// ReviewItem is one proposal as an agent may see it.
type ReviewItem struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Title     string   `json:"title"`
	State     string   `json:"state"`
	Risk      string   `json:"risk,omitempty"`
	Questions []string `json:"questions,omitempty"`
}
