package server

import (
	"cmp"
	"math"
	"slices"
	"strings"

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

func newLexicon() *lexicon { return &lexicon{lists: map[listKey][]int32{}, docs: map[uint32]int{}} }

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
	scores := map[int32]float64{}
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
					scores[slot] += weight / (1 + k1*(1-b+b*float64(len(c.words))/mean))
				}
			}
		}
	}
	return l.top(scores, most)
}

func (l *lexicon) top(scores map[int32]float64, most int) []*card {
	type hit struct {
		slot  int32
		score float64
	}
	hits := make([]hit, 0, len(scores))
	for slot, s := range scores {
		hits = append(hits, hit{slot, s})
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(compareFloats(b.score, a.score), strings.Compare(l.slots[a.slot].id, l.slots[b.slot].id))
	})
	out := make([]*card, 0, min(len(hits), most))
	for _, h := range hits[:min(len(hits), most)] {
		out = append(out, l.slots[h.slot])
	}
	return out
}
