package intake

import (
	"encoding/json"
	"strings"
	"testing"

	"lathe/learn"
)

const hookHead = `{"session_id":"11111111-2222-4333-8444-555555555555","transcript_path":"/t.jsonl","cwd":"/home/joe/widgets","permission_mode":"default",`

func TestParseHook(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"success", `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"},"tool_response":{"stdout":"a","stderr":"","interrupted":false},"tool_use_id":"toolu_1"}`,
			`success "a" "" exit 0 error "" 0 ms`},
		{"failure", `"hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_input":{"command":"make"},"tool_use_id":"toolu_1","error":"Exit code 2\nmake: no rule","is_interrupt":false,"duration_ms":12}`,
			`failure "make: no rule" "" exit 2 error "exit code 2" 12 ms`},
		{"interrupt", `"hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_use_id":"toolu_1","error":"stopped","is_interrupt":true}`,
			`interrupted "" "stopped" exit - error "stopped" 0 ms`},
		{"text response", `"hook_event_name":"PostToolUse","tool_name":"Read","tool_response":"package w","tool_use_id":"toolu_1"}`,
			`success "" "package w" exit - error "" 0 ms`},
		{"content response", `"hook_event_name":"PostToolUse","tool_name":"mcp__x__y","tool_response":{"content":[{"type":"text","text":"hi"}]},"tool_use_id":"toolu_1"}`,
			`success "" "hi" exit - error "" 0 ms`},
		{"other response", `"hook_event_name":"PostToolUse","tool_name":"Glob","tool_response":{"filenames":["a.go"]},"tool_use_id":"toolu_1"}`,
			`success "" "{\"filenames\":[\"a.go\"]}" exit - error "" 0 ms`},
		{"no response", `"hook_event_name":"PostToolUse","tool_name":"Glob","tool_use_id":"toolu_1"}`,
			`success "" "" exit - error "" 0 ms`},
	}
	d := door(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, err := ParseHook("claude-code", []byte(hookHead+tt.in))
			must(t, err)
			if len(recs) != 1 || recs[0].Action == nil {
				t.Fatalf("records %+v", recs)
			}
			a := admitOne(t, d, recs[0]).Action
			if got := brief(a); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if a.Source != learn.SourceHook || a.ID != learn.EventID(a.SessionID, "toolu_1") || a.ProjectID != "/home/joe/widgets" {
				t.Errorf("identity %+v", a)
			}
		})
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
	recs, err := ParseHook("claude-code", []byte(hookHead+`"hook_event_name":"PostToolUse","tool_name":"Bash","tool_use_id":"toolu_3"}`))
	must(t, err)
	receipt, err := m.Accept(t.Context(), recs)
	must(t, err)
	if receipt.Duplicates != 1 {
		t.Errorf("the hook's event is not the transcript's: %+v", receipt)
	}
}

func TestParseHookTasks(t *testing.T) {
	recs, err := ParseHook("claude-code", []byte(hookHead+`"hook_event_name":"UserPromptSubmit","prompt":"Spin"}`))
	must(t, err)
	if len(recs) != 1 || recs[0].Task == nil || recs[0].Task.Phase != learn.TaskStart || recs[0].Task.Prompt != "Spin" {
		t.Errorf("prompt: %+v", recs)
	}
	recs, err = ParseHook("claude-code", []byte(hookHead+`"hook_event_name":"SessionEnd"}`))
	must(t, err)
	if len(recs) != 1 || recs[0].Task == nil || recs[0].Task.Phase != learn.TaskFinish {
		t.Errorf("end: %+v", recs)
	}
	recs, err = ParseHook("claude-code", []byte(hookHead+`"hook_event_name":"Notification"}`))
	if err != nil || len(recs) != 0 {
		t.Errorf("another event: %v, %v", recs, err)
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
		recs, err := ParseHook(tt.format, []byte(tt.in))
		wantError(t, err, tt.want)
		if recs != nil {
			t.Errorf("%q gives records", tt.in)
		}
	}
}

func FuzzParseHook(f *testing.F) {
	f.Add([]byte(hookHead + `"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"},"tool_response":{"stdout":"a"},"tool_use_id":"t"}`))
	f.Add([]byte(hookHead + `"hook_event_name":"PostToolUseFailure","tool_name":"Bash","error":"Exit code 1\nx","is_interrupt":true}`))
	f.Add([]byte(`{"session_id":"s","hook_event_name":"PostToolUse","tool_name":"x","tool_response":[{"type":"tool_result","content":[{}]}]}`))
	d := door(f)
	f.Fuzz(func(t *testing.T, event []byte) {
		recs, err := ParseHook("claude-code", event)
		if err != nil {
			return
		}
		d.Admit(recs)
	})
}
