package trial

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"lathe/learn"
)

// Report is what the trials know, ready for JSON. No effect is claimed below
// the minimum sample.
type Report struct {
	ControlShare float64  `json:"control_share"`
	Measuring    bool     `json:"measuring"`
	Note         string   `json:"note,omitempty"` // that nothing is measured, and why
	Alpha        float64  `json:"alpha"`
	MinSample    int      `json:"min_sample"`
	Kinds        []Effect `json:"kinds"`
	Objects      []Effect `json:"objects"` // those served most
	MoreObjects  int      `json:"more_objects,omitempty"`
	Dropped      int64    `json:"dropped,omitempty"` // assignments beyond the bounds
}

// Effect is what a kind of advice, or one object, does to tasks.
type Effect struct {
	AdviceKind string     `json:"advice_kind"`
	ObjectID   string     `json:"object_id,omitempty"`
	Treatment  ArmSummary `json:"treatment"`
	Control    ArmSummary `json:"control"`
	Enough     bool       `json:"enough"`         // both arms have the minimum sample
	Note       string     `json:"note,omitempty"` // what is missing
	// Difference is of the success rates, at any time one looks; nil until
	// there is enough.
	Difference *learn.Interval `json:"difference,omitempty"`
	Costs      []Cost          `json:"costs,omitempty"`
	// Verdict is promote, keep or retire; VerdictID names the ledger's.
	Verdict   string `json:"verdict"`
	VerdictID string `json:"verdict_id,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// ArmSummary is one group's tasks. Success is what counts for the kind: of a
// remedy that the failure was overcome before it came back, of others that the
// task succeeded. Unknown had no result. TakenShare is of the Observable.
type ArmSummary struct {
	Counts
	SuccessRate float64 `json:"success_rate"`
	Assigned    int     `json:"assigned"`
	Unknown     int     `json:"unknown"`
	Tasks       Counts  `json:"task_outcomes"`
	Observable  int     `json:"observable"`
	Taken       int     `json:"taken"`
	TakenShare  float64 `json:"taken_share"`
	TakenWell   Counts  `json:"taken_outcomes"`
}

// Cost is how a cost changes with the advice: -0.2 is a fifth less, by the
// geometric mean of 1 + cost, with an interval that holds at any time.
type Cost struct {
	Name     string  `json:"name"` // calls, seconds, tokens
	Change   float64 `json:"change"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Level    float64 `json:"level"`
	Treated  int     `json:"treated"`
	Controls int     `json:"controls"`
}

// maxListed bounds the objects of a Report.
const maxListed = 50

// Report gives every measured kind by name, and the objects served most.
func (t *Trial) Report() Report {
	t.mu.RLock()
	defer t.mu.RUnlock()
	r := Report{ControlShare: t.o.ControlShare, Measuring: t.o.ControlShare > 0, Alpha: t.o.Alpha, MinSample: t.o.MinSample,
		Kinds: []Effect{}, Objects: []Effect{}, Dropped: t.dropped}
	if !r.Measuring {
		r.Note = "measurement is switched off: control_share is 0, so all advice is served and no effect can be known"
	}
	for _, k := range t.kinds {
		r.Kinds = append(r.Kinds, t.effect(k))
	}
	slices.SortFunc(r.Kinds, func(a, b Effect) int { return cmp.Compare(a.AdviceKind, b.AdviceKind) })
	var all []*comparison
	for _, c := range t.objects {
		all = append(all, c)
	}
	weight := func(c *comparison) int {
		if c.standing != nil {
			return math.MaxInt // what was decided is always listed
		}
		return c.treatment.N() + c.control.N()
	}
	slices.SortFunc(all, func(a, b *comparison) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)), cmp.Compare(pair(a.kind, a.object), pair(b.kind, b.object)))
	})
	for _, c := range all[:min(len(all), maxListed)] {
		r.Objects = append(r.Objects, t.effect(c))
	}
	r.MoreObjects = max(0, len(all)-maxListed)
	return r
}

// EffectOf gives what is measured of one object, when it was ever served.
func (t *Trial) EffectOf(adviceKind, objectID string) (Effect, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c, ok := t.objects[pair(adviceKind, objectID)]
	if !ok {
		return Effect{}, false
	}
	return t.effect(c), true
}

func (t *Trial) effect(c *comparison) Effect {
	e := Effect{AdviceKind: c.kind, ObjectID: c.object, Treatment: c.treatment.summary(), Control: c.control.summary(),
		Enough: t.enough(c), Verdict: "keep"}
	if c.standing != nil {
		e.Verdict, e.VerdictID, e.Reason = c.standing.Verdict, c.standing.VerdictID, c.standing.Reason
	}
	if !e.Enough {
		e.Note = fmt.Sprintf("not enough yet: %d of %d with it, %d of %d without", c.treatment.N(), t.o.MinSample, c.control.N(), t.o.MinSample)
		return e
	}
	in := t.successInterval(c)
	e.Difference = &in
	for i := range c.costs {
		if c.treatment.costs[i].n >= t.o.MinSample && c.control.costs[i].n >= t.o.MinSample {
			e.Costs = append(e.Costs, c.cost(i, t.o.Alpha*callsShare))
		}
	}
	return e
}

func (c *comparison) cost(i int, alpha float64) Cost {
	t, k := c.treatment.costs[i], c.control.costs[i]
	in := c.costs[i].interval(alpha)
	ratio := func(x float64) float64 { return math.Expm1(x * math.Log1p(costLimits[i])) }
	out := Cost{Name: costNames[i], Low: ratio(in.Low), High: ratio(in.High), Level: in.Level, Treated: t.n, Controls: k.n}
	if t.n > 0 && k.n > 0 {
		out.Change = math.Expm1(t.sum/float64(t.n) - k.sum/float64(k.n))
	}
	return out
}

func (a *arm) summary() ArmSummary {
	s := ArmSummary{Counts: a.Counts, SuccessRate: a.Rate(), Assigned: a.Assigned, Unknown: a.Unknown, Tasks: a.Tasks,
		Observable: a.Observable, Taken: a.Taken, TakenWell: a.TakenWell}
	if a.Observable > 0 {
		s.TakenShare = float64(a.Taken) / float64(a.Observable)
	}
	return s
}
