package learn

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAdviceOf(t *testing.T) {
	offer := func(description string, confidence float64) RemedyOffer {
		return RemedyOffer{RemedyID: "r", Description: description, Confidence: confidence, Support: 7,
			Actions: []RemedyAction{{ToolName: "bash", Command: "make fix"}}}
	}
	report := FailureAnalysisReport{ReportID: "x", FailedEventID: "e", ConfidenceScore: 0.8, ErrorPattern: &ErrorPattern{Name: "table missing"},
		Remedies: []RemedyOffer{offer("Do this.", 0.9), offer("Or that.", 0.6), offer("Perhaps.", 0.2), offer("Or so.", 0.5), offer("Or else.", 0.5)}}
	got, ok := AdviceOf(report, 0.4)
	want := "Lathe knows this failure (table missing). What fixed it before:\n1. Do this. (90 %, 7 sessions)\n2. Or that. (60 %, 7 sessions)\n3. Or so. (50 %, 7 sessions)"
	if !ok || got.Text != want || got.Evidence != 7 || len(got.Remedies) != 3 || got.Remedies[0].Command != "make fix" || got.EventID != "e" {
		t.Errorf("advice %+v, %v\nwant %q", got, ok, want)
	}
	low := report
	low.ConfidenceScore = 0.3
	for name, r := range map[string]FailureAnalysisReport{"nothing known": {ConfidenceScore: 1}, "a doubtful report": low,
		"doubtful remedies": {ConfidenceScore: 0.8, Remedies: []RemedyOffer{offer("x", 0.39)}}} {
		if a, ok := AdviceOf(r, 0.4); ok || a.Text != "" {
			t.Errorf("%s: advice %+v", name, a)
		}
	}
}

var escape = regexp.MustCompile(`\\x[0-9a-f]{2}|\\u\{[0-9a-f]+\}`)

// However long and hostile, advice is short, plain, and its escapes are whole.
func TestAdviceIsBoundedAndPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("ab \n\x1b\x00\u202e\u200b\U000e0041é"))), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		var r FailureAnalysisReport
		r.ConfidenceScore, r.ErrorPattern = 1, &ErrorPattern{Name: text.Draw(t, "name")}
		for range rapid.IntRange(1, 5).Draw(t, "remedies") {
			r.Remedies = append(r.Remedies, RemedyOffer{Confidence: 1, Support: 3,
				Description: strings.Repeat(text.Draw(t, "description"), rapid.IntRange(1, 50).Draw(t, "times")), Actions: []RemedyAction{{Command: text.Draw(t, "command")}}})
		}
		a, _ := AdviceOf(r, 0.5)
		if n := utf8.RuneCountInString(a.Text); n > MaxAdvice || len(a.Remedies) > MaxAdviceRemedies || !utf8.ValidString(a.Text) {
			t.Fatalf("%d runes, %d remedies", n, len(a.Remedies))
		}
		shown := a.Text
		for _, m := range a.Remedies {
			shown += m.Command
		}
		if strings.ContainsFunc(strings.ReplaceAll(shown, "\n", ""), Hidden) || strings.Count(a.Text, "\n") != len(a.Remedies) {
			t.Fatalf("not plain: %q", shown)
		}
	})
}

func TestShownNeverCutsAnEscape(t *testing.T) {
	s := strings.Repeat("\x1b", 20)
	for limit := range 80 {
		got := Shown(s, limit)
		if utf8.RuneCountInString(got) > limit {
			t.Errorf("limit %d: %q", limit, got)
		}
		if rest := escape.ReplaceAllString(got, ""); rest != "" && rest != "…" {
			t.Errorf("limit %d cuts an escape: %q", limit, got)
		}
	}
}
