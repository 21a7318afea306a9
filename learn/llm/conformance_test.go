package llm_test

import (
	"flag"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"lathe/learn/llm"
	"lathe/learn/llm/llmtest"
)

var update = flag.Bool("update", false, "record the answers in testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const colourSchema = llmtest.Schema

func conformanceRequests() map[string]llm.Request { return llmtest.Requests() }

func conformanceAnswer(a asked) reply {
	text, cut, ok := llmtest.Answer(a.User)
	if !ok {
		return reply{status: 400, raw: `{"error":{"message":"unexpected"}}`}
	}
	return reply{text: text, cut: cut}
}

func conform(t *testing.T, m llm.Model) {
	t.Helper()
	llmtest.Conform(t, m, llmtest.Features{Counts: true})
	if !strings.HasSuffix(m.Name(), "/tiny") {
		t.Errorf("name %q", m.Name())
	}
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
