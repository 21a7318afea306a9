package signature

import (
	"strings"
	"testing"

	"lathe/learn"
)

// A code that only says that something failed makes no signature: what was
// printed does, and the same text has the same one however a client words the
// rest.
func TestVagueCodes(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	two := 2
	plain := &learn.ActionOutcome{Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Stderr: "Fatal: cannot frobnicate widget 1", ExitCode: &two}}
	want := a.Match(plain, learn.Action{})
	if len(want) != 1 || !strings.HasPrefix(want[0].ID, "mined/") {
		t.Fatalf("without a code: %+v", want)
	}
	for _, d := range []learn.ErrorDetails{
		{Code: "exit_code", Message: "exit code 2"}, {Code: "2", Message: "Exit code 2"}, {Code: "EXIT_STATUS"}, {Code: "non-zero exit code"},
		{Code: "error"}, {Code: "tool_use_error", Message: "Fatal: cannot frobnicate widget 1"}, {Code: "Error", Message: "Exit code 2\nFatal: cannot frobnicate widget 1"},
	} {
		ev := *plain
		ev.ErrorDetails = &d
		got := a.Match(&ev, learn.Action{})
		if len(got) != 1 || got[0].ID != want[0].ID {
			t.Errorf("%+v: %+v, want %s", d, got, want[0].ID)
		}
	}
	for _, code := range []string{"E_QUOTA", "-32050", "7"} {
		ev := learn.ActionOutcome{Status: learn.StatusFailure, ErrorDetails: &learn.ErrorDetails{Code: code, Message: "quota is used up"}, ToolOutput: learn.ToolOutput{ExitCode: &two}}
		if got := a.Match(&ev, learn.Action{}); len(got) != 1 || !strings.Contains(got[0].ID, code) {
			t.Errorf("%s tells failures apart: %+v", code, got)
		}
	}
	silent := learn.ActionOutcome{Status: learn.StatusFailure, ToolName: "Bash", ErrorDetails: &learn.ErrorDetails{Code: "exit_code", Message: "exit code 2"}, ToolOutput: learn.ToolOutput{ExitCode: &two}}
	if got := a.Match(&silent, learn.Action{}); len(got) != 1 || strings.Contains(got[0].ID, "error-code") {
		t.Errorf("a call that printed nothing: %+v", got)
	}
}
