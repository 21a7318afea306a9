package graph

import (
	"encoding/json"
	"strconv"
	"strings"

	"lathe/learn"
)

// fragment projects a plan: its steps, their tools, order and preconditions.
func (g *Graph) fragment(name string, plan *learn.TaskGraph, o origin) uint32 {
	f := g.node(PlanFragment, o.project, name, plan.Name, o)
	g.renew(f, ComposedOf)
	for i := range plan.Tasks[:min(len(plan.Tasks), maxSteps)] {
		t := &plan.Tasks[i]
		s := g.step(name, t, o)
		g.set(f, ComposedOf, s, float64(i+1), o)
		before := plan.Dependencies[t.ID]
		for _, b := range before[:min(len(before), maxSteps)] {
			g.set(s, Requires, g.node(PlanStep, o.project, name+"#"+b, b, o), 1, o)
		}
	}
	return f
}

// step projects one step of a plan, without its order.
func (g *Graph) step(plan string, t *learn.PlanTask, o origin) uint32 {
	s := g.node(PlanStep, o.project, plan+"#"+t.ID, t.ID, o)
	g.renew(s, Requires, Uses)
	if t.ToolName != "" {
		g.set(s, Uses, g.node(Tool, 0, t.ToolName, t.ToolName, o), 1, o)
	}
	for _, c := range t.Preconditions[:min(len(t.Preconditions), maxSteps)] {
		g.precondition(c, s, o)
	}
	return s
}

func (g *Graph) precondition(c learn.Precondition, step uint32, o origin) {
	if c.Kind == "" {
		return
	}
	words := c.Kind + " " + c.Argument
	p := g.node(Precondition, o.project, words, words, o)
	g.property(p, "kind", c.Kind)
	g.property(p, "argument", c.Argument)
	g.set(p, RequiredFor, step, 1, o)
}

// proposal projects a change of a plan template: what it changes, the steps
// and preconditions that it adds, and what it was learned from.
func (g *Graph) proposal(p *learn.PlanModificationProposal, o origin) {
	n := g.node(PlanFragment, o.project, p.ProposalID, string(p.Type), o)
	g.property(n, "proposal_id", p.ProposalID)
	g.property(n, "type", string(p.Type))
	g.property(n, "risk", p.Risk)
	g.property(n, "report_id", p.SourceReportID)
	g.renew(n, Modifies, ComposedOf, LearnedFrom)
	template := p.TargetPlanTemplate
	if template != "" {
		plan := g.node(PlanFragment, o.project, template, template, o)
		g.set(n, Modifies, plan, p.ConfidenceScore, o)
		if p.TargetStep != "" {
			s := g.node(PlanStep, o.project, template+"#"+p.TargetStep, p.TargetStep, o)
			g.settle(plan, ComposedOf, s, o)
			g.set(n, Modifies, s, p.ConfidenceScore, o)
		}
	}
	g.additions(n, p, o)
	if s := g.object(ProvenStrategy, p.SourceStrategyID, o); p.SourceStrategyID != "" && s != 0 {
		g.set(s, Generated, n, 1, o)
	}
	g.learnedFrom(n, p.Evidence, o)
}

// additions projects the steps and preconditions that a proposal's JSON Patch
// adds. What it holds besides, or is not a patch, says nothing to the graph.
func (g *Graph) additions(n uint32, p *learn.PlanModificationProposal, o origin) {
	var ops []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(p.Modifications, &ops) != nil {
		return
	}
	for i, op := range ops[:min(len(ops), maxSteps)] {
		if op.Op != "add" && op.Op != "replace" {
			continue
		}
		parts := strings.Split(op.Path, "/")
		switch {
		case len(parts) == 3 && parts[1] == "tasks":
			var t learn.PlanTask
			if json.Unmarshal(op.Value, &t) == nil && t.ID != "" {
				g.set(n, ComposedOf, g.step(p.TargetPlanTemplate, &t, o), float64(i+1), o)
			}
		case len(parts) >= 4 && parts[1] == "tasks" && parts[3] == "preconditions" && p.TargetStep != "":
			s := g.node(PlanStep, o.project, p.TargetPlanTemplate+"#"+p.TargetStep, p.TargetStep, o)
			for _, c := range preconditions(op.Value) {
				g.precondition(c, s, o)
			}
		}
	}
}

// preconditions reads a list of them, or one.
func preconditions(raw json.RawMessage) []learn.Precondition {
	var list []learn.Precondition
	if json.Unmarshal(raw, &list) == nil {
		return list[:min(len(list), maxSteps)]
	}
	var one learn.Precondition
	if json.Unmarshal(raw, &one) == nil {
		return []learn.Precondition{one}
	}
	return nil
}

// opportunity projects calls that repeat, as the fragment that a tool can be
// generated from.
func (g *Graph) opportunity(p *learn.ToolOpportunity, o origin) {
	n := g.node(PlanFragment, o.project, p.OpportunityID, p.Name, o)
	g.label(n, p.Name)
	g.weight(n, float64(p.Calls), o)
	g.property(n, "type", "opportunity")
	g.property(n, "kind", p.Kind)
	g.property(n, "forgeable", strconv.FormatBool(p.Forgeable))
	g.renew(n, ComposedOf, LearnedFrom)
	for i, s := range p.Skeletons[:min(len(p.Skeletons), maxSteps)] {
		id := strconv.Itoa(i + 1)
		step := g.node(PlanStep, o.project, p.OpportunityID+"#"+id, s, o)
		g.label(step, s)
		g.set(n, ComposedOf, step, float64(i+1), o)
	}
	g.learnedFrom(n, p.Evidence, o)
}
