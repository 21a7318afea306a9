package next

import (
	"math"
	"slices"
)

// table counts for one view what followed each context.
type table struct {
	Contexts map[uint64]*counts `json:"contexts"`
	once     int                // pairs of context and label seen once
	twice    int                // and twice
}

// counts are the labels that followed one context, by first sight.
type counts struct {
	Labels []int32   `json:"l"`
	Times  []float64 `json:"n"`
	Total  float64   `json:"t"`
}

// maxTimes is the total at which the counts of a context are halved, so that
// what changed is noticed.
const maxTimes = 500

func newTable() *table { return &table{Contexts: map[uint64]*counts{}} }

func (t *table) add(key uint64, label int32) {
	c := t.Contexts[key]
	if c == nil {
		c = &counts{}
		t.Contexts[key] = c
	}
	i := slices.Index(c.Labels, label)
	if i < 0 {
		i = len(c.Labels)
		c.Labels, c.Times = append(c.Labels, label), append(c.Times, 0)
	}
	switch c.Times[i] {
	case 0:
		t.once++
	case 1:
		t.once--
		t.twice++
	case 2:
		t.twice--
	}
	c.Times[i]++
	if c.Total++; c.Total >= maxTimes {
		t.halve(c)
	}
}

func (t *table) halve(c *counts) {
	c.Total = 0
	for i := range c.Times {
		t.count(c.Times[i], -1)
		c.Times[i] /= 2
		t.count(c.Times[i], 1)
		c.Total += c.Times[i]
	}
}

func (t *table) count(times float64, by int) {
	switch times {
	case 1:
		t.once += by
	case 2:
		t.twice += by
	}
}

// recount brings back what a snapshot leaves out.
func (t *table) recount() {
	t.once, t.twice = 0, 0
	if t.Contexts == nil {
		t.Contexts = map[uint64]*counts{}
	}
	for _, c := range t.Contexts {
		for _, n := range c.Times {
			t.count(n, 1)
		}
	}
}

// discount is what absolute discounting takes from each count (Ney, Essen and
// Kneser 1994), kept away from its ends while little was seen.
func (t *table) discount() float64 {
	return (float64(t.once) + 1) / (float64(t.once) + 2*float64(t.twice) + 2)
}

// bound drops the contexts that were seen least when there are more than most,
// down to three quarters, and tells how many.
func (t *table) bound(most int) int64 {
	if len(t.Contexts) <= most {
		return 0
	}
	totals := make([]float64, 0, len(t.Contexts))
	for _, c := range t.Contexts {
		totals = append(totals, c.Total)
	}
	slices.Sort(totals)
	least := totals[len(totals)/4]
	var dropped int64
	for k, c := range t.Contexts {
		if c.Total <= least {
			for _, n := range c.Times {
				t.count(n, -1)
			}
			delete(t.Contexts, k)
			dropped++
		}
	}
	return dropped
}

// smooth gives the probability of each label in a context, with what is
// discounted spread as in the wider context, and adds to says the part of the
// logarithm of how much likelier the label is than in the wider one.
func (t *table) smooth(c *counts, at []int32, wider, prob, says []float64, part float64) {
	d, taken := t.discount(), 0.0
	for _, n := range c.Times {
		taken += min(d, n)
	}
	left := taken / c.Total
	rest := part * math.Log(left)
	for i, w := range wider {
		prob[i] = left * w
		says[i] += rest
	}
	for i, l := range c.Labels {
		k := at[l] - 1
		if k < 0 {
			continue
		}
		prob[k] += (c.Times[i] - min(d, c.Times[i])) / c.Total
		says[k] += part*math.Log(prob[k]/wider[k]) - rest
	}
}
