package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/index"
	"lathe/learn"
	"lathe/server"
)

// hook posts one event and returns the answer.
func (s *site) hook(format string, event map[string]any) string {
	s.t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		s.t.Fatal(err)
	}
	var out strings.Builder
	if err := s.client.Hook(s.t.Context(), "", format, raw, &out); err != nil {
		s.t.Fatalf("%s: %v", format, err)
	}
	return strings.TrimSpace(out.String())
}

const failsHere = "python3 -m pytest -q tests/test_price.py"

// eventOf is a call that failed, or is to come, as an agent's hook tells it.
func eventOf(format, cwd, session, command, output string, before bool) map[string]any {
	base := map[string]any{"session_id": session, "cwd": cwd, "tool_name": "Bash", "tool_use_id": "u-" + output, "tool_input": map[string]string{"command": command}}
	set := func(event string, more map[string]any) map[string]any {
		base["hook_event_name"] = event
		for k, v := range more {
			base[k] = v
		}
		return base
	}
	switch {
	case format == "claude-code" && before, format == "codex" && before:
		return set("PreToolUse", nil)
	case format == "claude-code":
		return set("PostToolUseFailure", map[string]any{"error": "Exit code 1\n" + output})
	case format == "codex":
		return set("PostToolUse", map[string]any{"tool_response": "Exit code: 1\nWall time: 0.1 seconds\nOutput:\n" + output})
	case format == "gemini" && before:
		return set("BeforeTool", map[string]any{"tool_name": "run_shell_command"})
	case format == "gemini":
		return set("AfterTool", map[string]any{"tool_name": "run_shell_command", "tool_response": map[string]any{"llmContent": "Output: " + output + "\nExit Code: 1"}})
	case format == "cursor" && before:
		return set("beforeShellExecution", map[string]any{"conversation_id": session, "command": command})
	case format == "cursor":
		return set("postToolUse", map[string]any{"conversation_id": session, "tool_name": "Shell", "tool_output": fmt.Sprintf(`{"exitCode":1,"stdout":%q}`, output)})
	case before:
		return set("tool.execute.before", map[string]any{"tool": "bash", "call_id": "u-" + output, "args": base["tool_input"]})
	}
	return set("tool.execute.after", map[string]any{"tool": "bash", "call_id": "u-" + output, "args": base["tool_input"],
		"result": map[string]any{"output": output, "metadata": map[string]any{"exit": 1}}})
}

// Each agent is answered in its own form, whatever is asked in.
func TestHooksAnswerInTheAgentsForm(t *testing.T) {
	home := t.TempDir()
	s := taught(t, server.WorkspaceProject(home))
	for format, path := range map[string]string{
		"claude-code": "hookSpecificOutput.additionalContext", "codex": "hookSpecificOutput.additionalContext",
		"gemini": "hookSpecificOutput.additionalContext", "cursor": "additional_context", "opencode": "context",
	} {
		text := s.hook(format, eventOf(format, home, "live-"+format, failsHere, wrongRunner, false))
		if got := at(t, text, path); !strings.Contains(got, "run_tests.py") {
			t.Errorf("%s is answered with %q", format, text)
		}
		event := eventOf(format, home, "", "", "", false)["hook_event_name"]
		if strings.HasPrefix(path, "hookSpecificOutput") && at(t, text, "hookSpecificOutput.hookEventName") != event {
			t.Errorf("%s: the answer %q does not name the event %s", format, text, event)
		}
		if text := s.hook(format, eventOf(format, home, "live-"+format, "frobnicate --now", "the moon is in the wrong phase", false)); text != "" {
			t.Errorf("%s: an unknown failure is answered with %q", format, text)
		}
	}
}

// at is a text within a document; "" where there is none.
func at(t *testing.T, doc, path string) string {
	t.Helper()
	if doc == "" {
		return ""
	}
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%q: %v", doc, err)
	}
	for _, key := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	text, _ := v.(string)
	return text
}

// A command that always failed here is answered before it runs, with what works.
func TestACallToComeIsAnswered(t *testing.T) {
	for _, tt := range []struct{ mode, format, path string }{
		{"context", "claude-code", "hookSpecificOutput.additionalContext"},
		{"context", "codex", "hookSpecificOutput.additionalContext"},
		{"context", "gemini", ""}, {"context", "cursor", ""}, {"context", "opencode", ""},
		{"deny", "claude-code", "hookSpecificOutput.permissionDecisionReason"},
		{"deny", "codex", "hookSpecificOutput.permissionDecisionReason"},
		{"deny", "gemini", "reason"}, {"deny", "cursor", "agent_message"}, {"deny", "opencode", "deny"},
		{"off", "claude-code", ""},
	} {
		t.Run(tt.mode+" "+tt.format, func(t *testing.T) {
			home := t.TempDir()
			s := newSite(t)
			s.cfg.Hooks.Before = tt.mode
			teach(t, s, server.WorkspaceProject(home))
			ask := func(command string) string {
				return s.hook(tt.format, eventOf(tt.format, home, "live", command, "", true))
			}
			text := ask(failsHere)
			if tt.path == "" {
				if text != "" {
					t.Errorf("answered with %q", text)
				}
				return
			}
			if got := at(t, text, tt.path); !strings.Contains(got, "python3 run_tests.py") {
				t.Fatalf("answered with %q", text)
			}
			if again := ask(failsHere); (again == "") != (tt.mode == "deny") {
				t.Errorf("asked again: %q; a refusal is said once", again)
			}
			for _, other := range []string{"python3 run_tests.py test_price", "ls", "cat README.md"} {
				if text := ask(other); text != "" {
					t.Errorf("%s is answered with %q", other, text)
				}
			}
		})
	}
}

// One success ends what is known against a command.
func TestASuccessEndsTheStreak(t *testing.T) {
	home := t.TempDir()
	project := server.WorkspaceProject(home)
	s := taught(t, project)
	ev := outcome("9", failsHere, "1 passed", 0)
	ev.ProjectID, ev.SessionID, ev.Timestamp = project, "mended", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: []learn.Record{{Action: &ev}}}, &struct{}{})
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	if text := s.hook("claude-code", eventOf("claude-code", home, "live", failsHere, "", true)); text != "" {
		t.Errorf("answered with %q", text)
	}
}

// What is stored behind the answer is there when the daemon has ended, and has
// the project of its workspace, task and call alike.
func TestHookedRecordsOutliveTheDaemon(t *testing.T) {
	s := newSite(t)
	s.start()
	home := t.TempDir()
	const n = 50
	for i := range n {
		s.hook("claude-code", map[string]any{"hook_event_name": "PostToolUse", "session_id": "s", "cwd": home, "tool_name": "Bash",
			"tool_use_id": fmt.Sprint("u", i), "tool_input": map[string]string{"command": "ls"}, "tool_response": map[string]any{"stdout": "a", "stderr": ""}})
		s.hook("claude-code", eventOf("claude-code", home, "s", "frobnicate --now", fmt.Sprint("the moon is in phase ", i), false))
	}
	s.hook("claude-code", map[string]any{"hook_event_name": "UserPromptSubmit", "session_id": "s", "cwd": home, "prompt": "Look around"})
	s.stop()
	s.start()
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	var found index.Result
	s.mustCall(http.MethodPost, "/v1/log", index.Query{Project: server.WorkspaceProject(home), Limit: 1}, &found)
	if found.Total != 2*n {
		t.Errorf("%d calls are in the log, want %d", found.Total, 2*n)
	}
}

// What was spooled is without secrets, and a running daemon takes it in.
func TestTheSpoolIsTakenIn(t *testing.T) {
	s := newSite(t)
	home := t.TempDir()
	event := fmt.Sprintf(`{"session_id":"s-1","cwd":%q,"hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_input":{"command":"curl -u joe:hunter2xyz https://h.example"},"tool_use_id":"toolu_1","error":"Exit code 22\ndenied"}`, home)
	if n, err := server.Spool(t.Context(), s.cfg.DataDir, "", "claude-code", []byte(event)); n != 1 || err != nil {
		t.Fatalf("spooled %d, %v", n, err)
	}
	if n, err := server.Spool(t.Context(), s.cfg.DataDir, "", "claude-code", []byte(`{"session_id":"s","hook_event_name":"PreCompact"}`)); n != 0 || err != nil {
		t.Fatalf("an event that says nothing: %d, %v", n, err)
	}
	if _, err := server.Spool(t.Context(), s.cfg.DataDir, "", "claude-code", []byte("junk")); err == nil {
		t.Fatal("junk was spooled")
	}
	files, err := filepath.Glob(filepath.Join(s.cfg.DataDir, "spool", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil || strings.Contains(string(raw), "hunter2xyz") {
		t.Fatalf("%s, %v", raw, err)
	}
	if fi, err := os.Stat(files[0]); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	named := strings.Replace(event, "toolu_1", "toolu_2", 1)
	if n, err := server.Spool(t.Context(), s.cfg.DataDir, "shop", "claude-code", []byte(named)); n != 1 || err != nil {
		t.Fatalf("spooled %d, %v", n, err)
	}
	s.start()
	// One is of the folder's project, the other of that which the person named.
	for _, project := range []string{server.WorkspaceProject(home), "shop"} {
		for end := time.Now().Add(patience); ; {
			s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
			var found index.Result
			s.mustCall(http.MethodPost, "/v1/log", index.Query{Project: project, Limit: 1}, &found)
			if found.Total == 1 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the spooled call is not in the log of %s", project)
			}
		}
	}
}

// A full spool takes no more.
func TestAFullSpool(t *testing.T) {
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(spool, "big.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(spool, "big.jsonl"), 64<<20); err != nil { // sparse
		t.Fatal(err)
	}
	event := `{"session_id":"s","cwd":"/x","hook_event_name":"PostToolUse","tool_name":"Bash","tool_use_id":"u"}`
	if _, err := server.Spool(t.Context(), dir, "", "claude-code", []byte(event)); err == nil || !strings.Contains(err.Error(), "is full") {
		t.Errorf("spool returned %v", err)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) != 1 {
		t.Errorf("%d files, %v", len(left), err)
	}
}
