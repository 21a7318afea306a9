package mcp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// askTime bounds the wait for a person in the older revisions, where the
	// call waits for the answer.
	askTime = 5 * time.Minute
	// maxAnswerField bounds one field of a person's answer, in bytes.
	maxAnswerField = 4 << 10
)

// question is a form for the person at the client. What it asks for is a fact
// or a wish: decisions about proposals are not taken through an agent's client.
type question struct {
	key     string
	message string
	fields  map[string]string // what each says, by name
	needed  []string
}

func (q question) params() mcp.ElicitationParams {
	properties := map[string]any{}
	for name, words := range q.fields {
		properties[name] = map[string]any{"type": "string", "description": words, "maxLength": maxAnswerField}
	}
	return mcp.ElicitationParams{Message: q.message,
		RequestedSchema: map[string]any{"type": "object", "properties": properties, "required": q.needed}}
}

// ask puts q to the person at the client whose call is served. The answer is
// nil when there is none: the client cannot ask, or the person would not say. In
// the revision of 2026-07-28 the first time gives a result instead, which makes
// the client ask and call again.
func (s *Server) ask(ctx context.Context, req mcp.CallToolRequest, q question) (map[string]string, *mcp.CallToolResult) {
	if req.Params.Task != nil || !canAsk(ctx) {
		return nil, nil
	}
	if server.IsModernRequest(ctx) {
		if _, asked := req.Params.InputResponses[q.key]; !asked {
			return nil, server.NewInputRequestBuilder("").Elicit(q.key, q.params()).ToolResult()
		}
		return q.answer(server.ElicitationResponse(req.Params.InputResponses, q.key)), nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	res, err := s.mcp.RequestElicitation(ctx, mcp.ElicitationRequest{
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)}, Params: q.params()})
	if err != nil {
		s.log.Debug("the client did not ask", "err", err)
		return nil, nil
	}
	return q.answer(res), nil
}

// canAsk reports whether the client shows forms. A client that names no kind of
// elicitation has that one.
func canAsk(ctx context.Context) bool {
	var can *mcp.ElicitationCapability
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities != nil {
			can = info.ClientCapabilities.Elicitation
		}
	} else if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		can = session.GetClientCapabilities().Elicitation
	}
	return can != nil && (can.Form != nil || can.URL == nil)
}

// answer takes the fields that were asked for; nil when one that is needed is
// missing, or the person did not agree.
func (q question) answer(res *mcp.ElicitationResult) map[string]string {
	if res == nil || res.Action != mcp.ElicitationResponseActionAccept {
		return nil
	}
	raw, err := json.Marshal(res.Content)
	if err != nil {
		return nil
	}
	var given map[string]any
	if json.Unmarshal(raw, &given) != nil {
		return nil
	}
	out := map[string]string{}
	for name := range q.fields {
		if text, ok := given[name].(string); ok && len(text) <= maxAnswerField {
			out[name] = text
		}
	}
	for _, name := range q.needed {
		if out[name] == "" {
			return nil
		}
	}
	return out
}

// asks is the error of a handler whose client has to ask first.
type asks struct{ result *mcp.CallToolResult }

func (*asks) Error() string { return "the client has to ask the person first" }
