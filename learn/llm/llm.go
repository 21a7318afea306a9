package llm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Model completes a conversation. Implementations are safe for concurrent use.
type Model interface {
	// Complete returns the model's answer. Errors are *APIError when the
	// provider refused, ErrTooLarge, ErrBadAnswer, or the context's.
	Complete(ctx context.Context, r Request) (Response, error)
	// Name is provider and model, like "anthropic/claude-x".
	Name() string
}

// Role says who wrote a message.
type Role string

const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of the conversation.
type Message struct {
	Role Role   `json:"role"`
	Text string `json:"text"`
}

// Request is what a model is asked. The zero values of the optional fields
// leave the choice to the provider.
type Request struct {
	System      string          `json:"system,omitempty"`
	Messages    []Message       `json:"messages"`         // at least one; the last from the user
	Schema      json.RawMessage `json:"schema,omitempty"` // JSON Schema that the answer is to meet
	MaxTokens   int             `json:"max_tokens,omitempty"`
	Temperature *float64        `json:"temperature,omitempty"` // 0 to 2
	Seed        *int64          `json:"seed,omitempty"`        // ignored where the provider has none
}

// Response is what a model said. With a Schema in the request Text is meant to
// be JSON, and is not yet checked: see Structured.
type Response struct {
	Text      string `json:"text"`
	Model     string `json:"model,omitempty"` // as the provider named it
	Stop      string `json:"stop,omitempty"`  // the provider's word for why it ended
	Truncated bool   `json:"truncated,omitempty"`
	TokensIn  int64  `json:"tokens_in,omitempty"`
	TokensOut int64  `json:"tokens_out,omitempty"`
	// Calls is what an answer took that was asked for outside this call: one
	// of a client that answers by calling again. Else 0.
	Calls int           `json:"-"`
	Took  time.Duration `json:"-"` // and how long
}

const (
	maxMessages = 64
	maxText     = 1 << 20 // bytes of all text in a request
	// DefaultMaxTokens is asked for when a request does not say.
	DefaultMaxTokens = 1024
)

var (
	// ErrRequest: the request cannot be sent as it is.
	ErrRequest = errors.New("llm: bad request")
	// ErrTooLarge: the provider answered more than the client accepts.
	ErrTooLarge = errors.New("llm: answer too large")
	// ErrBadAnswer: the provider answered what cannot be read.
	ErrBadAnswer = errors.New("llm: unreadable answer")
	// ErrNotRecorded: a Replayer has no answer to this request.
	ErrNotRecorded = errors.New("llm: no recorded answer")
)

// Check refuses what no model could be asked (ErrRequest). Every Model calls it.
func (r Request) Check() error {
	if len(r.Messages) == 0 || len(r.Messages) > maxMessages {
		return fmt.Errorf("%w: %d messages, want 1 to %d", ErrRequest, len(r.Messages), maxMessages)
	}
	size := len(r.System) + len(r.Schema)
	for i, m := range r.Messages {
		if m.Role != User && m.Role != Assistant {
			return fmt.Errorf("%w: message %d has role %.20q", ErrRequest, i, m.Role)
		}
		if strings.TrimSpace(m.Text) == "" {
			return fmt.Errorf("%w: message %d is empty", ErrRequest, i)
		}
		size += len(m.Text)
	}
	switch {
	case r.Messages[len(r.Messages)-1].Role != User:
		return fmt.Errorf("%w: the last message is not the user's", ErrRequest)
	case size > maxText:
		return fmt.Errorf("%w: %d bytes of text, at most %d; shorten what is quoted", ErrRequest, size, maxText)
	case r.MaxTokens < 0:
		return fmt.Errorf("%w: max_tokens %d", ErrRequest, r.MaxTokens)
	case r.Temperature != nil && !(*r.Temperature >= 0 && *r.Temperature <= 2):
		return fmt.Errorf("%w: temperature %v, want 0 to 2", ErrRequest, *r.Temperature)
	case len(r.Schema) > 0 && !json.Valid(r.Schema):
		return fmt.Errorf("%w: the schema is not JSON", ErrRequest)
	}
	return nil
}

func (r Request) maxTokens() int {
	if r.MaxTokens == 0 {
		return DefaultMaxTokens
	}
	return r.MaxTokens
}

// Hash identifies a request to a model: SHA-256 in hex over its JSON. Requests
// with equal fields have equal hashes, on every machine.
func (r Request) Hash(model string) (string, error) {
	raw, err := json.Marshal(struct {
		Model   string  `json:"model"`
		Request Request `json:"request"`
	}{model, r})
	if err != nil {
		return "", fmt.Errorf("%w: hash: %w", ErrRequest, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// Key is a secret that does not print.
type Key string

func (Key) String() string               { return "[key]" }
func (Key) GoString() string             { return "[key]" }
func (Key) MarshalText() ([]byte, error) { return []byte("[key]"), nil }
