package llmtest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"lathe/learn/llm"
)

// Schema is that of the answer to Question.
const Schema = `{"type":"object","required":["colour"],"additionalProperties":false,"properties":{"colour":{"enum":["red","green"]}}}`

// Features are what not every way to a model has.
type Features struct {
	// Counts: the model tells how many tokens a question and its answer were.
	Counts bool
}

// Requests are what a Model is asked, by name.
func Requests() map[string]llm.Request {
	zero, seven := 0.0, int64(7)
	return map[string]llm.Request{
		"plain":  {System: "Be brief.", Messages: []llm.Message{{Role: llm.User, Text: "say hello"}}},
		"schema": {Messages: []llm.Message{{Role: llm.User, Text: "pick"}}, Schema: json.RawMessage(Schema), MaxTokens: 50, Temperature: &zero, Seed: &seven},
		"talk": {Messages: []llm.Message{{Role: llm.User, Text: "one"}, {Role: llm.Assistant, Text: "two"},
			{Role: llm.User, Text: "three"}}},
	}
}

// Answer is what the server behind a Model answers to the last message of a
// request, and whether that is cut off at the token limit; ok is false for
// what Conform does not ask.
func Answer(last string) (text string, cut, ok bool) {
	switch last {
	case "say hello":
		return "hello", false, true
	case "pick":
		return `{"colour":"red"}`, false, true
	case "three":
		return "four", true, true
	}
	return "", false, false
}

// Conform checks what a Model promises, whatever stands behind it.
func Conform(t testing.TB, m llm.Model, f Features) {
	t.Helper()
	for name, q := range Requests() {
		text, cut, _ := Answer(q.Messages[len(q.Messages)-1].Text)
		got, err := m.Complete(t.Context(), q)
		if err != nil || got.Text != text || got.Truncated != cut || got.Model == "" || got.Stop == "" {
			t.Errorf("%s: %+v, %v; want %q", name, got, err, text)
		}
		if (got.TokensIn > 0 && got.TokensOut > 0) != f.Counts {
			t.Errorf("%s: %d tokens in, %d out", name, got.TokensIn, got.TokensOut)
		}
	}
	if m.Name() == "" || m.Name() != m.Name() {
		t.Errorf("name %q", m.Name())
	}
	refuses(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Complete(ctx, Requests()["plain"]); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	together(t, m)
	structured(t, m)
}

func refuses(t testing.TB, m llm.Model) {
	t.Helper()
	user := []llm.Message{{Role: llm.User, Text: "x"}}
	hot := 3.0
	for name, bad := range map[string]llm.Request{
		"no messages":    {},
		"empty message":  {Messages: []llm.Message{{Role: llm.User, Text: " "}}},
		"role":           {Messages: []llm.Message{{Role: "system", Text: "x"}}},
		"assistant last": {Messages: append(user[:1:1], llm.Message{Role: llm.Assistant, Text: "y"})},
		"too long":       {Messages: []llm.Message{{Role: llm.User, Text: strings.Repeat("x", 1<<20+1)}}},
		"temperature":    {Messages: user, Temperature: &hot},
		"tokens":         {Messages: user, MaxTokens: -1},
		"schema":         {Messages: user, Schema: json.RawMessage("{")},
	} {
		if _, err := m.Complete(t.Context(), bad); !errors.Is(err, llm.ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", name, err)
		}
	}
}

func together(t testing.TB, m llm.Model) {
	t.Helper()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if r, err := m.Complete(t.Context(), Requests()["plain"]); err != nil || r.Text != "hello" {
				t.Errorf("concurrent: %+v, %v", r, err)
			}
		})
	}
	group.Wait()
}

// structured: a Model is good for what it is wanted for.
func structured(t testing.TB, m llm.Model) {
	t.Helper()
	var into struct{ Colour string }
	q := Requests()["schema"]
	schema := q.Schema
	q.Schema = nil
	if a, err := llm.Structured(t.Context(), m, q, schema, &into); err != nil || into.Colour != "red" || !a.Used || a.Tries != 1 {
		t.Errorf("structured: %+v, %v, %+v", a, err, into)
	}
}
