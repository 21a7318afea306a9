package refine

import (
	"cmp"
	"slices"
	"strings"
)

// Recall returns the failed sequences of a project that fit, the best first:
// those that at least two tasks failed with, and more than succeeded all the
// same. With a plan, it must have the failing step.
func (n *Negatives) Recall(q NegativeQuery) []FailedSequence {
	if q.Limit <= 0 {
		q.Limit = 5
	}
	terms := promptTerms(q.Prompt)
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []FailedSequence
	for _, s := range n.sequences {
		if s.ProjectID != q.ProjectID || s.FailedTasks < minFailedTasks || s.FailedTasks <= s.GoodTasks {
			continue
		}
		fits := s.fits(&q, terms)
		if fits == 0 {
			continue
		}
		found := s.FailedSequence
		found.Steps, found.Evidence, found.Fits = slices.Clone(s.Steps), slices.Clone(s.Evidence), fits
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b FailedSequence) int {
		return cmp.Or(cmp.Compare(b.Fits, a.Fits), cmp.Compare(b.FailedTasks, a.FailedTasks), strings.Compare(a.SequenceID, b.SequenceID))
	})
	return out[:min(len(out), q.Limit)]
}

// fits is the share of the sequence that a plan has in its order, or of a
// prompt's words that its tasks had; 1 when nothing is asked for.
func (s *sequence) fits(q *NegativeQuery, terms []string) float64 {
	best := 0.0
	if len(q.Steps) > 0 {
		have, from := 0, 0
		for k, st := range s.Steps {
			at := slices.IndexFunc(q.Steps[from:], func(p FailedStep) bool { return p.ToolName == st.ToolName && p.Skeleton == st.Skeleton })
			if at >= 0 {
				have, from = have+1, from+at+1
			} else if k == len(s.Steps)-1 {
				have = 0 // without the step that fails it is another plan
			}
		}
		best = float64(have) / float64(len(s.Steps))
	}
	if len(terms) > 0 {
		have := 0
		for _, w := range terms {
			if 2*s.Terms[w] >= s.FailedTasks {
				have++
			}
		}
		if share := float64(have) / float64(len(terms)); have >= 2 {
			best = max(best, share)
		}
	}
	if q.ProblemType != "" && 2*s.Problems[q.ProblemType] >= s.FailedTasks {
		best = max(best, 0.5)
	}
	if len(q.Steps) == 0 && len(terms) == 0 && q.ProblemType == "" {
		best = 1
	}
	return best
}
