package server_test

import (
	"net/http"
	"testing"
	"time"

	"lathe/learn"
	lathemcp "lathe/mcp"
	"lathe/server"
	"lathe/server/intake"
)

// What a gateway is told for its agent is on trial as anywhere, and followed
// from the very call, which is recorded after it was asked about.
func TestAdviceAtTheGatewayIsAssigned(t *testing.T) {
	s := measuring(t, 0)
	id := learn.PositionID(string(learn.SourceGateway), "proxied", 1)
	var r learn.FailureAnalysisReport
	s.mustCall(http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Plain: true, RecordedAs: id, Failure: lathemcp.Failure{ProjectID: "shop", SessionID: "proxied",
		ToolName: "sh__bash", ToolParameters: map[string]any{"command": "python3 -m pytest -q tests/test_price.py"}, ToolOutput: learn.ToolOutput{Content: wrongRunner}}}, &r)
	if a, ok := learn.AdviceOf(r, learn.AdviceThreshold); !ok {
		t.Fatalf("no advice: %+v", r)
	} else {
		wellFormed(t, a)
	}
	// Two calls fail within the moment in which clocks are not told apart: the
	// first is the one that was advised on.
	var recs []learn.Record
	now := time.Now().UTC()
	for i, ev := range []learn.ActionOutcome{
		outcome("", "python3 -m pytest -q tests/test_price.py", wrongRunner, 1),
		outcome("", "cat missing.txt", "cat: missing.txt: No such file or directory", 1),
		outcome("", "python3 run_tests.py test_price", "ok", 0),
	} {
		ev.ID, ev.CallID, ev.ToolName, ev.Source = learn.PositionID(string(learn.SourceGateway), "proxied", i+1), "", "sh__bash", learn.SourceGateway
		ev.ProjectID, ev.SessionID, ev.Timestamp = "shop", "proxied", now.Add(time.Duration(i)*time.Millisecond)
		recs = append(recs, learn.Record{Action: &ev})
	}
	var receipt intake.Receipt
	s.mustCall(http.MethodPost, "/v1/records", server.RecordsCall{Records: recs}, &receipt)
	if len(receipt.Rejected) > 0 {
		t.Fatalf("%+v", receipt.Rejected)
	}
	a := s.agent("shop", "", "proxied")
	a.call("record_task", map[string]any{"task_id": "proxied", "outcome": "success"})
	s.settle()
	s.stop()
	assigned, results := s.trials()
	if len(assigned) != 1 || len(results) != 1 {
		t.Fatalf("%d assignments, %d results", len(assigned), len(results))
	}
	for key, r := range assigned {
		if r.Door != "gateway" || r.EventID != learn.InProject("shop", id) || r.TaskID != "proxied" {
			t.Errorf("assigned %+v", r)
		}
		if res := results[key]; !res.Observable || !res.Taken || res.Worked == nil || !*res.Worked || res.Calls != 2 {
			t.Errorf("result %+v", res)
		}
	}
}
