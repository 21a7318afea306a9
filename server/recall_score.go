package server

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// A score adds up why something is recalled, each part told by name. What is
// below the floor, or relevant in no way, is not given: no advice beats wrong
// advice. The parts are shares, so that the floors mean the same at any size
// of the memory; the weights say which kind of reason counts how much.
const (
	weightText      = 0.6  // of the share of the query's words, by what they tell
	weightProject   = 0.25 // it was learned in this project
	weightCommon    = 0.2  // it was learned in all projects, and this one uses the same tools
	weightProblem   = 0.2  // it was learned in tasks of this kind
	weightCondition = 0.15 // each other condition that holds
	weightViolated  = -0.3 // each condition that is known not to hold
	weightError     = 0.4  // it is about an error of this session
	weightPlan      = 0.5  // of the share of its steps that are done or planned
	weightComplete  = -0.3 // all of them are, so it adds nothing

	floorProof    = 0.05 // least gain, after decay
	floorRelevant = 0.2  // least sum of the reasons that it fits
	floorScore    = 0.3
)

// halfLife is the event time in which what was learned loses half its weight.
const halfLife = 180 * 24 * time.Hour

// reasons are the parts of a score and how they are put into words.
type reasons struct {
	parts map[string]float64
	words []string
	told  bool // put into words: only what is given is
}

func (r *reasons) add(name string, value float64, format string, args ...any) {
	if value == 0 {
		return
	}
	if r.parts == nil {
		r.parts = map[string]float64{}
	}
	r.parts[name] += round3(value)
	if r.told && format != "" {
		r.words = append(r.words, fmt.Sprintf(format, args...))
	}
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }

// proofs are the parts that say how good it is; the others, how well it fits.
func isProof(name string) bool { return name == "proof" || name == "measured" || name == "frequency" }

// total is the score, and how much of it is fitness.
func (r *reasons) total() (score, fits float64) {
	for _, name := range sortedNames(r.parts) {
		score += r.parts[name]
		if !isProof(name) {
			fits += r.parts[name]
		}
	}
	return round3(score), round3(fits)
}

func sortedNames(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// faded is what is left of a weight after the time since.
func (m *memory) faded(weight float64, since time.Time) float64 {
	age := m.now.Sub(since)
	if since.IsZero() || age <= 0 {
		return weight
	}
	return weight * math.Exp2(-age.Hours()/halfLife.Hours())
}

// weigh prepares a query: how much each of its words tells, and all together.
// Of a long query, what eight rare words tell is taken for all.
func (m *memory) weigh(f *facts) {
	f.weights, f.all = make([]float64, len(f.words)), 0
	for i, w := range f.words {
		if m.words.docs[w] > 0 {
			f.weights[i] = m.words.weight(w)
		}
	}
	most := slices.Clone(f.weights)
	slices.SortFunc(most, func(a, b float64) int { return compareFloats(b, a) })
	for _, w := range most[:min(len(most), 8)] {
		f.all += w
	}
}

// covered is the share of the query that words have, each word by how much it
// tells, and which they are.
func (f *facts) covered(words []uint32) (share float64, shared []int) {
	for i := 0; i < len(f.words) && len(words) > 0; {
		switch {
		case f.words[i] < words[0]:
			i++
		case f.words[i] > words[0]:
			words = words[1:]
		default:
			share += f.weights[i]
			shared = append(shared, i)
			i, words = i+1, words[1:]
		}
	}
	if f.all == 0 {
		return 0, nil
	}
	return min(share/f.all, 1), shared
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// matchWords adds what words in common say. One word in common is too little.
func matchWords(r *reasons, f *facts, words []uint32) {
	share, shared := f.covered(words)
	if len(shared) < 2 && len(f.words) > 2 {
		return
	}
	var names []string
	if r.told {
		slices.SortStableFunc(shared, func(a, b int) int { return compareFloats(f.weights[b], f.weights[a]) })
		for _, i := range shared[:min(len(shared), 4)] {
			names = append(names, f.shown[f.words[i]])
		}
	}
	r.add("text", weightText*share, "its words match (%s)", strings.Join(names, ", "))
}

// strategy scores a strategy for a task.
func (m *memory) strategy(f *facts, c *card, told bool) *reasons {
	r := &reasons{told: told}
	switch {
	case c.project != "":
		r.add("project", weightProject, "learned in this project")
	case usable(f, c.steps):
		r.add("common", weightCommon, "learned in all projects, of which this one uses the same tools")
	}
	matchWords(r, f, c.words)
	conditionsHold(r, f, c)
	if n := len(c.steps); n > 0 {
		switch at := progress(c.steps, f.steps); {
		case at == n && len(f.planned) > 0:
			r.add("plan", weightComplete, "the plan has all of its steps already")
		case at > 0 && at < n:
			var before []string
			for _, s := range c.steps[:at] {
				before = append(before, s.String())
			}
			r.add("plan", weightPlan*float64(at)/float64(n), "%s is there, %s comes next in it", strings.Join(before, ", then "), c.steps[at])
		}
	}
	r.add("proof", m.faded(c.gain, c.at), "")
	return r
}

// usable reports whether a project is known to use what a strategy consists of.
func usable(f *facts, steps []stepKey) bool {
	if !f.uses("") {
		return false
	}
	for _, s := range steps {
		program, _, _ := strings.Cut(s.head, " ")
		if program != "" && !f.uses(program) {
			return false
		}
	}
	return true
}

// conditionsHold compares a strategy's conditions with what is known; of what
// is not known it says nothing.
func conditionsHold(r *reasons, f *facts, c *card) {
	problem := slices.Contains(c.problems, f.problem)
	mentioned, mentions := 0, 0
	for _, k := range c.conditions {
		switch k.kind {
		case "problem_type":
			problem = problem || k.value == f.problem
			if f.problem != "" && f.problem != "other" && k.value != f.problem && !problem {
				r.add("violated", weightViolated, "learned in %s tasks, this is %s", k.value, f.problem)
			}
		case "language":
			switch {
			case f.languages[k.value]:
				r.add("conditions", weightCondition, "there are %s files", k.value)
			case len(f.languages) > 0:
				r.add("violated", weightViolated, "there are no %s files", k.value)
			}
		case "prompt mentions":
			mentions++
			if _, ok := slices.BinarySearch(f.words, hashWord(k.value)); ok {
				mentioned++
			}
		case "preceding signature", "after failure":
			if f.errors[k.value] {
				r.add("conditions", weightError, "the error that it follows came up")
			}
		}
	}
	if problem && f.problem != "" {
		r.add("problem_type", weightProblem, "for %s tasks", f.problem)
	}
	if mentioned > 0 {
		r.add("conditions", weightCondition*min(float64(mentioned), 3), "the task mentions %d of the %d words that go with it", mentioned, mentions)
	}
}

// fit reports whether a strategy's reasons suffice. One that was measured to
// harm never does.
func fit(r *reasons) (float64, bool) {
	score, fits := r.total()
	return score, r.parts["measured"] >= 0 && r.parts["proof"] >= floorProof && fits >= floorRelevant && score >= floorScore
}

// words are those of what is known of an error.
func (k *known) words(best *card) []uint32 {
	switch {
	case k.report == nil && best == nil:
		return nil
	case best == nil:
		return k.report.words
	case k.report == nil:
		return best.words
	}
	words := append(slices.Clone(k.report.words), best.words...)
	slices.Sort(words)
	return slices.Compact(words)
}

// pitfall scores an error that was met for a task.
func (m *memory) pitfall(f *facts, k *known, best *card, told bool) *reasons {
	r := &reasons{told: told}
	switch {
	case k.project != "" && k.count > 0:
		r.add("project", weightProject, "diagnosed in this project %s", times(k.count))
	case k.project != "": // met and fixed here; nobody asked what it was
		r.add("project", weightProject, "met in this project")
	}
	matchWords(r, f, k.words(best))
	if f.errors[k.signature] {
		r.add("session", weightError, "this session has met it")
	}
	r.add("frequency", m.faded(1-1/(1+float64(k.count)/5), k.at), "")
	if best != nil {
		r.add("proof", m.faded(best.gain, best.at), "what fixed it worked in %s", sessions(best.support))
	}
	return r
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func sessions(n int) string {
	if n == 1 {
		return "one session"
	}
	return fmt.Sprintf("%d sessions", n)
}

// proofOf tells how good a strategy was.
func proofOf(s *learn.ProvenStrategy, gain float64) string {
	return fmt.Sprintf("%.0f of %d tasks that did it succeeded, at least %.0f points more than without it",
		math.Round(s.SuccessRate*float64(s.Support)), s.Support, 100*max(gain, 0))
}
