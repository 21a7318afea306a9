package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/server/intake"
)

const wrongRunner = "E   ModuleNotFoundError: No module named 'shop'"

// taught is a daemon that saw, in eight sessions, what fixes a failure.
func taught(t *testing.T, project string) *site {
	t.Helper()
	s := newSite(t)
	teach(t, s, project)
	return s
}

// teach starts a site and gives it what taught has.
func teach(t *testing.T, s *site, project string) {
	t.Helper()
	s.start()
	var recs []learn.Record
	for i := range 8 {
		for k, ev := range []learn.ActionOutcome{
			outcome("1", "python3 -m pytest -q tests/test_price.py", wrongRunner, 1),
			outcome("2", "cat README.md", "run python3 run_tests.py", 0),
			outcome("3", "python3 run_tests.py test_price", "ok", 0),
		} {
			ev.ProjectID, ev.SessionID, ev.Timestamp = project, fmt.Sprint("past-", i), time.Date(2026, 3, 1+i, 10, k, 0, 0, time.UTC)
			recs = append(recs, learn.Record{Action: &ev})
		}
	}
	var r intake.Receipt
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &r)
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
}

// wellFormed checks what every advice promises.
func wellFormed(t *testing.T, a learn.Advice) {
	t.Helper()
	if n := utf8.RuneCountInString(a.Text); n == 0 || n > 600 || len(a.Remedies) == 0 || len(a.Remedies) > 3 || a.Evidence < 2 || a.ReportID == "" {
		t.Errorf("%d runes, %d remedies, evidence %d, report %q", n, len(a.Remedies), a.Evidence, a.ReportID)
	}
	if !strings.Contains(a.Text, "run_tests.py") {
		t.Errorf("advice %q, want what fixed it", a.Text)
	}
	for _, r := range a.Remedies {
		if r.Confidence < learn.AdviceThreshold || r.Support < 2 {
			t.Errorf("remedy %+v is thin", r)
		}
	}
}

// A known failure that is recorded is answered with what fixed it; an unknown
// one, and a success, with nothing.
func TestRecordedFailureIsAdvisedOn(t *testing.T) {
	s := taught(t, "shop")
	a := s.agent("shop", "", "now")
	text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{
		outcome("a", "ls", "", 0),
		map[string]any{"status": "nonsense"},
		outcome("b", "python3 -m pytest -q tests/test_price.py", wrongRunner, 1),
		outcome("c", "frobnicate --now", "frobnicate: the moon is in the wrong phase", 1),
	}})
	var r lathemcp.RecordResult
	if err := json.Unmarshal([]byte(text), &r); failed || err != nil || r.Accepted != 3 {
		t.Fatalf("record_outcome: %s, %v", text, err)
	}
	if len(r.Advice) != 1 || r.Advice[0].Index != 2 || r.Advice[0].EventID != learn.InProject("shop", learn.EventID("now", "b")) {
		t.Fatalf("advice %+v, want one, on the third outcome", r.Advice)
	}
	wellFormed(t, r.Advice[0].Advice)
	again, _ := a.call("record_outcome", map[string]any{"outcomes": []any{outcome("b", "python3 -m pytest -q tests/test_price.py", wrongRunner, 1)}})
	if strings.Contains(again, "advice") {
		t.Errorf("a duplicate was advised on: %s", again)
	}
	other := s.agent("elsewhere", "", "other")
	if text, _ := other.call("record_outcome", map[string]any{"outcomes": []any{outcome("x", "cargo frobnicate", "error: no such command: `frobnicate`", 101)}}); strings.Contains(text, "advice") {
		t.Errorf("an unknown failure was advised on: %s", text)
	}
}

// The hook answers in the agent's form, and names the event that it answers.
func TestHookAnswersWithAdvice(t *testing.T) {
	home := t.TempDir()
	s := taught(t, server.WorkspaceProject(home))
	post := func(event string) string {
		res, err := s.client.HTTP().Post("http://lathe/v1/hooks/claude-code", "application/json", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", res.Status, raw, err)
		}
		return string(raw)
	}
	event := func(command, output string) string {
		raw, err := json.Marshal(map[string]any{"hook_event_name": "PostToolUseFailure", "session_id": "live", "cwd": home, "tool_name": "Bash",
			"tool_use_id": "t" + output, "tool_input": map[string]string{"command": command}, "error": "Exit code 1\n" + output})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	var answer struct {
		HookSpecificOutput struct{ HookEventName, AdditionalContext string }
	}
	text := post(event("python3 -m pytest -q tests/test_price.py", wrongRunner))
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.HookSpecificOutput.HookEventName != "PostToolUseFailure" {
		t.Fatalf("answer %q, %v", text, err)
	}
	if c := answer.HookSpecificOutput.AdditionalContext; !strings.Contains(c, "run_tests.py") || utf8.RuneCountInString(c) > 600 {
		t.Errorf("advice %q", c)
	}
	if text := post(event("frobnicate --now", "the moon is in the wrong phase")); text != "" {
		t.Errorf("an unknown failure was answered with %q", text)
	}
}

// What was served is in the ledger once, and can be read after a restart.
func TestServedReportsOutliveTheDaemon(t *testing.T) {
	s := taught(t, "shop")
	a := s.agent("shop", "", "now")
	text, _ := a.call("record_outcome", map[string]any{"outcomes": []any{outcome("b", "python3 -m pytest -q tests/test_price.py", wrongRunner, 1)}})
	var r lathemcp.RecordResult
	if err := json.Unmarshal([]byte(text), &r); err != nil || len(r.Advice) != 1 {
		t.Fatalf("record_outcome: %s, %v", text, err)
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	// A deep report of a call that was never recorded: only the ledger has it.
	var asked learn.FailureAnalysisReport
	s.mustCall(http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Failure: lathemcp.Failure{ProjectID: "shop", ToolName: "bash",
		ToolParameters: map[string]any{"command": "python3 -m pytest -q"}, ToolOutput: learn.ToolOutput{Stdout: wrongRunner}}}, &asked)
	if asked.Code == nil || asked.Code.State == "" {
		t.Errorf("the report does not say whether there is a code graph: %+v", asked.Code)
	}
	for range 3 {
		s.mustCall(http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Failure: lathemcp.Failure{EventID: r.Advice[0].EventID}}, &learn.FailureAnalysisReport{})
	}
	if err := a.client.Close(); err != nil {
		t.Error(err)
	}
	s.stop()
	_, entries := s.stored()
	written := map[string]int{}
	for _, e := range entries {
		if e.Kind == learn.EntryReport {
			written[e.ObjectID]++
		}
	}
	if len(written) != 2 || written[asked.ReportID] != 1 || written[r.Advice[0].ReportID] > 2 {
		t.Errorf("reports in the ledger: %v, want two, each when it says something new", written)
	}
	s.start()
	for who, allowed := range map[string]bool{"shop": true, "elsewhere": false} {
		b := s.agent(who, "", "later")
		for _, id := range []string{asked.ReportID, r.Advice[0].ReportID} {
			var req mcp.ReadResourceRequest
			req.Params.URI = "lathe://report/" + id
			res, err := b.client.ReadResource(context.Background(), req)
			if (err == nil) != allowed {
				t.Errorf("%s reads report %s after the restart: %v", who, id, err)
			}
			if err == nil && !strings.Contains(res.Contents[0].(mcp.TextResourceContents).Text, id) {
				t.Errorf("report %s reads %v", id, res.Contents)
			}
		}
	}
}
