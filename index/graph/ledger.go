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
		err = decoded(g, e, func(t *learn.Task, _ origin) {
			if t.ProjectID != "" {
				g.ended(t)
			}
		})
	case learn.EntryReport:
		err = decoded(g, e, g.report)
	case learn.EntryRemedy:
		err = decoded(g, e, func(r *learn.Remedy, o origin) { g.remedy(r, g.from(r.ProjectID, o)) })
	case learn.EntryStrategy:
		err = decoded(g, e, func(s *learn.ProvenStrategy, o origin) { g.strategy(s, g.from(s.ProjectID, o)) })
	case learn.EntryProposal:
		err = decoded(g, e, func(p *learn.PlanModificationProposal, o origin) { g.proposal(p, g.from(p.ProjectID, o)) })
	case learn.EntryOpportunity:
		err = decoded(g, e, func(p *learn.ToolOpportunity, o origin) { g.opportunity(p, g.from(p.ProjectID, o)) })
	case learn.EntryTool:
		err = decoded(g, e, g.proposedTool)
	case learn.EntryReview:
		err = decoded(g, e, g.reviewed)
	case learn.EntryValidation:
		err = decoded(g, e, g.validated)
	case learn.EntryState:
		err = decoded(g, e, g.changed)
	case learn.EntryTrial:
		err = decoded(g, e, func(t *learn.TrialRecord, o origin) { g.trial(t, g.from(t.ProjectID, o)) })
	}
	if err != nil {
		return fmt.Errorf("graph: ledger entry %s of kind %s: %w", e.ID, e.Kind, err)
	}
	return nil
}

func decoded[T any](g *Graph, e learn.LedgerEntry, put func(*T, origin)) error {
	var body T
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	put(&body, origin{g.projects.number(e.ProjectID), micros(e.Timestamp)})
	return nil
}

// from is the origin of what an object says of the project that it names.
func (g *Graph) from(project string, o origin) origin {
	return origin{g.projects.number(project), o.at}
}

// learnedFrom connects an object with the attempts that it was learned from.
// Without a project it is not known whose they are; then only the evidence of
// the object's other edges names them.
func (g *Graph) learnedFrom(n uint32, events []string, o origin) {
	if o.project == 0 {
		return
	}
	for _, id := range events[:min(len(events), maxLearnedFrom)] {
		if learn.ValidID(id) {
			g.set(n, LearnedFrom, g.node(ExecutionAttempt, o.project, id, "", o), 1, o, id)
		}
	}
}

func (g *Graph) report(r *learn.FailureAnalysisReport, o origin) {
	if len(r.Signatures) == 0 {
		return
	}
	s := r.Signatures[0]
	failed := g.node(Error, 0, s.ID, s.Name, o)
	if r.ErrorPattern != nil && r.ErrorPattern.ID != "" {
		g.settle(failed, IsInstanceOf, g.node(ErrorPattern, 0, r.ErrorPattern.ID, r.ErrorPattern.Name, o), o)
	}
	if o.project == 0 {
		return
	}
	if r.Code != nil {
		g.touched(failed, r.Code.Touched, o)
	}
	if learn.ValidID(r.FailedEventID) {
		g.settle(g.node(ExecutionAttempt, o.project, r.FailedEventID, "", o), ResultedIn, failed, o)
	}
	if learn.ValidID(r.CulpritAction) {
		a := g.node(ExecutionAttempt, o.project, r.CulpritAction, "", o)
		g.set(a, Generated, failed, r.ConfidenceScore, o, r.FailedEventID)
	}
}

// touched connects an error with the code that its diagnosis found it to
// touch: the function around a frame, where the event names but a file.
func (g *Graph) touched(failed uint32, code []learn.TouchedCode, o origin) {
	for i := range code[:min(len(code), maxEntities)] {
		e := &code[i].CodeEntity
		kind, name := codeName(e)
		n := g.node(CodeEntity, o.project, string(kind)+"/"+name, e.Qualified, o)
		g.property(n, "kind", string(kind))
		g.settle(failed, References, n, o)
	}
}

func (g *Graph) remedy(r *learn.Remedy, o origin) {
	n := g.node(RecoveryStrategy, o.project, r.RemedyID, r.Description, o)
	g.label(n, r.Description)
	g.weight(n, float64(r.Support), o)
	g.property(n, "kind", r.Kind)
	g.property(n, "language", r.Language)
	g.property(n, "posterior", number(r.Posterior))
	g.property(n, "successes", number(r.Successes))
	g.property(n, "failures", number(r.Failures))
	g.property(n, "calls_saved", number(r.CallsSaved))
	g.property(n, "remedy_id", r.RemedyID)
	g.renew(n, AppliesTo, Uses, LearnedFrom, Modifies)
	if r.PatternID != "" {
		g.set(g.node(ErrorPattern, 0, r.PatternID, "", o), MitigatedBy, n, r.Posterior, o, r.Evidence...)
	}
	if r.SignatureID != "" {
		g.outcomes(n, r, o)
	}
	for _, a := range r.Actions[:min(len(r.Actions), maxSteps)] {
		if a.ToolName != "" {
			g.set(n, Uses, g.node(Tool, 0, a.ToolName, a.ToolName, o), 1, o)
		}
		if f, ok := a.Parameters["file"].(string); ok && f != "" && f[0] != '{' && o.project != 0 {
			changed := g.node(CodeEntity, o.project, "file/"+f, f, o)
			g.property(changed, "kind", "file")
			g.set(n, Modifies, changed, 1, o)
		}
	}
	g.environments(n, r.Evidence, o)
	g.learnedFrom(n, r.Evidence, o)
}

// outcomes connects a remedy with the error that it was tried on.
func (g *Graph) outcomes(n uint32, r *learn.Remedy, o origin) {
	failed := g.node(Error, 0, r.SignatureID, "", o)
	g.set(n, AppliesTo, failed, r.Posterior, o)
	if r.PatternID != "" {
		g.settle(failed, IsInstanceOf, g.node(ErrorPattern, 0, r.PatternID, "", o), o)
	}
	if r.Successes > 0 {
		g.set(failed, SucceededWith, n, r.Successes, o, r.Evidence...)
	}
	if r.Failures > 0 {
		g.set(failed, FailedWith, n, r.Failures, o)
	}
}

// environments connects a remedy with where the attempts ran that it was
// learned from, as long as they are known.
func (g *Graph) environments(n uint32, events []string, o origin) {
	if o.project == 0 {
		return
	}
	for _, id := range events[:min(len(events), maxLearnedFrom)] {
		attempt := g.lookup(ID(ExecutionAttempt, g.projects.list[o.project].name, id))
		if attempt == 0 {
			continue
		}
		for _, e := range g.touching(g.nodes.at(attempt)) {
			if a := g.arcs.at(e); a.from == attempt && edgeKinds[a.kind] == OccurredIn {
				g.set(n, AppliesTo, a.to, 1, o)
			}
		}
	}
}

func (g *Graph) strategy(s *learn.ProvenStrategy, o origin) {
	n := g.node(ProvenStrategy, o.project, s.StrategyID, s.Name, o)
	g.label(n, s.Name)
	g.weight(n, float64(s.Support), o)
	g.property(n, "success_rate", number(s.SuccessRate))
	g.property(n, "contrast", number(s.Contrast))
	g.property(n, "strategy_id", s.StrategyID)
	g.renew(n, SolvesEfficiently, ComposedOf, LearnedFrom)
	for _, p := range s.RelatedProblemTypes[:min(len(s.RelatedProblemTypes), maxEntities)] {
		if p != "" {
			g.set(n, SolvesEfficiently, g.node(ProblemType, 0, p, p, o), s.SuccessRate, o, s.Evidence...)
		}
	}
	f := g.fragment(s.StrategyID, &s.TemplatePlanFragment, o)
	if s.TemplatePlanFragment.Name == "" {
		g.label(f, s.Name)
	}
	g.set(n, ComposedOf, f, 1, o)
	g.learnedFrom(n, s.Evidence, o)
}

// changed projects a new state. A tool that is deployed is known to all
// projects from then on.
func (g *Graph) changed(s *learn.StateChange, o origin) {
	var n uint32
	if s.ToolName != "" {
		if s.To == learn.StateActive {
			o.project = 0
		}
		n = g.node(Tool, 0, s.ToolName, s.ToolName, o)
		g.property(n, "digest", s.Digest)
		if s.To == learn.StateActive && (s.Share == 0 || s.Share == 1) {
			g.property(n, "active_version", s.Version)
		}
	} else {
		n = g.object(PlanFragment, s.ObjectID, o)
	}
	if n != 0 {
		g.property(n, "state", string(s.To))
	}
}

func (g *Graph) trial(t *learn.TrialRecord, o origin) {
	if t.Phase != learn.TrialResult || t.Worked == nil || !t.Taken || t.TaskID == "" || o.project == 0 {
		return
	}
	kind := FailedWith
	if *t.Worked {
		kind = SucceededWith
	}
	for _, k := range []NodeKind{RecoveryStrategy, ProvenStrategy, Tool, PlanFragment} {
		if n := g.object(k, t.ObjectID, o); n != 0 {
			g.set(g.node(Task, o.project, t.TaskID, t.TaskID, o), kind, n, 1, o, t.EventID)
			return
		}
	}
}

// object finds an object of this project or of all.
func (g *Graph) object(kind NodeKind, name string, o origin) uint32 {
	if n := g.lookup(ID(kind, g.projects.list[o.project].name, name)); n != 0 {
		return n
	}
	return g.lookup(ID(kind, "", name))
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

// exact is a number that reads back as it was.
func exact(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
