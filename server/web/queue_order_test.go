package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
)

// The first of an order are those that sorting everything puts first.
func TestLeadingIsTheBeginningOfTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var items []*Item
		for i := range rapid.IntRange(0, 300).Draw(t, "items") {
			items = append(items, &Item{ID: fmt.Sprintf("%03d", i), Confidence: rapid.SampledFrom([]float64{0, 0.5, 0.9}).Draw(t, "confidence"),
				Created: time.Unix(rapid.Int64Range(0, 9).Draw(t, "age"), 0), State: rapid.SampledFrom([]learn.State{learn.StateInReview, learn.StateRejected}).Draw(t, "state")})
		}
		f := filter{Sort: rapid.SampledFrom([]string{"", "age", "newest", "confidence", "risk"}).Draw(t, "sort")}
		want := slices.Clone(items)
		slices.SortFunc(want, f.before)
		n := rapid.IntRange(0, 320).Draw(t, "n")
		if got := leading(items, n, f.before); !slices.Equal(got, want[:min(n, len(want))]) {
			t.Fatalf("%d of %d differ", n, len(items))
		}
	})
}

func TestContainsIgnoresCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, part := rapid.StringMatching(`[a-cA-Cäß\[{ ]{0,12}`).Draw(t, "text"), rapid.StringMatching(`[a-cA-Cäß\[{]{0,2}`).Draw(t, "part")
		if got, want := contains(text, part), strings.Contains(strings.ToLower(text), strings.ToLower(part)); got != want {
			t.Fatalf("%q in %q: %v", part, text, got)
		}
	})
}
