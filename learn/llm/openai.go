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
// LM Studio and others offer too. They differ in what they take: a server that
// refuses response_format is given the schema in words from then on, one that
// wants max_completion_tokens gets that, and one that has a fixed temperature
// is not told another.
type OpenAI struct {
	t                             *transport
	noFormat, newLimit, fixedTemp atomic.Bool
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
	Stream         bool            `json:"stream"` // said, since some servers stream unless told not to
	MaxTokens      int             `json:"max_tokens,omitempty"`
	MaxCompletion  int             `json:"max_completion_tokens,omitempty"`
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
	if err := r.Check(); err != nil {
		return Response{}, err
	}
	for {
		f := o.form()
		raw, err := o.t.post(ctx, o.request(r, f))
		if err == nil {
			return readOpenAI(raw)
		}
		if !o.adapt(r, f, err) {
			return Response{}, err
		}
	}
}

// form is how a request was written.
type form struct{ noFormat, newLimit, fixedTemp bool }

func (o *OpenAI) form() form {
	return form{o.noFormat.Load(), o.newLimit.Load(), o.fixedTemp.Load()}
}

// adapt learns from a refusal what the server does not take, and reports
// whether another form is worth sending. Each form is tried once.
func (o *OpenAI) adapt(r Request, sent form, err error) bool {
	var api *APIError
	if !errors.As(err, &api) || api.Status != http.StatusBadRequest && api.Status != http.StatusUnprocessableEntity {
		return false
	}
	m := strings.ToLower(api.Message)
	switch {
	case strings.Contains(m, "max_completion_tokens") && !sent.newLimit:
		o.newLimit.Store(true)
	case strings.Contains(m, "temperature") && r.Temperature != nil && !sent.fixedTemp:
		o.fixedTemp.Store(true)
	case (strings.Contains(m, "response_format") || strings.Contains(m, "schema")) && len(r.Schema) > 0 && !sent.noFormat:
		o.noFormat.Store(true)
	default:
		return false
	}
	return true
}

func (o *OpenAI) request(r Request, f form) openaiRequest {
	q := openaiRequest{Model: o.t.c.Model, MaxTokens: r.maxTokens(), Temperature: r.Temperature, Seed: r.Seed}
	if f.newLimit {
		q.MaxTokens, q.MaxCompletion = 0, q.MaxTokens
	}
	if f.fixedTemp {
		q.Temperature = nil
	}
	system := r.System
	if len(r.Schema) > 0 {
		if f.noFormat {
			system = InWords(system, r.Schema)
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

// InWords is a system prompt that asks for an answer by the schema, for a
// model that cannot be held to it otherwise.
func InWords(system string, schema json.RawMessage) string {
	return strings.TrimSpace(system + "\n\nAnswer with one JSON value and nothing else. It must meet this JSON Schema:\n" + string(schema))
}

// Probe asks which models there are, which costs no tokens. The error says
// what does not work: the address, the key, or the model's name.
func (o *OpenAI) Probe(ctx context.Context) error { return o.t.probe(ctx, "/models") }

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
