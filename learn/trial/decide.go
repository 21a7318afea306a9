package trial

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// margin is how much worse success may be where a kind is promoted because it
// costs less, and how much better where it is retired because it costs more.
const margin = 0.1

// alarm is the evidence at which what was promoted is retired. Its capital never
// falls below the first stake, so a change is noticed soon after it comes; such
// an e-detector raises a false alarm once in so many tasks, or more, on average
// (Shin, Ramdas and Rinaldo, "E-detectors", 2023).
const alarm = 10_000

// successShare and callsShare split a kind's error level between the two
// metrics that decide.
const (
	successShare = 0.5
	callsShare   = 0.5
)

// Conclude looks at everything that has new results and emits the verdicts
// that the evidence suffices for. A verdict is emitted once and holds until it
// is revoked; but what is promoted is watched further, and retired when it
// comes to harm (see alarm).
func (t *Trial) Conclude(emit func(learn.LedgerEntry)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []learn.TrialVerdict
	for _, name := range slices.Sorted(maps.Keys(t.kinds)) {
		if k := t.kinds[name]; k.dirty {
			k.dirty = false
			if v, ok := t.judge(k); ok {
				found = append(found, v)
			}
		}
	}
	found = append(found, t.judgeObjects()...)
	for _, v := range found {
		e, err := learn.NewEntry(learn.EntryVerdict, v.VerdictID, "", v.Timestamp, v, nil)
		if err != nil {
			return fmt.Errorf("trial: verdict on %s %s: %w", v.AdviceKind, v.ObjectID, err)
		}
		emit(e)
		t.decided(v)
	}
	return nil
}

func (t *Trial) enough(c *comparison) bool {
	return c.treatment.N() >= t.o.MinSample && c.control.N() >= t.o.MinSample
}

// judge decides on a kind: by success, or by calls where success says nothing
// else. Each way to err gets its part of alpha, so that the chance to ever err
// is at most alpha.
func (t *Trial) judge(c *comparison) (learn.TrialVerdict, bool) {
	if !t.enough(c) || c.stands(learn.TrialRetire) {
		return learn.TrialVerdict{}, false
	}
	bound := math.Log(2 / (t.o.Alpha * successShare))
	if e := c.watch.logDown(); e >= math.Log(alarm) { // it helped once
		return t.verdict(c, learn.TrialRetire, "success", e)
	}
	if c.stands(learn.TrialPromote) {
		return learn.TrialVerdict{}, false
	}
	switch up, down := c.success.logUp(), c.success.logDown(); {
	case up >= bound:
		return t.verdict(c, learn.TrialPromote, "success", up)
	case down >= bound:
		return t.verdict(c, learn.TrialRetire, "success", down)
	}
	bound = math.Log(2 / (t.o.Alpha * callsShare))
	switch more, fewer := c.costs[0].logUp(), c.costs[0].logDown(); {
	case fewer >= bound && t.successInterval(c).Low > -margin:
		return t.verdict(c, learn.TrialPromote, costNames[0], fewer)
	case more >= bound && t.successInterval(c).High < margin:
		return t.verdict(c, learn.TrialRetire, costNames[0], more)
	}
	return learn.TrialVerdict{}, false
}

func (t *Trial) successInterval(c *comparison) learn.Interval {
	return c.success.interval(t.o.Alpha * successShare)
}

// judgeObjects decides on the objects of each kind that has new results, by
// e-BH: the k best are taken where the k-th has evidence of n/(k alpha).
func (t *Trial) judgeObjects() []learn.TrialVerdict {
	if !t.dirty {
		return nil
	}
	t.dirty = false
	byKind, dirty := map[string][]*comparison{}, map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(t.objects)) {
		c := t.objects[key]
		if c.success.N == 0 {
			continue
		}
		byKind[c.kind] = append(byKind[c.kind], c)
		dirty[c.kind] = dirty[c.kind] || c.dirty
		c.dirty = false
	}
	var found []learn.TrialVerdict
	for _, kind := range slices.Sorted(maps.Keys(dirty)) {
		if !dirty[kind] {
			continue
		}
		for _, side := range []struct {
			verdict  string
			evidence func(*comparison) float64
		}{
			{learn.TrialPromote, func(c *comparison) float64 { return c.success.logUp() }},
			{learn.TrialRetire, func(c *comparison) float64 { return c.success.logDown() }},
		} {
			for _, c := range eBH(byKind[kind], side.evidence, t.o.Alpha/2) {
				if !t.enough(c) || c.standing != nil {
					continue
				}
				if v, ok := t.verdict(c, side.verdict, "success", side.evidence(c)); ok {
					found = append(found, v)
				}
			}
		}
	}
	return found
}

// eBH selects among hypotheses with e-values so that the expected share of
// wrong ones among the selected is at most alpha, whatever their dependence
// (Wang and Ramdas 2022).
func eBH(all []*comparison, logE func(*comparison) float64, alpha float64) []*comparison {
	type ranked struct {
		c *comparison
		e float64
	}
	list := make([]ranked, 0, len(all))
	for _, c := range all {
		list = append(list, ranked{c, logE(c)})
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return cmp.Compare(b.e, a.e) })
	var out []*comparison
	for k := len(list); k > 0 && out == nil; k-- {
		if list[k-1].e >= math.Log(float64(len(list))/(float64(k)*alpha)) {
			for _, r := range list[:k] {
				out = append(out, r.c)
			}
		}
	}
	return out
}

// verdict puts a decision into words.
func (t *Trial) verdict(c *comparison, what, metric string, logE float64) (learn.TrialVerdict, bool) {
	v := learn.TrialVerdict{AdviceKind: c.kind, ObjectID: c.object, Verdict: what, Metric: metric, By: learn.ByTrials, LogE: logE,
		Treated: c.treatment.N(), Controls: c.control.N(), Timestamp: c.last, Effect: t.successInterval(c)}
	v.Reason = fmt.Sprintf("with it %.0f %% of %d succeeded, without it %.0f %% of %d", 100*c.treatment.Rate(), v.Treated, 100*c.control.Rate(), v.Controls)
	if metric != "success" {
		e := c.cost(0, t.o.Alpha*callsShare)
		v.Effect = learn.Interval{Low: e.Low, High: e.High, Level: e.Level}
		v.Reason = fmt.Sprintf("with it %s change by %.0f to %.0f %%, and success by %.0f to %.0f points", metric, 100*e.Low, 100*e.High,
			100*t.successInterval(c).Low, 100*t.successInterval(c).High)
	}
	v.VerdictID = learn.UUIDv8("verdict", v.AdviceKind, v.ObjectID, v.Verdict, v.Metric, v.Reason, v.Timestamp.UTC().Format(time.RFC3339Nano))
	return v, true
}

// decided takes in a verdict from the ledger, or one just made.
func (t *Trial) decided(v learn.TrialVerdict) {
	c := t.kind(v.AdviceKind)
	if v.ObjectID != "" {
		c = t.object(v.AdviceKind, v.ObjectID)
	}
	if c == nil {
		t.dropped++
		return
	}
	if v.Verdict != learn.TrialRevoke {
		c.standing, c.watch = &v, score{}
		return
	}
	if c.standing != nil && c.standing.VerdictID == v.Revokes {
		*c = comparison{kind: c.kind, object: c.object, served: c.served}
	}
}

// Revocation is the verdict that takes a standing one back, named by its id or
// an unambiguous beginning of it. It holds once the ledger has it. It fails
// when no standing verdict fits.
func (t *Trial) Revocation(id, by string, at time.Time) (learn.TrialVerdict, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var found []*learn.TrialVerdict
	for _, all := range []map[string]*comparison{t.kinds, t.objects} {
		for _, c := range all {
			if c.standing != nil && id != "" && strings.HasPrefix(c.standing.VerdictID, id) {
				found = append(found, c.standing)
			}
		}
	}
	switch len(found) {
	case 0:
		return learn.TrialVerdict{}, fmt.Errorf("no verdict %.80q stands", id)
	case 1:
		v := *found[0]
		return learn.TrialVerdict{VerdictID: learn.UUIDv8("revoke", v.VerdictID, at.UTC().Format(time.RFC3339Nano)), AdviceKind: v.AdviceKind,
			ObjectID: v.ObjectID, Verdict: learn.TrialRevoke, Revokes: v.VerdictID, Reason: "taken back: " + v.Reason, By: by, Timestamp: at}, nil
	}
	return learn.TrialVerdict{}, fmt.Errorf("%.80q fits %d verdicts: give more of the id", id, len(found))
}
