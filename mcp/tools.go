package mcp

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"lathe/learn"
)

// maxBatch bounds the outcomes of one record_outcome call.
const maxBatch = 1000

type outcomesInput struct {
	Outcomes []json.RawMessage `json:"outcomes"`
}

type runInput struct {
	Name      string         `json:"name" jsonschema:"a generated tool's name, see recall"`
	Arguments map[string]any `json:"arguments,omitempty"`
}

type statusInput struct {
	ID string `json:"id,omitempty" jsonschema:"one proposal; all open ones when absent"`
}

// outcomesSchema is written out: the generated one would refuse every field
// that a newer client adds.
const outcomesSchema = `{"type":"object","required":["outcomes"],"properties":{"outcomes":{"type":"array","minItems":1,"maxItems":1000,
"description":"tool calls and how they ended","items":{"type":"object","required":["tool_name","status"],"properties":{
"call_id":{"type":"string","description":"the agent's id of the call: the same call reported twice counts once"},
"timestamp":{"type":"string"},"session_id":{"type":"string"},"task_id":{"type":"string"},"plan_id":{"type":"string"},"step_id":{"type":"string"},
"tool_name":{"type":"string","minLength":1},"tool_parameters":{"description":"as the tool was called; a shell call has its line under command"},
"tool_output":{"type":"object","properties":{"stdout":{"type":"string"},"stderr":{"type":"string"},"exit_code":{"type":["integer","null"]},"content":{"type":"string"}}},
"status":{"enum":["success","failure","timeout","interrupted"]},
"error_details":{"type":["object","null"],"properties":{"message":{"type":"string"},"code":{"type":"string"},"stack_trace":{"type":"string"}}},
"resource_metrics":{"type":"object"},"context_snapshot":{"type":"object"}}}}}}`

var ownNames = []string{"recall", "diagnose_failure", "record_outcome", "record_task", "refine_plan",
	"request_tool", "run_tool", "review_status", "search_log"}

func isOwn(name string) bool {
	for _, n := range ownNames {
		if n == name {
			return true
		}
	}
	return false
}

// ownTools are Lathe's tools. They are few because each costs context in every
// session.
func (s *Server) ownTools() []server.ServerTool {
	return []server.ServerTool{
		own("recall", "What experience says before you start: strategies that successful tasks share, failures this project is known for with what fixed them, and generated tools that fit.",
			hints("Recall experience", true, false, true, false), s.backend.Recall),
		own("diagnose_failure", "Why a call failed and what fixed it before. Give the failing call with its output, or the event_id of a recorded one.",
			hints("Diagnose a failure", true, false, true, false), func(ctx context.Context, sc Scope, f Failure) (learn.FailureAnalysisReport, error) {
				return s.backend.Diagnose(ctx, sc, f)
			}),
		s.recordOutcome(),
		own("record_task", "Tell that a task starts (with prompt), is finished (with outcome), or what was said of it (feedback).",
			hints("Record a task", false, false, true, false), s.backend.RecordTask),
		own("refine_plan", "A plan with the steps, retries, fallbacks and checks that experience adds, each with its evidence.",
			hints("Refine a plan", true, false, true, false), s.backend.RefinePlan),
		s.requestTool(),
		s.runTool(),
		own("review_status", "Where proposals stand that wait for a person. Approval itself is not possible here.",
			hints("Review status", true, false, true, false), func(ctx context.Context, sc Scope, in statusInput) (ReviewStatus, error) {
				return s.backend.ReviewStatus(ctx, sc, in.ID)
			}),
		own("search_log", "Search this project's recorded tool calls by words and filters.",
			hints("Search the log", true, false, true, false), s.backend.SearchLog),
	}
}

// own makes a tool from a backend method: schemas from the types, a failure as
// a result with isError.
func own[In, Out any](name, description string, ann mcp.ToolAnnotation, call func(context.Context, Scope, In) (Out, error)) server.ServerTool {
	t := mcp.NewTool(name, mcp.WithDescription(description), mcp.WithInputSchema[In](), mcp.WithOutputSchema[Out]())
	t.Annotations = ann
	return server.ServerTool{Tool: t, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var in In
		if err := req.BindArguments(&in); err != nil {
			return mcp.NewToolResultErrorf("%s: the arguments do not fit: %v", name, err), nil
		}
		out, err := call(ctx, ScopeOf(ctx), in)
		if err != nil {
			return mcp.NewToolResultErrorf("%s: %v", name, err), nil
		}
		return structured(out), nil
	}}
}

// structured gives a value as structured content and the same as text.
func structured(v any) *mcp.CallToolResult {
	raw, err := json.Marshal(v)
	if err != nil {
		return mcp.NewToolResultErrorf("the answer could not be encoded: %v", err)
	}
	return mcp.NewToolResultStructured(json.RawMessage(raw), string(raw))
}

func (s *Server) recordOutcome() server.ServerTool {
	t := mcp.NewTool("record_outcome",
		mcp.WithDescription("Report how tool calls ended, so that later sessions learn from them. Not needed for calls that Lathe sees itself (gateway, hooks)."),
		mcp.WithRawInputSchema(json.RawMessage(outcomesSchema)), mcp.WithOutputSchema[RecordResult]())
	t.InputSchema.Type = ""
	t.Annotations = hints("Record outcomes", false, false, true, false)
	return server.ServerTool{Tool: t, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var in outcomesInput
		if err := req.BindArguments(&in); err != nil {
			return mcp.NewToolResultErrorf("record_outcome: the arguments do not fit: %v", err), nil
		}
		if len(in.Outcomes) > maxBatch {
			return mcp.NewToolResultErrorf("record_outcome: %d outcomes in one call; at most %d are taken", len(in.Outcomes), maxBatch), nil
		}
		// One by one, so that a malformed outcome costs only itself.
		var good []learn.ActionOutcome
		var index []int
		out := RecordResult{Rejected: []Rejected{}}
		for i, raw := range in.Outcomes {
			var ev learn.ActionOutcome
			if err := json.Unmarshal(raw, &ev); err != nil {
				out.Rejected = append(out.Rejected, Rejected{Index: i, Reason: fmt.Sprintf("not an ActionOutcome: %v", err)})
				continue
			}
			good, index = append(good, ev), append(index, i)
		}
		if len(good) > 0 {
			res, err := s.backend.RecordOutcomes(ctx, ScopeOf(ctx), good)
			if err != nil {
				return mcp.NewToolResultErrorf("record_outcome: %v", err), nil
			}
			out.Accepted, out.Duplicates = res.Accepted, res.Duplicates
			for _, r := range res.Rejected {
				out.Rejected = append(out.Rejected, Rejected{Index: index[r.Index], Reason: r.Reason})
			}
		}
		return structured(out), nil
	}}
}

func (s *Server) requestTool() server.ServerTool {
	t := mcp.NewTool("request_tool",
		mcp.WithDescription("Ask for a new tool: it is written, tested in a sandbox and put before a person. Takes up to a few minutes; the result says where it stands."),
		mcp.WithInputSchema[ToolRequest](), mcp.WithOutputSchema[ToolRequestResult]())
	t.Annotations = hints("Request a tool", false, false, false, false)
	return server.ServerTool{Tool: t, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var in ToolRequest
		if err := req.BindArguments(&in); err != nil {
			return mcp.NewToolResultErrorf("request_tool: the arguments do not fit: %v", err), nil
		}
		out, err := s.backend.RequestTool(ctx, ScopeOf(ctx), in, s.progress(ctx, req))
		if err != nil {
			return mcp.NewToolResultErrorf("request_tool: %v", err), nil
		}
		return structured(out), nil
	}}
}

// progress reports to the client when it asked for progress.
func (s *Server) progress(ctx context.Context, req mcp.CallToolRequest) func(done, total float64, message string) {
	if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return func(float64, float64, string) {}
	}
	token := req.Params.Meta.ProgressToken
	return func(done, total float64, message string) {
		err := s.mcp.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": token, "progress": done, "total": total, "message": message})
		if err != nil {
			s.log.Debug("progress not delivered", "err", err)
		}
	}
}

func (s *Server) runTool() server.ServerTool {
	t := mcp.NewTool("run_tool",
		mcp.WithDescription("Run a generated, approved tool by name, in its sandbox. For clients whose tool list is not renewed; recall and lathe://tool/{name} say what there is."),
		mcp.WithInputSchema[runInput](), mcp.WithOutputSchema[ToolRun]())
	t.Annotations = hints("Run a generated tool", false, false, false, false)
	return server.ServerTool{Tool: t, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var in runInput
		if err := req.BindArguments(&in); err != nil {
			return mcp.NewToolResultErrorf("run_tool: the arguments do not fit: %v", err), nil
		}
		raw, err := json.Marshal(in.Arguments)
		if err != nil {
			return mcp.NewToolResultErrorf("run_tool: %v", err), nil
		}
		if in.Arguments == nil {
			raw = json.RawMessage("{}")
		}
		return s.run(ctx, in.Name, raw), nil
	}}
}

func (s *Server) run(ctx context.Context, name string, arguments json.RawMessage) *mcp.CallToolResult {
	out, err := s.backend.RunTool(ctx, ScopeOf(ctx), name, arguments)
	if err != nil {
		return mcp.NewToolResultErrorf("%s: %v", name, err)
	}
	res := structured(out)
	res.IsError = out.Error != ""
	return res
}
