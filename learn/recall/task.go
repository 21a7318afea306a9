package recall

import (
	"cmp"
	"slices"

	"lathe/learn"
)

// Task is what is known of the task that somebody asks about. What is not known
// is left empty, and nothing is concluded from it.
type Task struct {
	Project   string
	Text      string          // the prompt, and the plan in words; the first 16 KiB count
	Problem   string          // its kind, as learn/verify names it
	Languages map[string]bool // extensions of the workspace's source files
	Errors    map[string]bool // signatures of the session's failures
	Done      []Step          // the session's steps so far
	Planned   []Step
	// Uses reports whether the project ever did something: an action, or with
	// "" anything.
	Uses func(action string) bool
}

// maxText is how much of a task's text is looked at, in bytes.
const maxText = 16 << 10

// Query is a task as the memory sees it. It is for one goroutine.
type Query struct {
	Task
	m       *Memory
	steps   []Step   // done and planned
	words   []uint32 // of the text, sorted
	shown   map[uint32]string
	weights []float64 // of the words; see weigh
	all     float64   // what they tell together
}

// Ask prepares the questions about a task.
func (m *Memory) Ask(t Task) *Query {
	q := &Query{Task: t, m: m, steps: append(slices.Clone(t.Done), t.Planned...), shown: map[uint32]string{}}
	for _, w := range splitWords(t.Text[:min(len(t.Text), maxText)]) {
		h := hashWord(w)
		if q.shown[h] == "" {
			q.shown[h] = w
			q.words = append(q.words, h)
		}
	}
	slices.Sort(q.words)
	return q
}

// weigh tells how much each word of the query says, and all together. Of a long
// query, what eight rare words tell is taken for all.
func (q *Query) weigh() {
	words := q.m.words
	q.weights, q.all = make([]float64, len(q.words)), 0
	for i, w := range q.words {
		if words.docs[w] > 0 {
			q.weights[i] = words.weight(w)
		}
	}
	most := slices.Clone(q.weights)
	slices.SortFunc(most, func(a, b float64) int { return cmp.Compare(b, a) })
	for _, w := range most[:min(len(most), 8)] {
		q.all += w
	}
}

// covered is the share of the query that words have, each word by how much it
// tells, and which they are.
func (q *Query) covered(words []uint32) (share float64, shared []int) {
	for i := 0; i < len(q.words) && len(words) > 0; {
		switch {
		case q.words[i] < words[0]:
			i++
		case q.words[i] > words[0]:
			words = words[1:]
		default:
			share += q.weights[i]
			shared = append(shared, i)
			i, words = i+1, words[1:]
		}
	}
	if q.all == 0 {
		return 0, nil
	}
	return min(share/q.all, 1), shared
}

// Match says how well something fits a task, and why.
type Match struct {
	Score         float64
	Contributions map[string]float64 // the parts of the score, by name
	Why           []string           // the same in words
}

// Strategy is a strategy that fits. Gain is the lower bound of what it adds to
// the rate of success without it.
type Strategy struct {
	learn.ProvenStrategy
	Gain  float64
	Match Match
}

// Pitfall is an error that a task is likely to meet: how often it was
// diagnosed, the surest report, and what fixed it best; nil where there is none.
type Pitfall struct {
	Signature, Name string
	Count           int
	Report          *learn.FailureAnalysisReport
	Remedy          *learn.Remedy
	Match           Match
}

// Tool is a generated tool that fits.
type Tool struct {
	learn.ToolManifest
	Match Match
}
