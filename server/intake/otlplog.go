package intake

import (
	"encoding/json"
	"strings"
	"time"

	"lathe/learn"
)

// inferenceDetails is the conventions' event about one call of a model. It has
// the attributes of the span, whose id it carries.
const inferenceDetails = "gen_ai.client.inference.operation.details"

// logEvents are what coding agents log of their own work when their telemetry
// is switched on (Claude Code, Codex, Gemini CLI and Qwen Code, whose is the
// same).
var logEvents = map[string]class{
	inferenceDetails: modelCall,

	"claude_code.tool_result": toolCall,
	"claude_code.api_request": modelCall,
	"claude_code.api_error":   modelCall,
	"claude_code.user_prompt": promptGiven,

	"codex.tool_result": toolCall,
	"codex.sse_event":   modelCall, // the last one of an answer
	"codex.user_prompt": promptGiven,

	"gemini_cli.tool_call":    toolCall,
	"gemini_cli.api_response": modelCall,
	"gemini_cli.api_error":    modelCall,
	"gemini_cli.user_prompt":  promptGiven,

	"qwen-code.tool_call":    toolCall,
	"qwen-code.api_response": modelCall,
	"qwen-code.api_error":    modelCall,
	"qwen-code.user_prompt":  promptGiven,
}

func (s *signal) classifyLog() class {
	if body, ok := s.body.(string); ok && logEvents[s.name] == unrelated {
		if _, known := logEvents[body]; known {
			s.name = body // Claude Code has the whole name there
		}
	}
	c := logEvents[s.name]
	if s.name == "codex.sse_event" && s.attrs.text("event.kind") != "response.completed" {
		return unrelated
	}
	return c
}

// Where agents write what the conventions have other names for.
var (
	callKeys     = []string{"tool_use_id", "call_id", "gen_ai.tool.call.id"}
	resultKeys   = []string{"output", "tool_output", "gen_ai.tool.call.result"}
	argumentKeys = []string{"tool_input", "tool_parameters", "arguments", "function_args", "gen_ai.tool.call.arguments"}
	errorKeys    = []string{"error", "error.message", "error_message"}
	costKeys     = []string{"cost_usd", "gen_ai.usage.cost", "gen_ai.usage.cost_usd"}
)

// event fills in a call that an agent logged.
func (s *signal) event(a *learn.ActionOutcome) {
	took := s.attrs.number("duration_ms")
	if took > 0 && took < 1e9 && !a.Timestamp.IsZero() { // it is logged when it ends
		a.Timestamp = a.Timestamp.Add(-time.Duration(took * float64(time.Millisecond)))
	}
	if s.class == modelCall {
		s.eventModel(a)
	} else {
		s.eventTool(a)
	}
	a.ResourceMetrics.DurationMS = took
	if a.ActionType == learn.LLMInference {
		a.ResourceMetrics.APICallLatencyMS = took
	}
	message := s.attrs.text(errorKeys...)
	if s.attrs.text("success") != "false" && message == "" {
		return
	}
	if a.Status.Failed() && a.ErrorDetails != nil && message == "" {
		return // the result said more
	}
	code := s.attrs.text("error_type", "error.type", "status_code", "http.response.status_code")
	a.ErrorDetails = &learn.ErrorDetails{Code: code, Message: orElse(message, orElse(firstLine(a.ToolOutput.Text()), "it failed"))}
	a.Status = failureKind(code + " " + cutAt(message, 200))
	if s.attrs.text("decision") == "reject" {
		a.Status = learn.StatusInterrupted
	}
}

func (s *signal) eventTool(a *learn.ActionOutcome) {
	a.ActionType, a.ToolName = learn.ToolCall, s.attrs.text("tool_name", "function_name", "gen_ai.tool.name")
	a.CallID = s.attrs.text(callKeys...)
	a.Status = learn.StatusSuccess
	if result := s.attrs.json(resultKeys...); result != nil {
		codexResult(a, result)
	}
	a.ToolParameters = arguments(s.attrs.json(argumentKeys...))
	var claude struct {
		Command string `json:"full_command"`
	}
	if json.Unmarshal(a.ToolParameters, &claude) == nil && claude.Command != "" {
		a.ToolParameters = command(claude.Command)
	}
}

func (s *signal) eventModel(a *learn.ActionOutcome) {
	a.ActionType, a.ToolName = learn.LLMInference, strings.TrimSpace("chat "+s.attrs.text("model"))
	a.CallID = s.attrs.text("request_id", "gen_ai.response.id")
	a.Status = learn.StatusSuccess
	m := &a.ResourceMetrics
	m.TokenCountIn = s.attrs.count("input_tokens", "input_token_count")
	m.TokenCountOut = s.attrs.count("output_tokens", "output_token_count")
	m.CostUSD = s.attrs.number(costKeys...)
	params := attributes{}
	for key, from := range map[string][]string{"model": {"model"}, "cached_tokens": {"cache_read_tokens", "cached_token_count", "cached_content_token_count"}, "attempt": {"attempt"}} {
		if v := s.attrs.text(from...); v != "" {
			params.set(key, v)
		}
	}
	a.ToolParameters = valueJSON(map[string]any(params))
}

// promptText is what a person told the agent; "" when that was not sent along.
func (s *signal) promptText() string {
	text := s.attrs.text("prompt")
	if messages := s.attrs.json("gen_ai.input.messages"); text == "" && messages != nil {
		role, last := lastMessage(messages)
		if role == "user" || role == "" {
			text = last
		}
	}
	switch strings.Trim(text, "<>[] \n") {
	case "REDACTED", "redacted":
		return ""
	}
	return text
}
