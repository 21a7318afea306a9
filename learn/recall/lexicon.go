package recall

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"lathe/learn"
)

// lexicon finds cards by their words, in memory: a search that scores common
// words over all objects takes longer than recall may. What belongs to a
// project is listed apart from what belongs to others, so that a query never
// touches another's.
type lexicon struct {
	slots []*card             // by slot; nil where one was taken out
	dead  int                 // number of these
	lists map[listKey][]int32 // slots, ascending
	docs  map[uint32]int      // cards with a word
	words int                 // of all cards, for their mean length

	tallies *sync.Pool // of *tally
}

type listKey struct {
	project string
	class   class
	word    uint32
}

// class is what is searched for.
type class uint8

const (
	classStrategy class = iota
	classPitfall
)

func classOf(kind learn.EntryKind) class {
	if kind == learn.EntryStrategy {
		return classStrategy
	}
	return classPitfall
}

// Bounds of a search by words. The rarest words tell most and cost least.
const (
	maxQueryWords = 12
	maxPostings   = 20_000 // cards that these may have, together
)

func newLexicon() *lexicon {
	return &lexicon{lists: map[listKey][]int32{}, docs: map[uint32]int{}, tallies: &sync.Pool{}}
}

func (l *lexicon) live() int { return len(l.slots) - l.dead }

func (l *lexicon) add(c *card) {
	c.slot = int32(len(l.slots))
	l.slots = append(l.slots, c)
	l.words += len(c.words)
	for _, w := range c.words {
		l.docs[w]++
		key := listKey{c.project, classOf(c.kind), w}
		l.lists[key] = append(l.lists[key], c.slot)
	}
}

// remove takes a card out. Lists are cleaned when half of what they name is
// gone, so that the cost of a change does not depend on their length.
func (l *lexicon) remove(c *card) {
	l.slots[c.slot] = nil
	l.dead++
	l.words -= len(c.words)
	for _, w := range c.words {
		if l.docs[w]--; l.docs[w] <= 0 {
			delete(l.docs, w)
		}
	}
	if l.dead > 1000 && 2*l.dead > len(l.slots) {
		cards := slices.DeleteFunc(l.slots, func(c *card) bool { return c == nil })
		*l = *newLexicon()
		for _, c := range cards {
			l.add(c)
		}
	}
}

// weight is how much a word tells: its inverse document frequency.
func (l *lexicon) weight(w uint32) float64 {
	n, docs := float64(l.live()), float64(l.docs[w])
	return math.Log(1 + (n-docs+0.5)/(docs+0.5))
}

// find returns the cards of a project, and of none, that have the rarest words
// of a query, the best first by BM25 (Robertson et al. 1994; a card has a word
// or has it not).
func (l *lexicon) find(project string, of class, query []uint32, most int) []*card {
	const k1, b = 1.2, 0.75
	words := slices.DeleteFunc(slices.Clone(query), func(w uint32) bool { return l.docs[w] == 0 })
	slices.SortStableFunc(words, func(a, b uint32) int { return cmp.Compare(l.docs[a], l.docs[b]) })
	t, _ := l.tallies.Get().(*tally)
	if t == nil {
		t = new(tally)
	}
	defer l.tallies.Put(t)
	t.scores = slices.Grow(t.scores, max(0, len(l.slots)-len(t.scores)))[:len(l.slots)]
	mean := float64(l.words) / float64(max(1, l.live()))
	postings := 0
	for i, w := range words {
		own, common := l.lists[listKey{project, of, w}], l.lists[listKey{"", of, w}]
		if project == "" {
			common = nil
		}
		if postings += len(own) + len(common); i >= maxQueryWords || postings > maxPostings {
			break
		}
		weight := l.weight(w) * (k1 + 1)
		for _, list := range [][]int32{own, common} {
			for _, slot := range list {
				if c := l.slots[slot]; c != nil {
					if t.scores[slot] == 0 {
						t.found = append(t.found, slot)
					}
					t.scores[slot] += weight / (1 + k1*(1-b+b*float64(len(c.words))/mean))
				}
			}
		}
	}
	return l.top(t, most)
}

// tally is the working memory of a search: the scores by slot, of which only
// those of the slots found are not zero.
type tally struct {
	scores []float64
	found  []int32
}

// top takes the best out of a tally, which it empties.
func (l *lexicon) top(t *tally, most int) []*card {
	before := func(a, b int32) bool {
		if x, y := t.scores[a], t.scores[b]; x != y {
			return x > y
		}
		return l.slots[a].id < l.slots[b].id
	}
	best := t.found[:min(most, len(t.found))] // a heap, its worst on top
	sink := func(i int) {
		for {
			worst := i
			for c := 2*i + 1; c <= 2*i+2 && c < len(best); c++ {
				if before(best[worst], best[c]) {
					worst = c
				}
			}
			if worst == i {
				return
			}
			best[i], best[worst], i = best[worst], best[i], worst
		}
	}
	for i := len(best)/2 - 1; i >= 0; i-- {
		sink(i)
	}
	for i := len(best); i < len(t.found); i++ {
		if before(t.found[i], best[0]) {
			best[0], t.found[i] = t.found[i], best[0]
			sink(0)
		}
	}
	slices.SortFunc(best, func(a, b int32) int {
		switch {
		case a == b:
			return 0
		case before(a, b):
			return -1
		}
		return 1
	})
	out := make([]*card, len(best))
	for i, slot := range best {
		out[i] = l.slots[slot]
	}
	for _, slot := range t.found {
		t.scores[slot] = 0
	}
	t.found = t.found[:0]
	return out
}
