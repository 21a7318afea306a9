package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ErrDropped: the model gave no answer that meets the schema.
var ErrDropped = errors.New("llm: answer dropped")

// Attempt is what became of a structured question, for the ledger.
type Attempt struct {
	Model      string          `json:"model"`
	PromptHash string          `json:"prompt_hash"` // Request.Hash of the first try
	Tries      int             `json:"tries"`
	TokensIn   int64           `json:"tokens_in"`
	TokensOut  int64           `json:"tokens_out"`
	Used       bool            `json:"used"`
	Problem    string          `json:"problem,omitempty"`  // why the last refused answer was refused
	Answer     json.RawMessage `json:"answer,omitempty"`   // the one that was used
	Answered   string          `json:"answered,omitempty"` // the model as the provider named it, when that differs
	Calls      int             `json:"calls,omitempty"`    // requests that a Response says it took
	Took       time.Duration   `json:"took,omitempty"`     // likewise
}

// maxProblem bounds what of a validation error goes back to the model.
const maxProblem = 1000

// Structured asks for a value that meets schema and decodes it into into. An
// answer that does not, or that into's own Check refuses, is shown to the model
// once with what is wrong; a second one is dropped (ErrDropped) and into stays
// as it was. The Attempt is complete in every case.
func Structured(ctx context.Context, m Model, r Request, schema json.RawMessage, into any) (Attempt, error) {
	a := Attempt{Model: m.Name()}
	s, err := compile(schema)
	if err != nil {
		return a, err
	}
	r.Schema = schema
	if a.PromptHash, err = r.Hash(m.Name()); err != nil {
		return a, err
	}
	for a.Tries < 2 {
		a.Tries++
		answer, err := m.Complete(ctx, r)
		if err != nil {
			a.Problem = clean(err.Error(), maxProblem)
			return a, err
		}
		a.TokensIn += answer.TokensIn
		a.TokensOut += answer.TokensOut
		a.Calls += answer.Calls
		a.Took += answer.Took
		if answer.Model != "" && !strings.HasSuffix(m.Name(), "/"+answer.Model) {
			a.Answered = clean(answer.Model, 80)
		}
		value, err := accept(s, answer, into)
		if err == nil {
			a.Used, a.Answer = true, value
			return a, nil
		}
		a.Problem = cutMiddle(visible(err.Error()), maxProblem)
		r = again(r, answer.Text, a.Problem)
	}
	return a, fmt.Errorf("%w: %s: %s", ErrDropped, m.Name(), clean(a.Problem, 300))
}

// accept checks an answer and decodes it.
func accept(s *jsonschema.Schema, answer Response, into any) (json.RawMessage, error) {
	if answer.Truncated {
		return nil, errors.New("the answer was cut off at the token limit; be shorter")
	}
	raw, err := extract(answer.Text)
	if err != nil {
		return nil, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if err := s.Validate(v); err != nil {
		return nil, fmt.Errorf("does not meet the schema: %w", err)
	}
	// Into a new one first, so that a refused answer leaves nothing behind.
	fresh := reflect.New(reflect.TypeOf(into).Elem())
	if err := json.Unmarshal(raw, fresh.Interface()); err != nil {
		return nil, fmt.Errorf("does not fit: %w", err)
	}
	if c, ok := fresh.Interface().(Checker); ok {
		if err := c.Check(); err != nil {
			return nil, err
		}
	}
	reflect.ValueOf(into).Elem().Set(fresh.Elem())
	return raw, nil
}

// Checker is a value that knows more about itself than a schema can say.
type Checker interface{ Check() error }

// thought is what reasoning models that run locally put before their answer.
func thought(text string) string {
	if strings.HasPrefix(text, "<think>") {
		if _, after, ok := strings.Cut(text, "</think>"); ok {
			return strings.TrimSpace(after)
		}
	}
	return text
}

// again is the request with the refused answer and what is wrong with it.
func again(r Request, answer, problem string) Request {
	if strings.TrimSpace(answer) == "" {
		answer = "(empty)"
	}
	r.Messages = append(append([]Message(nil), r.Messages...),
		Message{Assistant, cutMiddle(answer, 8000)},
		Message{User, "That answer was refused: " + problem + "\nGive the whole answer again, as one JSON value that meets the schema."})
	return r
}

// extract finds the JSON value in an answer: all of it, or what stands in a
// Markdown fence, or from the first brace on.
func extract(text string) (json.RawMessage, error) {
	text = thought(strings.TrimSpace(text))
	if json.Valid([]byte(text)) {
		return json.RawMessage(text), nil
	}
	at := strings.IndexAny(text, "{[")
	if at < 0 {
		return nil, errors.New("there is no JSON in the answer")
	}
	var raw json.RawMessage
	if err := json.NewDecoder(strings.NewReader(text[at:])).Decode(&raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return raw, nil
}

// compile reads a schema. References to anything outside it are refused, so
// that a schema cannot make the validator read files.
func compile(schema json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("%w: the schema is not JSON: %w", ErrRequest, err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	const name = "urn:lathe:answer" // a file's name would come back with this machine's folders
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("%w: schema: %w", ErrRequest, err)
	}
	s, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: schema: %w", ErrRequest, err)
	}
	return s, nil
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("reference to %.100q outside the schema", url)
}
