package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Anthropic speaks the Messages API. A schema becomes the input schema of one
// tool that the model must call; the call's input is the answer.
type Anthropic struct{ t *transport }

// anthropicVersion is the API version that the types here follow.
const anthropicVersion = "2023-06-01"

const answerTool = "answer"

// NewAnthropic makes a client; BaseURL ends before "/v1/messages".
func NewAnthropic(c Config) (*Anthropic, error) {
	head := http.Header{}
	head.Set("Anthropic-Version", anthropicVersion)
	if c.Key != "" {
		head.Set("X-Api-Key", string(c.Key))
	}
	t, err := newTransport(c, "anthropic", "/v1/messages", head)
	if err != nil {
		return nil, err
	}
	return &Anthropic{t: t}, nil
}

// Name is "anthropic/" and the model.
func (a *Anthropic) Name() string { return a.t.name }

// Probe asks which models there are, which costs no tokens.
func (a *Anthropic) Probe(ctx context.Context) error { return a.t.probe(ctx, "/v1/models") }

type anthropicMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type anthropicRequest struct {
	Model       string             `json:"model"`
	MaxTokens   int                `json:"max_tokens"`
	System      string             `json:"system,omitempty"`
	Messages    []anthropicMessage `json:"messages"`
	Temperature *float64           `json:"temperature,omitempty"`
	Tools       []anthropicTool    `json:"tools,omitempty"`
	ToolChoice  *anthropicChoice   `json:"tool_choice,omitempty"`
}

type anthropicTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

type anthropicChoice struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

// Complete asks for one answer. The API has no seed, and its temperature ends
// at 1.
func (a *Anthropic) Complete(ctx context.Context, r Request) (Response, error) {
	if err := r.Check(); err != nil {
		return Response{}, err
	}
	q := anthropicRequest{Model: a.t.c.Model, MaxTokens: r.maxTokens(), System: r.System}
	if r.Temperature != nil {
		at := min(*r.Temperature, 1)
		q.Temperature = &at
	}
	for _, m := range r.Messages {
		q.Messages = append(q.Messages, anthropicMessage{string(m.Role), m.Text})
	}
	if len(r.Schema) > 0 {
		q.Tools = []anthropicTool{{answerTool, "Give the answer.", r.Schema}}
		q.ToolChoice = &anthropicChoice{"tool", answerTool}
	}
	raw, err := a.t.post(ctx, q)
	if err != nil {
		return Response{}, err
	}
	return readAnthropic(raw, len(r.Schema) > 0)
}

func readAnthropic(raw []byte, schema bool) (Response, error) {
	var m struct {
		Model   string `json:"model"`
		Stop    string `json:"stop_reason"`
		Content []struct {
			Type  string          `json:"type"`
			Text  string          `json:"text"`
			Name  string          `json:"name"`
			Input json.RawMessage `json:"input"`
		} `json:"content"`
		Usage struct {
			In  int64 `json:"input_tokens"`
			Out int64 `json:"output_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	r := Response{Model: m.Model, Stop: m.Stop, Truncated: m.Stop == "max_tokens", TokensIn: m.Usage.In, TokensOut: m.Usage.Out}
	var text strings.Builder
	for _, c := range m.Content {
		if schema && c.Type == "tool_use" && c.Name == answerTool && len(c.Input) > 0 {
			r.Text = string(c.Input)
			return r, nil
		}
		if c.Type == "text" {
			text.WriteString(c.Text)
		}
	}
	if r.Text = text.String(); r.Text == "" && m.Stop == "" {
		return Response{}, fmt.Errorf("%w: neither content nor stop_reason in it", ErrBadAnswer)
	}
	return r, nil
}
