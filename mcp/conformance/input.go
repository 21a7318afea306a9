package conformance

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// stringForm asks the person for one string.
func stringForm(message, field string) mcp.ElicitationParams {
	return form(message, fmt.Sprintf(`{"type":"object","properties":{%q:{"type":"string"}},"required":[%q]}`, field, field))
}

// answered returns what the person wrote into a field; false when there is no
// answer that can be used, so that the question is put again.
func answered(responses mcp.InputResponses, key, field string) (string, bool) {
	res := server.ElicitationResponse(responses, key)
	if res == nil || res.Action != mcp.ElicitationResponseActionAccept {
		return "", false
	}
	content, _ := res.Content.(map[string]any)
	text, ok := content[field].(string)
	return text, ok
}

// ask is a result that asks the client first.
func ask(state string, build func(*server.InputRequestBuilder)) (*mcp.CallToolResult, error) {
	b := server.NewInputRequestBuilder(state)
	build(b)
	return b.ToolResult(), nil
}

func text(format string, a ...any) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText(fmt.Sprintf(format, a...)), nil
}

// inputTools ask by multi-round-trip results.
func (s suite) inputTools() []server.ServerTool {
	return []server.ServerTool{
		tool("test_input_required_result_elicitation", "Asks for a name first", askName),
		tool("test_streaming_elicitation", "Asks for a name first", askName),
		tool("test_input_required_result_sampling", "Asks the client's model first", askModel),
		tool("test_input_required_result_list_roots", "Asks for the client's roots first", askRoots),
		tool("test_input_required_result_request_state", "Asks for a word, and for its state back", s.askWithState),
		tool("test_input_required_result_tampered_state", "Refuses state that was changed", s.askWithState),
		tool("test_input_required_result_multiple_inputs", "Asks three things at once", s.askAll),
		tool("test_input_required_result_multi_round", "Asks twice", s.askTwice),
		tool("test_input_required_result_capabilities", "Asks only for what the client has", askWhatIsThere),
	}
}

func askName(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if name, ok := answered(req.Params.InputResponses, "user_name", "name"); ok {
		return text("Hello, %s!", name)
	}
	return ask("", func(b *server.InputRequestBuilder) { b.Elicit("user_name", stringForm("What is your name?", "name")) })
}

func askModel(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if res := server.SamplingResponse(req.Params.InputResponses, "capital_question"); res != nil {
		return text("The model said: %s", textOf(res))
	}
	return ask("", func(b *server.InputRequestBuilder) {
		b.Sample("capital_question", question("What is the capital of France?", 100))
	})
}

func askRoots(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if res := server.RootsResponse(req.Params.InputResponses, "client_roots"); res != nil {
		return text("%d roots: %s", len(res.Roots), rootsOf(res))
	}
	return ask("", func(b *server.InputRequestBuilder) { b.Roots("client_roots") })
}

func rootsOf(res *mcp.ListRootsResult) string {
	list := ""
	for _, r := range res.Roots {
		list += " " + r.URI
	}
	return list
}

func (s suite) askWithState(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if req.Params.RequestState != "" {
		if _, err := s.opens(req.Params.RequestState); err != nil {
			return nil, err
		}
		if res := server.ElicitationResponse(req.Params.InputResponses, "confirm"); res != nil {
			return text("state-ok: %s", res.Action)
		}
	}
	return ask(s.sign("asked"), func(b *server.InputRequestBuilder) {
		b.Elicit("confirm", form("Please confirm", `{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}`))
	})
}

func (s suite) askAll(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if req.Params.RequestState != "" {
		if _, err := s.opens(req.Params.RequestState); err != nil {
			return nil, err
		}
		name, ok := answered(req.Params.InputResponses, "user_name", "name")
		greeting := server.SamplingResponse(req.Params.InputResponses, "greeting")
		roots := server.RootsResponse(req.Params.InputResponses, "client_roots")
		if ok && greeting != nil && roots != nil {
			return text("%s, %s, %d roots", textOf(greeting), name, len(roots.Roots))
		}
	}
	return ask(s.sign("asked"), func(b *server.InputRequestBuilder) {
		b.Elicit("user_name", stringForm("What is your name?", "name")).
			Sample("greeting", question("Generate a greeting", 50)).Roots("client_roots")
	})
}

func (s suite) askTwice(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	state := ""
	if req.Params.RequestState != "" {
		var err error
		if state, err = s.opens(req.Params.RequestState); err != nil {
			return nil, err
		}
	}
	if color, ok := answered(req.Params.InputResponses, "step2", "color"); ok && state == "two" {
		return text("Your color is %s.", color)
	}
	if _, ok := answered(req.Params.InputResponses, "step1", "name"); state == "two" || ok && state == "one" {
		return ask(s.sign("two"), func(b *server.InputRequestBuilder) {
			b.Elicit("step2", stringForm("Step 2: What is your favorite color?", "color"))
		})
	}
	return ask(s.sign("one"), func(b *server.InputRequestBuilder) {
		b.Elicit("step1", stringForm("Step 1: What is your name?", "name"))
	})
}

func askWhatIsThere(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if len(req.Params.InputResponses) > 0 {
		return text("answered")
	}
	caps := capabilities(ctx)
	if caps.Sampling == nil && caps.Elicitation == nil {
		return text("there is nothing to ask with")
	}
	return ask("", func(b *server.InputRequestBuilder) {
		if caps.Elicitation != nil {
			b.Elicit("user_name", stringForm("What is your name?", "name"))
		}
		if caps.Sampling != nil {
			b.Sample("greeting", question("Generate a greeting", 50))
		}
	})
}
