package recovery

import (
	"cmp"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Measures says how good the offers of a replay were. Rates are shares of one,
// absent (NaN in Go, null in JSON) where there is nothing to divide by.
type Measures struct {
	Cases    int `json:"cases"`    // failures that were resolved by something
	Specific int `json:"specific"` // by something that can be said: what ranking is judged by
	// Ranking of the specific cases, whatever the threshold.
	Hit1 Share `json:"hit_at_1"`
	Hit3 Share `json:"hit_at_3"`
	MRR  Share `json:"mean_reciprocal_rank"`
	// At the threshold, over all cases: an answer to a failure that an edit
	// resolved is a wrong one.
	Answered  int   `json:"answered"`
	Right     int   `json:"right"`
	Coverage  Share `json:"coverage"`          // answered of all cases
	Reached   Share `json:"coverage_specific"` // of the specific ones
	Precision Share `json:"precision"`         // first suggestion right, of those answered
	// InWords of the right ones were right to the word: what was to be run, as
	// filled for the failure, is what was run. WordsPrecision is their share of
	// those answered.
	InWords        int   `json:"right_in_words"`
	WordsPrecision Share `json:"words_precision"`
	// CallsSaved is the number of calls between failure and resolution beyond
	// the remedy's own, summed over the right answers.
	CallsSaved int `json:"calls_saved"`
}

// BySaved returns the cases with their offers in the order of the calls that
// each saves in expectation, rather than of how likely it is.
func BySaved(cases []Case) []Case {
	out := slices.Clone(cases)
	for i := range out {
		out[i].Offers = slices.Clone(out[i].Offers)
		slices.SortStableFunc(out[i].Offers, func(a, b OfferedClass) int { return cmp.Compare(b.Confidence*b.Saved, a.Confidence*a.Saved) })
	}
	return out
}

// Rate is a measure with its 95 % interval.
type Rate struct {
	Value Share `json:"value"`
	Low   Share `json:"low"`
	High  Share `json:"high"`
}

// Share is a rate, or NaN, which is null in JSON.
type Share float64

// MarshalJSON implements json.Marshaler.
func (s Share) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(s)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(s), 'g', 6, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Share) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*s = Share(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(s))
}

// Threshold is what an offer must reach to be made.
type Threshold struct {
	Confidence float64 `json:"confidence"`
	Support    int     `json:"support"` // distinct sessions
}

// DefaultThreshold is what Offer asks for by default.
func DefaultThreshold() Threshold {
	o := Options{}.withDefaults()
	return Threshold{Confidence: o.MinConfidence, Support: o.MinSupport}
}

// answer is the first offer of a case that reaches the threshold.
func (c *Case) answer(t Threshold) (OfferedClass, bool) {
	for _, o := range c.Offers {
		if o.Confidence >= t.Confidence && o.Support >= t.Support {
			return o, true
		}
	}
	return OfferedClass{}, false
}

// Measure computes the measures at a threshold.
func Measure(cases []Case, threshold Threshold) Measures {
	var m Measures
	var hit1, hit3, mrr float64
	reached := 0
	for i := range cases {
		c := &cases[i]
		m.Cases++
		if rank := c.rank(); c.Specific {
			m.Specific++
			if rank > 0 {
				mrr += 1 / float64(rank)
			}
			if rank == 1 {
				hit1++
			}
			if rank >= 1 && rank <= 3 {
				hit3++
			}
		}
		first, ok := c.answer(threshold)
		if !ok {
			continue
		}
		m.Answered++
		if c.Specific {
			reached++
		}
		if first.Class == c.Truth {
			m.Right++
			if c.Truth == classRetry || sameCommands(first.Commands, c.Done) {
				m.InWords++
			}
			m.CallsSaved += max(0, c.Calls-len(c.Fix))
		}
	}
	n := float64(m.Specific)
	m.Hit1, m.Hit3, m.MRR = Share(hit1/n), Share(hit3/n), Share(mrr/n)
	m.Reached, m.Coverage = Share(float64(reached)/n), Share(float64(m.Answered)/float64(m.Cases))
	m.Precision = Share(float64(m.Right) / float64(m.Answered))
	m.WordsPrecision = Share(float64(m.InWords) / float64(m.Answered))
	return m
}

// rank is the place of the truth among the offers, from one; 0 when it is not
// there.
func (c *Case) rank() int {
	return 1 + slices.IndexFunc(c.Offers, func(o OfferedClass) bool { return o.Class == c.Truth })
}

// With returns the cases as if a baseline had made the offers.
func With(cases []Case, baseline string) []Case {
	out := slices.Clone(cases)
	for i := range out {
		out[i].Offers = nil
		for _, class := range out[i].Baselines[baseline] {
			out[i].Offers = append(out[i].Offers, OfferedClass{Class: class, Confidence: 1, Support: math.MaxInt})
		}
	}
	return out
}

// Intervals are the 95 % percentile intervals of measures over samples of the
// sessions, with replacement: failures of one session are not independent
// (cluster bootstrap, Field and Welsh 2007). The same seed gives the same.
func Intervals(cases []Case, threshold Threshold, samples int, seed uint64, of ...func(Measures) Share) []Rate {
	var sessions [][]Case
	index := map[string]int{}
	for _, c := range cases {
		key := c.Project + "\x00" + c.Session
		i, ok := index[key]
		if !ok {
			i = len(sessions)
			index[key] = i
			sessions = append(sessions, nil)
		}
		sessions[i] = append(sessions[i], c)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	values := make([][]Share, len(of))
	for range samples {
		var drawn []Case
		for range sessions {
			drawn = append(drawn, sessions[rng.IntN(len(sessions))]...)
		}
		m := Measure(drawn, threshold)
		for i, f := range of {
			if v := f(m); !math.IsNaN(float64(v)) {
				values[i] = append(values[i], v)
			}
		}
	}
	whole := Measure(cases, threshold)
	out := make([]Rate, len(of))
	for i, f := range of {
		slices.Sort(values[i])
		out[i] = Rate{Value: f(whole), Low: quantile(values[i], 0.025), High: quantile(values[i], 0.975)}
	}
	return out
}

func quantile(sorted []Share, q float64) Share {
	if len(sorted) == 0 {
		return Share(math.NaN())
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// Point is one threshold of the curve of precision against coverage.
type Point struct {
	Threshold float64 `json:"threshold"`
	Coverage  Share   `json:"coverage"`
	Reached   Share   `json:"coverage_specific"`
	Precision Share   `json:"precision"`
	Answered  int     `json:"answered"`
}

// Curve follows precision and coverage as the confidence asked for rises from 0
// to 0.95.
func Curve(cases []Case, support int) []Point {
	var out []Point
	for i := range 20 {
		t := float64(i) / 20
		m := Measure(cases, Threshold{t, support})
		if m.Answered == 0 {
			break
		}
		out = append(out, Point{t, m.Coverage, m.Reached, m.Precision, m.Answered})
	}
	return out
}

// Bin is a row of the reliability table: of the first offers whose confidence
// lay in [Low, High), how many were right.
type Bin struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`
	Said  float64 `json:"said"`  // mean confidence
	Right float64 `json:"right"` // share that was right
}

// Reliability is the table, and the expected calibration error: the mean
// distance of what was said from what was right, weighed by N.
func Reliability(cases []Case) (bins []Bin, err float64) {
	bins = make([]Bin, 10)
	n := 0
	for i := range cases {
		if len(cases[i].Offers) == 0 {
			continue
		}
		o := cases[i].Offers[0]
		b := &bins[min(int(o.Confidence*10), 9)]
		b.N++
		b.Said += o.Confidence
		if o.Class == cases[i].Truth {
			b.Right++
		}
		n++
	}
	for i := range bins {
		b := &bins[i]
		b.Low, b.High = float64(i)/10, float64(i+1)/10
		if b.N > 0 {
			b.Said, b.Right = b.Said/float64(b.N), b.Right/float64(b.N)
			err += math.Abs(b.Said-b.Right) * float64(b.N) / float64(n)
		}
	}
	return slices.DeleteFunc(bins, func(b Bin) bool { return b.N == 0 }), err
}

// Group is the part of the cases that share a value of what they are broken
// down by.
type Group struct {
	Value    string   `json:"value"`
	Measures Measures `json:"measures"`
}

// BreakDown measures the groups of cases, the largest first.
func BreakDown(cases []Case, threshold Threshold, by func(*Case) string) []Group {
	parts := map[string][]Case{}
	for i := range cases {
		v := by(&cases[i])
		parts[v] = append(parts[v], cases[i])
	}
	var out []Group
	for _, v := range sortedKeys(parts) {
		out = append(out, Group{v, Measure(parts[v], threshold)})
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(b.Measures.Cases, a.Measures.Cases) })
	return out
}

// Oracle is the share of the specific cases whose remedy's class had been seen
// to work before, in the same project and in any: what a memory that always
// picks the right one of its precedents would reach.
func Oracle(cases []Case) (here, anywhere Share) {
	n := Share(0)
	for i := range cases {
		if !cases[i].Specific {
			continue
		}
		n++
		if cases[i].SeenHere {
			here++
		}
		if cases[i].SeenAnywhere {
			anywhere++
		}
	}
	return here / n, anywhere / n
}
