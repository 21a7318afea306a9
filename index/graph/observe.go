package graph

import (
	"maps"
	"slices"
	"strings"

	"lathe/learn"
)

const (
	maxEntities    = 16 // of one call or one error
	maxEnvironment = 12 // variables that name an environment
	maxSignatures  = 8  // errors of one call
)

// Apply projects one observation; it emits nothing and does not fail.
func (g *Graph) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	g.Observe(o)
	return nil
}

// Observe projects one observation. Each must come once. What names no project
// is passed over, since nobody could say who may see it.
func (g *Graph) Observe(o *learn.Observation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.settled()
	if ev := o.Record.Action; ev != nil && ev.ProjectID != "" {
		g.action(ev, o)
	}
	if t := o.Record.Task; t != nil && t.ProjectID != "" {
		g.taskRecord(t)
	}
	if o.Finished != nil && o.Finished.ProjectID != "" {
		g.finished(o.Finished)
	}
}

func (g *Graph) action(ev *learn.ActionOutcome, o *learn.Observation) {
	at := origin{g.projects.number(ev.ProjectID), micros(ev.Timestamp)}
	c := call{ev: ev, origin: at}
	c.tool = g.shared(Tool, ev.ToolName, at)
	g.ran(c.tool, ev)
	c.agent = g.shared(Agent, ev.AgentID, at)
	c.env = g.environment(ev, at)
	c.task = g.own(Task, taskName(ev.TaskID, ev.SessionID), at)
	g.tallied(c.agent, Uses, c.tool, at, "")
	g.tallied(c.tool, OccurredIn, c.env, at, "")
	g.tallied(c.agent, Performs, c.task, at, "")
	g.tallied(c.task, Requires, c.tool, at, ev.ID)
	if c.task != 0 {
		for i, f := range o.Action.Writes {
			if i == maxEntities {
				break
			}
			g.tallied(c.task, Modifies, g.entity(learn.Entity{Kind: "file", Name: f}, at), at, ev.ID)
		}
		for _, e := range codeEntities(o.Action.Entities) {
			g.tallied(c.task, References, g.entity(e, at), at, "")
		}
	}
	c.step = g.planned(&c)
	if ev.Status.Failed() {
		g.failure(o, &c)
	}
}

// call is one call with the nodes that it names; 0 where it names none.
type call struct {
	ev *learn.ActionOutcome
	origin
	agent, tool, env, task, step uint32
}

// planned connects a step of a plan with what it ran.
func (g *Graph) planned(c *call) uint32 {
	if c.ev.PlanID == "" || c.ev.StepID == "" {
		return 0
	}
	plan := g.own(PlanFragment, c.ev.PlanID, c.origin)
	step := g.node(PlanStep, c.project, c.ev.PlanID+"#"+c.ev.StepID, c.ev.StepID, c.origin)
	g.count(step, c.origin)
	g.settle(plan, ComposedOf, step, c.origin)
	g.tallied(step, Uses, c.tool, c.origin, "")
	g.tallied(c.task, Performs, step, c.origin, "")
	return step
}

// failure projects a failing call. What the attempt says of agent, tool, task
// and environment is counted at the error as well, so that it outlives the
// attempt.
func (g *Graph) failure(o *learn.Observation, c *call) {
	ev := c.ev
	a := g.node(ExecutionAttempt, c.project, ev.ID, o.Action.Skeleton, c.origin)
	g.count(a, c.origin)
	g.property(a, "status", string(ev.Status))
	g.property(a, "intent", string(o.Action.Intent))
	g.property(a, "session_id", ev.SessionID)
	g.tallied(c.agent, Initiates, a, c.origin, "")
	g.tallied(a, Uses, c.tool, c.origin, "")
	g.tallied(a, OccurredIn, c.env, c.origin, "")
	g.tallied(a, PartOf, c.task, c.origin, "")
	g.tallied(a, PartOf, c.step, c.origin, "")
	for _, e := range codeEntities(o.Action.Entities) {
		g.tallied(a, References, g.entity(e, c.origin), c.origin, "")
	}
	for i := range o.Signatures {
		if i == maxSignatures {
			break
		}
		g.signature(&o.Signatures[i], a, c)
	}
}

func (g *Graph) signature(s *learn.ErrorSignature, attempt uint32, c *call) {
	id := c.ev.ID
	e := g.node(Error, 0, s.ID, s.Name, c.origin)
	if g.o.KindName != nil {
		if name := g.o.KindName(s.ID); name != "" {
			g.label(e, name)
		}
	}
	g.count(e, c.origin)
	g.property(e, "language", s.Language)
	if s.Transient {
		g.property(e, "is_transient", "true")
	}
	g.tallied(attempt, ResultedIn, e, c.origin, id)
	g.tallied(c.tool, FailedWith, e, c.origin, id)
	g.tallied(c.task, ResultedIn, e, c.origin, id)
	g.tallied(e, OccurredIn, c.env, c.origin, "")
	pattern := g.shared(ErrorPattern, s.PatternID, c.origin)
	if pattern != 0 {
		g.label(pattern, s.Name)
		g.tallied(e, IsInstanceOf, pattern, c.origin, "")
	}
	entities := s.Entities
	if s.File != "" {
		entities = append([]learn.Entity{{Kind: "file", Name: s.File}}, entities...)
	}
	for _, ent := range codeEntities(entities) {
		n := g.entity(ent, c.origin)
		g.tallied(e, References, n, c.origin, id)
		g.tallied(pattern, CausesFailure, n, c.origin, id)
	}
}

// codeEntities are the entities that are code, without duplicates, at most
// maxEntities.
func codeEntities(all []learn.Entity) []learn.Entity {
	var kept []learn.Entity
	seen := map[learn.Entity]bool{}
	for _, e := range all {
		if e.Kind == "host" || e.Name == "" || seen[e] {
			continue
		}
		seen[e] = true
		if kept = append(kept, e); len(kept) == maxEntities {
			break
		}
	}
	return kept
}

func (g *Graph) entity(e learn.Entity, o origin) uint32 {
	n := g.node(CodeEntity, o.project, e.Kind+"/"+e.Name, e.Name, o)
	g.count(n, o)
	g.property(n, "kind", e.Kind)
	return n
}

// shared is an observed node that belongs to no project; 0 without a name.
func (g *Graph) shared(kind NodeKind, name string, o origin) uint32 {
	return g.observed(kind, 0, name, o)
}

// own is an observed node of the project that observes it.
func (g *Graph) own(kind NodeKind, name string, o origin) uint32 {
	return g.observed(kind, o.project, name, o)
}

func (g *Graph) observed(kind NodeKind, owner uint32, name string, o origin) uint32 {
	if name == "" {
		return 0
	}
	n := g.node(kind, owner, name, name, o)
	g.count(n, o)
	return n
}

func taskName(taskID, sessionID string) string {
	if taskID != "" {
		return taskID
	}
	return sessionID
}

// environment is the node of where the call ran: its variables, or else its
// working directory; 0 when nothing says so.
func (g *Graph) environment(ev *learn.ActionOutcome, o origin) uint32 {
	env := ev.ContextSnapshot.Environment
	keys := slices.Sorted(maps.Keys(env))
	var words []string
	for _, k := range keys[:min(len(keys), maxEnvironment)] {
		words = append(words, cut(k)+"="+cut(env[k]))
	}
	if cwd := ev.ContextSnapshot.CWD; len(words) == 0 && cwd != "" {
		words = []string{"cwd=" + cut(cwd)}
	}
	return g.own(Environment, strings.Join(words, " "), o)
}

func (g *Graph) taskRecord(t *learn.TaskRecord) {
	name := taskName(t.TaskID, t.SessionID)
	if name == "" {
		return
	}
	o := origin{g.projects.number(t.ProjectID), micros(t.Timestamp)}
	n := g.node(Task, o.project, name, name, o)
	g.property(n, "outcome", string(t.Outcome))
	g.problem(n, t.ProblemType, o)
}

// finished projects a task's end; its outcome with each tool is counted for
// the problem type, once a task.
func (g *Graph) finished(t *learn.Task) {
	n := g.ended(t)
	if n == 0 || t.ProblemType == "" || t.Outcome == learn.OutcomeUnknown {
		return
	}
	kind := SucceededWith
	if t.Outcome == learn.OutcomeFailure {
		kind = FailedWith
	}
	o := origin{g.projects.number(t.ProjectID), micros(t.Finished)}
	p := g.problem(n, t.ProblemType, o)
	seen := map[string]bool{}
	for _, s := range t.Steps {
		if s.Tool == "" || seen[s.Tool] {
			continue
		}
		seen[s.Tool] = true
		g.tallied(p, kind, g.node(Tool, 0, s.Tool, s.Tool, o), o, s.EventID)
	}
}

// ended sets what is known of a finished task; it may come again, revised.
func (g *Graph) ended(t *learn.Task) uint32 {
	name := taskName(t.TaskID, t.SessionID)
	if name == "" {
		return 0
	}
	o := origin{g.projects.number(t.ProjectID), micros(t.Finished)}
	n := g.node(Task, o.project, name, name, o)
	g.property(n, "outcome", string(t.Outcome))
	g.property(n, "outcome_reason", t.OutcomeReason)
	if t.AgentID != "" {
		g.settle(g.node(Agent, 0, t.AgentID, t.AgentID, o), Performs, n, o)
	}
	g.problem(n, t.ProblemType, o)
	return n
}

func (g *Graph) problem(task uint32, name string, o origin) uint32 {
	if name == "" {
		return 0
	}
	p := g.node(ProblemType, 0, name, name, o)
	g.set(task, IsInstanceOf, p, 1, o)
	return p
}
