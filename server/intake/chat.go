package intake

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"lathe/learn"
)

// chat collects the tool calls of one conversation in OpenAI's form.
type chat struct {
	prompt string
	calls  []*learn.ActionOutcome
	open   []*learn.ActionOutcome // wait for their results, oldest first
}

func newChat() *chat { return &chat{} }

func (c *chat) messages(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	return elements(dec, func(int) error {
		var m chatMessage
		if err := dec.Decode(&m); err != nil {
			return err
		}
		c.add(&m)
		return nil
	})
}

func (c *chat) raw(raw json.RawMessage) error {
	var m chatMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	c.add(&m)
	return nil
}

func (c *chat) add(m *chatMessage) {
	switch m.Role {
	case "user":
		if c.prompt == "" {
			c.prompt = messageText(m.Content)
		}
	case "assistant":
		c.open = nil // what had no result by now never got one
		if len(m.ToolCalls) > 0 {
			// What does not decode was no call; the message's text stands.
			_ = list(m.ToolCalls, func(call chatCall) { c.call(call.ID, call.Function) })
		}
		if m.FunctionCall != nil {
			c.call("", *m.FunctionCall)
		}
	case "tool", "function":
		c.result(m)
	}
}

func (c *chat) call(id string, f chatFunction) {
	a := &learn.ActionOutcome{
		CallID: id, ActionType: learn.ToolCall, ToolName: f.Name, ToolParameters: arguments(f.Arguments),
		Status: learn.StatusInterrupted,
	}
	c.calls = append(c.calls, a)
	c.open = append(c.open, a)
}

// arguments takes the JSON out of the string in which it comes. What a model
// wrote that is no JSON is kept as text.
func arguments(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return raw // an object already
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return append(append([]byte(`{"arguments":`), quote(text)...), '}')
}

// result goes to the call with its id, else to the oldest that waits.
func (c *chat) result(m *chatMessage) {
	for i, a := range c.open {
		if m.ToolCallID != "" && a.CallID != m.ToolCallID {
			continue
		}
		c.open = append(c.open[:i:i], c.open[i+1:]...)
		text := messageText(m.Content)
		a.ToolOutput.Content = text
		a.Status = learn.StatusSuccess
		if saysError(text) {
			a.Status = learn.StatusFailure
			a.ErrorDetails = &learn.ErrorDetails{Message: firstLine(text)}
		}
		return
	}
}

// saysError reads a tool's answer that carries no flag: an error says so at
// its start.
func saysError(text string) bool {
	text = strings.ToLower(strings.TrimSpace(cutAt(text, 200)))
	for _, start := range []string{"error:", "error ", "error\n", "exception:", "traceback (most recent call last)", `{"error"`, `{"is_error":true`, `{"iserror":true`} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return text == "error"
}

// identify gives each call its id: from the agent's call id where that is
// unique in the session, else from its position in this very run.
func (c *chat) identify(s *session, source string) {
	times := map[string]int{}
	for _, a := range c.calls {
		times[a.CallID]++
	}
	run := s.fingerprint()
	for i, a := range c.calls {
		if a.CallID != "" && times[a.CallID] > 1 {
			a.CallID += "#" + strconv.Itoa(i)
		}
		if a.CallID != "" {
			a.ID = learn.EventID(s.id, a.CallID)
			continue
		}
		a.ID = learn.PositionID(source+"/"+run, s.id, i)
	}
}
