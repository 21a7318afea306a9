package server

import (
	"fmt"
	"testing"

	"lathe/learn"
)

func TestReportsAreBounded(t *testing.T) {
	var r reports
	for i := range maxReports + 10 {
		id := fmt.Sprint(i)
		r.keep(learn.FailureAnalysisReport{ReportID: id, RootCause: "first"})
		r.keep(learn.FailureAnalysisReport{ReportID: id, RootCause: "again"})
	}
	if len(r.byID) != maxReports || len(r.order) != maxReports {
		t.Errorf("%d reports, %d in order, want %d", len(r.byID), len(r.order), maxReports)
	}
	if _, ok := r.find("9"); ok {
		t.Error("the oldest is still there")
	}
	if got, ok := r.find("10"); !ok || got.RootCause != "again" {
		t.Errorf("%+v, %v; want the latest of id 10", got, ok)
	}
}
