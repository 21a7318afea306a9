package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"lathe/learn"
	"lathe/learn/mine/next"
	"lathe/learn/recovery"
)

// NextReport is what `lathe eval --next-action` prints.
type NextReport struct {
	Events    int    `json:"events"` // predicted
	Sessions  int    `json:"sessions"`
	Predicted int    `json:"sessions_predicted"`
	Learned   int    `json:"sessions_learned_from"`
	Split     string `json:"split"`
	Labels    int    `json:"labels"` // different actions
	// Methods are Lathe's predictor and Markov models, the latter first.
	Methods []NextMethod `json:"methods"`
	// Gain is how much better Lathe's predictor is than the Markov model of
	// order 2 on the same steps, with the intervals of the difference.
	Gain NextGain `json:"gain_over_order_2"`
	// ByProject has Lathe's measures beside those of order 2.
	ByProject []NextGroup `json:"by_project"`
}

// NextMethod is one predictor's measures.
type NextMethod struct {
	Name string   `json:"name"`
	Top1 Interval `json:"top_1"`
	Top3 Interval `json:"top_3"`
	// LogLoss is the mean of minus the binary logarithm of what the true
	// action was given, in bits; absent for a predictor that only ranks.
	LogLoss float64 `json:"log_loss,omitempty"`
}

// NextGain is a difference of shares with its interval.
type NextGain struct {
	Top1 Interval `json:"top_1"`
	Top3 Interval `json:"top_3"`
}

// NextGroup is the measures on the steps of one project.
type NextGroup struct {
	Project string  `json:"project_id"`
	Steps   int     `json:"steps"`
	Top1    float64 `json:"top_1"`
	Top3    float64 `json:"top_3"`
	Order2  float64 `json:"order_2_top_1"`
}

// orders are the Markov models that are compared with.
const orders = 3

// nextHit is one predicted step: for each method, at which rank the true
// action was (0 is the first, -1 none).
type nextHit struct {
	session, project string
	rank             [orders + 1]int
	bits             float64
}

// ForNextAction makes e keep what predicting actions needs. It is called before
// anything is taken.
func (e *Evaluation) ForNextAction() { e.sights = map[string]next.Sight{} }

// evaluateNext replays the daemon's own log, the newest events of it.
func (d *Daemon) evaluateNext(ctx context.Context, o EvalOptions) (NextReport, error) {
	e, err := NewEvaluation()
	if err != nil {
		return NextReport{}, err
	}
	e.ForNextAction()
	if err := e.takeLog(ctx, d); err != nil {
		return NextReport{}, err
	}
	return e.RunNext(ctx, o)
}

// takeLog takes the newest events of a daemon's log.
func (e *Evaluation) takeLog(ctx context.Context, d *Daemon) error {
	err := d.log.ReadEvents(ctx, 0, func(_ uint64, recs []learn.Record) error {
		for _, rec := range recs {
			e.Take(rec)
		}
		if over := len(e.stream) - maxEvalEvents; over > 0 {
			e.stream = slices.Delete(e.stream, 0, over)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}

// RunNext replays what was taken and predicts each action of the later sessions
// before it is seen. Sessions come one after another, in the order in which
// they began.
func (e *Evaluation) RunNext(ctx context.Context, o EvalOptions) (NextReport, error) {
	runs, keys := e.bySession()
	if len(keys) < 2 {
		return NextReport{}, errors.New("there is nothing to replay: at least two recorded sessions are needed, one to learn from and one to predict; import some with `lathe import`")
	}
	if o.Unseen {
		return NextReport{}, errors.New("--next-action predicts later sessions of the same projects: leave --unseen out")
	}
	folds, how := e.split(o, keys)
	learned := folds[0]
	p := next.New(next.Options{MaxSessions: 64})
	markov := newMarkov(orders)
	var hits []nextHit
	for _, k := range keys {
		if err := ctx.Err(); err != nil {
			return NextReport{}, err
		}
		frozen := o.Frozen && !learned[k]
		found := replayNext(p, markov, runs[k], e.sights, frozen)
		if !learned[k] {
			hits = append(hits, found...)
		}
	}
	if len(hits) == 0 {
		return NextReport{}, errors.New("the later sessions hold no action to predict")
	}
	r := nextMeasured(hits, o.Samples)
	r.Sessions, r.Learned, r.Predicted, r.Split, r.Labels = len(keys), len(learned), len(keys)-len(learned), how, markov.labels()
	return r, nil
}

// bySession groups what was taken, sessions in the order in which they began.
func (e *Evaluation) bySession() (runs map[string][]*learn.Observation, keys []string) {
	slices.SortStableFunc(e.stream, func(a, b *learn.Observation) int { return timeOf(a).Compare(timeOf(b)) })
	keys, _ = e.sessions()
	runs = map[string][]*learn.Observation{}
	for _, o := range e.stream {
		runs[sessionKey(o)] = append(runs[sessionKey(o)], o)
	}
	return runs, keys
}

// replayNext predicts the actions of one session, each before it is learned. A
// frozen predictor follows the session without learning from it.
func replayNext(p *next.Predictor, m *markov, run []*learn.Observation, sights map[string]next.Sight, frozen bool) []nextHit {
	var hits []nextHit
	var history []string
	for _, o := range run {
		ev := o.Record.Action
		if ev != nil && ev.ActionType != learn.LLMInference {
			truth := next.Label(o)
			h := nextHit{session: sessionKey(o), project: ev.ProjectID}
			for k := range orders {
				h.rank[k] = slices.Index(m.predict(history, k, 3), truth)
			}
			said := p.Predict(ev.ProjectID, ev.SessionID, math.MaxInt)
			h.rank[orders] = slices.IndexFunc(said, func(a next.Action) bool { return a.Action == truth })
			given := 1e-4 // what nobody foresaw
			if i := h.rank[orders]; i >= 0 {
				given = max(given, said[i].Probability)
			}
			h.bits = -math.Log2(given)
			hits = append(hits, h)
			if !frozen {
				m.learn(history, truth)
			}
			history = append(history, truth)
		}
		p.Take(o, sights[o.Record.ID()], !frozen)
	}
	return hits
}

func nextMeasured(hits []nextHit, samples int) NextReport {
	if samples <= 0 {
		samples = 1000
	}
	r := NextReport{Events: len(hits)}
	share := func(method, top int) func([]nextHit) float64 {
		return func(hits []nextHit) float64 {
			n := 0
			for i := range hits {
				if k := hits[i].rank[method]; k >= 0 && k < top {
					n++
				}
			}
			return float64(n) / float64(len(hits))
		}
	}
	var measures []func([]nextHit) float64
	for m := range orders + 1 {
		measures = append(measures, share(m, 1), share(m, 3))
	}
	for _, top := range []int{1, 3} {
		lathe, order2 := share(orders, top), share(2, top)
		measures = append(measures, func(h []nextHit) float64 { return lathe(h) - order2(h) })
	}
	ranges := resampled(hits, measures, samples)
	for m := range orders + 1 {
		row := NextMethod{Name: fmt.Sprintf("Markov, order %d", m), Top1: ranges[2*m], Top3: ranges[2*m+1]}
		if m == orders {
			row.Name = "lathe"
			for i := range hits {
				row.LogLoss += hits[i].bits / float64(len(hits))
			}
		}
		r.Methods = append(r.Methods, row)
	}
	r.Gain = NextGain{ranges[len(ranges)-2], ranges[len(ranges)-1]}
	groups := map[string][]nextHit{}
	for _, h := range hits {
		groups[h.project] = append(groups[h.project], h)
	}
	for _, p := range slices.Sorted(maps.Keys(groups)) {
		g := groups[p]
		r.ByProject = append(r.ByProject, NextGroup{p, len(g), share(orders, 1)(g), share(orders, 3)(g), share(2, 1)(g)})
	}
	return r
}

// resampled gives each measure with the middle 95 % of what it is when whole
// sessions are drawn again with replacement (Efron 1979), since steps of one
// session are alike.
func resampled(hits []nextHit, measures []func([]nextHit) float64, samples int) []Interval {
	var sessions [][]nextHit
	for _, h := range hits {
		if n := len(sessions); n == 0 || sessions[n-1][0].session != h.session {
			sessions = append(sessions, nil)
		}
		sessions[len(sessions)-1] = append(sessions[len(sessions)-1], h)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([][]float64, len(measures))
	drawn := make([]nextHit, 0, len(hits))
	for range samples {
		drawn = drawn[:0]
		for range sessions {
			drawn = append(drawn, sessions[rng.IntN(len(sessions))]...)
		}
		for i, m := range measures {
			values[i] = append(values[i], m(drawn))
		}
	}
	out := make([]Interval, len(measures))
	for i, m := range measures {
		slices.Sort(values[i])
		at := func(q float64) float64 { return values[i][int(q*float64(samples-1))] }
		out[i] = Interval{Value: recovery.Share(m(hits)), Low: recovery.Share(at(0.025)), High: recovery.Share(at(0.975))}
	}
	return out
}
