package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
)

// measuring is a taught daemon that measures.
func measuring(t *testing.T, share float64) *site {
	t.Helper()
	s := newSite(t)
	s.cfg.ControlShare = share
	teach(t, s, "shop")
	return s
}

func (s *site) settle() { s.mustCall(http.MethodPost, "/v1/settle", struct{}{}, &struct{}{}) }

// failsAndRecovers plays a session that meets the known failure, and says
// whether it was advised.
func failsAndRecovers(s *site, session string, follow bool) (advised bool) {
	s.t.Helper()
	a := s.agent("shop", "", session)
	text, failed := a.call("record_outcome", map[string]any{"outcomes": []any{outcome("b", "python3 -m pytest -q tests/test_price.py", wrongRunner, 1)}})
	var r lathemcp.RecordResult
	if err := json.Unmarshal([]byte(text), &r); failed || err != nil {
		s.t.Fatalf("record_outcome: %s, %v", text, err)
	}
	next := []any{outcome("c", "cat README.md", "", 0)}
	if follow {
		next = []any{outcome("c", "python3 run_tests.py test_price", "ok", 0)}
	}
	a.call("record_outcome", map[string]any{"outcomes": next})
	a.call("record_task", map[string]any{"task_id": session, "outcome": "success"})
	if err := a.client.Close(); err != nil {
		s.t.Error(err)
	}
	return len(r.Advice) > 0
}

// trials are the assignments and results in a stopped daemon's ledger, by task.
func (s *site) trials() (assigned, results map[string]learn.TrialRecord) {
	s.t.Helper()
	assigned, results = map[string]learn.TrialRecord{}, map[string]learn.TrialRecord{}
	_, entries := s.stored()
	for _, e := range entries {
		if e.Kind != learn.EntryTrial {
			continue
		}
		var r learn.TrialRecord
		if err := json.Unmarshal(e.Body, &r); err != nil {
			s.t.Fatal(err)
		}
		into := assigned
		if r.Phase == learn.TrialResult {
			into = results
		}
		if _, twice := into[r.TaskID+r.AdviceKind+r.ObjectID]; twice {
			s.t.Errorf("%s of task %s is in the ledger twice", r.Phase, r.TaskID)
		}
		into[r.TaskID+r.AdviceKind+r.ObjectID] = r
	}
	return assigned, results
}

// Every piece of advice is an assignment with a result; a control gets none,
// but is recorded; and the figures have both after a restart.
func TestAdviceIsAssigned(t *testing.T) {
	s := measuring(t, 0.5)
	served := map[string]bool{}
	for i := range 12 {
		session := fmt.Sprint("live-", i)
		served[session] = failsAndRecovers(s, session, i%2 == 0)
	}
	s.settle()
	check := func(when string) {
		var k server.KPIs
		s.mustCall(http.MethodPost, "/v1/kpi", struct{}{}, &k)
		if len(k.Effects.Kinds) != 1 || !k.Effects.Measuring || k.Effects.ControlShare != 0.5 {
			t.Fatalf("%s: effects %+v", when, k.Effects)
		}
		e := k.Effects.Kinds[0]
		if e.AdviceKind != learn.AdviceRemedy || e.Enough || e.Difference != nil || !strings.Contains(e.Note, "not enough yet") ||
			e.Treatment.N()+e.Control.N() != 12 || e.Treatment.Assigned+e.Control.Assigned != 12 || e.Treatment.Observable+e.Control.Observable != 12 ||
			e.Treatment.Taken+e.Control.Taken != 6 || e.Treatment.Successes+e.Control.Successes != 6 {
			t.Errorf("%s: %+v", when, e)
		}
	}
	check("live")
	s.stop()
	assigned, results := s.trials()
	if len(assigned) != 12 || len(results) != 12 {
		t.Errorf("%d assignments, %d results, want 12 of each", len(assigned), len(results))
	}
	controls := 0
	for key, r := range assigned {
		if (r.Arm == learn.TrialControl) == served[r.TaskID] {
			t.Errorf("task %s is %s, and was served: %v", r.TaskID, r.Arm, served[r.TaskID])
		}
		if r.Arm == learn.TrialControl {
			controls++
		}
		if r.Propensity != 0.5 || r.Door != "record_outcome" || r.EventID != learn.InProject(r.ProjectID, learn.EventID(r.TaskID, "b")) || len(r.Advised) == 0 {
			t.Errorf("assignment %+v", r)
		}
		res, ok := results[key]
		if !ok || res.TrialID != r.TrialID || res.Worked == nil || *res.Worked != res.Taken || res.TaskResult != learn.OutcomeSuccess && res.TaskResult != learn.OutcomeUnknown || res.Calls < 1 {
			t.Errorf("result %+v", res)
		}
	}
	if controls == 0 || controls == 12 {
		t.Errorf("%d of 12 are controls", controls)
	}
	s.start()
	s.settle()
	check("after a restart")
}

// Who asks and goes without is told that something is withheld; a person in a
// terminal is served everything.
func TestControlIsToldWhenItAsks(t *testing.T) {
	s := measuring(t, 0.5)
	control := ""
	for i := 0; control == ""; i++ {
		if session := fmt.Sprint("c", i); !failsAndRecovers(s, session, true) {
			control = session
		}
	}
	a := s.agent("shop", "", control)
	ask := map[string]any{"tool_name": "bash", "tool_parameters": map[string]any{"command": "python3 -m pytest -q tests/test_price.py"},
		"tool_output": map[string]any{"stdout": wrongRunner, "exit_code": 1}}
	text, failed := a.call("diagnose_failure", ask)
	var r learn.FailureAnalysisReport
	if err := json.Unmarshal([]byte(text), &r); failed || err != nil {
		t.Fatalf("%s, %v", text, err)
	}
	if len(r.Remedies) != 0 || !strings.Contains(r.Withheld, "control group") || r.RootCause == "" || strings.Contains(text, "run_tests.py") {
		t.Errorf("a control was told %s", text)
	}
	var person learn.FailureAnalysisReport
	s.mustCall(http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Failure: lathemcp.Failure{ProjectID: "shop", SessionID: control, ToolName: "bash",
		ToolParameters: map[string]any{"command": "python3 -m pytest -q tests/test_price.py"}, ToolOutput: learn.ToolOutput{Stdout: wrongRunner}}}, &person)
	if len(person.Remedies) == 0 || person.Withheld != "" {
		t.Errorf("a person was told %+v", person)
	}
}

// With a share of zero nothing is withheld, and the figures say that nothing
// is measured.
func TestMeasurementSwitchedOff(t *testing.T) {
	s := measuring(t, 0)
	for i := range 6 {
		if !failsAndRecovers(s, fmt.Sprint("live-", i), true) {
			t.Errorf("session %d was not advised", i)
		}
	}
	s.settle()
	var k server.KPIs
	s.mustCall(http.MethodPost, "/v1/kpi", struct{}{}, &k)
	if k.Effects.Measuring || !strings.Contains(k.Effects.Note, "switched off") {
		t.Errorf("effects %+v", k.Effects)
	}
	for _, e := range k.Effects.Kinds {
		if e.Enough || e.Treatment.N()+e.Control.N() > 0 || e.Treatment.Taken != 6 {
			t.Errorf("without a control: %+v", e)
		}
	}
}
