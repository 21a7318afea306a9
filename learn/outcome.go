package learn

import (
	"encoding/json"
	"time"
)

// Source says through which door an ActionOutcome came in.
type Source string

const (
	SourceGateway Source = "mcp_gateway"
	SourceReport  Source = "mcp_report"
	SourceLSP     Source = "lsp"
	SourceHook    Source = "hook"
	SourceOTLP    Source = "otlp"
	SourceImport  Source = "import"
)

// ActionType says what kind of action an ActionOutcome reports.
type ActionType string

const (
	ToolCall          ActionType = "tool_call"
	PlanStepExecution ActionType = "plan_step_execution"
	LLMInference      ActionType = "llm_inference"
)

// Status is how an action ended.
type Status string

const (
	StatusSuccess     Status = "success"
	StatusFailure     Status = "failure"
	StatusTimeout     Status = "timeout"
	StatusInterrupted Status = "interrupted"
)

// Failed reports whether the status is anything but success. An interrupted
// call did not fail by itself, so it does not count.
func (s Status) Failed() bool { return s == StatusFailure || s == StatusTimeout }

// ActionOutcome is the event: one action of an agent and how it ended.
type ActionOutcome struct {
	ID         string     `json:"id"` // UUIDv8, see EventID and InProject
	CallID     string     `json:"call_id,omitempty"`
	PlanID     string     `json:"plan_id,omitempty"`
	StepID     string     `json:"step_id,omitempty"`
	Timestamp  time.Time  `json:"timestamp"` // UTC
	ProjectID  string     `json:"project_id"`
	SessionID  string     `json:"session_id"`
	TaskID     string     `json:"task_id,omitempty"`
	AgentID    string     `json:"agent_id,omitempty"`
	Source     Source     `json:"source"`
	ActionType ActionType `json:"action_type"`
	ToolName   string     `json:"tool_name"`
	// ToolParameters is one JSON value, usually an object. A shell call has
	// its command line under "command".
	ToolParameters  json.RawMessage `json:"tool_parameters,omitempty"`
	ToolOutput      ToolOutput      `json:"tool_output"`
	Status          Status          `json:"status"`
	ErrorDetails    *ErrorDetails   `json:"error_details,omitempty"`
	ResourceMetrics ResourceMetrics `json:"resource_metrics"`
	ContextSnapshot ContextSnapshot `json:"context_snapshot"`
	// Generated says which version of a generated tool ran. Only the daemon that
	// ran it says so: at every other door it is taken off.
	Generated *GeneratedCall `json:"generated,omitempty"`
}

// ToolOutput is what a tool printed or returned. ExitCode is nil when the
// recorder did not know it.
type ToolOutput struct {
	Stdout   string `json:"stdout,omitempty"`
	Stderr   string `json:"stderr,omitempty"`
	ExitCode *int   `json:"exit_code,omitempty"`
	Content  string `json:"content,omitempty"`
}

// Text is all that was printed: stdout, stderr and content, in that order,
// separated by newlines.
func (o ToolOutput) Text() string {
	text := o.Stdout
	for _, part := range []string{o.Stderr, o.Content} {
		switch {
		case part == "":
		case text == "":
			text = part
		default:
			text += "\n" + part
		}
	}
	return text
}

// ErrorDetails is the error as the client reported it.
type ErrorDetails struct {
	Message    string `json:"message,omitempty"`
	Code       string `json:"code,omitempty"`
	StackTrace string `json:"stack_trace,omitempty"`
}

// ResourceMetrics is what an action cost. Zero means not measured.
type ResourceMetrics struct {
	CPUUsagePercent  float64 `json:"cpu_usage_percent,omitempty"`
	MemoryUsageMB    float64 `json:"memory_usage_mb,omitempty"`
	TokenCountIn     int64   `json:"token_count_in,omitempty"`
	TokenCountOut    int64   `json:"token_count_out,omitempty"`
	APICallLatencyMS float64 `json:"api_call_latency_ms,omitempty"`
	DurationMS       float64 `json:"duration_ms,omitempty"`
	// CostUSD is what the provider or the agent says that a model's call cost,
	// in US dollars; it is never estimated here.
	CostUSD float64 `json:"cost_usd,omitempty"`
}

// ContextSnapshot is where an action happened.
type ContextSnapshot struct {
	CWD          string            `json:"cwd,omitempty"`
	ActiveFiles  []string          `json:"active_files,omitempty"`
	CodeEntities []string          `json:"code_entities,omitempty"`
	Environment  map[string]string `json:"environment,omitempty"`
}

// Command returns the command line of a shell call, or "" for other calls.
// Parameters named command, cmd and script are taken, a string or a list of
// words.
func (a *ActionOutcome) Command() string {
	var params map[string]json.RawMessage
	if json.Unmarshal(a.ToolParameters, &params) != nil {
		return ""
	}
	for _, key := range []string{"command", "cmd", "script"} {
		raw, ok := params[key]
		if !ok {
			continue
		}
		var line string
		if json.Unmarshal(raw, &line) == nil {
			return line
		}
		var words []string
		if json.Unmarshal(raw, &words) == nil && len(words) > 0 {
			// ["bash", "-lc", "..."] is how Codex calls a shell.
			if len(words) == 3 && (words[1] == "-c" || words[1] == "-lc") {
				return words[2]
			}
			return joinWords(words)
		}
	}
	return ""
}
