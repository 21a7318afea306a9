package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// maxHook is the size of one hook event, in bytes.
const maxHook = 64 << 20

// Hook is what one hook event of an agent says.
type Hook struct {
	Event   string         // the agent's own name for it
	Records []learn.Record // what happened
	// Before is a call that the agent is about to make and that waits for an
	// answer; it did not happen yet and is not recorded.
	Before *learn.ActionOutcome
}

// hookFormats are the agents whose hook events are understood.
var hookFormats = map[string]func([]byte) (Hook, error){
	"claude-code": claudeHookEvent,
	"codex":       codexHookEvent,
	"cursor":      cursorHookEvent,
	"gemini":      geminiHookEvent,
	"opencode":    opencodeHookEvent,
}

// HookFormats lists the agents whose hook events are understood.
func HookFormats() []string { return slices.Sorted(maps.Keys(hookFormats)) }

// ParseHook reads one hook event of an agent, one of HookFormats: a tool's
// result is an ActionOutcome, a prompt and a session's end are TaskRecords, a
// call to come is Before, any other event says nothing. The project of records
// is the folder that the agent works in; who stores them gives it its name.
// Times that the event does not carry are left to the Door.
func ParseHook(format string, event []byte) (Hook, error) {
	read, ok := hookFormats[format]
	if !ok {
		return Hook{}, fmt.Errorf("hook format %q is unknown: use one of %s", cutAt(format, 64), strings.Join(HookFormats(), ", "))
	}
	if len(event) > maxHook {
		return Hook{}, fmt.Errorf("the hook event has %d bytes, at most %d", len(event), maxHook)
	}
	return read(event)
}

// hookFields are those that most agents' events share.
type hookFields struct {
	Event        string          `json:"hook_event_name"`
	SessionID    string          `json:"session_id"`
	AgentID      string          `json:"agent_id"`
	TurnID       string          `json:"turn_id"`
	CWD          string          `json:"cwd"`
	Timestamp    string          `json:"timestamp"` // RFC 3339
	Prompt       string          `json:"prompt"`
	ToolName     string          `json:"tool_name"`
	ToolInput    json.RawMessage `json:"tool_input"`
	ToolResponse json.RawMessage `json:"tool_response"`
	ToolUseID    string          `json:"tool_use_id"`
	Error        string          `json:"error"`
	IsInterrupt  bool            `json:"is_interrupt"`
	DurationMS   float64         `json:"duration_ms"`
}

// decodeHook reads an event into h; agent is who should have sent it.
func decodeHook(event []byte, h any, agent string) error {
	if err := json.Unmarshal(event, h); err != nil {
		return fmt.Errorf("read the hook event: %s: is it %s that calls this hook?", jsonProblem(err, maxHook), agent)
	}
	return nil
}

// session is the session of an event; agent is its name in the log.
func (h *hookFields) session(agent string) (*session, error) {
	if h.SessionID == "" {
		return nil, fmt.Errorf("the hook event has no session_id: is it %s that calls this hook?", agent)
	}
	s := &session{id: h.SessionID, task: h.SessionID, agent: agent, project: orElse(h.CWD, agent)}
	if h.AgentID != "" {
		s.task, s.agent = h.SessionID+"/"+h.AgentID, agent+"/"+h.AgentID
	}
	s.started = hookTime(h.Timestamp)
	s.ended = s.started
	return s, nil
}

// hookTime is the time that an event carries; none leaves it to the Door.
func hookTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// call is the call of an event, without its result.
func (h *hookFields) call(s *session) (*learn.ActionOutcome, error) {
	if h.ToolName == "" {
		return nil, fmt.Errorf("the %s event has no tool_name: is it %s that calls this hook?", cutAt(h.Event, 64), s.agent)
	}
	a := &learn.ActionOutcome{
		CallID: h.ToolUseID, Timestamp: s.started, ProjectID: s.project, SessionID: s.id, TaskID: s.task, AgentID: s.agent,
		Source: learn.SourceHook, ActionType: learn.ToolCall, ToolName: h.ToolName, ToolParameters: h.ToolInput,
		ContextSnapshot: learn.ContextSnapshot{CWD: h.CWD},
	}
	if a.CallID != "" {
		a.ID = learn.EventID(a.SessionID, a.CallID)
	}
	return a, nil
}

// before is an event about a call to come.
func (h *hookFields) before(s *session) (Hook, error) {
	a, err := h.call(s)
	return Hook{Event: h.Event, Before: a}, err
}

// prompted is an event by which a person speaks; ended one that ends a session.
func (h *hookFields) prompted(s *session) Hook {
	t := s.record(learn.TaskStart, s.started)
	t.Prompt = h.Prompt
	t.ID = TaskRecordID(t)
	return Hook{Event: h.Event, Records: []learn.Record{{Task: t}}}
}

func (h *hookFields) ended(s *session) Hook {
	t := s.finish(learn.OutcomeUnknown, "")
	t.ID = TaskRecordID(t)
	return Hook{Event: h.Event, Records: []learn.Record{{Task: t}}}
}

// happened is an event about a call that ended.
func (h *hookFields) happened(a *learn.ActionOutcome) Hook {
	if h.DurationMS > 0 {
		a.ResourceMetrics.DurationMS = h.DurationMS
	}
	return Hook{Event: h.Event, Records: []learn.Record{{Action: a}}}
}

// claudeHookEvent reads an event of Claude Code.
func claudeHookEvent(event []byte) (Hook, error) {
	var h hookFields
	if err := decodeHook(event, &h, "Claude Code"); err != nil {
		return Hook{}, err
	}
	s, err := h.session("claude-code")
	if err != nil {
		return Hook{}, err
	}
	switch h.Event {
	case "PreToolUse":
		return h.before(s)
	case "PostToolUse", "PostToolUseFailure":
		a, err := h.call(s)
		if err != nil {
			return Hook{}, err
		}
		if h.Event == "PostToolUse" {
			claudeResult(a, responseText(h.ToolResponse), false, h.ToolResponse)
			return h.happened(a), nil
		}
		claudeResult(a, h.Error, true, nil)
		if h.IsInterrupt {
			a.Status = learn.StatusInterrupted
		}
		return h.happened(a), nil
	case "UserPromptSubmit":
		return h.prompted(s), nil
	case "SessionEnd":
		return h.ended(s), nil
	}
	return Hook{Event: h.Event}, nil
}

// codexHookEvent reads an event of Codex, which has one event for a tool's
// result whether it succeeded or not.
func codexHookEvent(event []byte) (Hook, error) {
	var h hookFields
	if err := decodeHook(event, &h, "Codex"); err != nil {
		return Hook{}, err
	}
	s, err := h.session("codex")
	if err != nil {
		return Hook{}, err
	}
	switch h.Event {
	case "PreToolUse":
		return h.before(s)
	case "PostToolUse":
		a, err := h.call(s)
		if err != nil {
			return Hook{}, err
		}
		codexResult(a, h.ToolResponse)
		return h.happened(a), nil
	case "UserPromptSubmit":
		return h.prompted(s), nil
	case "SessionEnd":
		return h.ended(s), nil
	}
	return Hook{Event: h.Event}, nil
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
