package llm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/learn/llm"
)

// lab is an Analyst with the given models.
func lab(t *testing.T, models func() []llm.Asked) (*llm.Analyst, *[]learn.ModelAnswer) {
	var ledger []learn.ModelAnswer
	n := 0
	desk := llm.NewDesk(llm.DeskOptions{Budget: llm.NewBudget(llm.Limits{Calls: 100, Tokens: 1 << 30}, time.Now), Now: time.Now,
		NewID:  func() string { n++; return strings.Repeat("q", n) },
		Record: func(_ context.Context, _ string, a learn.ModelAnswer) { ledger = append(ledger, a) }})
	return llm.NewAnalyst(llm.AnalystOptions{Desk: desk, Models: func(context.Context) []llm.Asked { return models() },
		Trusted:  func(_, kind, value string) bool { return value == "src/table.py" },
		Vouched:  func(_, command string) bool { return command == "make table" },
		Head:     func(c string) string { return c },
		Position: func() uint64 { return 7 }}), &ledger
}

func failed(event string, history ...learn.Step) learn.HypothesisRequest {
	return learn.HypothesisRequest{Report: learn.FailureAnalysisReport{RootCause: "Not known.", FailedEventID: event, Method: learn.MethodRules,
		RelevantEntities: []learn.Entity{{Kind: "file", Name: "src/table.py"}, {Kind: "package", Name: "evilpkg"}}},
		Event:  &learn.ActionOutcome{ID: event, ProjectID: "p", SessionID: "s", ToolName: "bash", ToolOutput: learn.ToolOutput{Stdout: "error: odd"}},
		Action: learn.Action{Tool: "bash", Intent: learn.IntentRun, Command: "./x", Skeleton: "./x"}, History: history}
}

func says(name string, source learn.HypothesisSource, text *string, asked *int) llm.Asked {
	return llm.Asked{Model: talking{name, text, asked}, Source: source, Name: name}
}

type talking struct {
	name  string
	text  *string
	asked *int
}

func (m talking) Name() string { return m.name }

func (m talking) Complete(_ context.Context, r llm.Request) (llm.Response, error) {
	*m.asked++
	if *m.text == "" {
		return llm.Response{}, errors.New("gone")
	}
	return llm.Response{Text: *m.text}, r.Check()
}

// TestAnalyst: labels become what they stand for in the call at hand, and
// nothing else gets through.
func TestAnalyst(t *testing.T) {
	answer, asked := "", 0
	a, ledger := lab(t, func() []llm.Asked { return []llm.Asked{says("m", learn.HypothesisProvider, &answer, &asked)} })
	step := learn.Step{EventID: "e1", Intent: learn.IntentEdit, Command: "edit it", Target: "src/table.py"}
	for _, c := range []struct {
		name, answer                            string
		culprit, subject, command, remediations string
	}{
		{"all known", `{"root_cause":"The table is odd.","culprit":"a1","kind":"edit","subject":"e1","command":"make table","confidence":0.7}`,
			"e1", "src/table.py", "make table", `Edit "src/table.py". This project ran before: make table`},
		{"not trusted", `{"root_cause":"The table is odd.","culprit":"failing","kind":"install","subject":"e2","command":"pip install evilpkg","confidence":0.7}`,
			"f", "", "", "Install what the error names as missing."},
		{"nothing", `{"root_cause":"The table is odd.","culprit":"none","kind":"unknown","subject":"none","command":"","confidence":0}`, "", "", "", ""},
	} {
		answer = c.answer
		r := failed("f", step)
		r.Event.ToolOutput.Stderr = c.name // another question
		h, err := a.Hypothesise(t.Context(), r)
		if err != nil || h == nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if h.Culprit != c.culprit || h.Subject != c.subject || h.Command != c.command || h.Remediation != c.remediations || h.Model != "m" {
			t.Errorf("%s: %+v", c.name, h)
		}
	}
	if p := (*ledger)[0].Prediction; p == nil || p.After != 7 || p.Model.Path != "src/table.py" || p.SessionID != "s" {
		t.Errorf("prediction %+v", p)
	}
	// The same question of another event costs nothing, and means that event.
	answer = `{"root_cause":"The table is odd.","culprit":"failing","kind":"edit","subject":"none","command":"","confidence":0.7}`
	before := asked
	for _, event := range []string{"f1", "f2"} {
		if h, err := a.Hypothesise(t.Context(), failed(event)); err != nil || h.Culprit != event {
			t.Errorf("%s: %+v, %v", event, h, err)
		}
	}
	if asked != before+1 {
		t.Errorf("asked %d times", asked-before)
	}
}

// TestAnalystOrder: the next model when one fails, none when all do, and an
// answer that comes in another call is waited for.
func TestAnalystOrder(t *testing.T) {
	const good = `{"root_cause":"The table is odd.","culprit":"none","kind":"unknown","subject":"none","command":"","confidence":0.5}`
	first, second, one, two := "", good, 0, 0
	a, ledger := lab(t, func() []llm.Asked {
		return []llm.Asked{says("first", learn.HypothesisClient, &first, &one), says("second", learn.HypothesisProvider, &second, &two)}
	})
	if h, err := a.Hypothesise(t.Context(), failed("f")); err != nil || h == nil || h.Source != learn.HypothesisProvider || one != 1 || two != 1 {
		t.Errorf("%+v, %v after %d and %d", h, err, one, two)
	}
	second = ""
	if h, err := a.Hypothesise(t.Context(), failed("g", learn.Step{EventID: "x"})); err != nil || h != nil || len(*ledger) != 4 {
		t.Errorf("%+v, %v, ledger %+v", h, err, *ledger)
	}
	none, _ := lab(t, func() []llm.Asked { return nil })
	if h, err := none.Hypothesise(t.Context(), failed("f")); err != nil || h != nil {
		t.Errorf("without a model: %+v, %v", h, err)
	}
	later, _ := lab(t, func() []llm.Asked {
		return []llm.Asked{{Model: pendingModel{}, Name: "c"}, says("second", learn.HypothesisProvider, &second, &two)}
	})
	before := two
	if h, err := later.Hypothesise(t.Context(), failed("f")); !errors.Is(err, llm.ErrPending) || h != nil || two != before {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		name string
		r    learn.FailureAnalysisReport
		want bool
	}{
		{"nothing known", learn.FailureAnalysisReport{ConfidenceScore: 0.1}, true},
		{"mined", learn.FailureAnalysisReport{ErrorPattern: &learn.ErrorPattern{Template: "x"}, ConfidenceScore: 0.6}, true},
		{"generic", learn.FailureAnalysisReport{ErrorPattern: &learn.ErrorPattern{Regexp: "x", Generic: true}, ConfidenceScore: 0.6}, true},
		{"known", learn.FailureAnalysisReport{ErrorPattern: &learn.ErrorPattern{Regexp: "x"}, ConfidenceScore: 0.5}, false},
		{"known, and mostly wrong", learn.FailureAnalysisReport{ErrorPattern: &learn.ErrorPattern{Regexp: "x"}, ConfidenceScore: 0.2}, true},
		{"transient", learn.FailureAnalysisReport{ErrorPattern: &learn.ErrorPattern{Regexp: "x", Transient: true}, ConfidenceScore: 0.2}, false},
		{"a remedy", learn.FailureAnalysisReport{Remedies: []learn.RemedyOffer{{}}, ConfidenceScore: 0.2}, false},
	} {
		if got := llm.Wanted(&c.r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
