package recovery

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"lathe/learn"
)

// baseline is a simple method that a replay compares with: it guesses when a
// failure happens, and learns when it is resolved. All of them guess specific
// classes only, and know those of every project.
type baseline interface {
	name() string
	// guess is told of every failure and, where an answer is wanted, says at most
	// three classes, the likeliest first.
	guess(f *failure, sig *learn.ErrorSignature, wanted bool) []string
	learn(f *failure, fm *form)
}

func newBaselines() []baseline {
	return []baseline{
		&backOff{label: "majority", keys: func(*failure) []string { return []string{""} }},
		&backOff{label: "majority by intent", keys: func(f *failure) []string { return []string{string(f.Call.Intent)} }},
		&backOff{label: "signature and command", keys: func(f *failure) []string {
			s := f.Situation
			return []string{
				s.Project + "\x00" + f.SigID + "\x00" + s.Call, s.Project + "\x00" + f.SigID, s.Project + "\x00\x00" + s.Call,
				f.SigID + "\x00" + s.Call, f.SigID, "\x00" + s.Call, string(f.Call.Intent),
			}
		}},
		&neighbours{text: map[string][]string{}, in: map[string]int{}},
	}
}

// Baselines names the simple methods that a replay compares with.
func Baselines() []string {
	var out []string
	for _, b := range newBaselines() {
		out = append(out, b.name())
	}
	return out
}

// backOff counts classes by keys, the narrowest first, and answers with the
// commonest of the narrowest key that knows any, then of the next.
type backOff struct {
	label  string
	keys   func(*failure) []string
	counts map[string]map[string]int
}

func (b *backOff) name() string { return b.label }

func (b *backOff) learn(f *failure, fm *form) {
	if b.counts == nil {
		b.counts = map[string]map[string]int{}
	}
	for _, k := range b.keys(f) {
		if b.counts[k] == nil {
			b.counts[k] = map[string]int{}
		}
		b.counts[k][fm.Class]++
	}
}

func (b *backOff) guess(f *failure, _ *learn.ErrorSignature, wanted bool) []string {
	var out []string
	if !wanted {
		return nil
	}
	for _, k := range b.keys(f) {
		weights := map[string]float64{}
		for class, n := range b.counts[k] {
			weights[class] = float64(n)
		}
		for _, class := range ranking(weights) {
			if !slices.Contains(out, class) {
				out = append(out, class)
			}
		}
	}
	return out[:min(len(out), 3)]
}

// ranking lists the specific classes by weight.
func ranking(weights map[string]float64) []string {
	classes := slices.DeleteFunc(sortedKeys(weights), func(c string) bool { return !specific(c) })
	slices.SortStableFunc(classes, func(a, b string) int { return cmp.Compare(weights[b], weights[a]) })
	return classes
}

// neighbours votes with the past failures whose words are nearest by BM25
// (Robertson and Zaragoza 2009; k1 1.2, b 0.75), each with its score.
type neighbours struct {
	text    map[string][]string // words of failures that are open, by event
	past    []document
	in      map[string]int // documents that have a word
	lengths int
}

type document struct {
	words map[string]int
	n     int
	class string
}

// nearest is the number of neighbours that vote, and maxPast of past failures
// that are looked at, the newest.
const (
	nearest = 10
	maxPast = 5000
)

func (*neighbours) name() string { return "nearest (BM25)" }

func wordsOf(f *failure, sig *learn.ErrorSignature) []string {
	text := f.Situation.Project + " " + f.PatternID + " " + f.Call.Command + " " + sig.Salient
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
}

func (n *neighbours) guess(f *failure, sig *learn.ErrorSignature, wanted bool) []string {
	words := wordsOf(f, sig)
	n.text[f.Call.EventID] = words
	if !wanted {
		return nil
	}
	type near struct {
		score float64
		class string
	}
	var all []near
	for _, d := range n.past {
		if s := n.bm25(words, &d); s > 0 && specific(d.class) {
			all = append(all, near{s, d.class})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(b.score, a.score) })
	votes := map[string]float64{}
	for _, v := range all[:min(len(all), nearest)] {
		votes[v.class] += v.score
	}
	out := ranking(votes)
	return out[:min(len(out), 3)]
}

func (n *neighbours) bm25(query []string, d *document) (score float64) {
	const k1, b = 1.2, 0.75
	mean := float64(n.lengths) / float64(len(n.past))
	for _, w := range query {
		if tf := float64(d.words[w]); tf > 0 {
			idf := math.Log(1 + (float64(len(n.past))-float64(n.in[w])+0.5)/(float64(n.in[w])+0.5))
			score += idf * tf * (k1 + 1) / (tf + k1*(1-b+b*float64(d.n)/mean))
		}
	}
	return score
}

func (n *neighbours) learn(f *failure, fm *form) {
	words := n.text[f.Call.EventID]
	delete(n.text, f.Call.EventID)
	d := document{words: map[string]int{}, n: len(words), class: fm.Class}
	for _, w := range words {
		if d.words[w]++; d.words[w] == 1 {
			n.in[w]++
		}
	}
	n.past = append(n.past, d)
	n.lengths += len(words)
	if len(n.past) > maxPast {
		for w := range n.past[0].words {
			n.in[w]--
		}
		n.lengths -= n.past[0].n
		n.past = n.past[1:]
	}
}
