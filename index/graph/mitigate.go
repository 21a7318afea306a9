package graph

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MitigationQuery asks what mitigates an error here. Error is a signature's
// id, Pattern a pattern's; one of them is enough.
type MitigationQuery struct {
	Error       string
	Pattern     string
	ProjectID   string // whose remedies, besides those of all; "" is everyone's
	Environment string // label of an Environment: what worked there comes first
	Limit       int    // 0 is 100
}

// Mitigation is a remedy with how it did.
type Mitigation struct {
	RemedyID    string  `json:"remedy_id"`
	Node        string  `json:"node"`
	Description string  `json:"description"`
	Kind        string  `json:"kind,omitempty"`
	ProjectID   string  `json:"project_id,omitempty"` // "" for all projects
	Match       string  `json:"match"`                // error, or pattern: it was learned from another error of the pattern
	Support     int     `json:"support"`              // sessions
	Successes   float64 `json:"successes"`            // decayed, with trials
	Failures    float64 `json:"failures"`
	Posterior   float64 `json:"posterior"`
	// Score is the lower end of the Wilson interval (1927) of the success rate
	// at 80 %, by which mitigations are ranked: thin evidence ranks low.
	Score        float64  `json:"score"`
	Environments []string `json:"environments,omitempty"` // in which it was seen to work
	Here         bool     `json:"here,omitempty"`         // among them the one asked for
	Evidence     []string `json:"evidence,omitempty"`     // event ids
}

// maxMitigations bounds the remedies of one error that are ranked.
const maxMitigations = 500

// Mitigates ranks the remedies of an error: those that worked on this error,
// and those that its pattern was mitigated by.
func (g *Graph) Mitigates(q MitigationQuery) []Mitigation {
	g.mu.RLock()
	defer g.mu.RUnlock()
	f := g.filter(Query{ProjectID: q.ProjectID})
	found := map[uint32]*Mitigation{}
	failed, pattern := g.lookup(ID(Error, "", q.Error)), g.lookup(ID(ErrorPattern, "", q.Pattern))
	if failed != 0 && g.nodes.at(failed).visible(f.scope) {
		g.each(failed, f.scope, Out, []EdgeKind{SucceededWith, FailedWith}, func(e, to uint32) {
			g.mitigation(found, to, f.scope, "error")
		})
		if pattern == 0 {
			g.each(failed, f.scope, Out, []EdgeKind{IsInstanceOf}, func(_, to uint32) { pattern = to })
		}
	}
	if pattern != 0 && g.nodes.at(pattern).visible(f.scope) {
		g.each(pattern, f.scope, Out, []EdgeKind{MitigatedBy}, func(_, to uint32) {
			g.mitigation(found, to, f.scope, "pattern")
		})
	}
	out := make([]Mitigation, 0, len(found))
	for n, m := range found {
		g.judge(m, n, f.scope, q.Environment)
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Mitigation) int {
		return cmp.Or(-boolean(a.Here, b.Here), -cmp.Compare(a.Score, b.Score), -boolean(a.ProjectID != "", b.ProjectID != ""),
			cmp.Compare(a.Match, b.Match), cmp.Compare(a.Node, b.Node))
	})
	type advice struct{ project, description string }
	said := map[advice]bool{}
	out = slices.DeleteFunc(out, func(m Mitigation) bool { // the same for an error and for its pattern
		a := advice{m.ProjectID, m.Description}
		again := said[a]
		said[a] = true
		return again
	})
	return out[:min(len(out), Query{Limit: q.Limit}.limit())]
}

func boolean(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// each visits the edges of some kinds at a node, the heaviest first, with the
// node at the other end.
func (g *Graph) each(n, scope uint32, d Direction, kinds []EdgeKind, visit func(e, other uint32)) {
	f := g.filter(Query{Kinds: kinds, Direction: d})
	f.scope = scope
	var c cursor
	c.open(&f, n)
	for range maxMitigations {
		e, other, ok := c.next(&f)
		if !ok {
			return
		}
		visit(e&^incoming, other)
	}
}

func (g *Graph) mitigation(found map[uint32]*Mitigation, n, scope uint32, match string) {
	v := g.nodes.at(n)
	if found[n] != nil || nodeKinds[v.kind] != RecoveryStrategy || len(found) == maxMitigations {
		return
	}
	found[n] = &Mitigation{RemedyID: v.get("remedy_id"), Node: v.id, Description: v.label, Kind: v.get("kind"),
		ProjectID: g.projects.list[v.project].name, Match: match, Support: int(g.view(n, scope).Weight),
		Posterior: float(v.get("posterior")), Successes: float(v.get("successes")), Failures: float(v.get("failures"))}
}

// judge completes a mitigation with trials, environments, evidence and score.
func (g *Graph) judge(m *Mitigation, n, scope uint32, environment string) {
	g.each(n, scope, In, []EdgeKind{SucceededWith, FailedWith}, func(e, from uint32) {
		switch a := g.arcs.at(e); {
		case nodeKinds[g.nodes.at(from).kind] != Task:
		case edgeKinds[a.kind] == SucceededWith:
			m.Successes += a.weight
		default:
			m.Failures += a.weight
		}
	})
	g.each(n, scope, Out, []EdgeKind{AppliesTo}, func(_, to uint32) {
		if v := g.nodes.at(to); nodeKinds[v.kind] == Environment {
			m.Environments = append(m.Environments, v.label)
			m.Here = m.Here || environment != "" && v.label == environment
		}
	})
	slices.Sort(m.Environments)
	g.each(n, scope, In, []EdgeKind{SucceededWith, MitigatedBy}, func(e, _ uint32) {
		for _, event := range g.copyArc(e, scope).Evidence {
			id := event.String()
			if !slices.Contains(m.Evidence, id) && len(m.Evidence) < 2*g.o.MaxEvidence {
				m.Evidence = append(m.Evidence, id)
			}
		}
	})
	m.Score = wilsonLow(m.Successes, m.Failures)
}

// wilsonLow is the lower end of the two-sided 80 % interval of a rate.
func wilsonLow(successes, failures float64) float64 {
	const z = 1.2816
	n := successes + failures
	if n <= 0 {
		return 0
	}
	p := successes / n
	return max(0, (p+z*z/(2*n)-z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n)))/(1+z*z/n))
}

// float reads a number that a property holds.
func float(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0
	}
	return f
}

// objectName is the part of an id behind kind and project.
func (g *Graph) objectName(v *vertex) string {
	return strings.TrimPrefix(v.id, ID(nodeKinds[v.kind], g.projects.list[v.project].name, ""))
}
