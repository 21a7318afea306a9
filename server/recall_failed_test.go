package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	lathemcp "lathe/mcp"
)

const ledgerFails = "F                                                                        [100%]\n" +
	"=================================== FAILURES ===================================\n" +
	"    def test_total():\n>       assert total(load()) == 3\nE       sqlite3.OperationalError: database is locked\n\n" +
	"tests/test_ledger.py:4: OperationalError\n" +
	"=========================== short test summary info ============================\n" +
	"FAILED tests/test_ledger.py::test_total - sqlite3.OperationalError: database is locked\n1 failed in 0.03s\n"

// What tasks of this project did that failed in the end is told to who plans
// the same, with its steps and cause; to nobody else.
func TestRecallTellsFailedSequences(t *testing.T) {
	s := newSite(t)
	s.start()
	for i := range 3 {
		session := fmt.Sprint("s", i)
		a := s.agent("p", "", session)
		a.call("record_task", map[string]any{"task_id": session, "prompt": "load the ledger"})
		schema, load := outcome("c1", "make schema", "ok", 0), outcome("c2", "pytest -q tests", ledgerFails, 1)
		schema.TaskID, load.TaskID, schema.SessionID, load.SessionID = session, session, session, session
		if text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{schema, load}}); failed {
			t.Fatal(text)
		}
		if text, failed := a.call("record_task", map[string]any{"task_id": session, "outcome": "failure"}); failed {
			t.Fatal(text)
		}
	}
	s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{})
	plan := map[string]any{"tasks": []any{
		map[string]any{"id": "a", "tool_name": "bash", "arguments": map[string]any{"command": "make schema"}},
		map[string]any{"id": "b", "tool_name": "bash", "arguments": map[string]any{"command": "pytest -q tests"}},
	}, "dependencies": map[string]any{"b": []string{"a"}}}
	ask := func(project string) []lathemcp.Pitfall {
		text, failed := s.agent(project, "", "later").call("recall", map[string]any{"plan": plan})
		var r lathemcp.RecallResult
		if err := json.Unmarshal([]byte(text), &r); failed || err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return r.Pitfalls
	}
	with := slices.DeleteFunc(ask("p"), func(p lathemcp.Pitfall) bool { return len(p.Sequence) == 0 })
	if len(with) != 1 || len(with[0].Sequence) != 2 || with[0].Sequence[0] != "make schema" || with[0].RootCause == "" || len(with[0].Evidence) == 0 {
		t.Errorf("told: %+v", with)
	}
	if got := ask("another"); len(got) != 0 {
		t.Errorf("another project is told: %+v", got)
	}
}
