package server

import (
	"fmt"
	"testing"
	"time"

	"lathe/learn"
)

func TestReportsAreBounded(t *testing.T) {
	r := newReports()
	for i := range maxReports + 10 {
		id := fmt.Sprint(i)
		r.keep(learn.FailureAnalysisReport{ReportID: id, RootCause: "first"})
		r.claim(learn.FailureAnalysisReport{ReportID: id, RootCause: "again"}, time.Time{})
	}
	if len(r.byID) != maxReports || len(r.order) != maxReports || len(r.said) > maxReports {
		t.Errorf("%d reports, %d in order, %d said, want %d", len(r.byID), len(r.order), len(r.said), maxReports)
	}
	if _, ok := r.find("9"); ok {
		t.Error("the oldest is still there")
	}
	if got, ok := r.find("10"); !ok || got.RootCause != "again" {
		t.Errorf("%+v, %v; want the latest of id 10", got, ok)
	}
}

// The ledger gets a report once for each thing that it says, and not more than
// so many an hour.
func TestReportsGoToTheLedgerWhenTheySaySomethingNew(t *testing.T) {
	r := newReports()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	report := learn.FailureAnalysisReport{ReportID: "a", RootCause: "x", ConfidenceScore: 0.5}
	if !r.claim(report, now) {
		t.Error("a first report was not to be written")
	}
	report.ConfidenceScore, report.History = 0.7, &learn.FailureHistory{TimesHere: 2}
	if r.claim(report, now) {
		t.Error("a report that says the same was to be written again")
	}
	report.Remedies = []learn.RemedyOffer{{RemedyID: "r"}}
	if !r.claim(report, now) {
		t.Error("a report with a new remedy was not to be written")
	}
	written := 0
	for i := range maxPublished + 10 {
		if r.claim(learn.FailureAnalysisReport{ReportID: fmt.Sprint(i)}, now) {
			written++
		}
	}
	if written != maxPublished-2 {
		t.Errorf("%d more were written within the hour, want %d", written, maxPublished-2)
	}
	if !r.claim(learn.FailureAnalysisReport{ReportID: "later"}, now.Add(time.Hour)) {
		t.Error("the next hour writes nothing")
	}
}
