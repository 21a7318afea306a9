package refine

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Diff is the change of a plan's text as a unified diff, as git shows it.
func Diff(name string, before, after []byte) (string, error) {
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: lines(before), B: lines(after), FromFile: "a/" + name, ToFile: "b/" + name, Context: 3,
	})
}

// lines splits a text after each line end, and marks a last line without one.
func lines(text []byte) []string {
	out := strings.SplitAfter(string(text), "\n")
	if last := len(out) - 1; out[last] == "" {
		out = out[:last]
	} else {
		out[last] += "\n\\ No newline at end of file\n"
	}
	return out
}
