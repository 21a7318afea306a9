package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// OpenAI speaks the chat completions API of OpenAI, which Ollama, vLLM,
// LM Studio and others offer too. A server that refuses response_format is
// given the schema in words from then on.
type OpenAI struct {
	t        *transport
	noFormat atomic.Bool
}

// NewOpenAI makes a client; BaseURL ends before "/chat/completions".
func NewOpenAI(c Config) (*OpenAI, error) {
	head := http.Header{}
	if c.Key != "" {
		head.Set("Authorization", "Bearer "+string(c.Key))
	}
	t, err := newTransport(c, "openai", "/chat/completions", head)
	if err != nil {
		return nil, err
	}
	return &OpenAI{t: t}, nil
}

// Name is "openai/" and the model.
func (o *OpenAI) Name() string { return o.t.name }

type openaiMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type openaiRequest struct {
	Model          string          `json:"model"`
	Messages       []openaiMessage `json:"messages"`
	MaxTokens      int             `json:"max_tokens"`
	Temperature    *float64        `json:"temperature,omitempty"`
	Seed           *int64          `json:"seed,omitempty"`
	ResponseFormat *openaiFormat   `json:"response_format,omitempty"`
}

type openaiFormat struct {
	Type       string       `json:"type"`
	JSONSchema openaiSchema `json:"json_schema"`
}

type openaiSchema struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
}

// Complete asks for one answer.
func (o *OpenAI) Complete(ctx context.Context, r Request) (Response, error) {
	if err := r.check(); err != nil {
		return Response{}, err
	}
	words := o.noFormat.Load()
	raw, err := o.t.post(ctx, o.request(r, words))
	if !words && len(r.Schema) > 0 && refusesFormat(err) {
		if raw, err = o.t.post(ctx, o.request(r, true)); err == nil {
			o.noFormat.Store(true)
		}
	}
	if err != nil {
		return Response{}, err
	}
	return readOpenAI(raw)
}

func (o *OpenAI) request(r Request, words bool) openaiRequest {
	q := openaiRequest{Model: o.t.c.Model, MaxTokens: r.maxTokens(), Temperature: r.Temperature, Seed: r.Seed}
	system := r.System
	if len(r.Schema) > 0 {
		if words {
			system = strings.TrimSpace(system + "\n\nAnswer with one JSON value and nothing else. It must meet this JSON Schema:\n" + string(r.Schema))
		} else {
			q.ResponseFormat = &openaiFormat{Type: "json_schema", JSONSchema: openaiSchema{Name: "answer", Schema: r.Schema}}
		}
	}
	if system != "" {
		q.Messages = append(q.Messages, openaiMessage{"system", system})
	}
	for _, m := range r.Messages {
		q.Messages = append(q.Messages, openaiMessage{string(m.Role), m.Text})
	}
	return q
}

func refusesFormat(err error) bool {
	var api *APIError
	if !errors.As(err, &api) || api.Status != http.StatusBadRequest && api.Status != http.StatusUnprocessableEntity {
		return false
	}
	m := strings.ToLower(api.Message)
	return strings.Contains(m, "response_format") || strings.Contains(m, "json_schema") || strings.Contains(m, "schema")
}

func readOpenAI(raw []byte) (Response, error) {
	var a struct {
		Model   string `json:"model"`
		Choices []struct {
			FinishReason string `json:"finish_reason"`
			Message      struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"message"`
		} `json:"choices"`
		Usage struct {
			In  int64 `json:"prompt_tokens"`
			Out int64 `json:"completion_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	if len(a.Choices) == 0 {
		return Response{}, fmt.Errorf("%w: no choices in it", ErrBadAnswer)
	}
	c := a.Choices[0]
	if c.Message.Refusal != "" {
		return Response{}, fmt.Errorf("%w: the model refused", ErrBadAnswer)
	}
	return Response{
		Text: c.Message.Content, Model: a.Model, Stop: c.FinishReason, Truncated: c.FinishReason == "length",
		TokensIn: a.Usage.In, TokensOut: a.Usage.Out,
	}, nil
}
