package verify

import "strings"

// ProblemType classifies a prompt by keywords: bugfix, feature, refactor,
// test, docs or other. Each keyword counts once, twice when it stands among
// the first 200 bytes, where a prompt says what it wants; the highest total
// wins, and of equals the earlier of that list. It is a rule of thumb for
// grouping tasks, used only when the record names no type.
func ProblemType(prompt string) string {
	text := " " + strings.Join(strings.FieldsFunc(strings.ToLower(cut(prompt, maxPrompt)), notWord), " ") + " "
	head := cut(text, 200)
	best, bestScore := "other", 0
	for _, class := range problemClasses() {
		score := 0
		for _, w := range class.words {
			w = " " + w
			if strings.Contains(text, w) {
				score++
			}
			if strings.Contains(head, w) {
				score++
			}
		}
		if score > bestScore {
			best, bestScore = class.name, score
		}
	}
	return best
}

type problemClass struct {
	name  string
	words []string // beginnings of words, or whole ones with a trailing space
}

func problemClasses() []problemClass {
	return []problemClass{
		{"bugfix", []string{"bug", "fix", "broken", "crash", "error", "exception", "traceback", "regression", "incorrect", "wrong", "fails ", "failing", "does not work", "doesn t work", "unexpected", "expected behav", "actual behav", "actual result", "leak", "deadlock"}},
		{"feature", []string{"add ", "implement", "support ", "feature", "introduce", "new option", "new command", "allow ", "enable ", "create ", "extend "}},
		{"refactor", []string{"refactor", "clean up", "cleanup", "simplify", "rename", "restructure", "reorganis", "reorganiz", "extract ", "deduplicate", "move ", "split "}},
		{"test", []string{"write test", "add test", "add a test", "unit test", "test coverage", "tests for", "test for", "regression test", "property test", "flaky"}},
		{"docs", []string{"document", "docs ", "docstring", "readme", "comment", "typo", "changelog", "tutorial"}},
	}
}

func notWord(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
}
