package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"lathe/learn"
)

type runInput struct {
	Name      string         `json:"name" jsonschema:"a generated tool's name, see recall"`
	Arguments map[string]any `json:"arguments,omitempty"`
}

type statusInput struct {
	ID string `json:"id,omitempty" jsonschema:"one proposal; all open ones when absent"`
}

var ownNames = []string{"recall", "diagnose_failure", "record_outcome", "record_task", "refine_plan",
	"request_tool", "run_tool", "review_status", "search_log"}

// Reserved reports whether a name is one of Lathe's own tools, which no
// generated one may have.
func Reserved(name string) bool { return isOwn(name) }

func isOwn(name string) bool { return slices.Contains(ownNames, name) }

// ownTools are Lathe's tools. They are few because each costs context in every
// session.
func (s *Server) ownTools() []server.ServerTool {
	return []server.ServerTool{
		own("recall", "What experience says before you start: strategies that successful tasks share, failures this project is known for with what fixed them, and generated tools that fit.",
			hints("Recall experience", true, false, true, false), s.backend.Recall),
		s.withSampler(own("diagnose_failure", "Why a call failed and what fixed it before. Give the failing call with its output, or the event_id of a recorded one.",
			hints("Diagnose a failure", true, false, true, false), func(ctx context.Context, sc Scope, f Failure) (learn.FailureAnalysisReport, error) {
				return s.backend.Diagnose(ctx, sc, f)
			})),
		s.recordOutcome(),
		own("record_task", "Tell that a task starts (with prompt), is finished (with outcome), or what was said of it (feedback).",
			hints("Record a task", false, false, true, false), s.backend.RecordTask),
		s.refinePlan(),
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
	return ownWith(name, description, ann, schemaOf[In](), func(ctx context.Context, _ mcp.CallToolRequest, in In) (Out, error) {
		return call(ctx, ScopeOf(ctx), in)
	})
}

// ownWith is own for a handler that needs the request, or an input schema that
// is not the type's.
func ownWith[In, Out any](name, description string, ann mcp.ToolAnnotation, input map[string]any,
	call func(context.Context, mcp.CallToolRequest, In) (Out, error)) server.ServerTool {
	output, checked := schemaOf[Out](), mustChecker(input)
	t := mcp.NewTool(name, mcp.WithDescription(description), mcp.WithRawInputSchema(encode(input)), mcp.WithRawOutputSchema(encode(output)))
	t.InputSchema.Type = "" // the library takes one of the two
	t.Annotations = ann
	return server.ServerTool{Tool: t, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		raw, err := checked.arguments(req)
		if err != nil {
			return mcp.NewToolResultErrorf("%s: the arguments do not fit: %v", name, err), nil
		}
		var in In
		if err := json.Unmarshal(raw, &in); err != nil {
			return mcp.NewToolResultErrorf("%s: the arguments do not fit: %v", name, err), nil
		}
		out, err := call(ctx, req, in)
		var first *asks
		if errors.As(err, &first) {
			return first.result, nil
		}
		if err != nil {
			return mcp.NewToolResultErrorf("%s: %v", name, err), nil
		}
		return structured(out, output), nil
	}}
}

// structured gives a value as structured content and the same as text.
func structured(v any, schema map[string]any) *mcp.CallToolResult {
	raw, err := tidy(v, schema)
	if err != nil {
		return mcp.NewToolResultErrorf("the answer could not be encoded: %v", err)
	}
	res := mcp.NewToolResultStructured(raw, string(raw))
	if run, ok := v.(ToolRun); ok {
		res.IsError = run.Error != "" // what it printed before is worth having
	}
	return res
}

// refinePlan takes a plan with all of its fields: what Lathe knows of them is
// described, the rest is the planner's.
func (s *Server) refinePlan() server.ServerTool {
	input := schemaOf[RefineQuery]()
	if properties, ok := input["properties"].(map[string]any); ok {
		properties["plan"] = schemaOf[learn.TaskGraph]()
	}
	return ownWith("refine_plan", "A plan with the approved changes that experience made to its template: steps, retries, fallbacks, checks, each with its evidence. What is proposed and not approved yet is listed apart.",
		hints("Refine a plan", true, false, true, false), input, func(ctx context.Context, _ mcp.CallToolRequest, in RefineQuery) (RefineResult, error) {
			return s.backend.RefinePlan(ctx, ScopeOf(ctx), in)
		})
}

func (s *Server) requestTool() server.ServerTool {
	t := ownWith("request_tool", "Ask for a new tool: it is written, tested in a sandbox and put before a person. Takes up to a few minutes; the result says where it stands.",
		hints("Request a tool", false, false, false, false), schemaOf[ToolRequest](),
		func(ctx context.Context, req mcp.CallToolRequest, in ToolRequest) (ToolRequestResult, error) {
			if strings.TrimSpace(in.Command) == "" {
				said, pending := s.ask(ctx, req, commandQuestion(in))
				if pending != nil {
					return ToolRequestResult{}, &asks{pending}
				}
				in.Command = said["command"]
				if more := said["example"]; more != "" {
					in.Examples = append(in.Examples, more)
				}
			}
			return s.backend.RequestTool(ctx, ScopeOf(ctx), in, s.progress(ctx, req))
		})
	// A client may have it made in the background.
	t.Tool.Execution = &mcp.ToolExecution{TaskSupport: mcp.TaskSupportOptional}
	return t
}

// commandQuestion asks for what a tool cannot be made without.
func commandQuestion(in ToolRequest) question {
	what := strings.Join(strings.Fields(in.Description), " ")
	if len(what) > 200 {
		what = strings.ToValidUTF8(what[:200], "") + "…"
	}
	return question{key: "lathe-command", needed: []string{"command"},
		message: fmt.Sprintf("The agent asks Lathe for a new tool: %q. Which command line does it once? Nothing is deployed without a review.", what),
		fields: map[string]string{"command": "a command line that does it once, like: grep -c ERROR logs/app.log",
			"example": "another one of the same shape, if there is one; what differs becomes a parameter"}}
}

// progress reports to the client when it asked for progress.
func (s *Server) progress(ctx context.Context, req mcp.CallToolRequest) func(done, total float64, message string) {
	if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return func(float64, float64, string) {}
	}
	token := req.Params.Meta.ProgressToken
	return func(done, total float64, message string) {
		err := s.Notify(ctx, "notifications/progress", map[string]any{
			"progressToken": token, "progress": done, "total": total, "message": message})
		if err != nil {
			s.log.Debug("progress not delivered", "err", err)
		}
	}
}

func (s *Server) runTool() server.ServerTool {
	return own("run_tool", "Run a generated, approved tool by name, in its sandbox. For clients whose tool list is not renewed; recall and lathe://tool/{name} say what there is.",
		hints("Run a generated tool", false, false, false, false), func(ctx context.Context, sc Scope, in runInput) (ToolRun, error) {
			raw := json.RawMessage("{}")
			if in.Arguments != nil {
				raw = encode(in.Arguments)
			}
			if err := s.checkCall(in.Name, in.Arguments); err != nil {
				return ToolRun{}, err
			}
			return s.backend.RunTool(ctx, sc, in.Name, raw)
		})
}

// checkCall holds run_tool's arguments to the schema of the tool that it runs,
// as a call by the tool's own name is. The backend answers for unknown names.
func (s *Server) checkCall(name string, arguments map[string]any) error {
	s.mu.Lock()
	m, ok := s.generated[name]
	s.mu.Unlock()
	if !ok {
		return nil
	}
	c, err := checkerOf(m)
	if err != nil {
		return err
	}
	if arguments == nil {
		arguments = map[string]any{}
	}
	if _, err := c.check(arguments); err != nil {
		return fmt.Errorf("%s: the arguments do not fit: %w", name, err)
	}
	return nil
}

// run is a call of a generated tool by its own name.
func (s *Server) run(ctx context.Context, name string, arguments json.RawMessage) *mcp.CallToolResult {
	out, err := s.backend.RunTool(ctx, ScopeOf(ctx), name, arguments)
	if err != nil {
		return mcp.NewToolResultErrorf("%s: %v", name, err)
	}
	return plainly(out)
}

// plainly gives what a generated tool gave and nothing around it, since all of
// it enters the context at every call: a text as it is, another value as JSON.
// Which version answered stands in _meta.
func plainly(out ToolRun) *mcp.CallToolResult {
	if out.Error != "" || len(out.Result) == 0 {
		return structured(out, nil)
	}
	text := string(out.Result)
	res := &mcp.CallToolResult{Content: []mcp.Content{}}
	var plain string
	if json.Unmarshal(out.Result, &plain) == nil {
		text = plain
	} else if out.Result[0] == '{' {
		res.StructuredContent = out.Result
	}
	res.Content = append(res.Content, mcp.NewTextContent(text))
	if out.Notice != "" { // a deprecated tool's callers must read that
		res.Content = append(res.Content, mcp.NewTextContent("DEPRECATED: "+out.Notice))
	}
	res.Meta = mcp.NewMetaFromMap(map[string]any{"lathe/version": out.Version, "lathe/digest": out.Digest})
	return res
}
