package server_test

import (
	"net/http"
	"testing"

	"lathe/index"
	"lathe/learn"
	"lathe/mcp"
	"lathe/server"
)

// The beginning of an id stands for it, in the caller's project.
func TestDiagnoseTakesTheBeginningOfAnID(t *testing.T) {
	s := taught(t, "shop")
	var found index.Result
	s.mustCall(http.MethodPost, "/v1/log", index.Query{Project: "shop", Status: "failure", Limit: 1}, &found)
	if len(found.Hits) == 0 {
		t.Fatal("no failure is recorded")
	}
	id := found.Hits[0].ID
	ask := func(id string) (r learn.FailureAnalysisReport, err error) {
		err = s.call(http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Failure: mcp.Failure{EventID: id}}, &r)
		return r, err
	}
	for _, short := range []string{id, id[:13]} {
		if r, err := ask(short); err != nil || r.FailedEventID != id {
			t.Errorf("%s: %s, %v", short, r.FailedEventID, err)
		}
	}
	for _, bad := range []string{id[:3], "zzzz", id[:13] + "x", "00000000-0000-8000-8000-000000000000"} {
		if r, err := ask(bad); err == nil {
			t.Errorf("%s: %s", bad, r.FailedEventID)
		}
	}
	for project, failed := range map[string]bool{"shop": false, "elsewhere": true} {
		if text, bad := s.agent(project, "", "now").call("diagnose_failure", map[string]any{"event_id": id[:13]}); bad != failed {
			t.Errorf("an agent of %s: %s", project, text)
		}
	}
}
