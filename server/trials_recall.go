package server

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"lathe/learn"
	"lathe/learn/trial"
	"lathe/mcp"
)

// tryRecall puts what recall found up for trial: what is retired goes, one of
// the strategies comes first, and a task of a kind's control group gets
// nothing of that kind, and is told so.
func (d *Daemon) tryRecall(ctx context.Context, s mcp.Scope, q mcp.RecallQuery, out *mcp.RecallResult) error {
	task := q.TaskID
	if task == "" {
		task = d.learners.trial.TaskOf(s.ProjectID, s.SessionID)
	}
	a := assignment{project: s.ProjectID, task: task, door: doorRecall}
	without := map[string]bool{}
	err := errors.Join(d.tryStrategies(ctx, a, out, without), d.tryPitfalls(ctx, a, out, without))
	out.Tools = slices.DeleteFunc(out.Tools, func(t mcp.RecalledTool) bool {
		a.kind, a.object, a.advised = learn.AdviceTool, t.Name, []learn.RemedyAction{{ToolName: t.Name}}
		return d.learners.trial.Retired(a.kind, a.object) || d.without(ctx, a, "generated tools", without)
	})
	for _, what := range []string{"strategies", "what fixed these pitfalls", "generated tools"} {
		if without[what] {
			out.Withheld = append(out.Withheld, what+withheld)
		}
	}
	return err
}

// without draws an assignment and notes what a control goes without.
func (d *Daemon) without(ctx context.Context, a assignment, what string, out map[string]bool) bool {
	if d.assign(ctx, a) {
		return false
	}
	out[what] = true
	return true
}

func (d *Daemon) tryStrategies(ctx context.Context, a assignment, out *mcp.RecallResult, without map[string]bool) error {
	a.kind = learn.AdviceStrategy
	found := slices.DeleteFunc(slices.Clone(out.Strategies), func(s mcp.RecalledStrategy) bool {
		return d.learners.trial.Retired(a.kind, s.StrategyID)
	})
	var of []trial.Alternative
	for _, s := range found {
		n := min(float64(s.Support), 20)
		of = append(of, trial.Alternative{ObjectID: s.StrategyID, Successes: s.SuccessRate * n, Failures: (1 - s.SuccessRate) * n})
	}
	pick, chance := d.choose(a.kind, a.project, a.task, of)
	if pick > 0 {
		first := found[pick]
		found = slices.Insert(slices.Delete(found, pick, pick+1), 0, first)
	}
	out.Strategies = []mcp.RecalledStrategy{}
	for i, s := range found {
		a.object, a.of, a.chance = s.StrategyID, nil, 0
		if i == 0 {
			a.of, a.chance = of, chance
		}
		var err error
		if a.advised, err = d.strategySteps(s.StrategyID); err != nil {
			return err
		}
		if !d.without(ctx, a, "strategies", without) {
			out.Strategies = append(out.Strategies, s)
		}
	}
	return nil
}

// strategySteps is what following a strategy looks like.
func (d *Daemon) strategySteps(id string) ([]learn.RemedyAction, error) {
	var s learn.ProvenStrategy
	if _, err := d.memory.Object(learn.EntryStrategy, id, &s); err != nil {
		return nil, err
	}
	var out []learn.RemedyAction
	for _, t := range s.TemplatePlanFragment.Tasks {
		out = append(out, callOf(t.ToolName, t.Arguments))
	}
	return out, nil
}

// callOf is what a step of a plan looks like when it is done.
func callOf(tool string, arguments json.RawMessage) learn.RemedyAction {
	a := learn.RemedyAction{ToolName: tool, Command: (&learn.ActionOutcome{ToolParameters: arguments}).Command()}
	var named struct {
		Intent learn.Intent `json:"intent"`
	}
	if a.Command == "" && json.Unmarshal(arguments, &named) == nil && named.Intent != "" {
		a.Intent = named.Intent
		a.ToolName = "" // the intent is all that such calls have in common
	}
	return a
}

func (d *Daemon) tryPitfalls(ctx context.Context, a assignment, out *mcp.RecallResult, without map[string]bool) error {
	a.kind = learn.AdvicePitfall
	for i := range out.Pitfalls {
		p := &out.Pitfalls[i]
		if p.RemedyID == "" {
			continue
		}
		var r learn.Remedy
		if _, err := d.memory.Object(learn.EntryRemedy, p.RemedyID, &r); err != nil {
			return err
		}
		a.object, a.advised = p.RemedyID, r.Actions
		if d.learners.trial.Retired(a.kind, a.object) || d.without(ctx, a, "what fixed these pitfalls", without) {
			p.Remedy, p.RemedyID, p.Evidence = "", "", nil
		}
	}
	return nil
}

// tryPlan puts approved changes that an agent's plan lacks up for trial, and
// gives those to be served.
func (d *Daemon) tryPlan(ctx context.Context, s mcp.Scope, q mcp.RefineQuery, changes []learn.PlanModificationProposal) []learn.PlanModificationProposal {
	a := assignment{kind: learn.AdvicePlan, project: s.ProjectID, task: q.TaskID, door: doorRefine}
	if a.task == "" {
		a.task = d.learners.trial.TaskOf(s.ProjectID, s.SessionID)
	}
	var served []learn.PlanModificationProposal
	for _, p := range changes {
		a.object, a.advised = p.ProposalID, changedSteps(p.Modifications)
		if !d.learners.trial.Retired(a.kind, a.object) && d.assign(ctx, a) {
			served = append(served, p)
		}
	}
	return served
}

// changedSteps are the calls that a change puts into a plan.
func changedSteps(modifications json.RawMessage) []learn.RemedyAction {
	var ops []struct {
		Op    string          `json:"op"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(modifications, &ops) != nil {
		return nil
	}
	var out []learn.RemedyAction
	for _, op := range ops {
		var t learn.PlanTask
		if op.Op != "test" && json.Unmarshal(op.Value, &t) == nil && t.ToolName != "" {
			out = append(out, callOf(t.ToolName, t.Arguments))
		}
	}
	return out
}
