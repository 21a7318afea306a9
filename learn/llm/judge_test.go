package llm

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

// life feeds a Judge a session.
type life struct {
	t *testing.T
	j *Judge
	n uint64
}

func (l *life) did(intent learn.Intent, command, target string, ok bool, sigs ...string) {
	l.n++
	status := learn.StatusSuccess
	if !ok {
		status = learn.StatusFailure
	}
	o := learn.Observation{Seq: l.n, Record: learn.Record{Action: &learn.ActionOutcome{ID: fmt.Sprint("e", l.n), SessionID: "s", ProjectID: "p", Status: status}},
		Action: learn.Action{Tool: "bash", Intent: intent, Command: command, Skeleton: command, Target: target}}
	for _, s := range sigs {
		o.Signatures = append(o.Signatures, learn.ErrorSignature{ID: s})
	}
	if err := l.j.Apply(&o, nil); err != nil {
		l.t.Fatal(err)
	}
}

func predicted(model, rules learn.Expected) learn.ModelAnswer {
	return learn.ModelAnswer{AskID: "q", Verdict: learn.ModelUsed, Prediction: &learn.Prediction{SessionID: "s", EventID: "e1", After: 1, Intent: learn.IntentTest,
		Head: "pytest", Command: "pytest tests", Signatures: []string{"x"}, Source: learn.HypothesisProvider, RulesBy: learn.MethodRules, Model: model, Rules: rules}}
}

// TestJudge: what resolved the failure says which method was right.
func TestJudge(t *testing.T) {
	edit := learn.Expected{Intents: []learn.Intent{learn.IntentEdit}, Path: "/repo/src/a.py"}
	install := learn.Expected{Intents: []learn.Intent{learn.IntentInstall}}
	runner := learn.Expected{Head: "make test"}
	retry := learn.Expected{Retry: true}
	for _, c := range []struct {
		name         string
		model, rules learn.Expected
		then         func(l *life)
		want         map[string]Tally
	}{
		{"model right", edit, install, func(l *life) {
			l.did(learn.IntentEdit, "", "src/a.py", true)
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{"llm/provider": {1, 0}, "rules": {0, 1}}},
		{"rules right", edit, install, func(l *life) {
			l.did(learn.IntentInstall, "pip install x", "", true)
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{"llm/provider": {0, 1}, "rules": {1, 0}}},
		{"another file", edit, learn.Expected{}, func(l *life) {
			l.did(learn.IntentEdit, "", "src/b.py", true)
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{"llm/provider": {0, 1}}},
		{"an edit that failed", edit, learn.Expected{}, func(l *life) {
			l.did(learn.IntentEdit, "", "src/a.py", false)
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{"llm/provider": {0, 1}}},
		{"another command", runner, retry, func(l *life) {
			l.did(learn.IntentTest, "make test", "", true)
		}, map[string]Tally{"llm/provider": {1, 0}, "rules": {0, 1}}},
		{"again", runner, retry, func(l *life) {
			l.did(learn.IntentRead, "cat log", "", true)
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{"llm/provider": {0, 1}, "rules": {1, 0}}},
		{"the same error is back", edit, install, func(l *life) {
			l.did(learn.IntentEdit, "", "src/a.py", true)
			l.did(learn.IntentTest, "pytest tests", "", true, "x") // masked by a pipe
		}, map[string]Tally{}},
		{"nobody said anything", learn.Expected{}, learn.Expected{}, func(l *life) {
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{}},
		{"never resolved", edit, install, func(l *life) {
			for range maxBetween + 1 {
				l.did(learn.IntentEdit, "", "src/a.py", true)
			}
			l.did(learn.IntentTest, "pytest tests", "", true)
		}, map[string]Tally{}},
	} {
		l := &life{t: t, j: NewJudge()}
		l.did(learn.IntentTest, "pytest tests", "", false, "x")
		l.j.Expect("p", predicted(c.model, c.rules))
		l.j.Expect("p", predicted(c.model, c.rules)) // the ledger read again
		c.then(l)
		if got := l.j.Tallies(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestJudgeReplays: a snapshot in the middle changes nothing, nor does the
// ledger that is read again behind it, nor learning anew with the whole ledger
// read first, as a rebuild does.
func TestJudgeReplays(t *testing.T) {
	edit := learn.Expected{Intents: []learn.Intent{learn.IntentEdit}}
	steps := []func(l *life){
		func(l *life) { l.did(learn.IntentTest, "pytest tests", "", false, "x") },
		func(l *life) { l.j.Expect("p", predicted(edit, learn.Expected{})) },
		func(l *life) { l.did(learn.IntentEdit, "", "a.py", true) },
		func(l *life) { l.did(learn.IntentTest, "pytest tests", "", true) },
	}
	want := map[string]Tally{"llm/provider": {1, 0}}
	for at := range steps {
		l := &life{t: t, j: NewJudge()}
		for i, step := range steps {
			step(l)
			if i != at {
				continue
			}
			raw, err := l.j.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			l.j = NewJudge()
			if err := l.j.Restore(raw); err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				l.j.Expect("p", predicted(edit, learn.Expected{}))
			}
		}
		if got := l.j.Tallies(); !reflect.DeepEqual(got, want) {
			t.Errorf("restored after step %d: %v", at, got)
		}
	}
	l := &life{t: t, j: NewJudge()}
	steps[1](l)
	for _, i := range []int{0, 2, 3} {
		steps[i](l)
	}
	if got := l.j.Tallies(); !reflect.DeepEqual(got, want) {
		t.Errorf("rebuilt: %v", got)
	}
	if err := NewJudge().Restore([]byte(`{"version":9}`)); err == nil {
		t.Error("a snapshot of another version was taken")
	}
}

// TestWeight: evidence of the own project counts fully, of others at most as
// ten, and of other projects' clients not at all.
func TestWeight(t *testing.T) {
	j := NewJudge()
	j.state.Tallies = map[string]map[string]Tally{
		"p": {"llm/provider": {3, 0}, "llm/client": {1, 1}},
		"q": {"llm/provider": {0, 1000}, "llm/client": {1000, 0}, "recovery": {90, 10}},
	}
	for _, c := range []struct {
		project, method string
		want            float64
	}{
		{"p", "llm/provider", 4.0 / 16},
		{"p", "llm/client", 2.0 / 5},
		{"new", "llm/client", 1.0 / 3},
		{"new", "rules", 2.0 / 3},
		{"new", "recovery", 11.0 / 13},
	} {
		if got := j.Weight(c.project, c.method); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s in %s: %v, want %v", c.method, c.project, got, c.want)
		}
	}
}

func TestJudgeForgets(t *testing.T) {
	j := NewJudge()
	for i := range maxKnown + 10 {
		a := predicted(learn.Expected{}, learn.Expected{})
		a.AskID, a.Prediction.After = fmt.Sprint("q", i), uint64(i)
		j.Expect("p", a)
	}
	if n := len(j.state.Known); n > maxKnown || len(j.state.Open) != maxPredictions || j.state.Floor == 0 {
		t.Errorf("%d known, %d open, floor %d", n, len(j.state.Open), j.state.Floor)
	}
	open := len(j.state.Open)
	j.Expect("p", predicted(learn.Expected{}, learn.Expected{})) // before the floor
	if len(j.state.Open) != open || j.state.Known["q"] != 0 {
		t.Error("what was forgotten was taken again")
	}
}

// TestMerge states the rule: the report's confidence is calibrated already and
// stands as it is, whatever the judge holds of rules; the model's own word is
// weighed, once; the report follows whichever is more.
func TestMerge(t *testing.T) {
	weigh := func(m string) float64 {
		return map[string]float64{"rules": 0.1, "recovery": 0.1, "llm/provider": 0.4}[m]
	}
	h := &learn.Hypothesis{Source: learn.HypothesisProvider, RootCause: `the table is odd`, Culprit: "e3", Remediation: "Edit it.", Confidence: 0.9}
	for _, c := range []struct {
		name    string
		of      learn.Claim
		own     float64
		culprit string
		model   bool
		score   float64
	}{
		{"nothing is claimed", learn.ClaimNothing, 0, "f", true, 0.36},
		{"a weaker claim", learn.ClaimCulprit, 0.35, "f", true, 0.36},
		{"a stronger one is not discounted again", learn.ClaimCulprit, 0.37, "f", false, 0.37},
		{"nor a remedy's", learn.ClaimRemedy, 0.7, "f", false, 0.7},
		{"both say so", learn.ClaimCulprit, 0.7, "e3", false, 0.808},
		{"both say so, the model louder", learn.ClaimCulprit, 0.2, "e3", true, 0.488},
	} {
		r := learn.FailureAnalysisReport{RootCause: "Not known.", ConfidenceScore: c.own, ConfidenceOf: c.of, Method: learn.MethodRules,
			CulpritAction: c.culprit, FailedEventID: "f", MethodConfidence: map[learn.Method]float64{learn.MethodRules: 0.77}}
		got := Merge(r, h, weigh)
		if (got.Method == learn.MethodLLM) != c.model || got.ConfidenceScore != c.score || got.Hypothesis != h {
			t.Errorf("%s: %+v", c.name, got)
		}
		if of := map[bool]learn.Claim{true: learn.ClaimHypothesis, false: c.of}[c.model]; got.ConfidenceOf != of {
			t.Errorf("%s: its confidence is of %q, want %q", c.name, got.ConfidenceOf, of)
		}
		if want := map[learn.Method]float64{learn.MethodRules: 0.77, learn.MethodLLM: 0.36}; !maps.Equal(got.MethodConfidence, want) || len(r.MethodConfidence) != 1 {
			t.Errorf("%s: methods %v, want %v", c.name, got.MethodConfidence, want)
		}
		if want := `Not known. A model's guess, not verified: "the table is odd"`; c.model && (got.RootCause != want || got.CulpritAction != "e3") || !c.model && got.RootCause != "Not known." {
			t.Errorf("%s: %q, culprit %s", c.name, got.RootCause, got.CulpritAction)
		}
		if again := Merge(r, nil, weigh); !reflect.DeepEqual(again, r) {
			t.Errorf("%s, without a hypothesis: %+v", c.name, again)
		}
	}
}

// TestMergeNeverLosesTheRules: whatever a model says, what the rules found is
// still there.
func TestMergeNeverLosesTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := learn.FailureAnalysisReport{RootCause: "The rules' word.", ConfidenceScore: rapid.Float64Range(0, 1).Draw(t, "rules"), Method: learn.MethodRecovery,
			Remedies: []learn.RemedyOffer{{RemedyID: "r", Description: "Do it."}}, ProposedRemediationStrategy: "Do it."}
		h := &learn.Hypothesis{RootCause: rapid.String().Draw(t, "words"), Confidence: rapid.Float64Range(0, 1).Draw(t, "claim"), Remediation: "x"}
		got := Merge(r, h, func(string) float64 { return rapid.Float64Range(0, 1).Draw(t, "weight") })
		if got.RootCause[:len(r.RootCause)] != r.RootCause || got.ProposedRemediationStrategy != "Do it." || len(got.Remedies) != 1 || got.ConfidenceScore > 1 {
			t.Fatalf("%+v", got)
		}
	})
}
