package server

import (
	"context"
	"errors"
	"fmt"

	"lathe/learn"
	"lathe/lsp"
)

// toolDiagnostics is the name under which the diagnostics before and after an
// agent's edit are recorded.
const toolDiagnostics = "editor_diagnostics"

// editorRecorder takes what editors tell into the log.
type editorRecorder struct {
	d *Daemon
	x *experience
}

var _ lsp.Recorder = editorRecorder{}

// Record implements lsp.Recorder.
func (r editorRecorder) Record(ctx context.Context, root string, events []learn.ActionOutcome) error {
	project := "no-workspace"
	if root != "" {
		project = r.x.project(root, false)
	}
	recs := make([]learn.Record, len(events))
	for i := range events {
		events[i].ProjectID = project
		recs[i] = learn.Record{Action: &events[i]}
	}
	receipt, err := r.d.accept(ctx, recs)
	if err == nil && len(receipt.Rejected) > 0 {
		err = fmt.Errorf("%d of %d events: %w", len(receipt.Rejected), len(events), errors.New(receipt.Rejected[0].Reason))
	}
	return err
}

// Seen implements lsp.Recorder.
func (r editorRecorder) Seen(_ context.Context, root string, s lsp.Sighting) {
	if root != "" {
		r.d.learners.edits.seen(r.x.project(root, false), root, s)
	}
}

// recordVerdicts stores what diagnostics say of agents' edits until ctx ends.
func (d *Daemon) recordVerdicts(ctx context.Context) error {
	for {
		select {
		case ev := <-d.learners.edits.verdicts:
			if _, err := d.accept(ctx, []learn.Record{{Action: &ev}}); err != nil && ctx.Err() == nil {
				d.logger.Warn("what an editor's diagnostics say of an edit is not recorded", "err", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// agentsOnly keeps what people do in editors from a learner of what agents do.
type agentsOnly struct{ learn.Learner }

// Apply implements learn.Learner.
func (a agentsOnly) Apply(o *learn.Observation, emit func(learn.LedgerEntry)) error {
	if ev := o.Record.Action; ev != nil && ev.Source == learn.SourceLSP && o.Finished == nil {
		return nil
	}
	return a.Learner.Apply(o, emit)
}

// ofAgents wraps learners so that they see agents' calls only.
func ofAgents(list ...learn.Learner) []learn.Learner {
	out := make([]learn.Learner, len(list))
	for i, l := range list {
		out[i] = agentsOnly{l}
		if c, ok := l.(learn.Concluder); ok {
			out[i] = struct {
				agentsOnly
				learn.Concluder
			}{agentsOnly{l}, c}
		}
	}
	return out
}
