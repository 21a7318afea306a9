package server

import (
	"context"
	"slices"
	"time"

	"lathe/learn"
)

// adviceTime is how long the answer to a recorded failure waits for advice.
const adviceTime = 300 * time.Millisecond

// maxAdvised bounds the failures of a batch that are advised on: the latest
// are those that the agent is at.
const maxAdvised = 5

// adviseOn says what is known of the failures among records that were just
// stored at a door, by their place in the batch. What a task of the control
// group would have been told is drawn, recorded and left out. That there is no
// advice is no error: the records are stored.
func (d *Daemon) adviseOn(ctx context.Context, stored []taken, door string) map[int]learn.Advice {
	ctx, cancel := context.WithTimeout(ctx, adviceTime)
	defer cancel()
	out := map[int]learn.Advice{}
	asked := 0
	for _, rec := range slices.Backward(stored) {
		if rec.Action == nil || !rec.Action.Status.Failed() {
			continue
		}
		if asked++; asked > maxAdvised || ctx.Err() != nil {
			break
		}
		report, err := d.report(ctx, rec.Action, false)
		if err != nil {
			break
		}
		if _, silent := d.mutes.silent(rec.Action.ProjectID, report.Signatures, d.now()); silent {
			continue
		}
		d.tryRemedies(ctx, &report, rec.Action, door)
		a, ok := learn.AdviceOf(report, learn.AdviceThreshold)
		if !ok {
			continue
		}
		out[rec.index] = a
		d.publishReport(report)
	}
	return out
}
