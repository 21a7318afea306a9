package codegraph

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLineChanges: the changes lead from the one text to the other, in order,
// apart, and with no more lines than the shortest way there.
func TestLineChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 12)
		was, is := text.Draw(t, "was"), text.Draw(t, "is")
		changed, ok := lineChanges(was, is)
		if !ok {
			t.Fatal("too different")
		}
		var made []string
		at, edits := 0, 0
		for _, c := range changed {
			from, to := c.oldFrom-min(1, c.oldCount), c.newFrom-min(1, c.newCount)
			if from < at || c.oldCount+c.newCount == 0 {
				t.Fatalf("%+v", changed)
			}
			made = append(made, was[at:from]...)
			if len(made) != to {
				t.Fatalf("%+v: %d lines before", c, len(made))
			}
			made = append(made, is[to:to+c.newCount]...)
			at = from + c.oldCount
			edits += c.oldCount + c.newCount
		}
		if made = append(made, was[at:]...); !slices.Equal(made, is) {
			t.Fatalf("made %v of %+v", made, changed)
		}
		if want := len(was) + len(is) - 2*inCommon(was, is); edits != want {
			t.Fatalf("%d edits, the least are %d", edits, want)
		}
	})
}

// inCommon is the length of the longest common subsequence, by its definition.
func inCommon(a, b []string) int {
	row := make([]int, len(b)+1)
	for i := range a {
		diagonal := 0
		for j := range b {
			above := row[j+1]
			if row[j+1] = max(above, row[j]); a[i] == b[j] {
				row[j+1] = diagonal + 1
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
