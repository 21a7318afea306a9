package conformance

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	lathe "lathe/mcp"
)

// clientTools talk to the client while they run, as revisions before
// 2026-07-28 allow.
func (s suite) clientTools() []server.ServerTool {
	return []server.ServerTool{
		tool("test_tool_with_logging", "Logs three lines", s.logs("Tool execution started", "Tool processing data", "Tool execution completed")),
		tool("test_logging_tool", "Logs a line if the request asks for it", s.logs("Tool execution started")),
		tool("test_tool_with_progress", "Reports progress three times", s.progress),
		tool("test_sampling", "Asks the client's model", s.sample, mcp.WithString("prompt", mcp.Required(), mcp.Description("the question"))),
		tool("test_elicitation", "Asks the person", func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return s.elicit(ctx, "User response", req.GetString("message", ""), userSchema)
		}, mcp.WithString("message", mcp.Required(), mcp.Description("what to show"))),
		tool("test_elicitation_sep1034_defaults", "Asks the person, with a default for each kind of answer", s.elicits("Please look at the defaults", defaultsSchema)),
		tool("test_elicitation_sep1330_enums", "Asks the person to choose", s.elicits("Please choose", choicesSchema)),
		tool("test_missing_capability", "Works only for clients with a model", needsModel),
	}
}

func (s suite) logs(lines ...string) server.ToolHandlerFunc {
	return func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i, line := range lines {
			if i > 0 {
				if err := pause(ctx); err != nil {
					return nil, err
				}
			}
			if !wantsLog(ctx) {
				continue
			}
			err := s.lathe.Notify(ctx, string(mcp.MethodNotificationMessage), map[string]any{"level": mcp.LoggingLevelInfo, "logger": "conformance", "data": line})
			if err != nil {
				return nil, fmt.Errorf("log to the client: %w", err)
			}
		}
		return mcp.NewToolResultText("logged"), nil
	}
}

// wantsLog reports whether the client is to see information: it says so for each
// request since 2026-07-28, for its session before.
func wantsLog(ctx context.Context) bool {
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		return info.LogLevel != "" && mcp.LoggingLevelInfo.ShouldSendTo(info.LogLevel)
	}
	session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithLogging)
	return ok && mcp.LoggingLevelInfo.ShouldSendTo(session.GetLogLevel())
}

func (s suite) progress(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for i, done := range []int{0, 50, 100} {
		if i > 0 {
			if err := pause(ctx); err != nil {
				return nil, err
			}
		}
		if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
			continue
		}
		err := s.lathe.Notify(ctx, string(mcp.MethodNotificationProgress),
			map[string]any{"progressToken": req.Params.Meta.ProgressToken, "progress": done, "total": 100})
		if err != nil {
			return nil, fmt.Errorf("progress to the client: %w", err)
		}
	}
	return mcp.NewToolResultText("done"), nil
}

// question is one user message for a client's model.
func question(text string, tokens int) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{MaxTokens: tokens,
		Messages: []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(text)}}}
}

func (s suite) sample(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	res, err := s.server.RequestSampling(ctx, mcp.CreateMessageRequest{
		Request: mcp.Request{Method: string(mcp.MethodSamplingCreateMessage)}, CreateMessageParams: question(req.GetString("prompt", ""), 100)})
	if err != nil {
		return mcp.NewToolResultErrorf("the client's model: %v", err), nil
	}
	return mcp.NewToolResultText("LLM response: " + textOf(res)), nil
}

// textOf is the text of a model's answer, decoded or not.
func textOf(res *mcp.CreateMessageResult) string {
	raw, err := json.Marshal(res.Content)
	if err != nil {
		return ""
	}
	var content struct{ Text string }
	if json.Unmarshal(raw, &content) != nil {
		return string(raw)
	}
	return content.Text
}

func (s suite) elicits(message, schema string) server.ToolHandlerFunc {
	return func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return s.elicit(ctx, "Elicitation completed", message, schema)
	}
}

func (s suite) elicit(ctx context.Context, said, message, schema string) (*mcp.CallToolResult, error) {
	res, err := s.server.RequestElicitation(ctx, mcp.ElicitationRequest{
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)}, Params: form(message, schema)})
	if err != nil {
		return mcp.NewToolResultErrorf("the person: %v", err), nil
	}
	content, err := json.Marshal(res.Content)
	if err != nil {
		return nil, err
	}
	return mcp.NewToolResultText(fmt.Sprintf("%s: action=%s, content=%s", said, res.Action, content)), nil
}

func form(message, schema string) mcp.ElicitationParams {
	return mcp.ElicitationParams{Message: message, RequestedSchema: json.RawMessage(schema)}
}

// needsModel refuses clients that do not say that they have a model.
func needsModel(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if capabilities(ctx).Sampling == nil {
		return nil, &lathe.Error{Code: mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, Message: "this tool needs a client with a model",
			Data: map[string]any{"requiredCapabilities": map[string]any{"sampling": map[string]any{}}}}
	}
	return mcp.NewToolResultText("there is a model"), nil
}

// capabilities are those of the client whose request is served.
func capabilities(ctx context.Context) mcp.ClientCapabilities {
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities == nil {
			return mcp.ClientCapabilities{}
		}
		return *info.ClientCapabilities
	}
	if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		return session.GetClientCapabilities()
	}
	return mcp.ClientCapabilities{}
}

// What people are asked, as the suite wants it.
const (
	userSchema = `{"type":"object","properties":{"username":{"type":"string","description":"User's response"},
"email":{"type":"string","description":"User's email address"}},"required":["username","email"]}`
	defaultsSchema = `{"type":"object","properties":{"name":{"type":"string","default":"John Doe"},"age":{"type":"integer","default":30},
"score":{"type":"number","default":95.5},"status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},
"verified":{"type":"boolean","default":true}}}`
	choicesSchema = `{"type":"object","properties":{
"untitledSingle":{"type":"string","enum":["option1","option2","option3"]},
"titledSingle":{"type":"string","oneOf":[{"const":"value1","title":"First Option"},{"const":"value2","title":"Second Option"},{"const":"value3","title":"Third Option"}]},
"legacyEnum":{"type":"string","enum":["opt1","opt2","opt3"],"enumNames":["Option One","Option Two","Option Three"]},
"untitledMulti":{"type":"array","items":{"type":"string","enum":["option1","option2","option3"]}},
"titledMulti":{"type":"array","items":{"anyOf":[{"const":"value1","title":"First Choice"},{"const":"value2","title":"Second Choice"},{"const":"value3","title":"Third Choice"}]}}}}`
)
