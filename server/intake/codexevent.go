package intake

import (
	"context"
	"encoding/json"

	"lathe/learn"
)

// maxNotes bounds what events may say of one call.
const maxNotes = 8

// event takes one of the events that rollouts keep beside the items.
func (t *codexRollout) event(ctx context.Context, number int, m *codexItem) error {
	switch m.Type {
	case "user_message":
		var text string
		if json.Unmarshal(m.Message, &text) != nil {
			return nil
		}
		return t.spoken(ctx, number, text)
	case "token_count":
		if c := t.counted; c != nil && m.Info != nil {
			c.action.ResourceMetrics.TokenCountIn, c.action.ResourceMetrics.TokenCountOut = m.Info.Last.Input, m.Info.Last.Output
		}
		t.counted = nil
	case "exec_command_end", "patch_apply_end", "mcp_tool_call_end":
		if c, ok := t.open[m.CallID]; ok && len(c.notes) < maxNotes {
			c.notes = append(c.notes, *m)
		}
	case "turn_aborted":
		return t.abandon(ctx)
	}
	return nil
}

// complete adds what an event says to a call with its result: how long it took,
// and what the output that the model was given does not tell.
func (m *codexItem) complete(a *learn.ActionOutcome) {
	var d struct {
		Seconds float64 `json:"secs"`
		Nanos   float64 `json:"nanos"`
	}
	if json.Unmarshal(m.Duration, &d) == nil { // other forms say nothing
		a.ResourceMetrics.DurationMS = max(a.ResourceMetrics.DurationMS, d.Seconds*1e3+d.Nanos/1e6)
	}
	if m.ExitCode != nil && a.ToolOutput.ExitCode == nil && a.Status == learn.StatusSuccess {
		a.ToolOutput.Stdout, a.ToolOutput.Content = orElse(a.ToolOutput.Stdout, a.ToolOutput.Content), ""
		exited(a, *m.ExitCode)
	}
	if m.Success != nil && !*m.Success {
		failed(a, "", firstLine(orElse(m.Stderr, a.ToolOutput.Content)))
	}
	var mcp struct {
		Err *string `json:"Err"`
		OK  struct {
			IsError bool `json:"isError"`
			Failed  bool `json:"is_error"`
		} `json:"Ok"`
	}
	if json.Unmarshal(m.Result, &mcp) != nil {
		return // of another form
	}
	if mcp.Err != nil {
		failed(a, "", firstLine(*mcp.Err))
	}
	if mcp.OK.IsError || mcp.OK.Failed {
		failed(a, "", firstLine(a.ToolOutput.Content))
	}
}
