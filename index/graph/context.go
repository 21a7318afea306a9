package graph

import (
	"slices"
	"strings"

	"lathe/learn"
)

// Context is what a project's history says of an error, for its diagnosis.
type Context struct {
	Seen         int            `json:"seen"`                   // times that the project met it
	Attempts     []string       `json:"attempts,omitempty"`     // event ids of calls that failed with it, the newest first
	Culprits     []string       `json:"culprits,omitempty"`     // event ids that diagnoses found to have caused it
	Entities     []learn.Entity `json:"entities,omitempty"`     // code that it named, most often first
	Tools        []string       `json:"tools,omitempty"`        // that failed with it
	Environments []string       `json:"environments,omitempty"` // in which it occurred
	Mitigations  []Mitigation   `json:"mitigations,omitempty"`
	// Code are the entities of the code that the named ones mean. Beside are
	// those next to them, by a call or a definition, that other errors touched.
	Code   []learn.Entity `json:"code,omitempty"`
	Beside []Beside       `json:"beside,omitempty"`
}

// Beside is code next to what an error touches, where another one was.
type Beside struct {
	learn.Entity
	Error    string   `json:"error"` // its signature's name
	Attempts []string `json:"attempts,omitempty"`
}

// maxContext bounds each list of a Context.
const maxContext = 8

// Context tells what a project knows of an error, given by its signature's and
// its pattern's id. Where it never met the error, it tells of the pattern.
func (g *Graph) Context(signatureID, patternID, projectID string) Context {
	c := Context{Mitigations: g.Mitigates(MitigationQuery{Error: signatureID, Pattern: patternID, ProjectID: projectID, Limit: maxContext})}
	g.mu.RLock()
	defer g.mu.RUnlock()
	scope := g.projects.scope(projectID)
	if n := g.lookup(ID(Error, "", signatureID)); n != 0 && g.nodes.at(n).visible(scope) {
		c.Seen = int(g.view(n, scope).Weight)
		c.Attempts = g.names(n, scope, In, ResultedIn, ExecutionAttempt)
		c.Culprits = g.names(n, scope, In, Generated, ExecutionAttempt)
		c.Tools = g.names(n, scope, In, FailedWith, Tool)
		c.Environments = g.names(n, scope, Out, OccurredIn, Environment)
		c.Entities = g.entities(n, scope, References)
		g.beside(&c, n, scope)
	}
	if n := g.lookup(ID(ErrorPattern, "", patternID)); n != 0 && len(c.Entities) == 0 && g.nodes.at(n).visible(scope) {
		c.Entities = g.entities(n, scope, CausesFailure)
	}
	return c
}

// names lists the nodes of a kind at the other end of edges of a kind.
func (g *Graph) names(n, scope uint32, d Direction, edge EdgeKind, node NodeKind) []string {
	var list []string
	g.each(n, scope, d, []EdgeKind{edge}, func(_, other uint32) {
		if v := g.nodes.at(other); nodeKinds[v.kind] == node && len(list) < maxContext {
			if name := g.objectName(v); !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	})
	return list
}

func (g *Graph) entities(n, scope uint32, edge EdgeKind) []learn.Entity {
	var list []learn.Entity
	g.each(n, scope, Out, []EdgeKind{edge}, func(_, other uint32) {
		if v := g.nodes.at(other); nodeKinds[v.kind] == CodeEntity && len(list) < maxContext {
			list = append(list, learn.Entity{Kind: v.get("kind"), Name: v.label})
		}
	})
	return list
}

// beside looks from an error over the code that it touches into the code
// layer: one step to what a name means, one along a call or a definition.
func (g *Graph) beside(c *Context, failed, scope uint32) {
	var touched []uint32
	add := func(n uint32) {
		if len(touched) < 2*maxContext && !slices.Contains(touched, n) {
			touched = append(touched, n)
		}
	}
	g.each(failed, scope, Out, []EdgeKind{References}, func(_, named uint32) {
		add(named)
		g.each(named, scope, Out, []EdgeKind{References}, func(_, meant uint32) {
			add(meant)
			if e := g.codeOf(meant); len(c.Code) < maxContext && !slices.Contains(c.Code, e) {
				c.Code = append(c.Code, e)
			}
		})
	})
	for _, n := range touched {
		g.each(n, scope, Both, []EdgeKind{Calls, Defines}, func(_, next uint32) {
			if slices.Contains(touched, next) {
				return
			}
			g.each(next, scope, In, []EdgeKind{References}, func(_, other uint32) {
				if v := g.nodes.at(other); nodeKinds[v.kind] == Error && other != failed && len(c.Beside) < maxContext {
					c.Beside = append(c.Beside, Beside{g.codeOf(next), v.label, g.names(other, scope, In, ResultedIn, ExecutionAttempt)})
				}
			})
		})
	}
}

func (g *Graph) codeOf(n uint32) learn.Entity {
	v := g.nodes.at(n)
	name := strings.TrimPrefix(g.objectName(v), v.get("kind")+"/")
	return learn.Entity{Kind: v.get("kind"), Name: name}
}
