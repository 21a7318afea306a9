package trial

import (
	"cmp"
	"slices"

	"lathe/learn"
)

// Policies that WhatIf answers for.
const (
	PolicyNothing = "nothing"   // no advice of the kind
	PolicyAlways  = "always"    // all of it to every task, chosen as it was
	PolicyOnly    = "only this" // this object put first wherever it could be
)

// WhatIf is what a policy would have reached, by the results of assignments
// that it is comparable with.
type WhatIf struct {
	AdviceKind string   `json:"advice_kind"`
	Policy     string   `json:"policy"`
	ObjectID   string   `json:"object_id,omitempty"`
	IPS        Estimate `json:"ips"`
	SNIPS      Estimate `json:"snips"`
	// Instead is what was reached on the same tasks by what was done.
	Instead Estimate `json:"instead"`
}

// Question collects results from the ledger for WhatIf. The zero value is
// ready.
type Question struct {
	results []learn.TrialRecord
	seen    map[string]bool
	Left    int // results beyond the bound, which are not in the estimates
}

// maxQuestion bounds the results of a Question: the first of the ledger.
const maxQuestion = 200_000

// Add takes in a record; only measured results count, each once.
func (q *Question) Add(r learn.TrialRecord) {
	if r.Phase != learn.TrialResult || r.Worked == nil || !measured(&r) || q.seen[r.TrialID] {
		return
	}
	if len(q.results) >= maxQuestion {
		q.Left++
		return
	}
	if q.seen == nil {
		q.seen = map[string]bool{}
	}
	q.seen[r.TrialID] = true
	q.results = append(q.results, r)
}

// Answer estimates for a kind of advice ("" is every kind) what no advice,
// all advice and each single object put first would have reached, the objects
// that were there most often first, at most objects of them.
func (q *Question) Answer(adviceKind string, objects int) []WhatIf {
	byKind := map[string][]learn.TrialRecord{}
	for _, r := range q.results {
		if adviceKind == "" || r.AdviceKind == adviceKind {
			byKind[r.AdviceKind] = append(byKind[r.AdviceKind], r)
		}
	}
	kinds := make([]string, 0, len(byKind))
	for k := range byKind {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	out := []WhatIf{}
	for _, k := range kinds {
		out = append(out, answer(k, PolicyNothing, "", byKind[k]), answer(k, PolicyAlways, "", byKind[k]))
		for _, id := range commonest(byKind[k], objects) {
			out = append(out, answer(k, PolicyOnly, id, byKind[k]))
		}
	}
	return out
}

// commonest lists the objects that could have been put first, with others
// beside them, in the most results.
func commonest(results []learn.TrialRecord, n int) []string {
	times := map[string]int{}
	for i := range results {
		if len(results[i].Alternatives) > 1 {
			for _, id := range results[i].Alternatives {
				times[id]++
			}
		}
	}
	ids := make([]string, 0, len(times))
	for id := range times {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(times[b], times[a]), cmp.Compare(a, b)) })
	return ids[:min(max(n, 0), len(ids))]
}

func answer(kind, policy, object string, results []learn.TrialRecord) WhatIf {
	var log, instead []Logged
	for i := range results {
		r := &results[i]
		l := Logged{Propensity: r.Propensity}
		if *r.Worked {
			l.Reward = 1
		}
		switch policy {
		case PolicyNothing:
			l.Target = indicator(r.Arm == learn.TrialControl)
		case PolicyAlways:
			l.Target = indicator(r.Arm != learn.TrialControl)
		default:
			if len(r.Alternatives) < 2 || !slices.Contains(r.Alternatives, object) {
				continue // it was not among what could be served there
			}
			l.Propensity *= r.ChoicePropensity
			l.Target = indicator(r.Arm != learn.TrialControl && r.ObjectID == object)
		}
		log = append(log, l)
		instead = append(instead, Logged{Propensity: 1, Target: 1, Reward: l.Reward})
	}
	return WhatIf{AdviceKind: kind, Policy: policy, ObjectID: object, IPS: IPS(log), SNIPS: SNIPS(log), Instead: IPS(instead)}
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
