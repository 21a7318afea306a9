package server

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/mcp"
	"lathe/server/web"
)

// pageExperience is what was learned, and the person's word on it, as the page
// has them.
type pageExperience struct{ d *Daemon }

// Task implements web.Experience.
func (p pageExperience) Task(ctx context.Context, id string) (learn.Task, error) {
	return p.d.taskPlace(ctx, id)
}

// Fixes implements web.Experience.
func (p pageExperience) Fixes(context.Context) []learn.Remedy {
	return DistinctFixes(p.d.learners.recovery.Remedies())
}

// Report implements web.Experience.
func (p pageExperience) Report(ctx context.Context, eventID string) (learn.FailureAnalysisReport, error) {
	return backend{p.d}.plain(ctx, mcp.Scope{Import: true, AgentID: "page"}, mcp.Failure{EventID: eventID})
}

// Say implements web.Teacher.
func (p pageExperience) Say(ctx context.Context, f web.Feedback) (string, error) {
	id := f.TaskID
	if id == "" {
		id = f.RemedyID
	}
	out, err := p.d.feedback(ctx, FeedbackCall{ID: id, EventID: f.EventID, Good: f.Good})
	return out.Line, err
}

// Undo implements web.Teacher.
func (p pageExperience) Undo(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", errors.New("nothing is named that could be taken back")
	}
	out, err := p.d.undo(ctx, UndoneCall{ID: id})
	return out.Line, err
}

func (d *Daemon) pageDigest(ctx context.Context) []string {
	out, err := d.digest(ctx, DigestCall{})
	if err != nil {
		d.logger.Error("review page: digest", "err", err)
	}
	return out.Lines
}

func (d *Daemon) pageGroups() []web.Group {
	var out []web.Group
	for _, g := range d.acceptanceGroups() {
		shown := web.Group{ProposalGroup: g.Group, Accepted: g.Accepted, Judged: g.Judged, Low: g.Interval.Low, High: g.Interval.High}
		if g.Stop != nil {
			shown.Stopped, shown.ChangeID = true, g.Stop.ChangeID
		}
		out = append(out, shown)
	}
	return out
}

// pageTools lists the generated tools with what became of their calls, those
// that sessions can call first.
func (d *Daemon) pageTools() []web.Tool {
	calls := map[string]monitor.Group{}
	for _, g := range d.learners.monitor.KPIs(monitor.Filter{}).ByTool {
		calls[g.Name] = g
	}
	var out []web.Tool
	for _, it := range slices.Backward(d.queue.Items()) {
		if it.Tool == nil || it.State == learn.StateInReview || it.State == learn.StateRejected {
			continue
		}
		m := it.Tool.Tool.Manifest
		g := calls[m.Name]
		t := web.Tool{Name: m.Name, Version: m.Version, ReviewID: it.ID, State: it.State}
		if it.State == learn.StateActive { // calls are counted by name
			t.Calls, t.Failures, t.Rate = g.Calls, g.Failures+g.Timeouts, g.SuccessRate.Rate
			t.Low, t.High, t.P50MS, t.P90MS = g.SuccessRate.Interval.Low, g.SuccessRate.Interval.High, g.P50MS, g.P90MS
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b web.Tool) int {
		if aActive, bActive := a.State == learn.StateActive, b.State == learn.StateActive; aActive != bActive {
			return map[bool]int{true: -1, false: 1}[aActive]
		}
		return cmp.Compare(b.Calls, a.Calls)
	})
	return out
}
