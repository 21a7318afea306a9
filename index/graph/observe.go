package graph

import (
	"sort"
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

// Observe projects one observation. Each must come once.
func (g *Graph) Observe(o *learn.Observation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ev := o.Record.Action; ev != nil {
		g.action(ev, o)
	}
	if t := o.Record.Task; t != nil {
		g.taskRecord(t)
	}
	if o.Finished != nil {
		g.finished(o.Finished)
	}
}

func (g *Graph) action(ev *learn.ActionOutcome, o *learn.Observation) {
	at := ev.Timestamp
	tool := g.tool(ev.ToolName, ev)
	agent := g.agent(ev.AgentID, ev)
	env := g.environment(ev)
	g.count(agent, Uses, tool, at, "")
	g.count(tool, OccurredIn, env, at, "")
	task := g.task(taskName(ev.TaskID, ev.SessionID), ev.ProjectID, ev)
	if task != nil {
		g.count(agent, Performs, task, at, "")
		g.count(task, Requires, tool, at, ev.ID)
		for i, f := range o.Action.Writes {
			if i == maxEntities {
				break
			}
			g.count(task, Modifies, g.entity(ev, learn.Entity{Kind: "file", Name: f}), at, ev.ID)
		}
		for _, e := range codeEntities(o.Action.Entities) {
			g.count(task, References, g.entity(ev, e), at, "")
		}
	}
	if ev.Status.Failed() {
		g.failure(ev, o, failing{agent: agent, tool: tool, env: env, task: task})
	}
}

type failing struct{ agent, tool, env, task *vertex }

func (g *Graph) failure(ev *learn.ActionOutcome, o *learn.Observation, f failing) {
	at := ev.Timestamp
	a := g.node(ExecutionAttempt, ev.ProjectID, ev.ID, o.Action.Skeleton, at)
	a.Weight = 1
	a.property("status", string(ev.Status))
	a.property("intent", string(o.Action.Intent))
	a.property("session_id", ev.SessionID)
	g.count(f.agent, Initiates, a, at, "")
	g.count(a, Uses, f.tool, at, "")
	g.count(a, OccurredIn, f.env, at, "")
	g.count(a, PartOf, f.task, at, "")
	for _, e := range codeEntities(o.Action.Entities) {
		g.count(a, References, g.entity(ev, e), at, "")
	}
	for i := range o.Signatures {
		if i == maxSignatures {
			break
		}
		g.signature(ev, &o.Signatures[i], a, f.tool)
	}
}

func (g *Graph) signature(ev *learn.ActionOutcome, s *learn.ErrorSignature, attempt, tool *vertex) {
	at := ev.Timestamp
	e := g.node(Error, "", s.ID, s.Name, at)
	e.Weight++
	e.property("language", s.Language)
	if s.Transient {
		e.property("is_transient", "true")
	}
	g.count(attempt, ResultedIn, e, at, ev.ID)
	g.count(tool, FailedWith, e, at, ev.ID)
	var pattern *vertex
	if s.PatternID != "" {
		pattern = g.node(ErrorPattern, "", s.PatternID, s.Name, at)
		pattern.Weight++
		g.count(e, IsInstanceOf, pattern, at, "")
	}
	entities := s.Entities
	if s.File != "" {
		entities = append([]learn.Entity{{Kind: "file", Name: s.File}}, entities...)
	}
	for _, ent := range codeEntities(entities) {
		c := g.entity(ev, ent)
		g.count(e, References, c, at, ev.ID)
		g.count(pattern, CausesFailure, c, at, ev.ID)
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

func (g *Graph) entity(ev *learn.ActionOutcome, e learn.Entity) *vertex {
	v := g.node(CodeEntity, ev.ProjectID, e.Kind+"/"+e.Name, e.Name, ev.Timestamp)
	v.Weight++
	v.property("kind", e.Kind)
	return v
}

func (g *Graph) tool(name string, ev *learn.ActionOutcome) *vertex {
	if name == "" {
		return nil
	}
	v := g.node(Tool, "", name, name, ev.Timestamp)
	v.Weight++
	return v
}

func (g *Graph) agent(id string, ev *learn.ActionOutcome) *vertex {
	if id == "" {
		return nil
	}
	v := g.node(Agent, "", id, id, ev.Timestamp)
	v.Weight++
	return v
}

func (g *Graph) task(id, project string, ev *learn.ActionOutcome) *vertex {
	if id == "" {
		return nil
	}
	v := g.node(Task, project, id, id, ev.Timestamp)
	v.Weight++
	return v
}

func taskName(taskID, sessionID string) string {
	if taskID != "" {
		return taskID
	}
	return sessionID
}

// environment is the node of where the call ran; nil when nothing says so.
func (g *Graph) environment(ev *learn.ActionOutcome) *vertex {
	env := ev.ContextSnapshot.Environment
	if len(env) == 0 {
		return nil
	}
	keys := make([]string, 0, len(env))
	for k := range env {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	if len(keys) > maxEnvironment {
		keys = keys[:maxEnvironment]
	}
	var words []string
	for _, k := range keys {
		words = append(words, cut(k)+"="+cut(env[k]))
	}
	name := strings.Join(words, " ")
	v := g.node(Environment, ev.ProjectID, name, name, ev.Timestamp)
	v.Weight++
	return v
}

func (g *Graph) taskRecord(t *learn.TaskRecord) {
	name := taskName(t.TaskID, t.SessionID)
	if name == "" {
		return
	}
	v := g.node(Task, t.ProjectID, name, name, t.Timestamp)
	v.property("outcome", string(t.Outcome))
	g.problem(v, t.ProblemType, &learn.Task{Finished: t.Timestamp})
}

// finished projects a task's end; its outcome with each tool is counted for
// the problem type, once a task.
func (g *Graph) finished(t *learn.Task) {
	v := g.ended(t)
	if v == nil || t.ProblemType == "" || t.Outcome == learn.OutcomeUnknown {
		return
	}
	kind := SucceededWith
	if t.Outcome == learn.OutcomeFailure {
		kind = FailedWith
	}
	p := g.problem(v, t.ProblemType, t)
	seen := map[string]bool{}
	for _, s := range t.Steps {
		if s.Tool == "" || seen[s.Tool] {
			continue
		}
		seen[s.Tool] = true
		g.count(p, kind, g.node(Tool, "", s.Tool, s.Tool, t.Finished), t.Finished, s.EventID)
	}
}

// ended sets what is known of a finished task; it may come again, revised.
func (g *Graph) ended(t *learn.Task) *vertex {
	name := taskName(t.TaskID, t.SessionID)
	if name == "" {
		return nil
	}
	v := g.node(Task, t.ProjectID, name, name, t.Finished)
	v.property("outcome", string(t.Outcome))
	v.property("outcome_reason", t.OutcomeReason)
	if t.AgentID != "" {
		agent := g.node(Agent, "", t.AgentID, t.AgentID, t.Finished)
		if _, known := agent.out[edgeKey{Performs, v}]; !known {
			g.set(agent, Performs, v, 1, t.Finished)
		}
	}
	g.problem(v, t.ProblemType, t)
	return v
}

func (g *Graph) problem(task *vertex, name string, t *learn.Task) *vertex {
	if name == "" {
		return nil
	}
	p := g.node(ProblemType, "", name, name, t.Finished)
	g.set(task, IsInstanceOf, p, 1, t.Finished)
	return p
}
