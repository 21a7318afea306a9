package intake

import (
	"fmt"
	"math"
	"strings"
	"time"

	"lathe/learn"
)

// class is what an item reports.
type class int

const (
	unrelated class = iota
	toolCall
	modelCall
	planStep
	promptGiven // a person's words, to an agent
)

// stepKeys name the step of a plan that a span executes. The conventions have
// no names for it yet; plan_id and step_id are ours.
var (
	stepKeys = []string{"gen_ai.plan.step.id", "lathe.step_id"}
	planKeys = []string{"gen_ai.plan.id", "lathe.plan_id"}
)

// containers are operations whose calls report themselves: their tokens are
// sums.
var containers = map[string]bool{"invoke_agent": true, "create_agent": true, "invoke_workflow": true, "plan": true}

func (s *signal) classify(kind Signal) class {
	if kind == Logs {
		return s.classifyLog()
	}
	op, method := s.attrs.text("gen_ai.operation.name"), s.attrs.text("mcp.method.name")
	switch {
	case op == "execute_step", op == "execute_plan_step", op == "execute_task", s.attrs.has(stepKeys...) && (op == "" || op == "execute_tool"):
		return planStep
	case op == "execute_tool", method == "tools/call", op == "" && method == "" && s.attrs.has("gen_ai.tool.name"):
		return toolCall
	case op == "invoke_agent":
		return promptGiven
	case containers[op], method != "":
		return unrelated
	case s.attrs.has("gen_ai.request.model", "gen_ai.response.model"):
		return modelCall
	}
	return unrelated
}

// record is what an item reports, as a record.
func (t *telemetry) record(s *signal) (learn.Record, error) {
	project, err := t.project(s)
	if err != nil {
		return learn.Record{}, err
	}
	session := t.session(s)
	agent := s.attrs.text("gen_ai.agent.name", "gen_ai.agent.id")
	if agent == "" {
		agent = orElse(s.resource.text("service.name"), t.req.AgentID)
	}
	if s.class == promptGiven {
		return learn.Record{Task: s.prompt(project, session, agent)}, nil
	}
	a := &learn.ActionOutcome{ProjectID: project, SessionID: session, TaskID: session, AgentID: agent, Source: learn.SourceOTLP,
		Timestamp: s.began(), PlanID: s.attrs.text(planKeys...), StepID: s.attrs.text(stepKeys...),
		ContextSnapshot: learn.ContextSnapshot{CWD: s.folder()}}
	switch {
	case t.req.Signal == Logs && s.name != inferenceDetails:
		s.event(a)
	case s.class == modelCall:
		s.model(a)
	default:
		s.tool(a)
	}
	if id := s.attrs.text("lathe.event_id"); learn.ValidID(id) { // of another Lathe, or this one
		a.ID, a.CallID = id, ""
	} else if a.CallID == "" {
		a.ID = s.id(a)
	}
	return learn.Record{Action: a}, nil
}

func (s *signal) prompt(project, session, agent string) *learn.TaskRecord {
	t := &learn.TaskRecord{TaskID: session, ProjectID: project, SessionID: session, AgentID: agent, Timestamp: s.began(), Phase: learn.TaskStart,
		Prompt: s.promptText()}
	// Prompts may come again: each has its own place in the session.
	t.ID = learn.UUIDv8("otlp", project, session, s.trace, s.span, fmt.Sprint(s.end), t.Prompt)
	return t
}

// project is the one that the telemetry names, if it may, or the sender's.
func (t *telemetry) project(s *signal) (string, error) {
	named := orElse(s.attrs.text("lathe.project_id"), s.resource.text("lathe.project_id"))
	switch {
	case named == "" || named == t.req.ProjectID:
	case !t.req.AnyProject:
		return "", fmt.Errorf("this token belongs to project %q and cannot speak for %.80q: leave the attribute lathe.project_id out, or use an import token", t.req.ProjectID, named)
	default:
		return named, nil
	}
	if t.req.ProjectID == "" {
		return orElse(s.resource.text("service.name"), "otlp"), nil
	}
	return t.req.ProjectID, nil
}

// session is the conversation that an item belongs to, as well as it is known:
// by its own word, its trace's, its MCP session, its resource; or else its
// trace is one.
func (t *telemetry) session(s *signal) string {
	id := s.attrs.conversation()
	if id == "" && s.trace != "" {
		id = t.known.find(t.scope(s.trace))
	}
	id = orElse(id, s.attrs.text("mcp.session.id"))
	id = orElse(id, s.resource.conversation())
	id = orElse(id, s.trace)
	return orElse(id, s.resource.text("service.instance.id", "service.name"))
}

func (s *signal) folder() string {
	return orElse(s.attrs.text("process.working_directory", "cwd"), s.resource.text("process.working_directory"))
}

// began is when the item began; zero when it does not say.
func (s *signal) began() time.Time {
	at := s.start
	if at == 0 {
		at = s.end
	}
	if at == 0 {
		return time.Time{}
	}
	// What is beyond the calendar the Door refuses.
	return time.Unix(0, int64(min(at, math.MaxInt64))).UTC()
}

// tookMS is how long the item took, in milliseconds; 0 when it does not say.
func (s *signal) tookMS() float64 {
	if s.start == 0 || s.end <= s.start {
		return 0
	}
	return float64(s.end-s.start) / 1e6
}

// id is the identity of an item without a call id. The two ends of an MCP
// request meet in the client's span and the request's number.
func (s *signal) id(a *learn.ActionOutcome) string {
	if s.trace == "" || s.span == "" {
		return "" // the Door makes one of what it says
	}
	span, request := s.span, ""
	if s.client != nil {
		span, request = s.client.span, s.client.request()
	} else if request = s.request(); request != "" && s.kind == kindServer && s.parent != "" {
		span = s.parent
	}
	return learn.UUIDv8("otlp", a.ProjectID, s.trace, span, request, string(a.ActionType))
}

// request is the number of the MCP request that a span is about; "" for others.
func (s *signal) request() string {
	if s.attrs.text("mcp.method.name") == "" {
		return ""
	}
	return s.attrs.text("jsonrpc.request.id")
}

// tool fills in a tool's call, or a plan's step.
func (s *signal) tool(a *learn.ActionOutcome) {
	a.ActionType, a.ToolName = learn.ToolCall, s.attrs.text("gen_ai.tool.name")
	if s.class == planStep {
		a.ActionType = learn.PlanStepExecution
	}
	if a.ToolName == "" {
		_, rest, _ := strings.Cut(s.name, " ") // "execute_tool NAME", "tools/call NAME"
		a.ToolName = orElse(rest, orElse(s.name, "tool"))
	}
	a.CallID = s.attrs.text("gen_ai.tool.call.id")
	if s.class == planStep && a.CallID != "" {
		a.CallID = "step " + a.CallID // the tool's own span has the bare one
	}
	a.ToolParameters = arguments(s.attrs.json("gen_ai.tool.call.arguments"))
	if result := s.attrs.json("gen_ai.tool.call.result"); result != nil {
		codexResult(a, result)
	}
	a.ResourceMetrics.DurationMS = s.tookMS()
	s.ended(a)
}

// model fills in a model's call.
func (s *signal) model(a *learn.ActionOutcome) {
	op, name := s.attrs.text("gen_ai.operation.name"), s.attrs.text("gen_ai.response.model", "gen_ai.request.model")
	a.ActionType, a.ToolName = learn.LLMInference, strings.TrimSpace(orElse(op, "chat")+" "+name)
	a.CallID = s.attrs.text("gen_ai.response.id")
	params := attributes{}
	for key, from := range modelParameters {
		if v := s.attrs.first(from...); v != nil {
			params.set(key, v)
		}
	}
	if _, text := lastMessage(s.attrs.json("gen_ai.input.messages")); text != "" {
		params.set("input", text)
	}
	a.ToolParameters = valueJSON(map[string]any(params))
	_, a.ToolOutput.Content = lastMessage(s.attrs.json("gen_ai.output.messages"))
	m := &a.ResourceMetrics
	m.TokenCountIn = s.attrs.count("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
	m.TokenCountOut = s.attrs.count("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
	m.CostUSD = s.attrs.number(costKeys...)
	m.DurationMS = s.tookMS()
	m.APICallLatencyMS = m.DurationMS
	s.ended(a)
}

// modelParameters are what a call of a model was made with, by the names in
// which it is kept.
var modelParameters = map[string][]string{
	"provider":       {"gen_ai.provider.name", "gen_ai.system"},
	"model":          {"gen_ai.request.model", "gen_ai.response.model"},
	"temperature":    {"gen_ai.request.temperature"},
	"max_tokens":     {"gen_ai.request.max_tokens"},
	"finish_reasons": {"gen_ai.response.finish_reasons"},
	"cached_tokens":  {"gen_ai.usage.cache_read.input_tokens"},
}

// ended says how an item ended: what a result says of itself is set before.
func (s *signal) ended(a *learn.ActionOutcome) {
	if a.Status == "" {
		a.Status = learn.StatusSuccess
	}
	code := s.attrs.text("error.type")
	if code == "" && s.status != statusError {
		return
	}
	e := learn.ErrorDetails{
		Code:       orElse(code, orElse(s.exception.text("exception.type"), s.attrs.text("rpc.response.status_code"))),
		Message:    orElse(s.exception.text("exception.message"), orElse(s.statusMessage, s.attrs.text("error.message", "exception.message"))),
		StackTrace: orElse(s.exception.text("exception.stacktrace"), s.attrs.text("exception.stacktrace")),
	}
	if e.Message == "" && a.ErrorDetails != nil {
		e.Message = a.ErrorDetails.Message
	}
	if e.Message == "" {
		e.Message = orElse(firstLine(a.ToolOutput.Text()), e.Code)
	}
	a.ErrorDetails = &e
	a.Status = failureKind(e.Code + " " + s.exception.text("exception.type"))
}

// failureKind tells a time-out and an interruption from other failures by the
// name of the error.
func failureKind(name string) learn.Status {
	name = strings.ToLower(name)
	for _, word := range []string{"timeout", "timed_out", "timedout", "deadline"} {
		if strings.Contains(name, word) {
			return learn.StatusTimeout
		}
	}
	for _, word := range []string{"cancel", "abort", "interrupt"} {
		if strings.Contains(name, word) {
			return learn.StatusInterrupted
		}
	}
	return learn.StatusFailure
}
