package recall

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lathe/learn"
)

// The search by words finds what scoring every card by itself finds, and
// leaves nothing behind for the next search.
func TestLexiconFindsTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLexicon()
		var cards []*card
		draw := rapid.SliceOfNDistinct(rapid.Uint32Range(1, 12), 1, 6, rapid.ID)
		for i := range rapid.IntRange(1, 60).Draw(t, "cards") {
			c := &card{kind: learn.EntryStrategy, id: fmt.Sprintf("c%02d", i), project: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "project"), words: draw.Draw(t, "words")}
			l.add(c)
			cards = append(cards, c)
		}
		for range rapid.IntRange(0, 10).Draw(t, "removed") {
			i := rapid.IntRange(0, len(cards)-1).Draw(t, "which")
			if len(cards) > 1 {
				l.remove(cards[i])
				cards = slices.Delete(cards, i, i+1)
			}
		}
		for range 3 {
			query, most := draw.Draw(t, "query"), rapid.IntRange(1, 20).Draw(t, "most")
			got := l.find("a", classStrategy, query, most)
			want := scan(l, cards, query)
			if len(got) != min(most, len(want)) {
				t.Fatalf("found %d, want %d", len(got), min(most, len(want)))
			}
			for i, c := range got {
				if c != want[i] {
					t.Fatalf("place %d: %s, want %s", i, c.id, want[i].id)
				}
			}
		}
	})
}

// scan ranks the cards that project a may see and that have a word of a query.
func scan(l *lexicon, cards []*card, query []uint32) (found []*card) {
	score := map[*card]float64{}
	mean := float64(l.words) / float64(l.live())
	slices.SortStableFunc(query, func(a, b uint32) int { return l.docs[a] - l.docs[b] }) // sums in the same order
	for _, c := range cards {
		for _, w := range query {
			if c.project != "b" && slices.Contains(c.words, w) {
				n, docs := float64(l.live()), float64(l.docs[w])
				score[c] += math.Log(1+(n-docs+0.5)/(docs+0.5)) * 2.2 / (1 + 1.2*(0.25+0.75*float64(len(c.words))/mean))
			}
		}
		if score[c] > 0 {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *card) int {
		if score[a] != score[b] {
			if score[a] > score[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	return found
}
