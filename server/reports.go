package server

import (
	"sync"

	"lathe/learn"
)

// maxReports bounds the reports that are remembered by their id. A report is a
// function of its event and of what was learned so far, so one that is
// forgotten can be had again by the event's id.
const maxReports = 1000

// reports remembers the latest reports.
type reports struct {
	mu    sync.Mutex
	byID  map[string]learn.FailureAnalysisReport
	order []string // oldest first
}

func (r *reports) keep(report learn.FailureAnalysisReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = map[string]learn.FailureAnalysisReport{}
	}
	if _, ok := r.byID[report.ReportID]; !ok {
		r.order = append(r.order, report.ReportID)
	}
	r.byID[report.ReportID] = report
	if len(r.order) > maxReports {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *reports) find(id string) (learn.FailureAnalysisReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report, ok := r.byID[id]
	return report, ok
}
