package recovery

import (
	"math"
	"slices"
	"time"

	"lathe/learn"
)

const (
	maxEvidence = 12
	maxDistinct = 8
)

// bucket holds what is known about one signature or pattern in one scope.
type bucket struct {
	Project   string  `json:"project,omitempty"`
	Language  string  `json:"language,omitempty"`
	Pattern   string  `json:"pattern"`
	Signature string  `json:"signature,omitempty"` // "" at the pattern level
	Resolved  counter `json:"resolved"`            // sessions in which anything resolved it
	Contexts  tallies `json:"contexts,omitempty"`  // of Resolved
	Cells     []*cell `json:"cells"`
}

// cell is one remedy in one bucket.
type cell struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Kind      string    `json:"kind"`
	Actions   []pattern `json:"actions"`
	Instead   string    `json:"instead,omitempty"`
	Support   int       `json:"support"`
	Succ      counter   `json:"succ"`
	Fail      counter   `json:"fail"`
	Contexts  tallies   `json:"contexts,omitempty"` // of Succ and Fail
	Calls     float64   `json:"calls"`              // sum over successes
	Last      time.Time `json:"last"`
	Sigs      []string  `json:"sigs,omitempty"` // distinct, up to maxDistinct
	Evidence  []string  `json:"evidence"`
	ToldAt    int       `json:"told_at,omitempty"` // support when it last went to the ledger
	ToldPost  float64   `json:"told_post,omitempty"`
	ToldWords string    `json:"told_words,omitempty"`
}

// counter is a sum that halves every half-life of event time.
type counter struct {
	N  float64   `json:"n"`
	At time.Time `json:"at"`
}

// at is the counter's value at t; events that come late do not make it grow.
func (c counter) at(t time.Time, half time.Duration) float64 {
	if half <= 0 || !t.After(c.At) {
		return c.N
	}
	return c.N * math.Exp2(-float64(t.Sub(c.At))/float64(half))
}

func (c *counter) add(n float64, t time.Time, half time.Duration) {
	if t.After(c.At) {
		c.N, c.At = c.at(t, half), t
	}
	c.N += n
}

// posterior is the mean of Beta(successes+1, failures+1).
func posterior(s, f float64) float64 { return (s + 1) / (s + f + 2) }

// find returns the cell of a form, made when there is none. A full bucket
// loses the cell with the least support, the oldest among equals.
func (b *bucket) find(key string, f *form, max int) (c *cell, dropped bool) {
	for _, c := range b.Cells {
		if c.Key == key {
			return c, false
		}
	}
	if len(b.Cells) >= max {
		worst := 0
		for i, c := range b.Cells {
			w := b.Cells[worst]
			if c.Support < w.Support || c.Support == w.Support && c.Last.Before(w.Last) {
				worst = i
			}
		}
		b.Cells = slices.Delete(b.Cells, worst, worst+1)
		dropped = true
	}
	c = &cell{
		ID:  learn.UUIDv8("remedy", b.Project, b.Language, b.Pattern, b.Signature, key),
		Key: key, Kind: f.Kind, Actions: f.Actions, Instead: f.Instead,
	}
	b.Cells = append(b.Cells, c)
	return c, dropped
}

// worked adds a session in which the form resolved the failure.
func (c *cell) worked(f *form, sig string, at time.Time, half time.Duration) {
	if c.Support == 0 {
		c.Actions = f.Actions // until now only seen not to work
	} else {
		c.Actions = merge(c.Actions, f.Actions)
	}
	c.Support++
	c.Succ.add(1, at, half)
	c.Calls += float64(f.Calls)
	if at.After(c.Last) {
		c.Last = at
	}
	if !slices.Contains(c.Sigs, sig) && len(c.Sigs) < maxDistinct {
		c.Sigs = append(c.Sigs, sig)
	}
	c.Evidence = append(c.Evidence, f.Events...)
	c.Evidence = slices.Clone(c.Evidence[max(0, len(c.Evidence)-maxEvidence):])
}

// stats are the numbers of a cell at a time.
type stats struct {
	succ, fail, posterior, confidence, saved float64
}

// shrinkage is the number of pseudo-observations that the rate of a wider
// context counts for in a narrower one.
const shrinkage = 2

// statsAt computes them for a failure in the given context. The confidence is
// the chance that this remedy is what resolves it. For the bucket it is,
// Laplace-smoothed,
//
//	(successes + 1) / (successes + failures + resolved otherwise + 2)
//
// and then, for the same call, the same value, and both,
//
//	(successes there + k * wider) / (cases there + k)
//
// with the wider rate as the mean of a Beta prior worth k observations
// (hierarchical shrinkage as in MacKay and Peto 1995). The posterior narrows
// in the same way, without what was resolved otherwise. The zero context is
// the bucket as a whole.
func (b *bucket) statsAt(c *cell, in context, at time.Time, half time.Duration) stats {
	s := stats{succ: c.Succ.at(at, half), fail: c.Fail.at(at, half)}
	s.posterior = posterior(s.succ, s.fail)
	resolved := max(s.succ, b.Resolved.at(at, half))
	s.confidence = (s.succ + 1) / (resolved + s.fail + 2)
	if c.Support > 0 {
		s.saved = c.Calls / float64(c.Support)
	}
	if in == (context{}) {
		return s
	}
	for l := range levels {
		succ, fail := c.Contexts.sum(in, l, at, half)
		all, _ := b.Contexts.sum(in, l, at, half)
		succ, fail = min(succ, s.succ), min(fail, s.fail)
		all = max(succ, min(all, resolved))
		s.confidence = (succ + shrinkage*s.confidence) / (all + fail + shrinkage)
		s.posterior = (succ + shrinkage*s.posterior) / (succ + fail + shrinkage)
	}
	return s
}

// latest is the newest event time that the bucket knows: its own clock.
func (b *bucket) latest() time.Time {
	t := b.Resolved.At
	for _, c := range b.Cells {
		for _, u := range []time.Time{c.Succ.At, c.Fail.At} {
			if u.After(t) {
				t = u
			}
		}
	}
	return t
}

// offerable is whether there is enough to speak of the remedy at all, and
// whether it still says something after generalising. A
// pattern-level remedy must have worked for two signatures, or it is only the
// signature-level one again.
func (b *bucket) offerable(c *cell, s stats, o Options) bool {
	if c.Support < o.MinSupport || s.posterior < o.MinPosterior || s.confidence < o.MinConfidence || !says(c.Kind, c.Actions) {
		return false
	}
	return b.Signature != "" || len(c.Sigs) > 1
}
