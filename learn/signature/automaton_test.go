package signature

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAutomatonFindsWhatContainsFinds holds the automaton to the plain search.
func TestAutomatonFindsWhatContainsFinds(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("ab é:")), 1, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		literals := rapid.SliceOfN(word, 1, 12).Draw(t, "literals")
		owners := make([]int, len(literals))
		for i := range owners {
			owners[i] = i
		}
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab é:x\x00")), 0, 30, -1).Draw(t, "text")
		found := make([]bool, len(literals))
		newAutomaton(literals, owners).each(text, func(hits []int) {
			for _, o := range hits {
				found[o] = true
			}
		})
		want := make([]bool, len(literals))
		for i, l := range literals {
			want[i] = strings.Contains(text, l)
		}
		if !slices.Equal(found, want) {
			t.Fatalf("%q in %q: found %v, want %v", literals, text, found, want)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}
