package conformance

import (
	"context"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	lathe "lathe/mcp"
)

// tasksExtension is the extension by which a call may become a task.
const tasksExtension = "io.modelcontextprotocol/tasks"

// aWhile is longer than a call may take before it becomes a task.
const aWhile = time.Second

// taskTools are calls that become tasks, since they take their time.
func (s suite) taskTools() []server.ServerTool {
	background := func(name, description string, handler server.ToolHandlerFunc, options ...mcp.ToolOption) server.ServerTool {
		t := tool(name, description, handler, options...)
		t.Tool.Execution = &mcp.ToolExecution{TaskSupport: mcp.TaskSupportOptional}
		return t
	}
	return []server.ServerTool{
		tool("greet", "Greets at once", func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return text("Hello, %s!", req.GetString("name", ""))
		}, mcp.WithString("name", mcp.Required(), mcp.Description("whom"))),
		background("slow_compute", "Takes as long as it is told", slowCompute,
			mcp.WithNumber("seconds", mcp.Required(), mcp.Description("how long")), mcp.WithString("label", mcp.Description("said in the result"))),
		background("failing_job", "Fails after a while, for clients with tasks only", failingJob),
		background("protocol_error_job", "Ends with a protocol error after a while", func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if err := wait(ctx, aWhile); err != nil {
				return nil, err
			}
			return nil, &lathe.Error{Code: mcp.INTERNAL_ERROR, Message: "the job broke"}
		}),
		background("confirm_delete", "Asks after a while", asksLater("confirm"), mcp.WithString("filename", mcp.Description("of which file"))),
		background("multi_input", "Asks two things after a while", asksLater("first", "second")),
		background("test_tool_with_task", "Asks at once, then takes a while", s.asksThenWorks),
	}
}

// wait waits, or until the call is over.
func wait(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func slowCompute(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	seconds := min(max(req.GetFloat("seconds", 0), 0), 60)
	if err := wait(ctx, time.Duration(seconds*float64(time.Second))); err != nil {
		return nil, err
	}
	return text("%s took %v seconds", req.GetString("label", "it"), seconds)
}

// failingJob refuses clients to which it cannot give a task.
func failingJob(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if capabilities(ctx).Extensions[tasksExtension] == nil {
		return nil, &lathe.Error{Code: mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, Message: "this tool runs as a task only",
			Data: map[string]any{"requiredCapabilities": map[string]any{"extensions": map[string]any{tasksExtension: map[string]any{}}}}}
	}
	if err := wait(ctx, aWhile); err != nil {
		return nil, err
	}
	return mcp.NewToolResultError("the job failed"), nil
}

// asksLater asks, after a while, for a word under each of the names.
func asksLater(names ...string) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if len(req.Params.InputResponses) > 0 {
			return text("%d answers", len(req.Params.InputResponses))
		}
		if err := wait(ctx, aWhile); err != nil {
			return nil, err
		}
		return ask("", func(b *server.InputRequestBuilder) {
			for _, name := range names {
				b.Elicit(name, stringForm("Please say "+name, "name"))
			}
		})
	}
}

// asksThenWorks needs a name before it can begin.
func (s suite) asksThenWorks(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	name, ok := answered(req.Params.InputResponses, "user_name", "name")
	if !ok || req.Params.RequestState == "" {
		return ask(s.sign("asked"), func(b *server.InputRequestBuilder) { b.Elicit("user_name", stringForm("What is your name?", "name")) })
	}
	if _, err := s.opens(req.Params.RequestState); err != nil {
		return nil, err
	}
	if err := wait(ctx, aWhile); err != nil {
		return nil, err
	}
	return text("done for %s", name)
}
