package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/mcp"
)

// maxCandidates is the number of objects that are ranked for their words.
const maxCandidates = 100

// scored is an object with its score and why.
type scored[T any] struct {
	of    T
	score float64
	why   *reasons
}

func best[T any](list []scored[T], n int, id func(T) string) []scored[T] {
	slices.SortFunc(list, func(a, b scored[T]) int {
		return cmp.Or(compareFloats(b.score, a.score), strings.Compare(id(a.of), id(b.of)))
	})
	return list[:min(len(list), n)]
}

// strategies are the ones that fit, the best first.
func (m *memory) strategies(f *facts, n int, effect func(id string) *learn.Interval) []scored[*card] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.weigh(f)
	judge := func(c *card, told bool) *reasons {
		r := m.strategy(f, c, told)
		if e := effect(c.id); e != nil {
			r.add("measured", effectOf(*e), "in trials it changed success by %+.0f points (%+.0f to %+.0f)", 50*(e.Low+e.High), 100*e.Low, 100*e.High)
		}
		return r
	}
	looked := map[*card]bool{}
	var out []scored[*card]
	look := func(c *card) {
		if !c.served || looked[c] || c.project != "" && c.project != f.project {
			return
		}
		looked[c] = true
		if score, ok := fit(judge(c, false)); ok {
			out = append(out, scored[*card]{of: c, score: score})
		}
	}
	for _, list := range [][]*card{m.best[f.project], m.best[""]} {
		for _, c := range list[:min(len(list), maxListed)] {
			look(c)
		}
	}
	for _, c := range m.words.find(f.project, classStrategy, f.words, maxCandidates) {
		look(c)
	}
	out = best(out, n, func(c *card) string { return c.id })
	for i := range out {
		out[i].why = judge(out[i].of, true)
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

// trouble is an error with what fixed it here, or anywhere.
type trouble struct {
	*known
	remedy *card
}

// pitfalls are the errors that a task is likely to meet, the likeliest first.
func (m *memory) pitfalls(f *facts, n int) []scored[trouble] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.weigh(f)
	looked := map[string]bool{}
	var out []scored[trouble]
	look := func(signature string) {
		if signature == "" || looked[signature] {
			return
		}
		looked[signature] = true
		here, anywhere := m.errors[errorKey(f.project, signature)], m.errors[errorKey("", signature)]
		k := here
		if k == nil || k.count == 0 && anywhere != nil && len(k.remedies) == 0 {
			k = anywhere
		}
		if k == nil {
			return
		}
		t := trouble{k, firstServed(here)}
		if t.remedy == nil {
			t.remedy = firstServed(anywhere)
		}
		if t.remedy == nil && k.report == nil {
			return
		}
		if score, fits := m.pitfall(f, k, t.remedy, false).total(); fits >= floorRelevant && score >= floorPitfall {
			out = append(out, scored[trouble]{of: t, score: score})
		}
	}
	for s := range f.errors {
		look(s)
	}
	for _, k := range m.worst[f.project][:min(len(m.worst[f.project]), maxListed)] {
		look(k.signature)
	}
	for _, c := range m.words.find(f.project, classPitfall, f.words, maxCandidates) {
		look(c.signature)
	}
	out = best(out, n, func(t trouble) string { return t.signature })
	for i, s := range out {
		out[i].why = m.pitfall(f, s.of.known, s.of.remedy, true)
	}
	return out
}

// floorPitfall keeps away what happened once or twice, unless the task speaks
// of it or it is known what fixed it.
const floorPitfall = 0.5

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

// tools are the generated tools that fit.
func (m *memory) tools(f *facts, all []learn.ToolManifest, n int) []scored[learn.ToolManifest] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.weigh(f)
	var out []scored[learn.ToolManifest]
	for _, t := range all {
		r := &reasons{told: true}
		words := []string{t.Name, strings.ReplaceAll(t.Name, "_", " "), t.Description}
		for _, x := range t.Examples {
			words = append(words, x.Command)
		}
		matchWords(r, f, wordsOf(words...))
		for _, s := range append(slices.Clone(f.planned), f.done...) {
			if s.head != "" && (s.head == t.Name || strings.Contains(t.Description, s.head+" ")) {
				r.add("plan", weightPlan/2, "it does what %s is there for", s)
				break
			}
		}
		if score, fits := r.total(); fits >= floorTool {
			out = append(out, scored[learn.ToolManifest]{t, score, r})
		}
	}
	return best(out, n, func(t learn.ToolManifest) string { return t.Name })
}

// floorTool is lower: a tool was approved by a person, and its words are few.
const floorTool = 0.08

// object reads the body of what is given.
func (d *Daemon) object(ctx context.Context, kind learn.EntryKind, id string, into any) (bool, error) {
	e, ok, err := d.index.Object(ctx, kind, id)
	if err != nil || !ok {
		return false, err
	}
	if err := json.Unmarshal(e.Body, into); err != nil {
		return false, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	return true, nil
}

func (d *Daemon) recalledStrategy(s scored[*card]) (out mcp.RecalledStrategy, ok bool, err error) {
	var st learn.ProvenStrategy
	if ok, err = d.memory.read(s.of, &st); !ok || err != nil {
		return out, false, err
	}
	out = mcp.RecalledStrategy{StrategyID: st.StrategyID, Name: learn.Shown(st.Name, 160), Description: learn.Shown(st.Description, 600), SuccessRate: st.SuccessRate,
		Interval: st.SuccessInterval, Support: st.Support, Steps: []string{}, Evidence: []string{},
		Score: s.score, Contributions: s.why.parts, Why: strings.Join(append(s.why.words, proofOf(&st, s.of.gain)), "; ")}
	if st.ProjectID != "" { // another project's events cannot be looked up
		out.Evidence = head(st.Evidence, 3)
	}
	for _, t := range st.TemplatePlanFragment.Tasks {
		out.Steps = append(out.Steps, learn.Shown(callText(t), 200))
	}
	return out, true, nil
}

func (d *Daemon) recalledPitfall(s scored[trouble]) (mcp.Pitfall, error) {
	p := mcp.Pitfall{Name: learn.Shown(s.of.name, 120), Count: int64(s.of.count), Score: s.score, Contributions: s.why.parts, Why: strings.Join(s.why.words, "; ")}
	if c := s.of.report; c != nil {
		var r learn.FailureAnalysisReport
		ok, err := d.memory.read(c, &r)
		if err != nil {
			return p, err
		}
		if ok {
			p.RootCause, p.Evidence = learn.Shown(r.RootCause, 200), head(r.Evidence, 3)
			if r.CulpritCall != "" && r.CulpritAction != r.FailedEventID {
				p.Sequence = append(p.Sequence, learn.Shown(r.CulpritCall, 120))
			}
		}
	}
	if c := s.of.remedy; c != nil {
		var r learn.Remedy
		ok, err := d.memory.read(c, &r)
		if err != nil {
			return p, err
		}
		if ok {
			p.Remedy, p.RemedyID = learn.Shown(r.Description, 300), r.RemedyID
			if p.Name == "" {
				p.Name = learn.Shown(r.PatternID, 120)
			}
			if r.ProjectID != "" {
				p.Evidence = append(p.Evidence, head(r.Evidence, 3)...)
			}
		}
	}
	return p, nil
}
