package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The agent scenarios run a real coding agent (Claude Code, from npm) whose
// model is played by the recorder's HTTP server: it asks for the tool calls of
// the scenario, one after the other, and the agent's own tools answer.

// toolCall is one line of an agent scenario's command.
type toolCall struct {
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

// drive runs the agent through the calls of the scenario and records what the
// tool answered to the last.
func (h *house) drive(r recording, s scenario, dir string) (recording, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Limit)
	defer cancel()
	mode := "bypassPermissions"
	if s.Ask {
		mode = "default"
	}
	cmd := exec.CommandContext(ctx, "claude", "-p", "go", "--output-format", "stream-json", "--verbose", "--permission-mode", mode)
	h.furnish(cmd, dir, false)
	if path, err := exec.LookPath(h.npm + "/node_modules/.bin/claude"); err == nil {
		cmd.Path, cmd.Err = path, nil
	}
	script := strings.ReplaceAll(s.Command, "$PWD", dir)
	cmd.Env = append(cmd.Env, "ANTHROPIC_BASE_URL=http://"+siteAddr+"/agent/"+base64.URLEncoding.EncodeToString([]byte(script)),
		"ANTHROPIC_API_KEY=none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "BASH_DEFAULT_TIMEOUT_MS=2000")
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("start the agent (npm install @anthropic-ai/claude-code): %w", err)
	}
	var all strings.Builder
	answers := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if text, failed, ok := toolResult(lines.Bytes()); ok {
			answers++
			r.Output = h.clean(text)
			if !failed {
				r.Output = ""
			}
		}
	}
	cmd.Wait() // how the agent itself ends does not matter
	if want := strings.Count(script, "\n") + 1; answers != want || r.Output == "" {
		return r, fmt.Errorf("%d of %d calls answered, the last without a failure: %s", answers, want, all.String())
	}
	return r, nil
}

// toolResult reads a line of the agent's output stream.
func toolResult(line []byte) (text string, failed, ok bool) {
	var m struct {
		Message struct {
			Content []struct {
				Type    string          `json:"type"`
				IsError bool            `json:"is_error"`
				Content json.RawMessage `json:"content"`
			} `json:"content"`
		} `json:"message"`
	}
	if json.Unmarshal(line, &m) != nil {
		return "", false, false
	}
	for _, c := range m.Message.Content {
		if c.Type != "tool_result" {
			continue
		}
		var parts []struct {
			Text string `json:"text"`
		}
		if json.Unmarshal(c.Content, &text) != nil && json.Unmarshal(c.Content, &parts) == nil {
			for _, p := range parts {
				text += p.Text
			}
		}
		return text, c.IsError, true
	}
	return "", false, false
}

// playModel answers an agent's request to its model with the next tool call of
// the script in the path.
func playModel(w http.ResponseWriter, r *http.Request, encoded string) {
	script, err := base64.URLEncoding.DecodeString(strings.Split(encoded, "/")[0])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var req struct {
		Stream   bool              `json:"stream"`
		Tools    []json.RawMessage `json:"tools"`
		Messages []json.RawMessage `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	done := 0
	for _, m := range req.Messages {
		done += strings.Count(string(m), `"tool_result"`)
	}
	calls := strings.Split(string(script), "\n")
	block := map[string]any{"type": "text", "text": "done"}
	stop, input := "end_turn", "{}"
	if done < len(calls) && len(req.Tools) > 0 {
		var call toolCall
		if err := json.Unmarshal([]byte(calls[done]), &call); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		block = map[string]any{"type": "tool_use", "id": fmt.Sprintf("toolu_%02d", done), "name": call.Name, "input": map[string]any{}}
		stop, input = "tool_use", string(call.Input)
	}
	stream(w, block, stop, input)
}

// stream writes one message with one block as server-sent events.
func stream(w http.ResponseWriter, block map[string]any, stop, input string) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind string, fields map[string]any) {
		fields["type"] = kind
		raw, err := json.Marshal(fields)
		if err == nil {
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, raw)
		}
	}
	usage := map[string]int{"input_tokens": 1, "output_tokens": 1}
	send("message_start", map[string]any{"message": map[string]any{"id": "msg_1", "type": "message", "role": "assistant", "model": "played",
		"content": []any{}, "stop_reason": nil, "stop_sequence": nil, "usage": usage}})
	send("content_block_start", map[string]any{"index": 0, "content_block": block})
	if stop == "tool_use" {
		send("content_block_delta", map[string]any{"index": 0, "delta": map[string]any{"type": "input_json_delta", "partial_json": input}})
	}
	send("content_block_stop", map[string]any{"index": 0})
	send("message_delta", map[string]any{"delta": map[string]any{"stop_reason": stop, "stop_sequence": nil}, "usage": usage})
	send("message_stop", map[string]any{})
}
