package intake

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"lathe/learn"
)

// calls are the calls of an import, by call id.
func (m *memory) calls() map[string]*learn.ActionOutcome {
	all := map[string]*learn.ActionOutcome{}
	for _, r := range m.records {
		if r.Action != nil {
			all[r.Action.CallID] = r.Action
		}
	}
	return all
}

// A rollout that Codex compressed is read like the others; one that unfolds to
// too much is not.
func TestCompressedRollout(t *testing.T) {
	name := "rollout-2026-01-02T03-04-00-0199b0aa-0000-7000-8000-00000000c0de.jsonl"
	plain, err := os.ReadFile(filepath.Join("testdata", "codex", "2026", "01", "02", name))
	must(t, err)
	z, err := zstd.NewWriter(nil)
	must(t, err)
	dir := filepath.Dir(write(t, name+".zst", z.EncodeAll(plain, nil)))
	m, s, err := importOf(t, "codex", dir, ArchiveLimits{})
	must(t, err)
	if s.Calls != 9 || len(m.calls()) != 9 || m.records[0].Task.SessionID != "0199b0aa-0000-7000-8000-00000000c0de" {
		t.Errorf("%+v, %+v", s, m.records[0])
	}
	bomb := write(t, "rollout-bomb.jsonl.zst", z.EncodeAll(make([]byte, 200<<20), nil))
	_, _, err = importOf(t, "codex", bomb, ArchiveLimits{})
	wantError(t, err, "rollout-bomb.jsonl.zst", "250 times its size")
	_, _, err = importOf(t, "codex", write(t, "rollout-cut.jsonl.zst", z.EncodeAll(plain, nil)[:200]), ArchiveLimits{})
	wantError(t, err, "rollout-cut.jsonl.zst", "copy it again")
}

// A call is one event whether Codex's hook told it or its rollout did.
func TestRolloutAndHookAreOneEvent(t *testing.T) {
	m, _, err := importOf(t, "codex", filepath.Join("testdata", "codex"), ArchiveLimits{})
	must(t, err)
	h, err := ParseHook("codex", []byte(`{"hook_event_name":"PostToolUse","session_id":"0199b0aa-0000-7000-8000-00000000c0de","cwd":"/home/joe/widgets",
		"tool_name":"Bash","tool_use_id":"call_1","tool_input":{"command":"go test ./..."},"tool_response":"x"}`))
	must(t, err)
	if a := m.calls()["call_1"]; a == nil || a.ID != h.Records[0].ID() {
		t.Errorf("the rollout's call is %+v, the hook's id %s", a, h.Records[0].ID())
	}
	p, err := ParseHook("codex", []byte(`{"hook_event_name":"UserPromptSubmit","session_id":"0199b0aa-0000-7000-8000-00000000c0de","cwd":"/home/joe/widgets","prompt":"Make the widget spin"}`))
	must(t, err)
	if !m.seen[p.Records[0].ID()] {
		t.Error("the session's start is another record when the hook tells it")
	}
}

// The folder of a Gemini recording stands in a file beside it, or above the
// paths that its calls name.
func TestGeminiFolder(t *testing.T) {
	const first = `{"sessionId":"s","projectHash":"%x","startTime":"2026-01-02T03:04:05Z"}` + "\n"
	const call = `{"id":"g","type":"gemini","timestamp":"2026-01-02T03:04:06Z","toolCalls":[{"id":"c","name":"read_file","args":{"file_path":%q},"status":"success","result":"x"}]}` + "\n"
	for name, tt := range map[string]struct{ root, path, want string }{
		"file":          {"/home/joe/gadgets\n", "/home/joe/widgets/a/b.go", "/home/joe/gadgets"},
		"hash":          {"", "/home/joe/widgets/a/b.go", "/home/joe/widgets"},
		"relative root": {"../x", "/home/joe/widgets", "/home/joe/widgets"},
		"nothing":       {"", "/elsewhere/b.go", fmt.Sprintf("gemini-%.4x", sha256.Sum256([]byte("/home/joe/widgets")))},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(dir, "chats"), 0o700))
			if tt.root != "" {
				must(t, os.WriteFile(filepath.Join(dir, ".project_root"), []byte(tt.root), 0o600))
			}
			text := fmt.Sprintf(first, sha256.Sum256([]byte("/home/joe/widgets"))) + fmt.Sprintf(call, tt.path)
			must(t, os.WriteFile(filepath.Join(dir, "chats", "session-1.jsonl"), []byte(text), 0o600))
			m, _, err := importOf(t, "gemini", dir, ArchiveLimits{})
			must(t, err)
			if a := m.calls()["c"]; a == nil || a.ProjectID != tt.want {
				t.Errorf("%+v, want project %s", a, tt.want)
			}
		})
	}
}

// A command's result without an exit code succeeded, unless a line tells of an
// error or a signal.
func TestGeminiCommandWithoutExitCode(t *testing.T) {
	for text, code := range map[string]int{"Output: a\nb": 0, "Output: a\nError: bad": -1, "Output: a\nSignal: 9": -1, "Command was cancelled": -1, "Output: a\nExit Code: 3": 3} {
		a := &learn.ActionOutcome{ToolParameters: []byte(`{"command":"x"}`), Status: learn.StatusSuccess}
		shellText(a, text)
		if got := a.ToolOutput.ExitCode; (got == nil) != (code < 0) || got != nil && *got != code {
			t.Errorf("%q: exit code %v, want %d", text, got, code)
		}
	}
}

// What is not a history of the format does not come in by its folder.
func TestHistoriesAreToldByName(t *testing.T) {
	for format, names := range map[string]map[string]bool{
		"codex":  {"sessions/2026/01/02/rollout-x.jsonl": true, "rollout-x.jsonl.zst": true, "history.jsonl": false, "session_index.jsonl": false},
		"gemini": {"tmp/a/chats/session-1.json": true, "tmp/a/chats/p/q.jsonl": true, "tmp/a/logs.json": false, "settings.json": false},
		"ocode":  {"a.json": true, "a.jsonl": false},
	} {
		p, err := newParser(format)
		must(t, err)
		for name, want := range names {
			if p.wants(name) != want {
				t.Errorf("%s: %s is wanted: %v", format, name, !want)
			}
		}
	}
	_, err := newParser("codx")
	if err == nil || !strings.Contains(err.Error(), "codex") {
		t.Errorf("%v", err)
	}
}
