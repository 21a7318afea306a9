package recall

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
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
	floorPitfall  = 0.5  // keeps away what happened once or twice, unless the task speaks of it or it is known what fixed it
	floorTool     = 0.08 // lower: a person approved it, and its words are few
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
	for _, name := range slices.Sorted(maps.Keys(r.parts)) {
		score += r.parts[name]
		if !isProof(name) {
			fits += r.parts[name]
		}
	}
	return round3(score), round3(fits)
}

// match is what the reasons are told as.
func (r *reasons) match() Match {
	score, _ := r.total()
	return Match{score, r.parts, r.words}
}

// faded is what is left of a weight after the time since.
func (m *Memory) faded(weight float64, since time.Time) float64 {
	age := m.now.Sub(since)
	if since.IsZero() || age <= 0 {
		return weight
	}
	return weight * math.Exp2(-age.Hours()/halfLife.Hours())
}

// matchWords adds what words in common say. One word in common is too little.
func matchWords(r *reasons, q *Query, words []uint32) {
	share, shared := q.covered(words)
	if len(shared) < 2 && len(q.words) > 2 {
		return
	}
	var names []string
	if r.told {
		slices.SortStableFunc(shared, func(a, b int) int { return cmp.Compare(q.weights[b], q.weights[a]) })
		for _, i := range shared[:min(len(shared), 4)] {
			names = append(names, q.shown[q.words[i]])
		}
	}
	r.add("text", weightText*share, "its words match (%s)", strings.Join(names, ", "))
}

// strategy scores a strategy for a task.
func (q *Query) strategy(c *card, told bool) *reasons {
	r := &reasons{told: told}
	switch {
	case c.project != "":
		r.add("project", weightProject, "learned in this project")
	case usable(q, c.steps):
		r.add("common", weightCommon, "learned in all projects, of which this one uses the same tools")
	}
	matchWords(r, q, c.words)
	conditionsHold(r, q, c)
	if n := len(c.steps); n > 0 {
		switch at := Progress(c.steps, q.steps); {
		case at == n && len(q.Planned) > 0:
			r.add("plan", weightComplete, "the plan has all of its steps already")
		case at > 0 && at < n:
			var before []string
			for _, s := range c.steps[:at] {
				before = append(before, s.String())
			}
			r.add("plan", weightPlan*float64(at)/float64(n), "%s is there, %s comes next in it", strings.Join(before, ", then "), c.steps[at])
		}
	}
	r.add("proof", q.m.faded(c.gain, c.at), "")
	return r
}

// usable reports whether a project is known to use what a strategy consists of.
func usable(q *Query, steps []Step) bool {
	if !q.Uses("") {
		return false
	}
	for _, s := range steps {
		program, _, _ := strings.Cut(s.head, " ")
		if program != "" && !q.Uses(program) {
			return false
		}
	}
	return true
}

// conditionsHold compares a strategy's conditions with what is known; of what
// is not known it says nothing.
func conditionsHold(r *reasons, q *Query, c *card) {
	problem := slices.Contains(c.problems, q.Problem)
	mentioned, mentions := 0, 0
	for _, k := range c.conditions {
		switch k.kind {
		case "problem_type":
			problem = problem || k.value == q.Problem
			if q.Problem != "" && q.Problem != "other" && k.value != q.Problem && !problem {
				r.add("violated", weightViolated, "learned in %s tasks, this is %s", k.value, q.Problem)
			}
		case "language":
			switch {
			case q.Languages[k.value]:
				r.add("conditions", weightCondition, "there are %s files", k.value)
			case len(q.Languages) > 0:
				r.add("violated", weightViolated, "there are no %s files", k.value)
			}
		case "prompt mentions":
			mentions++
			if _, ok := slices.BinarySearch(q.words, hashWord(k.value)); ok {
				mentioned++
			}
		case "preceding signature", "after failure":
			if q.Errors[k.value] {
				r.add("conditions", weightError, "the error that it follows came up")
			}
		}
	}
	if problem && q.Problem != "" {
		r.add("problem_type", weightProblem, "for %s tasks", q.Problem)
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
func (q *Query) pitfall(k *known, best *card, told bool) *reasons {
	r := &reasons{told: told}
	switch {
	case k.project != "" && k.count > 0:
		r.add("project", weightProject, "diagnosed in this project %s", times(k.count))
	case k.project != "": // met and fixed here; nobody asked what it was
		r.add("project", weightProject, "met in this project")
	}
	matchWords(r, q, k.words(best))
	if q.Errors[k.signature] {
		r.add("session", weightError, "this session has met it")
	}
	r.add("frequency", q.m.faded(1-1/(1+float64(k.count)/5), k.at), "")
	if best != nil {
		r.add("proof", q.m.faded(best.gain, best.at), "what fixed it worked in %s", sessions(best.support))
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
