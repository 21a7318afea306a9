package server

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/refine"
	"lathe/mcp"
)

// minSequenceFit is how well a failed sequence must fit what is asked to be
// told: one step of a plan that every failure begins with is no warning.
const minSequenceFit = 0.5

// recallFailedSequences tells what tasks of this project did that failed in
// the end, where the task or plan goes the same way: a pitfall's steps where
// the failure is told already, and a pitfall of its own otherwise.
func (d *Daemon) recallFailedSequences(s mcp.Scope, q mcp.RecallQuery, problem string, told []string, out *mcp.RecallResult) {
	query := refine.NegativeQuery{ProjectID: s.ProjectID, ProblemType: problem, Prompt: q.Prompt, Limit: q.Limit}
	if q.Plan != nil {
		for _, t := range q.Plan.Tasks {
			a := action.Parse(&learn.ActionOutcome{ToolName: t.ToolName, ToolParameters: t.Arguments})
			query.Steps = append(query.Steps, refine.FailedStep{ToolName: t.ToolName, Intent: a.Intent, Skeleton: a.Skeleton})
		}
	}
	for _, found := range d.learners.negatives.Recall(query) {
		if found.Fits < minSequenceFit {
			continue
		}
		var steps []string
		for _, step := range found.Steps {
			steps = append(steps, learn.Shown(step.Skeleton, 120))
		}
		why := fmt.Sprintf("%d tasks that went this way failed and %d succeeded", found.FailedTasks, found.GoodTasks)
		if at := slices.Index(told, found.SignatureID); at >= 0 {
			p := &out.Pitfalls[at]
			p.Sequence, p.Why = steps, p.Why+"; "+why
			continue
		}
		fits := math.Round(1000*found.Fits) / 1000
		out.Pitfalls = append(out.Pitfalls, mcp.Pitfall{Name: learn.Shown(found.Cause, 120), Count: int64(found.FailedTasks), Why: why,
			RootCause: learn.Shown(found.Cause, 200), Sequence: steps, Evidence: head(found.Evidence, 3), Score: fits,
			Contributions: map[string]float64{"sequence": fits}})
		told = append(told, found.SignatureID)
	}
	slices.SortStableFunc(out.Pitfalls, func(a, b mcp.Pitfall) int { return cmp.Compare(b.Score, a.Score) })
	out.Pitfalls = out.Pitfalls[:min(len(out.Pitfalls), q.Limit)]
}
