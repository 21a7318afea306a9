package signature

import (
	"fmt"
	"strings"
	"testing"

	"lathe/learn"
)

func TestEveryPatternTakesItsExamplesAndNoOther(t *testing.T) {
	lib, err := loadLibrary(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(lib.patterns) < 200 {
		t.Errorf("%d patterns, want at least 200", len(lib.patterns))
	}
	for _, p := range lib.patterns {
		if len(p.Positive) == 0 || len(p.Near) == 0 {
			t.Errorf("%s: needs a positive and a near-miss example", p.ID)
		}
		for _, example := range p.Positive {
			got := lib.signatures(cleanLines(example))
			if len(got) == 0 {
				t.Errorf("%s: %q gives nothing; literals %q, matches %v", p.ID, example, p.Literals, p.re.MatchString(cleanLine(example)))
			} else if got[0].PatternID != p.ID {
				t.Errorf("%s: %q is taken by %s", p.ID, example, got[0].PatternID)
			}
		}
		for _, near := range p.Near {
			for _, sig := range lib.signatures(cleanLines(near)) {
				if sig.PatternID == p.ID {
					t.Errorf("%s: takes its near miss %q", p.ID, near)
				}
			}
		}
	}
}

func TestLiteralsStandInEveryExample(t *testing.T) {
	lib, err := loadLibrary(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range lib.patterns {
		for _, example := range p.Positive {
			if p.Where != "" {
				continue
			}
			found := false
			for _, l := range p.Literals {
				found = found || strings.Contains(example, l)
			}
			if !found {
				t.Errorf("%s: no literal of %q stands in %q", p.ID, p.Literals, example)
			}
		}
	}
}

func TestHintsNameOnlyCaptures(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Patterns() {
		for _, h := range p.Hints {
			for rest := h; ; {
				i := strings.IndexByte(rest, '{')
				if i < 0 {
					break
				}
				j := strings.IndexByte(rest[i:], '}')
				name := strings.Trim(rest[i+1:i+max(j, 1)], "{")
				if !hasCapture(p, name) {
					t.Errorf("%s: hint %q names %q, captures are %q", p.ID, h, name, p.Captures)
				}
				rest = rest[i+j+1:]
			}
		}
	}
}

func hasCapture(p learn.ErrorPattern, name string) bool {
	for _, c := range p.Captures {
		if c == name {
			return true
		}
	}
	return false
}

func failure(out string, code int) *learn.ActionOutcome {
	return &learn.ActionOutcome{ToolName: "bash", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Content: out, ExitCode: &code}}
}

func ids(sigs []learn.ErrorSignature) string {
	var out []string
	for _, s := range sigs {
		out = append(out, s.ID)
	}
	return fmt.Sprint(out)
}
