package graph

import (
	"encoding/json"
	"fmt"
	"strconv"

	"lathe/learn"
)

const (
	maxLearnedFrom = 8  // attempts that an object names as its evidence
	maxSteps       = 64 // steps projected of one plan fragment
)

// ApplyLedger projects one ledger entry; the same entry may come again. Kinds
// that say nothing to the graph are passed over. It fails on a body that
// cannot be read, having changed nothing.
func (g *Graph) ApplyLedger(e learn.LedgerEntry) error {
	var err error
	switch e.Kind {
	case learn.EntryTask:
		err = project(g, e, func(t *learn.Task) { g.ended(t) })
	case learn.EntryReport:
		err = project(g, e, func(r *learn.FailureAnalysisReport) { g.report(e, r) })
	case learn.EntryRemedy:
		err = project(g, e, func(r *learn.Remedy) { g.remedy(e, r) })
	case learn.EntryStrategy:
		err = project(g, e, func(s *learn.ProvenStrategy) { g.strategy(e, s) })
	case learn.EntryProposal:
		err = project(g, e, func(p *learn.PlanModificationProposal) { g.proposal(e, p) })
	case learn.EntryTool:
		err = project(g, e, func(t *learn.ProposedTool) { g.proposedTool(e, t) })
	case learn.EntryState:
		err = project(g, e, func(s *learn.StateChange) { g.state(e, s) })
	case learn.EntryTrial:
		err = project(g, e, func(t *learn.TrialRecord) { g.trial(e, t) })
	}
	if err != nil {
		return fmt.Errorf("graph: ledger entry %s of kind %s: %w", e.ID, e.Kind, err)
	}
	return nil
}

func project[T any](g *Graph, e learn.LedgerEntry, put func(*T)) error {
	var body T
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	put(&body)
	return nil
}

// learnedFrom connects an object with the attempts that it was learned from.
// Without a project it is not known whose they are; then only the edge's
// evidence on the object's other edges names them.
func (g *Graph) learnedFrom(v *vertex, e learn.LedgerEntry, events []string) {
	if e.ProjectID == "" {
		return
	}
	for i, id := range events {
		if i == maxLearnedFrom {
			return
		}
		if learn.ValidID(id) {
			g.set(v, LearnedFrom, g.node(ExecutionAttempt, e.ProjectID, id, "", e.Timestamp), 1, e.Timestamp, id)
		}
	}
}

func (g *Graph) report(e learn.LedgerEntry, r *learn.FailureAnalysisReport) {
	if len(r.Signatures) == 0 {
		return
	}
	s := r.Signatures[0]
	failed := g.node(Error, "", s.ID, s.Name, e.Timestamp)
	if r.ErrorPattern != nil && r.ErrorPattern.ID != "" {
		p := g.node(ErrorPattern, "", r.ErrorPattern.ID, r.ErrorPattern.Name, e.Timestamp)
		g.settle(failed, IsInstanceOf, p, e)
	}
	if e.ProjectID == "" {
		return
	}
	if learn.ValidID(r.FailedEventID) {
		a := g.node(ExecutionAttempt, e.ProjectID, r.FailedEventID, "", e.Timestamp)
		g.settle(a, ResultedIn, failed, e)
	}
	if learn.ValidID(r.CulpritAction) {
		a := g.node(ExecutionAttempt, e.ProjectID, r.CulpritAction, "", e.Timestamp)
		g.set(a, Generated, failed, r.ConfidenceScore, e.Timestamp, r.FailedEventID)
	}
}

// settle makes an edge of weight 1 unless observations count it already.
func (g *Graph) settle(from *vertex, kind EdgeKind, to *vertex, e learn.LedgerEntry) {
	if _, known := from.out[edgeKey{kind, to}]; !known {
		g.set(from, kind, to, 1, e.Timestamp)
	}
}

func (g *Graph) remedy(e learn.LedgerEntry, r *learn.Remedy) {
	at := e.Timestamp
	v := g.node(RecoveryStrategy, r.ProjectID, r.RemedyID, r.Description, at)
	v.Label = cut(r.Description)
	v.Weight = float64(r.Support)
	v.property("kind", r.Kind)
	v.property("language", r.Language)
	v.property("posterior", number(r.Posterior))
	v.property("remedy_id", r.RemedyID)
	g.clear(v, AppliesTo, Uses, LearnedFrom)
	if r.PatternID != "" {
		g.set(g.node(ErrorPattern, "", r.PatternID, "", at), MitigatedBy, v, r.Posterior, at, r.Evidence...)
	}
	if r.SignatureID != "" {
		failed := g.node(Error, "", r.SignatureID, "", at)
		g.set(v, AppliesTo, failed, r.Posterior, at)
		if r.Successes > 0 {
			g.set(failed, SucceededWith, v, r.Successes, at, r.Evidence...)
		}
		if r.Failures > 0 {
			g.set(failed, FailedWith, v, r.Failures, at)
		}
	}
	for _, a := range r.Actions {
		if a.ToolName != "" {
			g.set(v, Uses, g.node(Tool, "", a.ToolName, a.ToolName, at), 1, at)
		}
	}
	g.learnedFrom(v, e, r.Evidence)
}

func (g *Graph) strategy(e learn.LedgerEntry, s *learn.ProvenStrategy) {
	at := e.Timestamp
	v := g.node(ProvenStrategy, s.ProjectID, s.StrategyID, s.Name, at)
	v.Label = cut(s.Name)
	v.Weight = float64(s.Support)
	v.property("success_rate", number(s.SuccessRate))
	v.property("contrast", number(s.Contrast))
	v.property("strategy_id", s.StrategyID)
	g.clear(v, SolvesEfficiently, ComposedOf, LearnedFrom)
	for i, p := range s.RelatedProblemTypes {
		if i == maxEntities {
			break
		}
		if p != "" {
			g.set(v, SolvesEfficiently, g.node(ProblemType, "", p, p, at), s.SuccessRate, at, s.Evidence...)
		}
	}
	g.set(v, ComposedOf, g.fragment(s.ProjectID, s.StrategyID, &s.TemplatePlanFragment, e), 1, at)
	g.learnedFrom(v, e, s.Evidence)
}

// fragment projects a plan: its steps, their tools, order and preconditions.
func (g *Graph) fragment(project, name string, plan *learn.TaskGraph, e learn.LedgerEntry) *vertex {
	at := e.Timestamp
	f := g.node(PlanFragment, project, name, plan.Name, at)
	g.clear(f, ComposedOf)
	step := func(id string) *vertex { return g.node(PlanStep, project, name+"#"+id, id, at) }
	for i := range plan.Tasks {
		if i == maxSteps {
			break
		}
		t := &plan.Tasks[i]
		s := step(t.ID)
		g.clear(s, Requires, Uses)
		g.set(f, ComposedOf, s, float64(i+1), at)
		if t.ToolName != "" {
			g.set(s, Uses, g.node(Tool, "", t.ToolName, t.ToolName, at), 1, at)
		}
		for _, c := range t.Preconditions {
			words := c.Kind + " " + c.Argument
			g.set(g.node(Precondition, project, words, words, at), RequiredFor, s, 1, at)
		}
		for j, before := range plan.Dependencies[t.ID] {
			if j == maxSteps {
				break
			}
			g.set(s, Requires, step(before), 1, at)
		}
	}
	return f
}

func (g *Graph) proposal(e learn.LedgerEntry, p *learn.PlanModificationProposal) {
	at := e.Timestamp
	v := g.node(PlanFragment, p.ProjectID, p.ProposalID, string(p.Type), at)
	v.property("proposal_id", p.ProposalID)
	v.property("type", string(p.Type))
	v.property("risk", p.Risk)
	if p.TargetPlanTemplate != "" {
		plan := g.node(PlanFragment, p.ProjectID, p.TargetPlanTemplate, p.TargetPlanTemplate, at)
		g.set(v, Modifies, plan, p.ConfidenceScore, at)
		if p.TargetStep != "" {
			s := g.node(PlanStep, p.ProjectID, p.TargetPlanTemplate+"#"+p.TargetStep, p.TargetStep, at)
			g.set(plan, ComposedOf, s, 1, at)
			g.set(v, Modifies, s, p.ConfidenceScore, at)
		}
	}
	if s := g.known(ProvenStrategy, p.ProjectID, p.SourceStrategyID); s != nil {
		g.set(s, Generated, v, 1, at)
	}
	g.learnedFrom(v, e, p.Evidence)
}

// known finds an object of this project or of all.
func (g *Graph) known(kind NodeKind, project, name string) *vertex {
	if v, ok := g.nodes[ID(kind, project, name)]; ok {
		return v
	}
	return g.nodes[ID(kind, "", name)]
}

func (g *Graph) proposedTool(e learn.LedgerEntry, t *learn.ProposedTool) {
	name := t.Manifest.Name
	if name == "" {
		return
	}
	v := g.node(Tool, "", name, name, e.Timestamp)
	v.property("version", t.Manifest.Version)
	v.property("content_hash", t.ContentHash)
	v.property("method", string(t.Manifest.Provenance.Method))
	g.clear(v, LearnedFrom)
	g.learnedFrom(v, e, t.Manifest.Provenance.Evidence)
}

func (g *Graph) state(e learn.LedgerEntry, s *learn.StateChange) {
	var v *vertex
	if s.ToolName != "" {
		v = g.node(Tool, "", s.ToolName, s.ToolName, e.Timestamp)
		v.property("digest", s.Digest)
	} else {
		v = g.known(PlanFragment, e.ProjectID, s.ObjectID)
	}
	if v != nil {
		v.property("state", string(s.To))
	}
}

func (g *Graph) trial(e learn.LedgerEntry, t *learn.TrialRecord) {
	if t.Phase != learn.TrialResult || t.Worked == nil || !t.Taken || t.TaskID == "" {
		return
	}
	kind := FailedWith
	if *t.Worked {
		kind = SucceededWith
	}
	for _, k := range []NodeKind{RecoveryStrategy, ProvenStrategy, Tool, PlanFragment} {
		if v := g.known(k, t.ProjectID, t.ObjectID); v != nil {
			task := g.node(Task, t.ProjectID, t.TaskID, t.TaskID, e.Timestamp)
			g.set(task, kind, v, 1, e.Timestamp, t.EventID)
			return
		}
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }
