package recall

import (
	"cmp"
	"slices"
	"strings"

	"lathe/learn"
)

// maxCandidates is the number of objects that are ranked for their words.
const maxCandidates = 100

// scored is an object with its score.
type scored[T any] struct {
	of    T
	score float64
}

// best are the n of the highest score.
func best[T any](list []scored[T], n int, id func(T) string) []scored[T] {
	slices.SortFunc(list, func(a, b scored[T]) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(id(a.of), id(b.of)))
	})
	return list[:min(len(list), n)]
}

// Strategies are the n best of those that fit. Effect is what trials say of one:
// its effect on the success of tasks, or nil while too little is known.
func (q *Query) Strategies(n int, effect func(id string) *learn.Interval) ([]Strategy, error) {
	var out []Strategy
	for _, found := range q.strategies(n, effect) {
		s := Strategy{Gain: found.of.gain, Match: found.match}
		ok, err := q.m.read(found.of, &s.ProvenStrategy)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// foundCard is a card that fits.
type foundCard struct {
	of    *card
	match Match
}

func (q *Query) strategies(n int, effect func(id string) *learn.Interval) (out []foundCard) {
	m := q.m
	m.mu.RLock()
	defer m.mu.RUnlock()
	q.weigh()
	judge := func(c *card, told bool) *reasons {
		r := q.strategy(c, told)
		if e := effect(c.id); e != nil {
			r.add("measured", effectOf(*e), "in trials it changed success by %+.0f points (%+.0f to %+.0f)", 50*(e.Low+e.High), 100*e.Low, 100*e.High)
		}
		return r
	}
	looked := map[*card]bool{}
	var fitting []scored[*card]
	look := func(c *card) {
		if !c.served || looked[c] || c.project != "" && c.project != q.Project {
			return
		}
		looked[c] = true
		if score, ok := fit(judge(c, false)); ok {
			fitting = append(fitting, scored[*card]{c, score})
		}
	}
	for _, list := range [][]*card{m.best[q.Project], m.best[""]} {
		for _, c := range list[:min(len(list), maxListed)] {
			look(c)
		}
	}
	for _, c := range m.words.find(q.Project, classStrategy, q.words, maxCandidates) {
		look(c)
	}
	for _, s := range best(fitting, n, func(c *card) string { return c.id }) {
		out = append(out, foundCard{s.of, judge(s.of, true).match()})
	}
	return out
}

// effectOf is what a measured effect adds: what is certain of it.
func effectOf(e learn.Interval) float64 {
	switch {
	case e.Low > 0:
		return e.Low
	case e.High < 0:
		return e.High
	}
	return 0
}

// Pitfalls are the n errors that the task is likeliest to meet.
func (q *Query) Pitfalls(n int) ([]Pitfall, error) {
	var out []Pitfall
	for _, t := range q.pitfalls(n) {
		p := Pitfall{Signature: t.signature, Name: t.name, Count: t.count, Match: t.match}
		if t.report != nil {
			var r learn.FailureAnalysisReport
			if ok, err := q.m.read(t.report, &r); err != nil {
				return nil, err
			} else if ok {
				p.Report = &r
			}
		}
		if t.remedy != nil {
			var r learn.Remedy
			if ok, err := q.m.read(t.remedy, &r); err != nil {
				return nil, err
			} else if ok {
				p.Remedy = &r
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// trouble is an error with what fixed it here, or anywhere. It copies what is
// known of the error, which goes on changing.
type trouble struct {
	known
	remedy *card
	match  Match
}

func (q *Query) pitfalls(n int) (out []trouble) {
	m := q.m
	m.mu.RLock()
	defer m.mu.RUnlock()
	q.weigh()
	looked := map[string]bool{}
	var likely []scored[trouble]
	look := func(signature string) {
		if signature == "" || looked[signature] {
			return
		}
		looked[signature] = true
		k, remedy := m.trouble(q.Project, signature)
		if k == nil || remedy == nil && k.report == nil {
			return
		}
		if score, fits := q.pitfall(k, remedy, false).total(); fits >= floorRelevant && score >= floorPitfall {
			likely = append(likely, scored[trouble]{trouble{known: *k, remedy: remedy}, score})
		}
	}
	for s := range q.Errors {
		look(s)
	}
	for _, k := range m.worst[q.Project][:min(len(m.worst[q.Project]), maxListed)] {
		look(k.signature)
	}
	for _, c := range m.words.find(q.Project, classPitfall, q.words, maxCandidates) {
		look(c.signature)
	}
	for _, s := range best(likely, n, func(t trouble) string { return t.signature }) {
		s.of.match = q.pitfall(&s.of.known, s.of.remedy, true).match()
		out = append(out, s.of)
	}
	return out
}

// trouble is what is known of an error in a project, and what fixed it there,
// or else anywhere.
func (m *Memory) trouble(project, signature string) (k *known, remedy *card) {
	here, anywhere := m.errors[errorKey(project, signature)], m.errors[errorKey("", signature)]
	k = here
	if k == nil || k.count == 0 && anywhere != nil && len(k.remedies) == 0 {
		k = anywhere
	}
	if remedy = firstServed(here); remedy == nil {
		remedy = firstServed(anywhere)
	}
	return k, remedy
}

func firstServed(k *known) *card {
	if k == nil {
		return nil
	}
	for _, c := range k.remedies {
		if c.served {
			return c
		}
	}
	return nil
}

// Tools are the n best of the given generated tools that fit.
func (q *Query) Tools(all []learn.ToolManifest, n int) (out []Tool) {
	q.m.mu.RLock()
	defer q.m.mu.RUnlock()
	q.weigh()
	var fitting []scored[Tool]
	for _, t := range all {
		r := &reasons{told: true}
		words := []string{t.Name, strings.ReplaceAll(t.Name, "_", " "), t.Description}
		for _, x := range t.Examples {
			words = append(words, x.Command)
		}
		matchWords(r, q, wordsOf(words...))
		for _, s := range append(slices.Clone(q.Planned), q.Done...) {
			if s.head != "" && (s.head == t.Name || strings.Contains(t.Description, s.head+" ")) {
				r.add("plan", weightPlan/2, "it does what %s is there for", s)
				break
			}
		}
		if score, fits := r.total(); fits >= floorTool {
			fitting = append(fitting, scored[Tool]{Tool{t, r.match()}, score})
		}
	}
	for _, s := range best(fitting, n, func(t Tool) string { return t.Name }) {
		out = append(out, s.of)
	}
	return out
}
