package intake

import (
	"encoding/json"
	"fmt"

	"lathe/learn"
)

// maxHook is the size of one hook event, in bytes.
const maxHook = 64 << 20

// claudeHook is what Claude Code writes to a hook's standard input.
type claudeHook struct {
	Event        string          `json:"hook_event_name"`
	SessionID    string          `json:"session_id"`
	AgentID      string          `json:"agent_id"`
	CWD          string          `json:"cwd"`
	Prompt       string          `json:"prompt"`
	ToolName     string          `json:"tool_name"`
	ToolInput    json.RawMessage `json:"tool_input"`
	ToolResponse json.RawMessage `json:"tool_response"`
	ToolUseID    string          `json:"tool_use_id"`
	Error        string          `json:"error"`
	IsInterrupt  bool            `json:"is_interrupt"`
	DurationMS   float64         `json:"duration_ms"`
}

// ParseHook turns one hook event of an agent into records: a tool's result
// into an ActionOutcome, a prompt and a session's end into TaskRecords, any
// other event into none. The format is claude-code. Times are left to the
// Door: the event does not carry one.
func ParseHook(format string, event []byte) ([]learn.Record, error) {
	if format != "claude-code" {
		return nil, fmt.Errorf("hook format %q is unknown: use claude-code", format)
	}
	if len(event) > maxHook {
		return nil, fmt.Errorf("the hook event has %d bytes, at most %d", len(event), maxHook)
	}
	var h claudeHook
	if err := json.Unmarshal(event, &h); err != nil {
		return nil, fmt.Errorf("read the hook event: %s", jsonProblem(err, maxHook))
	}
	if h.SessionID == "" {
		return nil, fmt.Errorf("the hook event has no session_id: is it Claude Code that calls this hook?")
	}
	s := session{id: h.SessionID, task: h.SessionID, agent: "claude-code", project: orElse(h.CWD, "claude-code")}
	if h.AgentID != "" {
		s.task, s.agent = h.SessionID+"/"+h.AgentID, "claude-code/"+h.AgentID
	}
	switch h.Event {
	case "PostToolUse", "PostToolUseFailure":
		return hookCall(&h, &s)
	case "UserPromptSubmit":
		t := s.record(learn.TaskStart, s.started)
		t.Prompt = h.Prompt
		t.ID = TaskRecordID(t)
		return []learn.Record{{Task: t}}, nil
	case "SessionEnd":
		t := s.finish(learn.OutcomeUnknown, "")
		t.ID = TaskRecordID(t)
		return []learn.Record{{Task: t}}, nil
	}
	return nil, nil
}

func hookCall(h *claudeHook, s *session) ([]learn.Record, error) {
	if h.ToolName == "" {
		return nil, fmt.Errorf("the %s event has no tool_name: is it Claude Code that calls this hook?", h.Event)
	}
	a := &learn.ActionOutcome{
		CallID: h.ToolUseID, ProjectID: s.project, SessionID: s.id, TaskID: s.task, AgentID: s.agent, Source: learn.SourceHook,
		ActionType: learn.ToolCall, ToolName: h.ToolName, ToolParameters: h.ToolInput,
		ContextSnapshot: learn.ContextSnapshot{CWD: h.CWD},
	}
	if h.Event == "PostToolUseFailure" {
		claudeResult(a, h.Error, true, nil)
		if h.IsInterrupt {
			a.Status = learn.StatusInterrupted
		}
	} else {
		claudeResult(a, responseText(h.ToolResponse), false, h.ToolResponse)
	}
	if h.DurationMS > 0 {
		a.ResourceMetrics.DurationMS = h.DurationMS
	}
	if a.CallID != "" {
		a.ID = learn.EventID(a.SessionID, a.CallID)
	}
	return []learn.Record{{Action: a}}, nil
}

// responseText is a tool_response as text: what stands in it as text, else the
// JSON itself.
func responseText(raw json.RawMessage) string {
	var object struct {
		Content json.RawMessage `json:"content"`
	}
	text := messageText(raw)
	if text == "" && json.Unmarshal(raw, &object) == nil {
		text = messageText(object.Content)
	}
	if text == "" && string(raw) != "null" {
		text = string(raw)
	}
	return text
}
