package intake

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	// bashBlock is mini-swe-agent's own expression for an action.
	bashBlock  = lazyregexp.New("(?s)```(?:bash|mswea_bash_command)\\s*\\n(.*?)\\n```")
	returnCode = lazyregexp.New(`^\s*<returncode>(-?\d{1,9})</returncode>\n?`)
	timedOut   = lazyregexp.New(`^The last command <command>(?s:.*)</command> timed out and has been killed\.`)
)

func bashBlocks(text string) []string {
	var blocks []string
	for _, m := range bashBlock.FindAllStringSubmatch(text, maxBlocks) {
		blocks = append(blocks, strings.TrimSpace(m[1]))
	}
	return blocks
}

// maxBlocks is how many blocks of one answer are looked for: two are already
// one too many.
const maxBlocks = 100

// readObservation reads the message that shows a command's result: a return
// code with the output, whole or elided; a time-out; or, for the command that
// submits, the submission itself. What says nothing else counts as success.
func readObservation(a *learn.ActionOutcome, text string) {
	a.Status = learn.StatusSuccess
	if m := returnCode.FindStringSubmatch(text); m != nil {
		code, err := strconv.Atoi(m[1])
		if err == nil { // nine digits always fit
			a.ToolOutput.ExitCode = &code
			a.Status = statusOf(code)
		}
		a.ToolOutput.Stdout = observedOutput(text[len(m[0]):])
		return
	}
	if timedOut.MatchString(text) {
		a.Status = learn.StatusTimeout
		a.ErrorDetails = &learn.ErrorDetails{Code: "timeout", Message: "timed out"}
		a.ToolOutput.Stdout = observedOutput(text[strings.LastIndex(text, "timed out and has been killed."):])
		return
	}
	a.ToolOutput.Stdout = text
	if strings.Contains(a.Command(), "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT") {
		code := 0
		a.ToolOutput.ExitCode = &code
	}
}

// observedOutput takes the output out of its tags. An elided one keeps head
// and tail with a mark between.
func observedOutput(text string) string {
	if head, ok := between(text, "<output_head>\n", "</output_head>"); ok {
		elided, _ := between(text, "<elided_chars>\n", "</elided_chars>")
		tail, _ := between(text, "<output_tail>\n", "</output_tail>")
		return strings.TrimSuffix(head, "\n") + "\n[the recorder left out: " + strings.TrimSpace(elided) + "]\n" + tail
	}
	if body, ok := between(text, "<output>\n", "</output>"); ok {
		return body
	}
	return strings.TrimSpace(text)
}

func statusOf(code int) learn.Status {
	if code == 0 {
		return learn.StatusSuccess
	}
	return learn.StatusFailure
}

// taskOf is the task in an agent's first message: what stands in its
// pr_description, else all of it.
func taskOf(text string) string {
	if body, ok := between(text, "<pr_description>", "</pr_description>"); ok {
		body = strings.TrimSpace(body)
		return strings.TrimSpace(strings.TrimPrefix(body, "Consider the following PR description:"))
	}
	return strings.TrimSpace(text)
}

// messageText is the text of a chat message's content: a string, or blocks of
// which images are dropped with a mark.
func messageText(raw json.RawMessage) string { return textOf(raw, 3) }

// textOf goes at most depth levels into blocks within blocks, each of which is
// decoded anew.
func textOf(raw json.RawMessage, depth int) string {
	var text string
	if len(raw) == 0 || depth == 0 || json.Unmarshal(raw, &text) == nil {
		return text
	}
	var parts []string
	err := list(raw, func(b contentBlock) {
		if t := b.plain(depth); t != "" {
			parts = append(parts, t)
		}
	})
	if err != nil {
		return ""
	}
	return strings.Join(parts, "\n")
}

// contentBlock is a block of a message in OpenAI's or Anthropic's form.
type contentBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
	Source    struct {
		MediaType string `json:"media_type"`
		Data      string `json:"data"`
	} `json:"source"`
}

// plain is the block as text. Images and other binary parts leave a mark.
func (b contentBlock) plain(depth int) string {
	switch b.Type {
	case "text", "input_text", "output_text":
		return b.Text
	case "image", "document":
		size := len(b.Source.Data) / 4 * 3
		return "[lathe: " + b.Type + " dropped, " + b.Source.MediaType + ", " + strconv.Itoa(size) + " bytes]"
	case "image_url", "input_image", "input_audio", "file":
		return "[lathe: " + b.Type + " dropped]"
	case "tool_result":
		return textOf(b.Content, depth-1)
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
