package server

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/refine"
	"lathe/mcp"
	"lathe/server/review"
)

// plansDir is where a workspace keeps its plan templates.
const plansDir = ".ocode/plans"

// maxPlanReports bounds the failures of one plan that are diagnosed.
const maxPlanReports = 200

// plans is the part of the daemon that knows plan templates.
type plans struct {
	mu     sync.Mutex
	writes map[string][]learn.PlanWrite // by file, in the order of the ledger
	undone map[string]bool              // write ids
	looked map[string]string            // file -> what it was looked at with

	writing sync.Mutex // one write at a time

	since uint64 // the events at the start: until the learners have them, nothing is concluded of a template
}

func newPlans() *plans {
	return &plans{writes: map[string][]learn.PlanWrite{}, undone: map[string]bool{}, looked: map[string]string{}}
}

// planFile names a template's file.
func planFile(workspace, template string) string { return workspace + "\x00" + template }

// apply projects what was written.
func (p *plans) apply(e learn.LedgerEntry) error {
	if e.Kind != learn.EntryPlanWrite {
		return nil
	}
	var w learn.PlanWrite
	if err := json.Unmarshal(e.Body, &w); err != nil {
		return fmt.Errorf("plan write: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := planFile(w.Workspace, w.Template)
	if slices.ContainsFunc(p.writes[key], func(o learn.PlanWrite) bool { return o.WriteID == w.WriteID }) {
		return nil
	}
	p.writes[key] = append(p.writes[key], w)
	if w.Undoes != "" {
		p.undone[w.Undoes] = true
	}
	return nil
}

// RefineCall refines a plan of a project for the command line. Text is the plan
// as it stands in its file; Workspace and Template say which file that is, when
// it is a template. Write also writes approved changes that are not in the file
// yet.
type RefineCall struct {
	ProjectID string `json:"project_id"`
	Workspace string `json:"workspace,omitempty"`
	Template  string `json:"template,omitempty"`
	Name      string `json:"name,omitempty"` // for messages
	Text      string `json:"text"`
	Target    string `json:"target,omitempty"`
	Write     bool   `json:"write,omitempty"`
}

// Refined is the answer to a RefineCall: Text is the plan in the form that it
// had.
type Refined struct {
	mcp.RefineResult
	Text   string            `json:"text"`
	Writes []learn.PlanWrite `json:"writes,omitempty"`
	Queued bool              `json:"queued"` // the proposals wait for the reviewer
}

// RefinePlan implements mcp.Adviser.
func (b backend) RefinePlan(ctx context.Context, s mcp.Scope, q mcp.RefineQuery) (mcp.RefineResult, error) {
	f, err := refine.FromJSON("plan", q.Plan)
	if err != nil {
		return mcp.RefineResult{}, fmt.Errorf("the plan is not valid: %w", err)
	}
	template, err := templateOf(q.Template, f.Plan.Name)
	if err != nil {
		return mcp.RefineResult{}, err
	}
	at := planPlace{project: s.ProjectID, template: template}
	if s.Root != "" && template != "" {
		if text, err := readTemplate(s.Root, template); err == nil {
			at.workspace = s.Root
			if err := b.d.proposeFile(ctx, at, text); err != nil {
				return mcp.RefineResult{}, err
			}
		}
	}
	out, _, err := b.d.refinePlan(ctx, at, f, q.Target, func(changes []learn.PlanModificationProposal) []learn.PlanModificationProposal {
		return b.d.tryPlan(ctx, s, q, changes)
	})
	return out, err
}

// templateOf is the path of a template that is given by its path or name, or
// by the name of a plan. A plan without either is from no template.
func templateOf(given, name string) (string, error) {
	switch {
	case given != "" && strings.ContainsAny(given, `/\`):
		return given, goodTemplate(given)
	case given != "":
		given = path.Join(plansDir, strings.TrimSuffix(given, ".json")+".json")
		return given, goodTemplate(given)
	case name == "":
		return "", nil
	}
	given = path.Join(plansDir, name+".json")
	if goodTemplate(given) != nil {
		return "", nil // a name for people
	}
	return given, nil
}

// goodTemplate refuses paths that are not a template's.
func goodTemplate(template string) error {
	if path.Dir(template) != plansDir || path.Ext(template) != ".json" || !filepath.IsLocal(template) || len(template) > 300 ||
		strings.ContainsFunc(template, func(r rune) bool { return r < 0x20 || r == '\\' }) {
		return fmt.Errorf("%.200q is no plan template: they are %s/NAME.json in a workspace", template, plansDir)
	}
	return nil
}

// planPlace says where a plan is from; workspace is "" when it is in no file,
// and template too when it is from none.
type planPlace struct{ project, workspace, template string }

// refineText answers the command line.
func (d *Daemon) refineText(ctx context.Context, c RefineCall) (Refined, error) {
	f, err := refine.Parse(c.Name, []byte(c.Text))
	if err != nil {
		return Refined{}, fmt.Errorf("the plan is not valid:\n%w", err)
	}
	at := planPlace{project: c.ProjectID, workspace: c.Workspace, template: c.Template}
	out := Refined{}
	if at.workspace != "" {
		if err := goodTemplate(at.template); err != nil {
			return out, err
		}
		if err := d.proposeFile(ctx, at, []byte(c.Text)); err != nil {
			return out, err
		}
		out.Queued = true
	}
	if c.Write {
		if out.Writes, err = d.writeApproved(ctx, at); err != nil {
			return out, err
		}
	}
	var refined *refine.File
	if out.RefineResult, refined, err = d.refinePlan(ctx, at, f, c.Target, nil); err != nil {
		return out, err
	}
	out.Text = string(refined.Text())
	return out, nil
}

// refinePlan applies what is approved to a plan and says what is not. serve
// says which of the changes that the plan lacks are served; nil is all.
func (d *Daemon) refinePlan(ctx context.Context, at planPlace, f *refine.File, target string,
	serve func([]learn.PlanModificationProposal) []learn.PlanModificationProposal) (mcp.RefineResult, *refine.File, error) {
	out := mcp.RefineResult{Changes: []mcp.RefineChange{}, Proposals: []learn.PlanModificationProposal{}}
	if target != "" && target != "plain" {
		return out, f, fmt.Errorf("there is no target %.40q: leave it out, or say plain", target)
	}
	approved := d.approvedChanges(at)
	refined, log := refine.Refine(f, approved, d.toolsOf(at.project))
	if missing := changed(approved, log); serve != nil && len(missing) > 0 {
		if served := serve(missing); len(served) < len(missing) {
			out.Withheld, approved = "approved changes"+withheld+", or they proved to harm (lathe trial)", served
			refined, log = refine.Refine(f, approved, d.toolsOf(at.project))
		}
	}
	for i, a := range log {
		if a.Changed {
			out.Changes = append(out.Changes, mcp.RefineChange{ProposalID: a.ProposalID, Type: a.Type, TargetStep: approved[i].TargetStep,
				Line: a.Line, Evidence: head(a.Evidence, 5)})
		} else if strings.HasPrefix(a.Line, "left out") {
			out.Notes = append(out.Notes, a.Line)
		}
	}
	proposals, notes, err := d.proposalsFor(ctx, at, refined)
	if err != nil {
		return out, f, err
	}
	if out.Withheld != "" {
		proposals = nil // or what is withheld would stand here
	}
	out.Proposals, out.Notes = append(out.Proposals, proposals...), append(out.Notes, notes...)
	if target == "plain" {
		var lost []string
		if refined, lost, err = refine.Lower(refined); err != nil {
			return out, f, err
		}
		out.Notes = append(out.Notes, lost...)
	}
	out.Plan, err = refined.JSON()
	return out, refined, err
}

// changed are the changes that a plan did not have.
func changed(all []learn.PlanModificationProposal, log []refine.Applied) []learn.PlanModificationProposal {
	var out []learn.PlanModificationProposal
	for i, a := range log {
		if a.Changed {
			out = append(out, all[i])
		}
	}
	return out
}

// approvedChanges are those of a template that the reviewer signed, oldest
// first. Each signature is checked over what the ledger holds.
func (d *Daemon) approvedChanges(at planPlace) []learn.PlanModificationProposal {
	var out []learn.PlanModificationProposal
	if at.template == "" {
		return nil
	}
	for _, it := range d.queue.List(learn.StateApproved, learn.StateActive) {
		if it.Kind != review.KindPlan || it.Project != at.project || it.Plan.TargetPlanTemplate != at.template ||
			at.workspace != "" && it.Plan.Workspace != "" && it.Plan.Workspace != at.workspace {
			continue
		}
		if it.Alone != nil {
			continue // in its own file, and no person said that it should be elsewhere
		}
		if _, err := d.queue.Approval(it.ID, refine.ContentHash(*it.Plan)); err != nil {
			d.logger.Warn("an approved plan change is passed over", "proposal", it.ID, "err", err)
			continue
		}
		out = append(out, *it.Plan)
	}
	return out
}

// toolsOf knows the tools that a project can use: those that succeeded in it,
// and the generated ones.
func (d *Daemon) toolsOf(project string) func(string) bool {
	return func(name string) bool {
		return d.learners.plans.HasTool(project, name) ||
			slices.ContainsFunc(d.forge.active(), func(m learn.ToolManifest) bool { return m.Name == name })
	}
}

// proposalsFor proposes changes of a plan. The notes say what was not looked at.
func (d *Daemon) proposalsFor(ctx context.Context, at planPlace, f *refine.File) ([]learn.PlanModificationProposal, []string, error) {
	k := refine.Knowledge{ProjectID: at.project, Workspace: at.workspace, Template: at.template, Steps: map[string]refine.StepFacts{},
		Intent: intentOf, HasTool: d.toolsOf(at.project), Withheld: d.withheld}
	if k.Template == "" {
		k.Template = f.Plan.Name
	}
	for _, st := range d.learners.mine.Strategies() {
		if st.ProjectID == "" || st.ProjectID == at.project {
			k.Strategies = append(k.Strategies, st)
		}
	}
	var notes []string
	asked := 0
	for _, step := range f.Plan.Tasks {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		facts, ok := d.learners.plans.Facts(planCall(at, step))
		if !ok {
			continue
		}
		k.Steps[step.ID] = facts
		for _, failed := range facts.Failed {
			if asked++; asked > maxPlanReports {
				continue
			}
			failure, ok, err := d.planFailure(ctx, at.project, step.ID, facts.Level, failed)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				k.Failures = append(k.Failures, failure)
			}
		}
	}
	if asked > maxPlanReports {
		notes = append(notes, fmt.Sprintf("%d failures of the plan's steps were not looked at: at most %d are", asked-maxPlanReports, maxPlanReports))
	}
	return refine.Propose(f, k), notes, nil
}

// planFailure diagnoses how a step failed last.
func (d *Daemon) planFailure(ctx context.Context, project, step string, level refine.Level, failed refine.FailedRun) (refine.Failure, bool, error) {
	rec, err := d.log.Record(ctx, failed.EventID)
	if err != nil || rec.Action == nil || rec.Action.ProjectID != project {
		return refine.Failure{}, false, ctx.Err() // forgotten meanwhile
	}
	report, err := d.report(ctx, rec.Action, false)
	if err != nil {
		return refine.Failure{}, false, err
	}
	return refine.Failure{Report: report, StepID: step, Level: level, Command: rec.Action.Command(), FailedRun: failed}, true, nil
}

// planCall is a step as the call that it makes.
func planCall(at planPlace, step learn.PlanTask) refine.Call {
	ev := learn.ActionOutcome{ToolName: step.ToolName, ToolParameters: step.Arguments, ActionType: learn.ToolCall}
	act := action.Parse(&ev)
	return refine.Call{ProjectID: at.project, ToolName: step.ToolName, Command: act.Command, Skeleton: act.Skeleton,
		Parameters: step.Arguments, Plan: at.template, Step: step.ID}
}

func intentOf(tool string, arguments json.RawMessage) learn.Intent {
	return action.Parse(&learn.ActionOutcome{ToolName: tool, ToolParameters: arguments, ActionType: learn.ToolCall}).Intent
}

// withheld reports whether a proposal is not made: of a kind that people always
// reject, or one that a person decided on already and no new evidence came since. An approved one that could not be written may come again.
func (d *Daemon) withheld(p learn.PlanModificationProposal) bool {
	if d.mayPropose(string(p.Type)) != nil {
		return true // people always rejected this kind
	}
	it, err := d.queue.Get(p.ProposalID)
	if err != nil || it.Plan == nil {
		return false
	}
	switch it.State {
	case learn.StateRejected, learn.StateRolledBack, learn.StateActive:
		return !refine.NewEvidence(*it.Plan, p)
	}
	return false
}
