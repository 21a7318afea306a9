package intake

import (
	"encoding/json"
	"strings"
	"testing"

	"lathe/learn"
)

const hookHead = `{"session_id":"11111111-2222-4333-8444-555555555555","transcript_path":"/t.jsonl","cwd":"/home/joe/widgets","permission_mode":"default",`

// hookCall is an event that is one call.
func hookCall(t *testing.T, format, event string) *learn.ActionOutcome {
	t.Helper()
	h, err := ParseHook(format, []byte(event))
	must(t, err)
	if len(h.Records) != 1 || h.Records[0].Action == nil || h.Before != nil {
		t.Fatalf("%s %s: %+v", format, event, h)
	}
	return admitOne(t, door(t), h.Records[0]).Action
}

const (
	codexHead  = `{"session_id":"cx-1","turn_id":"t1","transcript_path":"/r.jsonl","cwd":"/home/joe/widgets","model":"m","permission_mode":"default",`
	geminiHead = `{"session_id":"gm-1","transcript_path":"/c.json","cwd":"/home/joe/widgets","timestamp":"2026-03-01T10:00:00.5Z",`
	cursorHead = `{"conversation_id":"cu-1","generation_id":"g","model":"m","cursor_version":"2.4.1","workspace_roots":["/home/joe/widgets"],`
	openHead   = `{"session_id":"oc-1","cwd":"/home/joe/widgets",`
)

func TestParseHook(t *testing.T) {
	for _, tt := range []struct{ name, format, in, want string }{
		{"success", "claude-code", hookHead + `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"},"tool_response":{"stdout":"a","stderr":"","interrupted":false},"tool_use_id":"toolu_1"}`,
			`Bash success "a" "" exit 0 error "" 0 ms`},
		{"failure", "claude-code", hookHead + `"hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_input":{"command":"make"},"tool_use_id":"toolu_1","error":"Exit code 2\nmake: no rule","is_interrupt":false,"duration_ms":12}`,
			`Bash failure "make: no rule" "" exit 2 error "exit code 2" 12 ms`},
		{"interrupt", "claude-code", hookHead + `"hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_use_id":"toolu_1","error":"stopped","is_interrupt":true}`,
			`Bash interrupted "" "stopped" exit - error "stopped" 0 ms`},
		{"text response", "claude-code", hookHead + `"hook_event_name":"PostToolUse","tool_name":"Read","tool_response":"package w","tool_use_id":"toolu_1"}`,
			`Read success "" "package w" exit - error "" 0 ms`},
		{"content response", "claude-code", hookHead + `"hook_event_name":"PostToolUse","tool_name":"mcp__x__y","tool_response":{"content":[{"type":"text","text":"hi"}]},"tool_use_id":"toolu_1"}`,
			`mcp__x__y success "" "hi" exit - error "" 0 ms`},
		{"other response", "claude-code", hookHead + `"hook_event_name":"PostToolUse","tool_name":"Glob","tool_response":{"filenames":["a.go"]},"tool_use_id":"toolu_1"}`,
			`Glob success "" "{\"filenames\":[\"a.go\"]}" exit - error "" 0 ms`},
		{"no response", "claude-code", hookHead + `"hook_event_name":"PostToolUse","tool_name":"Glob","tool_use_id":"toolu_1"}`,
			`Glob success "" "" exit - error "" 0 ms`},

		{"codex json text", "codex", codexHead + `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"make"},"tool_use_id":"c1","tool_response":"{\"output\":\"no rule\",\"metadata\":{\"exit_code\":2,\"duration_seconds\":0.25}}"}`,
			`Bash failure "no rule" "" exit 2 error "exit code 2" 250 ms`},
		{"codex head", "codex", codexHead + `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"make"},"tool_use_id":"c1","tool_response":"Exit code: 1\nWall time: 0.5 seconds\nOutput:\nExit code: 7\n"}`,
			`Bash failure "Exit code: 7\n" "" exit 1 error "exit code 1" 500 ms`},
		{"codex unified exec", "codex", codexHead + `"hook_event_name":"PostToolUse","tool_name":"exec_command","tool_input":{"cmd":"ls"},"tool_use_id":"c1","tool_response":"Chunk ID: x\nWall time: 0.05 seconds\nProcess exited with code 0\nOutput:\na\n"}`,
			`exec_command success "a\n" "" exit 0 error "" 50 ms`},
		{"codex object", "codex", codexHead + `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"make"},"tool_use_id":"c1","tool_response":{"stdout":"o","stderr":"e","exit_code":3}}`,
			`Bash failure "o" "" exit 3 error "exit code 3" 0 ms`},
		{"codex plain", "codex", codexHead + `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"},"tool_use_id":"c1","tool_response":"a.go"}`,
			`Bash success "" "a.go" exit - error "" 0 ms`},
		{"codex mcp error", "codex", codexHead + `"hook_event_name":"PostToolUse","tool_name":"mcp__x__y","tool_use_id":"c1","tool_response":{"content":[{"type":"text","text":"no such row"}],"isError":true}}`,
			`mcp__x__y failure "" "no such row" exit - error "no such row" 0 ms`},

		{"gemini shell", "gemini", geminiHead + `"hook_event_name":"AfterTool","tool_name":"run_shell_command","tool_input":{"command":"make"},"tool_response":{"llmContent":"Command: make\nOutput: no rule\nExit Code: 2","returnDisplay":"no rule"}}`,
			`run_shell_command failure "no rule" "" exit 2 error "exit code 2" 0 ms`},
		{"gemini error", "gemini", geminiHead + `"hook_event_name":"AfterTool","tool_name":"read_file","tool_input":{"path":"x"},"tool_response":{"llmContent":[{"text":"no file"}],"error":{"message":"File not found: x","type":"file_not_found"}}}`,
			`read_file failure "" "no file" exit - error "File not found: x" 0 ms`},
		{"gemini parts", "gemini", geminiHead + `"hook_event_name":"AfterTool","tool_name":"read_file","tool_input":{},"tool_response":{"llmContent":[{"text":"a"},{"inlineData":{}},{"text":"b"}]}}`,
			`read_file success "" "a\nb" exit - error "" 0 ms`},

		{"cursor shell", "cursor", cursorHead + `"hook_event_name":"afterShellExecution","command":"make","output":"no rule","duration":7}`,
			`Shell success "" "no rule" exit - error "" 7 ms`},
		{"cursor tool", "cursor", cursorHead + `"hook_event_name":"postToolUse","tool_name":"Shell","tool_input":{"command":"make"},"tool_output":"{\"exitCode\":2,\"stdout\":\"no rule\"}","tool_use_id":"u1","duration":5}`,
			`Shell failure "no rule" "" exit 2 error "exit code 2" 5 ms`},
		{"cursor failure", "cursor", cursorHead + `"hook_event_name":"postToolUseFailure","tool_name":"Read","tool_input":{"path":"x"},"tool_use_id":"u1","error_message":"no file x","failure_type":"error"}`,
			`Read failure "" "no file x" exit - error "no file x" 0 ms`},
		{"cursor timeout", "cursor", cursorHead + `"hook_event_name":"postToolUseFailure","tool_name":"Shell","tool_input":{"command":"x"},"tool_use_id":"u1","error_message":"too long","failure_type":"timeout"}`,
			`Shell timeout "" "too long" exit - error "too long" 0 ms`},
		{"cursor mcp", "cursor", cursorHead + `"hook_event_name":"afterMCPExecution","tool_name":"query","tool_input":"{\"q\":1}","result_json":"{\"content\":[{\"type\":\"text\",\"text\":\"bad\"}],\"isError\":true}","duration":3}`,
			`query failure "" "bad" exit - error "bad" 3 ms`},

		{"opencode", "opencode", openHead + `"hook_event_name":"tool.execute.after","tool":"bash","call_id":"o1","args":{"command":"make"},"result":{"title":"","output":"no rule","metadata":{"exit":2}}}`,
			`bash failure "no rule" "" exit 2 error "exit code 2" 0 ms`},
		{"opencode error", "opencode", openHead + `"hook_event_name":"tool.execute.error","tool":"read","call_id":"o1","args":{"filePath":"x"},"error":"File not found: x"}`,
			`read failure "" "File not found: x" exit - error "File not found: x" 0 ms`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := hookCall(t, tt.format, tt.in)
			if got := a.ToolName + " " + brief(a); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if a.Source != learn.SourceHook || a.CallID != "" && a.ID != learn.EventID(a.SessionID, a.CallID) || a.ProjectID != "/home/joe/widgets" || a.ContextSnapshot.CWD != "/home/joe/widgets" {
				t.Errorf("identity %+v", a)
			}
		})
	}
}

// A call to come is asked about and not recorded.
func TestParseHookBefore(t *testing.T) {
	for format, in := range map[string]string{
		"claude-code": hookHead + `"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"make all"},"tool_use_id":"t"}`,
		"codex":       codexHead + `"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"make all"},"tool_use_id":"t"}`,
		"gemini":      geminiHead + `"hook_event_name":"BeforeTool","tool_name":"run_shell_command","tool_input":{"command":"make all"}}`,
		"cursor":      cursorHead + `"hook_event_name":"beforeShellExecution","command":"make all","cwd":""}`,
		"opencode":    openHead + `"hook_event_name":"tool.execute.before","tool":"bash","call_id":"t","args":{"command":"make all"}}`,
	} {
		h, err := ParseHook(format, []byte(in))
		must(t, err)
		if len(h.Records) > 0 || h.Before == nil || h.Before.Command() != "make all" || h.Before.ContextSnapshot.CWD != "/home/joe/widgets" {
			t.Errorf("%s: %+v", format, h)
		}
	}
	h, err := ParseHook("cursor", []byte(cursorHead+`"hook_event_name":"beforeMCPExecution","tool_name":"query","tool_input":"{\"q\":1}","url":"http://x"}`))
	must(t, err)
	if h.Before == nil || h.Before.ToolName != "query" || string(h.Before.ToolParameters) != `{"q":1}` {
		t.Errorf("an MCP call: %+v", h.Before)
	}
}

// brief is what a call came to, on one line.
func brief(a *learn.ActionOutcome) string {
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	exit, message := "-", ""
	if a.ToolOutput.ExitCode != nil {
		b, _ := json.Marshal(*a.ToolOutput.ExitCode)
		exit = string(b)
	}
	if a.ErrorDetails != nil {
		message = a.ErrorDetails.Message
	}
	ms, _ := json.Marshal(a.ResourceMetrics.DurationMS)
	return strings.Join([]string{string(a.Status), quoted(a.ToolOutput.Stdout), quoted(a.ToolOutput.Content),
		"exit", exit, "error", quoted(message), string(ms), "ms"}, " ")
}

// The same call seen by hook and transcript is one event.
func TestHookMeetsTranscript(t *testing.T) {
	m := newMemory(t)
	_, err := Import(t.Context(), ImportOptions{Format: "claude-code", Paths: []string{"testdata/claude-code"}}, m)
	must(t, err)
	h, err := ParseHook("claude-code", []byte(hookHead+`"hook_event_name":"PostToolUse","tool_name":"Bash","tool_use_id":"toolu_3"}`))
	must(t, err)
	receipt, err := m.Accept(t.Context(), h.Records)
	must(t, err)
	if receipt.Duplicates != 1 {
		t.Errorf("the hook's event is not the transcript's: %+v", receipt)
	}
}

func TestParseHookTasks(t *testing.T) {
	for _, tt := range []struct {
		format, in string
		phase      learn.Phase
	}{
		{"claude-code", hookHead + `"hook_event_name":"UserPromptSubmit","prompt":"Spin"}`, learn.TaskStart},
		{"codex", codexHead + `"hook_event_name":"UserPromptSubmit","prompt":"Spin"}`, learn.TaskStart},
		{"gemini", geminiHead + `"hook_event_name":"BeforeAgent","prompt":"Spin"}`, learn.TaskStart},
		{"cursor", cursorHead + `"hook_event_name":"beforeSubmitPrompt","prompt":"Spin","attachments":[]}`, learn.TaskStart},
		{"opencode", openHead + `"hook_event_name":"chat.message","prompt":"Spin"}`, learn.TaskStart},
		{"claude-code", hookHead + `"hook_event_name":"SessionEnd","reason":"exit"}`, learn.TaskFinish},
		{"codex", codexHead + `"hook_event_name":"SessionEnd"}`, learn.TaskFinish},
		{"gemini", geminiHead + `"hook_event_name":"SessionEnd","reason":"exit"}`, learn.TaskFinish},
		{"cursor", cursorHead + `"hook_event_name":"sessionEnd","session_id":"cu-1","reason":"completed"}`, learn.TaskFinish},
		{"opencode", openHead + `"hook_event_name":"session.end"}`, learn.TaskFinish},
		{"claude-code", hookHead + `"hook_event_name":"Notification"}`, ""},
		{"codex", codexHead + `"hook_event_name":"PreCompact"}`, ""},
		{"gemini", geminiHead + `"hook_event_name":"PreCompress"}`, ""},
		{"cursor", cursorHead + `"hook_event_name":"afterAgentThought","text":"x"}`, ""},
		{"opencode", openHead + `"hook_event_name":"other"}`, ""},
	} {
		h, err := ParseHook(tt.format, []byte(tt.in))
		must(t, err)
		switch {
		case tt.phase == "" && len(h.Records) == 0:
		case tt.phase == "" || len(h.Records) != 1 || h.Records[0].Task == nil || h.Records[0].Task.Phase != tt.phase ||
			tt.phase == learn.TaskStart && h.Records[0].Task.Prompt != "Spin":
			t.Errorf("%s: %+v", tt.in, h.Records)
		}
	}
}

func TestParseHookErrors(t *testing.T) {
	for _, tt := range []struct{ format, in, want string }{
		{"emacs", "{}", "is unknown"},
		{"claude-code", "", "ends early"},
		{"claude-code", "{nope", "not valid JSON"},
		{"claude-code", "[]", "does not fit"},
		{"claude-code", "{}", "no session_id"},
		{"claude-code", hookHead + `"hook_event_name":"PostToolUse"}`, "no tool_name"},
	} {
		h, err := ParseHook(tt.format, []byte(tt.in))
		wantError(t, err, tt.want)
		if h.Records != nil || h.Before != nil {
			t.Errorf("%q gives records", tt.in)
		}
	}
}

// fuzzHook feeds events to one agent's reader; what it makes of them goes
// through the door.
func fuzzHook(f *testing.F, format string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	d := door(f)
	f.Fuzz(func(t *testing.T, event []byte) {
		h, err := ParseHook(format, event)
		if err != nil {
			return
		}
		if h.Before != nil && len(h.Records) > 0 {
			t.Fatalf("a call to come is recorded: %+v", h)
		}
		d.Admit(h.Records)
	})
}

func FuzzHookClaudeCode(f *testing.F) {
	fuzzHook(f, "claude-code", hookHead+`"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"},"tool_response":{"stdout":"a"},"tool_use_id":"t"}`,
		hookHead+`"hook_event_name":"PostToolUseFailure","tool_name":"Bash","error":"Exit code 1\nx","is_interrupt":true}`,
		`{"session_id":"s","hook_event_name":"PostToolUse","tool_name":"x","tool_response":[{"type":"tool_result","content":[{}]}]}`)
}

func FuzzHookCodex(f *testing.F) {
	fuzzHook(f, "codex", codexHead+`"hook_event_name":"PostToolUse","tool_name":"Bash","tool_response":"{\"output\":\"x\",\"metadata\":{\"exit_code\":2}}"}`,
		codexHead+`"hook_event_name":"PostToolUse","tool_name":"Bash","tool_response":"Exit code: 1\nWall time: 0.5 seconds\nOutput:\n"}`)
}

func FuzzHookGemini(f *testing.F) {
	fuzzHook(f, "gemini", geminiHead+`"hook_event_name":"AfterTool","tool_name":"run_shell_command","tool_input":{"command":"x"},"tool_response":{"llmContent":[{"functionResponse":{"response":{"output":"Exit Code: 2"}}}],"error":{}}}`)
}

func FuzzHookCursor(f *testing.F) {
	fuzzHook(f, "cursor", cursorHead+`"hook_event_name":"postToolUse","tool_name":"Shell","tool_input":"{}","tool_output":"{\"exitCode\":2}"}`,
		cursorHead+`"hook_event_name":"afterMCPExecution","tool_name":"q","tool_input":"{","result_json":"[]"}`)
}

func FuzzHookOpencode(f *testing.F) {
	fuzzHook(f, "opencode", openHead+`"hook_event_name":"tool.execute.after","tool":"bash","args":{"command":"x"},"result":{"output":"a","metadata":{"exit":2}}}`)
}
