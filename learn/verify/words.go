package verify

import (
	"fmt"

	"lathe/learn"
)

func (tk *task) after() string {
	if tk.lastEdit().Order == 0 {
		return "of a task without edits"
	}
	return "after the last edit"
}

// needsEdit reports whether a task of this type is not done without a change.
func (tk *task) needsEdit() bool {
	t := tk.ProblemType
	if t == "" {
		t = ProblemType(tk.Prompt)
	}
	return t == "bugfix" || t == "feature" || t == "refactor"
}

func counts(c check) string {
	switch {
	case c.Failed+c.Errors > 0:
		return fmt.Sprintf(": %d failed, %d errors, %d passed", c.Failed, c.Errors, c.Passed)
	case c.Passed > 0:
		return fmt.Sprintf(": %d passed", c.Passed)
	}
	return ""
}

func verdictWords(kind learn.VerificationKind) string {
	if kind == learn.VerifyUserFeedback {
		return "The user's feedback"
	}
	return "The benchmark's verdict"
}

func ids(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
