package signature

import (
	"fmt"
	"strings"
	"testing"

	"lathe/learn"
)

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
