package intake

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// geminiHookEvent reads an event of Gemini CLI. Its events carry no id of the
// call.
func geminiHookEvent(event []byte) (Hook, error) {
	var h hookFields
	if err := decodeHook(event, &h, "Gemini CLI"); err != nil {
		return Hook{}, err
	}
	s, err := h.session("gemini")
	if err != nil {
		return Hook{}, err
	}
	switch h.Event {
	case "BeforeTool":
		return h.before(s)
	case "AfterTool":
		a, err := h.call(s)
		if err != nil {
			return Hook{}, err
		}
		geminiResult(a, h.ToolResponse)
		return h.happened(a), nil
	case "BeforeAgent":
		return h.prompted(s), nil
	case "SessionEnd":
		return h.ended(s), nil
	}
	return Hook{Event: h.Event}, nil
}

// geminiAnswer is what Gemini CLI says of a call's result.
type geminiAnswer struct {
	Model   json.RawMessage `json:"llmContent"`    // text, a part, or parts
	Display json.RawMessage `json:"returnDisplay"` // text, or an object
	Error   json.RawMessage `json:"error"`         // {message, type}, or text
}

var geminiExit = lazyregexp.New(`(?m)^Exit Code: (-?\d{1,9})$`)

// geminiResult completes a call with its result. A command's is text with a
// line for each of output, error and exit code.
func geminiResult(a *learn.ActionOutcome, raw json.RawMessage) {
	var r geminiAnswer
	if json.Unmarshal(raw, &r) != nil {
		r.Model = raw
	}
	a.Status = learn.StatusSuccess
	text := geminiText(r.Model)
	if text == "" {
		text = geminiText(r.Display)
	}
	shellText(a, text)
	if why := geminiText(r.Error); why != "" {
		failed(a, "", firstLine(why))
	}
}

// shellText sets a call's output, and its exit code where a line names one.
func shellText(a *learn.ActionOutcome, text string) {
	m := geminiExit.FindAllStringSubmatch(text, -1)
	// A command that succeeded may leave out its exit code.
	well := len(m) == 0 && strings.HasPrefix(text, "Output: ") && !strings.Contains(text, "\nError: ") && !strings.Contains(text, "\nSignal: ")
	if len(m) == 0 && !well || a.Command() == "" {
		a.ToolOutput.Content = text
		return
	}
	a.ToolOutput.Stdout, a.ToolOutput.Stderr = geminiSections(text)
	if well {
		exited(a, 0)
		return
	}
	code, _ := strconv.Atoi(m[len(m)-1][1]) // nine digits always fit; the last one is the shell's, not the output's
	exited(a, code)
}

// geminiSections takes a command's output and error out of the text that the
// model is given: "Output: ...", then "Error: ..." and other lines of a name
// and a value. A section that says (none) or (empty) is empty.
func geminiSections(text string) (output, stderr string) {
	_, rest, ok := strings.Cut("\n"+text, "\nOutput: ")
	if !ok {
		return text, ""
	}
	end := func(s, label string) (string, string) {
		if i := strings.LastIndex(s, "\n"+label); i >= 0 {
			return s[:i], strings.TrimPrefix(s[i+1:], label)
		}
		return s, ""
	}
	rest, _ = end(rest, "Exit Code: ")
	output, stderr = end(rest, "Error: ")
	for _, s := range []*string{&output, &stderr} {
		if *s == "(none)" || *s == "(empty)" {
			*s = ""
		}
	}
	return output, stderr
}

// geminiText is a value as text: a string, a part with text, an object with a
// message, a response of a function, or a list of these.
func geminiText(raw json.RawMessage) string {
	var text string
	if len(raw) == 0 || json.Unmarshal(raw, &text) == nil {
		return text
	}
	type part struct {
		Text     string `json:"text"`
		Message  string `json:"message"`
		Function *struct {
			Response struct {
				Output string `json:"output"`
				Error  string `json:"error"`
			} `json:"response"`
		} `json:"functionResponse"`
	}
	say := func(p part) string {
		if p.Function != nil {
			return orElse(p.Function.Response.Output, p.Function.Response.Error)
		}
		return orElse(p.Text, p.Message)
	}
	if raw[0] == '{' {
		var p part
		_ = json.Unmarshal(raw, &p) // of another form: it says nothing
		return say(p)
	}
	var all []string
	// What is no list of parts says nothing.
	_ = list(raw, func(p part) {
		if t := say(p); t != "" {
			all = append(all, t)
		}
	})
	return strings.Join(all, "\n")
}

// cursorHook is an event of Cursor, as far as it differs.
type cursorHook struct {
	hookFields
	ConversationID string          `json:"conversation_id"`
	WorkspaceRoots []string        `json:"workspace_roots"`
	Command        string          `json:"command"`
	Output         string          `json:"output"`
	Duration       float64         `json:"duration"` // milliseconds
	ResultJSON     string          `json:"result_json"`
	ToolOutput     json.RawMessage `json:"tool_output"` // JSON within a string
	ErrorMessage   string          `json:"error_message"`
	FailureType    string          `json:"failure_type"` // timeout, error, permission_denied
}

// cursorHookEvent reads an event of Cursor.
func cursorHookEvent(event []byte) (Hook, error) {
	var h cursorHook
	if err := decodeHook(event, &h, "Cursor"); err != nil {
		return Hook{}, err
	}
	h.SessionID = orElse(h.ConversationID, h.SessionID)
	if h.CWD == "" && len(h.WorkspaceRoots) > 0 {
		h.CWD = h.WorkspaceRoots[0]
	}
	s, err := h.session("cursor")
	if err != nil {
		return Hook{}, err
	}
	h.DurationMS = h.Duration
	switch h.Event {
	case "beforeShellExecution", "afterShellExecution":
		h.ToolName, h.ToolInput = "Shell", command(h.Command)
	default:
		h.ToolInput = arguments(h.ToolInput)
	}
	switch h.Event {
	case "beforeShellExecution", "beforeMCPExecution", "preToolUse":
		return h.before(s)
	case "afterShellExecution", "afterMCPExecution", "postToolUse", "postToolUseFailure":
		a, err := h.call(s)
		if err != nil {
			return Hook{}, err
		}
		h.result(a)
		return h.happened(a), nil
	case "beforeSubmitPrompt":
		return h.prompted(s), nil
	case "sessionEnd":
		return h.ended(s), nil
	}
	return Hook{Event: h.Event}, nil
}

// result completes a call with what the event says of its end.
func (h *cursorHook) result(a *learn.ActionOutcome) {
	a.Status = learn.StatusSuccess
	switch h.Event {
	case "afterShellExecution": // no exit code is told
		a.ToolOutput.Content = h.Output
	case "afterMCPExecution":
		codexResult(a, json.RawMessage(h.ResultJSON))
	case "postToolUse":
		cursorOutput(a, h.ToolOutput)
	case "postToolUseFailure":
		a.ToolOutput.Content = h.ErrorMessage
		failed(a, h.FailureType, firstLine(h.ErrorMessage))
		switch {
		case h.IsInterrupt || h.FailureType == "permission_denied":
			a.Status = learn.StatusInterrupted
		case h.FailureType == "timeout":
			a.Status = learn.StatusTimeout
		}
	}
}

// cursorOutput reads a tool's output: a command's names its exit code.
func cursorOutput(a *learn.ActionOutcome, raw json.RawMessage) {
	var r struct {
		ExitCode *int    `json:"exitCode"`
		Stdout   *string `json:"stdout"`
		Stderr   *string `json:"stderr"`
		Output   *string `json:"output"`
	}
	raw = arguments(raw)
	if json.Unmarshal(raw, &r) != nil || r.ExitCode == nil && r.Stdout == nil {
		codexResult(a, raw)
		return
	}
	a.ToolOutput.Stdout, a.ToolOutput.Stderr = deref(r.Stdout)+deref(r.Output), deref(r.Stderr)
	if r.ExitCode != nil {
		exited(a, *r.ExitCode)
	}
}

// opencodeHook is what Lathe's plugin in opencode sends: the arguments of the
// plugin's hooks, under these names.
type opencodeHook struct {
	hookFields
	CallID string          `json:"call_id"`
	Tool   string          `json:"tool"`
	Args   json.RawMessage `json:"args"`
	Output struct {
		Text     string `json:"output"`
		Metadata struct {
			Exit    *int   `json:"exit"`
			Output  string `json:"output"`
			Timeout bool   `json:"timeout"`
		} `json:"metadata"`
	} `json:"result"`
}

// opencodeHookEvent reads an event of Lathe's opencode plugin.
func opencodeHookEvent(event []byte) (Hook, error) {
	var h opencodeHook
	if err := decodeHook(event, &h, "opencode"); err != nil {
		return Hook{}, err
	}
	s, err := h.session("opencode")
	if err != nil {
		return Hook{}, err
	}
	h.ToolName, h.ToolInput, h.ToolUseID = h.Tool, h.Args, h.CallID
	switch h.Event {
	case "tool.execute.before":
		return h.before(s)
	case "tool.execute.after", "tool.execute.error":
		a, err := h.call(s)
		if err != nil {
			return Hook{}, err
		}
		h.result(a)
		return h.happened(a), nil
	case "chat.message":
		return h.prompted(s), nil
	case "session.end":
		return h.ended(s), nil
	}
	return Hook{Event: h.Event}, nil
}

func (h *opencodeHook) result(a *learn.ActionOutcome) {
	a.Status = learn.StatusSuccess
	if h.Event == "tool.execute.error" {
		a.ToolOutput.Content = h.Error
		failed(a, "", firstLine(h.Error))
		return
	}
	exit := h.Output.Metadata.Exit
	if exit == nil {
		a.ToolOutput.Content = h.Output.Text
		return
	}
	a.ToolOutput.Stdout = orElse(h.Output.Text, h.Output.Metadata.Output)
	exited(a, *exit)
	if h.Output.Metadata.Timeout {
		a.Status = learn.StatusTimeout
		a.ErrorDetails = &learn.ErrorDetails{Code: "timeout", Message: fmt.Sprintf("timed out, exit code %d", *exit)}
	}
}
