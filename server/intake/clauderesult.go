package intake

import (
	"encoding/json"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// claudeToolResult is what Claude Code notes of a result beside the text that
// the model saw. Which fields are there depends on the tool.
type claudeToolResult struct {
	Stdout          *string `json:"stdout"`
	Stderr          *string `json:"stderr"`
	Interrupted     bool    `json:"interrupted"`
	BackgroundTask  string  `json:"backgroundTaskId"`
	DurationMS      float64 `json:"durationMs"`
	DurationSeconds float64 `json:"durationSeconds"`
	TotalDurationMS float64 `json:"totalDurationMs"`
}

var exitCode = lazyregexp.New(`^(?:Error: )?Exit code (\d{1,3})\b\n?`)

// claudeResult completes a call: text is what the model saw, extra what the
// client noted, nil or of any form.
func claudeResult(a *learn.ActionOutcome, text string, isError bool, extra json.RawMessage) {
	var r claudeToolResult
	if len(extra) > 0 && extra[0] == '{' {
		// A field of an unexpected type is one that this tool uses otherwise.
		_ = json.Unmarshal(extra, &r)
	}
	a.Status = learn.StatusSuccess
	for _, ms := range []float64{r.DurationMS, r.DurationSeconds * 1000, r.TotalDurationMS} {
		a.ResourceMetrics.DurationMS = max(a.ResourceMetrics.DurationMS, ms)
	}
	if isError {
		claudeFailure(a, text)
		return
	}
	switch {
	case r.Stdout != nil || r.Stderr != nil:
		a.ToolOutput.Stdout, a.ToolOutput.Stderr = deref(r.Stdout), deref(r.Stderr)
		if r.Interrupted {
			a.Status = learn.StatusInterrupted
		} else if r.BackgroundTask == "" {
			code := 0 // another exit code comes as an error
			a.ToolOutput.ExitCode = &code
		}
	default:
		a.ToolOutput.Content = text
		if r.Interrupted {
			a.Status = learn.StatusInterrupted
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// claudeFailure reads an error's text: a shell's exit code and output, a
// refusal by the person, a time-out, or the tool's own message.
func claudeFailure(a *learn.ActionOutcome, text string) {
	a.Status = learn.StatusFailure
	e := &learn.ErrorDetails{}
	a.ErrorDetails = e
	if body, ok := between(text, "<tool_use_error>", "</tool_use_error>"); ok {
		text, e.Code = body, "tool_use_error"
	}
	switch {
	case strings.HasPrefix(text, "The user doesn't want to"), strings.HasPrefix(text, "User chose to"),
		strings.HasPrefix(text, "User rejected"), strings.Contains(text, "[Request interrupted by user"):
		a.Status, e.Code = learn.StatusInterrupted, "stopped_by_user"
	case strings.Contains(cutAt(text, 400), "timed out after"):
		a.Status, e.Code = learn.StatusTimeout, "timeout"
	}
	if m := exitCode.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1]) // three digits always fit
		a.ToolOutput.ExitCode = &code
		a.ToolOutput.Stdout = text[len(m[0]):]
		e.Code, e.Message = "exit_code", "exit code "+m[1]
		return
	}
	a.ToolOutput.Content = text
	e.Message = firstLine(text)
}

// firstLine is the first line of text that says something, at most 400 bytes.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return cutAt(line, 400)
		}
	}
	return ""
}
