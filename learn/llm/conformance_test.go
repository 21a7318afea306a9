package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"lathe/learn/llm"
)

var update = flag.Bool("update", false, "record the answers in testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const colourSchema = `{"type":"object","required":["colour"],"additionalProperties":false,"properties":{"colour":{"enum":["red","green"]}}}`

func ptr[T any](v T) *T { return &v }

// conformanceRequests are what every Model must answer, with the answers that
// the servers behind the real clients give.
func conformanceRequests() map[string]llm.Request {
	return map[string]llm.Request{
		"plain":  {System: "Be brief.", Messages: []llm.Message{{Role: llm.User, Text: "say hello"}}},
		"schema": {Messages: []llm.Message{{Role: llm.User, Text: "pick"}}, Schema: json.RawMessage(colourSchema), MaxTokens: 50, Temperature: ptr(0.0), Seed: ptr(int64(7))},
		"talk": {Messages: []llm.Message{{Role: llm.User, Text: "one"}, {Role: llm.Assistant, Text: "two"},
			{Role: llm.User, Text: "three"}}},
	}
}

func conformanceAnswer(a asked) reply {
	switch a.User {
	case "say hello":
		return reply{text: "hello"}
	case "pick":
		return reply{text: `{"colour":"red"}`}
	case "three":
		return reply{text: "four", cut: true}
	}
	return reply{status: 400, raw: `{"error":{"message":"unexpected"}}`}
}

// conform is what a Model promises, whatever stands behind it.
func conform(t *testing.T, m llm.Model) {
	t.Helper()
	for name, want := range map[string]llm.Response{
		"plain":  {Text: "hello", Model: "tiny-2026", TokensIn: 11, TokensOut: 7},
		"schema": {Text: `{"colour":"red"}`, Model: "tiny-2026", TokensIn: 11, TokensOut: 7},
		"talk":   {Text: "four", Model: "tiny-2026", TokensIn: 11, TokensOut: 7, Truncated: true},
	} {
		got, err := m.Complete(t.Context(), conformanceRequests()[name])
		if err != nil || got.Stop == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got.Stop = ""; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if !strings.HasSuffix(m.Name(), "/tiny") {
		t.Errorf("name %q", m.Name())
	}
	for name, bad := range map[string]llm.Request{
		"no messages":    {},
		"empty message":  {Messages: []llm.Message{{Role: llm.User, Text: " "}}},
		"role":           {Messages: []llm.Message{{Role: "system", Text: "x"}}},
		"assistant last": {Messages: []llm.Message{{Role: llm.User, Text: "x"}, {Role: llm.Assistant, Text: "y"}}},
		"too long":       {Messages: []llm.Message{{Role: llm.User, Text: strings.Repeat("x", 1<<20+1)}}},
		"temperature":    {Messages: []llm.Message{{Role: llm.User, Text: "x"}}, Temperature: ptr(3.0)},
		"tokens":         {Messages: []llm.Message{{Role: llm.User, Text: "x"}}, MaxTokens: -1},
		"schema":         {Messages: []llm.Message{{Role: llm.User, Text: "x"}}, Schema: json.RawMessage("{")},
	} {
		if _, err := m.Complete(t.Context(), bad); !errors.Is(err, llm.ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Complete(ctx, conformanceRequests()["plain"]); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	together(t, m)
}

func together(t *testing.T, m llm.Model) {
	t.Helper()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if r, err := m.Complete(t.Context(), conformanceRequests()["plain"]); err != nil || r.Text != "hello" {
				t.Errorf("concurrent: %+v, %v", r, err)
			}
		})
	}
	group.Wait()
}

func TestConformance(t *testing.T) {
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			p := serve(t, w, conformanceAnswer)
			real := p.client(nil)
			conform(t, real)
			dir := t.TempDir()
			t.Run("recorder", func(t *testing.T) { conform(t, llm.NewRecorder(real, dir, nil)) })
			p.Close()
			t.Run("recorder again", func(t *testing.T) { conform(t, llm.NewRecorder(real, dir, nil)) })
			t.Run("replayer", func(t *testing.T) { conform(t, llm.NewReplayer(real.Name(), dir, nil)) })
		})
	}
}

// TestCommittedRecordings replays what is in testdata: what the local OpenAI
// server of these tests answered to the conformance requests. Run with -update
// to record anew.
func TestCommittedRecordings(t *testing.T) {
	if *update {
		real := serve(t, openaiWire(), conformanceAnswer).client(nil)
		for _, q := range conformanceRequests() {
			if _, err := llm.NewRecorder(real, "testdata/recorded", nil).Complete(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	conform(t, llm.NewReplayer("openai/tiny", "testdata/recorded", nil))
}

// TestOnTheWire: what was asked arrives in each format's own fields.
func TestOnTheWire(t *testing.T) {
	for _, w := range wires() {
		p := serve(t, w, conformanceAnswer)
		m := p.client(nil)
		for _, name := range []string{"plain", "schema", "talk"} {
			if _, err := m.Complete(t.Context(), conformanceRequests()[name]); err != nil {
				t.Fatal(w.name, err)
			}
		}
		got := p.requests()
		if got[0].System != "Be brief." || got[0].MaxTokens != llm.DefaultMaxTokens || got[0].Temperature != nil || got[0].Schema != nil {
			t.Errorf("%s: plain arrived as %+v", w.name, got[0])
		}
		if s := got[1]; string(s.Schema) != colourSchema || s.MaxTokens != 50 || s.Temperature == nil || *s.Temperature != 0 {
			t.Errorf("%s: schema arrived as %+v", w.name, s)
		}
		if w.name == "openai" && (got[1].Seed == nil || *got[1].Seed != 7) {
			t.Errorf("seed arrived as %v", got[1].Seed)
		}
		if got[2].Messages != 3 {
			t.Errorf("%s: %d messages, want 3", w.name, got[2].Messages)
		}
	}
}
