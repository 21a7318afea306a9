package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lathe/learn"
)

// hostile is what tool output may hold.
const hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>' onfocus=alert(3) \" javascript:alert(4) {{.}} \x1b[2J\u202etxt.exe"

const toolSource = `"""Counts the words of files below a folder."""
import json
import pathlib
import sys


def count(folder: str, suffix: str, top: int) -> list[dict[str, object]]:
    """Return the files with the most words, the longest first."""
    rows = []
    for path in sorted(pathlib.Path(folder).rglob("*" + suffix)):
        text = path.read_text(encoding="utf-8", errors="replace")
        rows.append({"path": str(path), "words": len(text.split())})
    rows.sort(key=lambda row: -int(str(row["words"])))
    return rows[:top]


def main() -> int:
    arguments = json.load(sys.stdin)
    result = count(arguments["folder"], arguments.get("suffix", ".md"), arguments.get("top", 10))
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
`

func toolItem(at time.Time, evidence []string) Item {
	checks := []learn.Check{
		{Name: "syntax", Passed: true, Summary: "2 files parse", Seconds: 0.08},
		{Name: "types", Passed: true, Summary: "mypy --strict: no issues in 2 files", Seconds: 1.92},
		{Name: "lint", Passed: true, Summary: "pylint 9.7 of 10", Details: []string{"tool.py:9: consider a comprehension"}, Seconds: 2.4},
		{Name: "security", Passed: true, Summary: "bandit: nothing of medium severity or above", Seconds: 0.6},
		{Name: "tests", Passed: true, Summary: "14 passed, among them 6 recorded calls against the original pipeline", Seconds: 1.1},
		{Name: "mutation", Passed: true, Summary: "23 of 26 mutants noticed", Seconds: 6.3},
		{Name: "benchmark", Passed: true, Summary: "61 ms cold, 4 ms warm", Seconds: 0.9},
	}
	req := &learn.ToolReviewRequest{
		ReviewID: "11111111-1111-8111-8111-111111111111",
		Tool: learn.ProposedTool{
			Manifest: learn.ToolManifest{Name: "count_words", Version: "0.2.0", Language: "python", Parameters: json.RawMessage(`{"type":"object","properties":{"folder":{"type":"string"},"suffix":{"type":"string"},"top":{"type":"integer","minimum":1}},"required":["folder"]}`),
				Provenance: learn.Provenance{Method: learn.MethodRules}},
			Files: map[string]string{"tool.py": toolSource, "test_tool.py": "def test_empty(tmp_path):\n    assert True\n", "README.md": "# count_words\n"},
		},
		Validation: learn.ValidationResult{Passed: true, Checks: checks, Score: 0.94, Risk: "low", Coverage: 0.97, TestsPassed: 14, ColdMS: 61, WarmMS: 4, MemoryMB: 21,
			Backend: "built-in launcher", Degradations: []string{"memory: no cgroup is delegated to this user, an address space limit stands in"}},
		Diff: "--- 0.1.0/tool.py\n+++ 0.2.0/tool.py\n@@ -6,7 +6,7 @@\n-def count(folder: str, suffix: str) -> list[dict[str, object]]:\n+def count(folder: str, suffix: str, top: int) -> list[dict[str, object]]:\n     \"\"\"Return the files with the most words, the longest first.\"\"\"\n",

		PermissionsWords: "reads the workspace; writes nothing; no network; at most 10 seconds and 256 MB of memory.",
		Rationale:        "Agents typed this again and again (38 calls as evidence): find {folder} -name '*{suffix}' | xargs wc -w | sort -rn | head -{top}",
	}
	return Item{ID: req.ReviewID, Kind: "tool", Source: "rules", Author: "lathe", Confidence: 0.94, Title: "count_words 0.2.0", Summary: "count_words 0.2.0: Counts the words of files below a folder and lists the longest.\nReplaces version 0.1.0.\nValidation passed: score 0.94, risk low, 14 tests passed, 0 failed.",
		Project: "widgets-3fa2c1d0", State: learn.StateInReview, Risk: "low", ContentHash: learn.ContentHash([]byte(toolSource)),
		Created: at.Add(-26 * time.Hour), Changed: at.Add(-26 * time.Hour), Evidence: evidence, Tool: req}
}

func planItem(n int, at time.Time, state learn.State, risk string) Item {
	p := &learn.PlanModificationProposal{
		ProposalID: learn.UUIDv8("plan", fmt.Sprint(n)), Type: learn.AddPrecondition, TargetPlanTemplate: ".ocode/plans/release.json", TargetStep: "test",
		Modifications: json.RawMessage(`[{"op":"add","path":"/tasks/2/preconditions","value":[{"kind":"module_importable","argument":"pytest"}]}]`),
		Diff:          "--- a/.ocode/plans/release.json\n+++ b/.ocode/plans/release.json\n@@ -14,5 +14,8 @@\n       \"tool_name\": \"bash\",\n-      \"arguments\": {\"command\": \"pytest -q\"}\n+      \"arguments\": {\"command\": \"pytest -q\"},\n+      \"preconditions\": [{\"kind\": \"module_importable\", \"argument\": \"pytest\"}]\n     },\n",
		Rationale:     fmt.Sprintf("The step failed in %d of 31 runs with \"No module named pytest\"; where the module had been checked first, it did not.", 9+n), ConfidenceScore: 0.86, Risk: risk,
	}
	types := []learn.ModificationType{learn.AddPrecondition, learn.AddRetry, learn.SetExpectedOutput, learn.AddFragment}
	p.Type = types[n%4]
	return Item{ID: p.ProposalID, Kind: "plan", Type: string(p.Type), Source: "failures", Author: "lathe", Confidence: 0.86 - 0.03*float64(n%9), Title: []string{"add precondition", "add retry", "set expected output", "add fragment"}[n%4] + " in .ocode/plans/release.json", Summary: p.Rationale,
		Project: []string{"widgets-3fa2c1d0", "ledger-api-91bb07e2"}[n%2], State: state, Risk: risk, ContentHash: learn.ContentHash([]byte(p.Diff)),
		Created: at.Add(-time.Duration(3*n+1) * time.Hour), Changed: at.Add(-time.Duration(n) * time.Hour), Plan: p}
}

func event(n int, at time.Time, text string) learn.Record {
	exit := n % 2
	a := &learn.ActionOutcome{
		ID: learn.EventID("s", fmt.Sprint(n)), Timestamp: at.Add(-time.Duration(n) * 47 * time.Minute), ProjectID: "widgets-3fa2c1d0", SessionID: "s", ToolName: "bash",
		ActionType: learn.ToolCall, Source: learn.SourceHook, Status: learn.StatusSuccess,
		ToolOutput: learn.ToolOutput{Stdout: text, ExitCode: &exit}, ResourceMetrics: learn.ResourceMetrics{DurationMS: 412},
	}
	a.ToolParameters, _ = json.Marshal(map[string]string{"command": "find docs -name '*.md' | xargs wc -w | sort -rn | head -" + fmt.Sprint(5+n)}) // a map of strings marshals
	if exit != 0 {
		a.Status, a.ErrorDetails = learn.StatusFailure, &learn.ErrorDetails{Message: text}
	}
	return learn.Record{Action: a}
}

// realistic is a queue as a week leaves it.
func realistic(at time.Time) ([]Item, []learn.Record) {
	var events []learn.Record
	var ids []string
	for n := range 8 {
		rec := event(n, at, " 1042 docs/guide.md\n  377 docs/install.md\n 1419 total\n")
		events, ids = append(events, rec), append(ids, rec.ID())
	}
	items := []Item{toolItem(at, ids)}
	for n, s := range []learn.State{learn.StateInReview, learn.StateInReview, learn.StateActive, learn.StateRejected, learn.StateInReview, learn.StateApproved} {
		items = append(items, planItem(n, at, s, []string{"low", "medium", "high"}[n%3]))
	}
	items[2].Questions = []string{"Does this hold on Windows?"}
	items[1].Answers = []learn.Clarification{{Question: "Which runs failed?", By: "evidence", Evidence: ids[:2], Timestamp: at.Add(-time.Hour), Answer: []string{
		"A recorded call mentions it (2026-03-09, failure): find docs -name '*.md' printed “1042 docs/guide.md”", "It rests on 8 recorded calls (8 looked at, 4 of them failed) of 1 sessions in 1 projects."}}}
	return items, events
}

// odd is a queue whose names are in other scripts, joined of several characters,
// or long without a place to break.
func odd(at time.Time) ([]Item, []learn.Record) {
	const right = "\u05e9\u05d7\u05e8\u05d5\u05e8 \u05d2\u05e8\u05e1\u05d4 3.1 (beta) \u2013 \u0646\u0633\u062e\u0629 \u062c\u062f\u064a\u062f\u0629"
	const wide = "\u767a\u58f2\u306e\u624b\u9806\u3092\u78ba\u8a8d\u3057\u3001\u7d50\u679c\u3092\u8a18\u9332\u3059\u308b \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f680 \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
	long := strings.Repeat("unbroken_", 40)
	var events []learn.Record
	var ids []string
	for n, text := range []string{right, wide, long} {
		rec := event(n, at, text+"\n"+text)
		a := rec.Action
		a.ToolName, a.ProjectID, a.AgentID, a.ContextSnapshot.CWD = text, text, text, "/home/"+text
		a.ToolParameters, _ = json.Marshal(map[string]string{"command": text + " | sort " + text}) // a map of strings marshals
		events, ids = append(events, rec), append(ids, rec.ID())
	}
	items := []Item{toolItem(at, ids)}
	for n, text := range []string{right, wide, long, right + " " + wide} {
		it := planItem(n, at, []learn.State{learn.StateInReview, learn.StateRejected}[n/3], "medium")
		it.Title, it.Summary, it.Project, it.Author, it.Evidence = text, text+": "+text, text, text, ids
		it.Plan.TargetPlanTemplate, it.Plan.TargetStep, it.Plan.Rationale = ".ocode/plans/"+text+".json", text, text
		it.Plan.Diff = "@@ -1,3 +1,3 @@\n {\n-  \"name\": \"" + text + "\"\n+  \"name\": \"" + text + " 2\"\n }\n"
		it.Answers = []learn.Clarification{{Question: text, By: "evidence", Answer: []string{text}, Evidence: ids, Timestamp: at}}
		items = append(items, it)
	}
	it := &items[0]
	it.Title, it.Summary, it.Project = "count_words "+right, wide, right
	it.Tool.Rationale, it.Tool.Diff = right+": "+wide, "@@ -1,2 +1,2 @@\n-# "+right+"\n+# "+right+"!\n "+long+"\n"
	it.Tool.Tool.Files = map[string]string{"tool.py": "# " + right + "\nname = \"" + wide + "\"\n" + long + " = 1\n", wide + ".md": wide}
	return items, events
}

// attack is one proposal whose every text is hostile.
func attack(at time.Time) ([]Item, []learn.Record) {
	rec := event(1, at, hostile)
	a := rec.Action
	a.ToolName, a.AgentID, a.ContextSnapshot.CWD, a.ErrorDetails.Code, a.ErrorDetails.StackTrace = hostile, hostile, hostile, hostile, hostile
	a.ToolOutput.Stderr, a.ToolOutput.Content = hostile, hostile
	a.ToolParameters, _ = json.Marshal(map[string]string{"command": hostile, "x": hostile}) // a map of strings marshals
	it := toolItem(at, []string{rec.ID(), hostile})
	it.Title, it.Summary, it.Project, it.Risk = hostile, hostile, hostile, hostile
	it.Questions, it.Type, it.Source, it.Author = []string{hostile}, hostile, hostile, hostile
	it.Answers = []learn.Clarification{{Question: hostile, By: hostile, Answer: []string{hostile}, Evidence: []string{hostile}}}
	it.Decisions = []learn.Decision{{Verdict: hostile, Reason: hostile, Reviewer: hostile, ContentHash: hostile}}
	t := it.Tool
	t.Diff, t.Rationale, t.PermissionsWords = "@@ "+hostile+"\n-"+hostile+"?\n+"+hostile+"\n "+hostile, hostile+"!", hostile
	t.Tool.Files = map[string]string{hostile: hostile + "\n" + strings.Repeat("x", 3*maxLine), "tool.py": hostile + "\ndef " + hostile + " # " + hostile, "run.sh": hostile, "x.json": hostile}
	t.Tool.Manifest.Name, t.Tool.Manifest.Dependencies = hostile, []string{hostile}
	t.Tool.Manifest.Parameters = json.RawMessage(hostile)
	t.Validation.Backend, t.Validation.Degradations = hostile, []string{hostile}
	t.Validation.Checks = []learn.Check{{Name: hostile, Summary: hostile, Details: []string{hostile}}}
	return []Item{it}, []learn.Record{rec}
}

// figures has the JSON form of the monitor's KPIs.
func figures() any {
	type m = map[string]any
	share := func(p float64, n int) m {
		return m{"successes": int(p * float64(n)), "total": n, "rate": p, "interval": m{"low": max(0, p-0.07), "high": min(1, p+0.05), "level": 0.95}}
	}
	var days []m
	for i := range 21 {
		p := 0.71 + 0.009*float64(i) + 0.03*float64(i%3)
		days = append(days, m{"name": time.Date(2026, 2, 17+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "calls": 180 + 37*(i%7), "failures": 40 - i, "success_rate": share(p, 200)})
	}
	errors := []m{{"id": "1", "name": "No module named pytest", "weight": 5_400_000.0}, {"id": "2", "name": "No such file or directory", "weight": 2_810_000.0},
		{"id": "3", "name": hostile, "weight": 700_000.0}, {"id": "4", "name": "Connection refused", "weight": 93_000.0}}
	tool := func(name string, calls int, p float64) m {
		return m{"name": name, "calls": calls, "failures": int(float64(calls) * (1 - p)), "success_rate": share(p, calls), "measured": calls, "total_ms": 412.0 * float64(calls), "p50_ms": 38.2, "p90_ms": 1900.0}
	}
	return m{
		"tasks": m{"success": 61, "failure": 14, "unknown": 9, "success_rate": share(0.81, 75)}, "calls": tool("all", 4810, 0.84),
		"by_tool": []m{tool("bash", 3021, 0.79), tool("edit", 1102, 0.95), tool("read", 640, 0.99), tool(hostile, 47, 0.4)}, "by_day": days,
		"signatures_by_count": errors, "signatures_by_time_lost": errors,
		"remedies":       m{"reports": 50, "reports_with_remedies": 30, "offered": 42},
		"tools_by_state": m{"active": 3, "rejected": 1}, "decisions_refused": 2,
		"proposals": []m{{"kind": "add_precondition", "proposed": 9, "approved": 5, "rejected": 2, "request_clarification": 1}},
		"effects": m{"measuring": true, "kinds": []m{
			{"advice_kind": "remedy", "treatment": m{"successes": 60, "failures": 10, "success_rate": 0.86, "observable": 70, "taken": 31, "taken_share": 0.44},
				"control": m{"successes": 20, "failures": 11, "success_rate": 0.64}, "difference": m{"low": 0.02, "high": 0.4, "level": 0.975}, "verdict": "promote"},
			{"advice_kind": hostile, "treatment": m{}, "control": m{}, "note": "not enough yet: 0 of 20 with it, 0 of 20 without", "verdict": "keep"}}},
	}
}
