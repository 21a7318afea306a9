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
	Cells     []*cell `json:"cells"`
}

// cell is one remedy in one bucket.
type cell struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Kind      string    `json:"kind"`
	Class     string    `json:"class"`
	Actions   []pattern `json:"actions"`
	Instead   string    `json:"instead,omitempty"`
	Support   int       `json:"support"`
	Succ      counter   `json:"succ"`
	Fail      counter   `json:"fail"`
	Calls     float64   `json:"calls"` // sum over successes
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
		Key: key, Kind: f.Kind, Class: f.Class, Actions: f.Actions, Instead: f.Instead,
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
type stats struct{ succ, fail, posterior, saved float64 }

func (c *cell) statsAt(at time.Time, half time.Duration) stats {
	s := stats{succ: c.Succ.at(at, half), fail: c.Fail.at(at, half)}
	s.posterior = learn.Posterior(s.succ, s.fail)
	if c.Support > 0 {
		s.saved = c.Calls / float64(c.Support)
	}
	return s
}

// latest is the newest event time that the bucket knows: its own clock.
func (b *bucket) latest() time.Time {
	var t time.Time
	for _, c := range b.Cells {
		for _, u := range []time.Time{c.Succ.At, c.Fail.At} {
			if u.After(t) {
				t = u
			}
		}
	}
	return t
}

// sound is whether a remedy may be spoken of at all: it failed seldom, and says
// something that can be done, still after generalising.
func (b *bucket) sound(c *cell, o Options) bool {
	return c.statsAt(b.latest(), o.HalfLife).posterior >= o.MinPosterior && specific(c.Class) && says(c.Kind, c.Actions)
}

// offerable is whether there is enough behind a sound remedy, too.
func (b *bucket) offerable(c *cell, o Options) bool {
	return c.Support >= o.MinSupport && b.sound(c, o)
}
