package intake

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// codexAnswer is what Codex notes of a call's result when it is an object. The
// fields that are there depend on the tool and on Codex's version.
type codexAnswer struct {
	Output   json.RawMessage `json:"output"`
	Content  json.RawMessage `json:"content"`
	Success  *bool           `json:"success"`
	IsError  bool            `json:"isError"` // of an MCP result
	Stdout   *string         `json:"stdout"`
	Stderr   *string         `json:"stderr"`
	ExitCode *int            `json:"exit_code"`
	Metadata struct {
		ExitCode *int    `json:"exit_code"`
		Seconds  float64 `json:"duration_seconds"`
	} `json:"metadata"`
}

// The heads that Codex puts before a command's output.
var (
	codexExit = lazyregexp.New(`(?m)^(?:Exit code:|Process exited with code) (-?\d{1,9})$`)
	// What stands in place of the output of a call that a person stopped.
	codexStopped = lazyregexp.New(`^(?:Wall time: [\d.]{1,20} seconds\n)?(?:aborted$|aborted by user|(?:exec command |patch )?rejected by user|user (?:rejected|cancelled) MCP tool call)`)
	codexWall    = lazyregexp.New(`(?m)^Wall time: (\d{1,9}(?:\.\d{1,9})?) seconds$`)
)

// codexResult completes a call with its result: an object, or text that may
// hold one, or text with a head of lines before "Output:". What says nothing
// else counts as success.
func codexResult(a *learn.ActionOutcome, raw json.RawMessage) {
	a.Status = learn.StatusSuccess
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t := strings.TrimSpace(text); !strings.HasPrefix(t, "{") || !json.Valid([]byte(t)) {
			codexText(a, text)
			return
		}
		raw = json.RawMessage(text)
	}
	raw = bytes.TrimSpace(raw)
	var r codexAnswer
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &r) != nil {
		codexText(a, responseText(raw))
		return
	}
	code := r.ExitCode
	if code == nil {
		code = r.Metadata.ExitCode
	}
	a.ResourceMetrics.DurationMS = max(0, r.Metadata.Seconds*1000)
	switch {
	case r.Stdout != nil || r.Stderr != nil:
		a.ToolOutput.Stdout, a.ToolOutput.Stderr = deref(r.Stdout), deref(r.Stderr)
	case code != nil:
		a.ToolOutput.Stdout = messageText(r.Output)
	case len(r.Output) > 0:
		codexText(a, messageText(r.Output))
	default:
		codexText(a, responseText(raw))
	}
	if code != nil {
		exited(a, *code)
	}
	if r.IsError || r.Success != nil && !*r.Success {
		failed(a, "", firstLine(a.ToolOutput.Content))
	}
}

// codexText reads a result that is text: a command's, with its head, or a
// tool's own words.
func codexText(a *learn.ActionOutcome, text string) {
	head, body, ok := strings.Cut(text, "Output:\n")
	var m []string
	if ok {
		m = codexExit.FindStringSubmatch(head)
	}
	if m == nil {
		a.ToolOutput.Content = text
		if codexStopped.MatchString(text) {
			a.Status = learn.StatusInterrupted
			a.ErrorDetails = &learn.ErrorDetails{Code: "stopped_by_user", Message: firstLine(text)}
			return
		}
		if saysError(text) || strings.HasPrefix(text, "apply_patch verification failed") || strings.HasPrefix(text, "failed to ") {
			failed(a, "", firstLine(text))
		}
		return
	}
	if w := codexWall.FindStringSubmatch(head); w != nil {
		seconds, _ := strconv.ParseFloat(w[1], 64) // the expression admits numbers only
		a.ResourceMetrics.DurationMS = seconds * 1000
	}
	a.ToolOutput.Stdout = body
	code, _ := strconv.Atoi(m[1]) // nine digits always fit
	exited(a, code)
	if strings.HasPrefix(body, "command timed out after") {
		a.Status = learn.StatusTimeout
		a.ErrorDetails = &learn.ErrorDetails{Code: "timeout", Message: firstLine(body)}
	}
}

// exited sets a program's exit code and what follows from it.
func exited(a *learn.ActionOutcome, code int) {
	a.ToolOutput.ExitCode = &code
	a.Status = statusOf(code)
	if code != 0 {
		a.ErrorDetails = &learn.ErrorDetails{Code: "exit_code", Message: "exit code " + strconv.Itoa(code)}
	}
}

// failed marks a call as failed, unless that is known in more detail.
func failed(a *learn.ActionOutcome, code, message string) {
	if a.Status.Failed() {
		return
	}
	a.Status = learn.StatusFailure
	a.ErrorDetails = &learn.ErrorDetails{Code: code, Message: message}
}
