package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

	pending chan learn.LedgerEntry // claimed, not in the ledger yet
	asked   chan chan struct{}     // who wants all of them there; see flush
}

// What is published is gathered for gatherReports and written together, in
// parts of reportBatch: a commit of the ledger's index costs much the same
// whatever its size, and one for each report would take the processor from those
// who ask. At most maxPending wait; what comes beyond is not published, as beyond
// maxPublished, since nobody is to wait for the disk.
const (
	gatherReports = time.Second
	reportBatch   = 128
	maxPending    = 512
)

func newReports() *reports {
	return &reports{byID: map[string]learn.FailureAnalysisReport{}, said: map[string]string{}, pending: make(chan learn.LedgerEntry, maxPending), asked: make(chan chan struct{})}
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

// publishReport sees to it that a report that somebody saw is in the ledger,
// unless it is there already. The answer does not wait for the disk: the report
// is a function of its event, so a crash loses nothing that cannot be had again.
func (d *Daemon) publishReport(r learn.FailureAnalysisReport) {
	release, err := d.enter()
	if err != nil {
		return // on its way down
	}
	defer release()
	if !d.reports.claim(r, time.Now()) {
		return
	}
	e, err := learn.NewEntry(learn.EntryReport, r.ReportID, r.ProjectID, r.Timestamp, r, r.Evidence)
	if err != nil {
		d.reports.release(r.ReportID)
		d.logger.Error("a report that was served cannot be written", "report", r.ReportID, "err", err)
		return
	}
	select {
	case d.reports.pending <- e:
	default:
		d.reports.release(r.ReportID)
	}
}

// writeReports writes what was published until ctx ends, and then the rest.
func (d *Daemon) writeReports(ctx context.Context) error {
	for ctx.Err() == nil {
		var some []learn.LedgerEntry
		var reached chan struct{}
		select {
		case e := <-d.reports.pending:
			some = append(some, e)
			company := time.NewTimer(gatherReports)
			select {
			case <-company.C:
			case reached = <-d.reports.asked:
			case <-ctx.Done():
			}
			company.Stop()
		case reached = <-d.reports.asked:
		case <-ctx.Done():
		}
		for batch := range slices.Chunk(d.reports.more(some...), reportBatch) {
			d.writeEntries(context.WithoutCancel(ctx), batch)
		}
		if reached != nil {
			close(reached)
		}
	}
	return nil
}

// flush returns when all that was published before is in the ledger. It needs
// writeReports.
func (r *reports) flush(ctx context.Context) error {
	reached := make(chan struct{})
	select {
	case r.asked <- reached:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// more adds what waits to be written.
func (r *reports) more(entries ...learn.LedgerEntry) []learn.LedgerEntry {
	for {
		select {
		case e := <-r.pending:
			entries = append(entries, e)
		default:
			return entries
		}
	}
}

// writeEntries writes reports to the ledger. It is no reason to keep a report
// back that this fails.
func (d *Daemon) writeEntries(ctx context.Context, entries []learn.LedgerEntry) {
	if err := (ledgerLog{d.log}).WriteLedger(ctx, entries); err != nil {
		for _, e := range entries {
			d.reports.release(e.ObjectID)
		}
		d.logger.Error("reports that were served are not in the ledger", "reports", len(entries), "err", err)
	}
}

// findReport looks for a report by its id in memory, then in the index of the
// ledger.
func (d *Daemon) findReport(ctx context.Context, id string) (learn.FailureAnalysisReport, bool, error) {
	if r, ok := d.reports.find(id); ok {
		return r, true, nil
	}
	d.searchable(ctx)
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
