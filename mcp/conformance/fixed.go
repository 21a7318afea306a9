package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func (s suite) addResources() {
	fixed := func(uri, name, kind string, contents mcp.ResourceContents) {
		s.server.AddResource(mcp.NewResource(uri, name, mcp.WithMIMEType(kind), mcp.WithResourceDescription("Of the conformance suite")),
			func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				return []mcp.ResourceContents{contents}, nil
			})
	}
	const words, binary, watched = "test://static-text", "test://static-binary", "test://watched-resource"
	fixed(words, "static-text", "text/plain", mcp.TextResourceContents{URI: words, MIMEType: "text/plain", Text: "This is the content of the static text resource."})
	fixed(binary, "static-binary", "image/png", mcp.BlobResourceContents{URI: binary, MIMEType: "image/png", Blob: dot()})
	fixed(watched, "watched-resource", "text/plain", mcp.TextResourceContents{URI: watched, MIMEType: "text/plain", Text: "This resource can be watched."})
	s.server.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template",
		mcp.WithTemplateMIMEType("application/json"), mcp.WithTemplateDescription("Of the conformance suite")),
		func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.TrimSuffix(strings.TrimPrefix(req.Params.URI, "test://template/"), "/data")
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, MIMEType: "application/json",
				Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id)}}, nil
		})
}

// message is one message of the user.
func message(content mcp.Content) mcp.PromptMessage {
	return mcp.NewPromptMessage(mcp.RoleUser, content)
}

func (s suite) addPrompts() {
	add := func(name string, messages func(map[string]string) []mcp.PromptMessage, arguments ...mcp.PromptOption) {
		s.server.AddPrompt(mcp.NewPrompt(name, append(arguments, mcp.WithPromptDescription("Of the conformance suite"))...),
			func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return mcp.NewGetPromptResult(name, messages(req.Params.Arguments)), nil
			})
	}
	add("test_simple_prompt", func(map[string]string) []mcp.PromptMessage {
		return []mcp.PromptMessage{message(mcp.NewTextContent("This is a simple prompt for testing."))}
	})
	add("test_prompt_with_arguments", func(a map[string]string) []mcp.PromptMessage {
		return []mcp.PromptMessage{message(mcp.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", a["arg1"], a["arg2"])))}
	}, mcp.WithArgument("arg1", mcp.ArgumentDescription("the first"), mcp.RequiredArgument()),
		mcp.WithArgument("arg2", mcp.ArgumentDescription("the second"), mcp.RequiredArgument()))
	add("test_prompt_with_embedded_resource", func(a map[string]string) []mcp.PromptMessage {
		return []mcp.PromptMessage{message(embedded(a["resourceUri"], "text/plain", "Embedded resource content for testing.")),
			message(mcp.NewTextContent("Please process the embedded resource above."))}
	}, mcp.WithArgument("resourceUri", mcp.ArgumentDescription("the resource's address"), mcp.RequiredArgument()))
	add("test_prompt_with_image", func(map[string]string) []mcp.PromptMessage {
		return []mcp.PromptMessage{message(mcp.NewImageContent(dot(), "image/png")), message(mcp.NewTextContent("Please analyze the image above."))}
	})
	s.server.AddPrompt(mcp.NewPrompt("test_input_required_result_prompt", mcp.WithPromptDescription("Of the conformance suite")),
		func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			if words, ok := answered(req.Params.InputResponses, "user_context", "context"); ok {
				return mcp.NewGetPromptResult("with context", []mcp.PromptMessage{message(mcp.NewTextContent("Context: " + words))}), nil
			}
			return server.NewInputRequestBuilder("").Elicit("user_context", stringForm("What context should the prompt use?", "context")).PromptResult(), nil
		})
}

// changeTools change the lists of tools and prompts.
func (s suite) changeTools() []server.ServerTool {
	return []server.ServerTool{
		tool("test_trigger_tool_change", "Changes the tool list for a moment", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			t := tool("test_comes_and_goes", "Is there for a moment", says(mcp.NewTextContent("here")))
			s.server.AddTools(t)
			s.server.DeleteTools(t.Tool.Name)
			return text("changed")
		}),
		tool("test_trigger_prompt_change", "Changes the prompt list for a moment", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			s.server.AddPrompt(mcp.NewPrompt("test_comes_and_goes"), func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return mcp.NewGetPromptResult("here", nil), nil
			})
			s.server.DeletePrompts("test_comes_and_goes")
			return text("changed")
		}),
	}
}
