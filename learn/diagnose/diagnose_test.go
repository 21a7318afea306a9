package diagnose

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"lathe/learn"
)

type library map[string]learn.ErrorPattern

func (l library) Pattern(id string) (learn.ErrorPattern, bool) {
	p, ok := l[id]
	return p, ok
}

var patterns = library{
	"python/module-not-found": {
		ID: "python/module-not-found", Name: "Python module not found", Regexp: "No module named '(?P<module>.*)'",
		Captures: []string{"module"}, CommonCauses: []string{"the package is not installed"},
		Hints: []string{"pip install {module}", "activate the virtual environment"}, Language: "python",
	},
	"http/503":     {ID: "http/503", Name: "Service unavailable", Regexp: "503", Transient: true},
	"shell/absent": {ID: "shell/absent", Name: "No such file", Regexp: "No such file", Captures: []string{"path"}},
}

func nothing(RemedyQuery) []learn.RemedyOffer { return nil }

// explained is the report of a Diagnoser that learned nothing yet.
func explained(t testing.TB, remedies RemedySource, r Request) learn.FailureAnalysisReport {
	t.Helper()
	return New(Options{Remedies: remedies, Patterns: patterns}).Diagnose(context.Background(), r)
}

func request(sigs ...learn.ErrorSignature) Request {
	return Request{
		Event: &learn.ActionOutcome{ID: "failed", TaskID: "t", ProjectID: "p", ToolName: "bash",
			Timestamp: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Status: learn.StatusFailure},
		Action: learn.Action{Tool: "bash", Intent: learn.IntentTest, Command: "pytest"}, Signatures: sigs,
	}
}

func missing(module string) learn.ErrorSignature {
	return learn.ErrorSignature{ID: "s-" + module, PatternID: "python/module-not-found", Language: "python",
		Captures: map[string]string{"module": module}, Entities: []learn.Entity{{Kind: "module", Name: module}}}
}

func absent(path string) learn.ErrorSignature {
	return learn.ErrorSignature{ID: "s-absent", PatternID: "shell/absent", Captures: map[string]string{"path": path}}
}

func TestCulprit(t *testing.T) {
	step := func(id string, intent learn.Intent, command, target string) learn.Step {
		return learn.Step{EventID: id, Intent: intent, Command: command, Target: target, Status: learn.StatusSuccess}
	}
	failed := func(s learn.Step, sigs ...string) learn.Step {
		s.Status, s.Signatures = learn.StatusFailure, sigs
		return s
	}
	at := func(file string) learn.ErrorSignature {
		return learn.ErrorSignature{ID: "s-at", PatternID: "python/other", File: file}
	}
	tests := []struct {
		name    string
		sig     learn.ErrorSignature
		history []learn.Step
		want    string
	}{
		{"no history", absent("out/a.txt"), nil, "failed"},
		{"only read", absent("out/a.txt"), []learn.Step{step("e1", learn.IntentRead, "cat out/a.txt", "out/a.txt")}, "failed"},
		{"deleted", absent("out/a.txt"), []learn.Step{step("e1", learn.IntentDelete, "rm -r out/a.txt", "out/a.txt")}, "e1"},
		{"moved", absent("/repo/out/a.txt"), []learn.Step{step("e1", learn.IntentOther, "mv out/a.txt old/a.txt", "old/a.txt")}, "e1"},
		{"edited last", at("src/x.py"), []learn.Step{
			step("e1", learn.IntentEdit, "", "src/x.py"), step("e2", learn.IntentEdit, "", "/repo/src/x.py"),
			step("e3", learn.IntentEdit, "", "src/y.py"),
		}, "e2"},
		{"was there before the edit", at("src/x.py"), []learn.Step{
			failed(step("e1", learn.IntentTest, "pytest", ""), "s-at"), step("e2", learn.IntentEdit, "", "src/x.py"),
		}, "failed"},
		{"should have made it", absent("out/a.txt"), []learn.Step{failed(step("e1", learn.IntentCreate, "tar x", "out/a.txt"))}, "e1"},
		{"module's file", missing("pkg.util"), []learn.Step{step("e1", learn.IntentDelete, "rm pkg/util.py", "src/pkg/util.py")}, "e1"},
		{"after the failure", absent("out/a.txt"), []learn.Step{
			step("failed", learn.IntentTest, "pytest", ""), step("e1", learn.IntentDelete, "rm out/a.txt", "out/a.txt"),
		}, "failed"},
		{"another name with the same tail", absent("out/a.txt"), []learn.Step{step("e1", learn.IntentDelete, "rm out/aa.txt", "out/aa.txt")}, "failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.sig)
			r.History = tt.history
			got := explained(t, RemedyFunc(nothing), r)
			if got.CulpritAction != tt.want || got.CulpritReason == "" {
				t.Errorf("culprit %q (%s), want %q", got.CulpritAction, got.CulpritReason, tt.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	offer := learn.RemedyOffer{RemedyID: "r", Description: "Do this.", Confidence: 0.8, Evidence: []string{"e7", "e8"}}
	source := RemedyFunc(func(q RemedyQuery) []learn.RemedyOffer {
		if q.ProjectID != "p" || q.Language != "python" || len(q.Signatures) != 1 {
			t.Errorf("query %+v", q)
		}
		return []learn.RemedyOffer{offer}
	})
	got := explained(t, source, request(missing("yaml")))
	if got.Method != learn.MethodRecovery || got.ProposedRemediationStrategy != "Do this." || got.ErrorPattern == nil {
		t.Errorf("report %+v", got)
	}
	if want := `Python module not found: module "yaml". Usual cause: the package is not installed.`; got.RootCause != want {
		t.Errorf("root cause %q, want %q", got.RootCause, want)
	}
	if !reflect.DeepEqual(got.Evidence, []string{"failed", "e7", "e8"}) {
		t.Errorf("evidence %v", got.Evidence)
	}
	if got.ConfidenceScore <= 0.5 || got.ConfidenceScore >= 0.8 || got.ConfidenceScore != got.MethodConfidence[learn.MethodRecovery] {
		t.Errorf("an unchecked offer of 0.8 gives confidence %v, methods %v", got.ConfidenceScore, got.MethodConfidence)
	}
	if again := explained(t, source, request(missing("yaml"))); !reflect.DeepEqual(got, again) {
		t.Error("the same request gave another report")
	}
}

func TestNothingKnown(t *testing.T) {
	code := 3
	r := request()
	r.Event.ID, r.Event.ToolOutput.ExitCode = "", &code
	got := explained(t, RemedyFunc(nothing), r)
	if got.ConfidenceScore != 0 || got.ConfidenceOf != learn.ClaimNothing || got.ProposedRemediationStrategy != "" || got.Remedies == nil || len(got.Remedies) != 0 {
		t.Errorf("report %+v", got)
	}
	if !strings.Contains(got.RootCause, "Not known") || !strings.Contains(got.RootCause, "exit code 3") {
		t.Errorf("root cause %q", got.RootCause)
	}
	other := request()
	other.Event.ID, other.Event.ToolOutput.Stdout = "", "x"
	if id := explained(t, RemedyFunc(nothing), other).ReportID; id == got.ReportID || !learn.ValidID(id) {
		t.Errorf("report ids %q and %q", id, got.ReportID)
	}
}

// TestWhatTheConfidenceIsOf: a report claims the strongest thing that it has, and
// an error of which nothing is known claims nothing, however sure it is that no
// other call is to blame.
func TestWhatTheConfidenceIsOf(t *testing.T) {
	library := library{
		"mined/7": {ID: "mined/7", Name: "widget <*> is <*>", Template: "widget <*> is <*>"},
		"generic": {ID: "generic", Name: "A command failed", Regexp: "failed", Generic: true},
		"written": {ID: "written", Name: "Service unavailable", Regexp: "503"},
	}
	for _, tt := range []struct {
		name    string
		pattern string
		offers  []learn.RemedyOffer
		removed bool // an earlier call deleted what the error names
		want    learn.Claim
	}{
		{"no signature", "", nil, false, learn.ClaimNothing},
		{"a template that nobody wrote", "mined/7", nil, false, learn.ClaimNothing},
		{"only that it failed", "generic", nil, false, learn.ClaimNothing},
		{"a written pattern", "written", nil, false, learn.ClaimCulprit},
		{"an earlier culprit", "mined/7", nil, true, learn.ClaimCulprit},
		{"a remedy", "mined/7", []learn.RemedyOffer{installIt}, false, learn.ClaimRemedy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			if tt.pattern != "" {
				r = request(learn.ErrorSignature{ID: "s", PatternID: tt.pattern, Salient: "widget w.cfg not found", Captures: map[string]string{"path": "w.cfg"}})
			}
			if tt.removed {
				r.History = []learn.Step{{EventID: "e", Intent: learn.IntentDelete, Command: "rm w.cfg", Target: "w.cfg", Status: learn.StatusSuccess}}
			}
			d := New(Options{Remedies: RemedyFunc(func(RemedyQuery) []learn.RemedyOffer { return tt.offers }), Patterns: library})
			got := d.Diagnose(context.Background(), r)
			nothing := tt.want == learn.ClaimNothing
			if got.ConfidenceOf != tt.want || nothing != (got.ConfidenceScore == 0) || nothing && !strings.Contains(got.RootCause, "Not known") || got.MethodConfidence[learn.MethodRules] == 0 {
				t.Errorf("confidence %g of %q, methods %v: %s", got.ConfidenceScore, got.ConfidenceOf, got.MethodConfidence, got.RootCause)
			}
		})
	}
}

func TestHintsAreMarkedAndUntrustedStaysOut(t *testing.T) {
	diagnose := func(r Request) learn.FailureAnalysisReport { return explained(t, RemedyFunc(nothing), r) }
	r := request(missing("evil`\n; rm"))
	r.Trusted = func(string, string) bool { return true }
	got := diagnose(r)
	if got.Hints[0] != "pip install {module}" {
		t.Errorf("a hostile capture entered the hint %q", got.Hints[0])
	}
	if strings.ContainsAny(got.RootCause, "`\n") {
		t.Errorf("root cause %q holds raw foreign text", got.RootCause)
	}
	if !strings.HasPrefix(got.ProposedRemediationStrategy, "Hint, not seen to work here: ") {
		t.Errorf("proposal %q is not marked", got.ProposedRemediationStrategy)
	}
	r = request(missing("yaml"))
	if got := diagnose(r).Hints[0]; got != "pip install {module}" {
		t.Errorf("untrusted: %q", got)
	}
	if p := got.ErrorPattern; p == nil || len(p.Hints) != 0 {
		t.Errorf("the report has the pattern's hints with their captures open: %+v", p)
	}
	if p := got.ProposedRemediationStrategy; !strings.Contains(p, "confidence is in its diagnosis, not in this hint") || !strings.Contains(p, "in braces") {
		t.Errorf("proposal %q does not say what its confidence is of, or what its braces are", p)
	}
	r.Trusted = func(kind, value string) bool { return kind == "module" && value == "yaml" }
	if got := diagnose(r).Hints[0]; got != "pip install yaml" {
		t.Errorf("trusted: %q", got)
	}
	if got := diagnose(request(learn.ErrorSignature{ID: "b", PatternID: "http/503", Transient: true})); !strings.Contains(got.ProposedRemediationStrategy, "repeat the call") {
		t.Errorf("transient: %q", got.ProposedRemediationStrategy)
	}
}

func BenchmarkDiagnose(b *testing.B) {
	r := request(missing("pkg.util"), absent("out/a.txt"))
	for i := range 1000 {
		r.History = append(r.History, learn.Step{EventID: fmt.Sprint("e", i), Intent: learn.IntentEdit,
			Command: strings.Repeat("sed -i s/x/y/ file.py; ", 20), Target: fmt.Sprint("src/file", i, ".py")})
	}
	for b.Loop() {
		explained(b, RemedyFunc(nothing), r)
	}
}
