package server

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"lathe/learn"
)

// Bounds of what is kept of reports. In memory are the latest; the ledger has
// those that were asked for or served as advice, each when it says something
// new, and at most maxPublished an hour: a report is a function of its event
// and of what was learned, so one that is missing can be had again by the
// event's id.
const (
	maxReports   = 1000
	maxPublished = 2000
)

// reports remembers the latest reports.
type reports struct {
	mu        sync.Mutex
	byID      map[string]learn.FailureAnalysisReport
	order     []string          // oldest first
	said      map[string]string // report id -> essence in the ledger, of those in byID
	hour      time.Time
	published int // within the hour
}

func newReports() *reports {
	return &reports{byID: map[string]learn.FailureAnalysisReport{}, said: map[string]string{}}
}

func (r *reports) keep(report learn.FailureAnalysisReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(report)
}

func (r *reports) put(report learn.FailureAnalysisReport) {
	if _, ok := r.byID[report.ReportID]; !ok {
		r.order = append(r.order, report.ReportID)
	}
	r.byID[report.ReportID] = report
	if len(r.order) > maxReports {
		delete(r.byID, r.order[0])
		delete(r.said, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *reports) find(id string) (learn.FailureAnalysisReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report, ok := r.byID[id]
	return report, ok
}

// apply takes a report from the ledger.
func (r *reports) apply(e learn.LedgerEntry) error {
	if e.Kind != learn.EntryReport {
		return nil
	}
	var report learn.FailureAnalysisReport
	if err := json.Unmarshal(e.Body, &report); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, newer := r.byID[report.ReportID]; !newer {
		r.put(report)
	}
	r.said[report.ReportID] = essence(report)
	return nil
}

// essence is what a report says, without what changes as time goes by: counts
// and confidences.
func essence(r learn.FailureAnalysisReport) string {
	parts := []string{r.RootCause, r.CulpritAction, r.ProposedRemediationStrategy, string(r.Method)}
	for _, o := range r.Remedies {
		parts = append(parts, o.RemedyID, o.Description)
	}
	if r.Hypothesis != nil {
		parts = append(parts, r.Hypothesis.AskID)
	}
	return learn.UUIDv8(parts...)
}

// claim says whether the report has to go to the ledger, and counts it as gone.
func (r *reports) claim(report learn.FailureAnalysisReport, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := essence(report)
	if r.said[report.ReportID] == said {
		return false
	}
	if hour := now.Truncate(time.Hour); !hour.Equal(r.hour) {
		r.hour, r.published = hour, 0
	}
	if r.published >= maxPublished {
		return false
	}
	r.published++
	r.put(report)
	r.said[report.ReportID] = said
	return true
}

func (r *reports) release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.said, id)
}

// publishReport writes a report that somebody saw to the ledger, unless the
// ledger has it already. It is no reason to keep the report back that this
// fails.
func (d *Daemon) publishReport(ctx context.Context, r learn.FailureAnalysisReport) {
	release, err := d.enter()
	if err != nil {
		return // on its way down
	}
	defer release()
	if !d.reports.claim(r, time.Now()) {
		return
	}
	e, err := learn.NewEntry(learn.EntryReport, r.ReportID, r.ProjectID, r.Timestamp, r, r.Evidence)
	if err == nil {
		err = ledgerLog{d.log}.WriteLedger(ctx, []learn.LedgerEntry{e})
	}
	if err != nil {
		d.reports.release(r.ReportID)
		d.logger.Error("a report that was served is not in the ledger", "report", r.ReportID, "err", err)
	}
}

// findReport looks for a report by its id in memory, then in the index of the
// ledger.
func (d *Daemon) findReport(ctx context.Context, id string) (learn.FailureAnalysisReport, bool, error) {
	if r, ok := d.reports.find(id); ok {
		return r, true, nil
	}
	e, ok, err := d.index.Object(ctx, learn.EntryReport, id)
	if err != nil || !ok {
		return learn.FailureAnalysisReport{}, false, err
	}
	var r learn.FailureAnalysisReport
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return r, false, fmt.Errorf("report %.80s in the index: %w", id, err)
	}
	return r, true, nil
}
