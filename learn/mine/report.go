package mine

import (
	"slices"

	"lathe/learn"
)

// Report is what a Look found.
type Report struct {
	Tasks     int `json:"tasks"` // with a known outcome
	Successes int `json:"successes"`
	// LeftOut are tasks of unknown outcome, or without a call.
	LeftOut  int `json:"tasks_left_out"`
	Projects int `json:"projects"`
	// Strata are the projects and kinds of problem, Mixed those of them with
	// successes and failures: only these tell anything.
	Strata int `json:"strata"`
	Mixed  int `json:"mixed_strata"`
	// MixedTasks are the tasks of the mixed strata.
	MixedTasks int            `json:"tasks_in_mixed_strata"`
	Level      float64        `json:"level"`
	Support    []LevelSupport `json:"support"`
	// Hypotheses are the patterns and habits with enough tasks, those of the
	// same tasks once; Tested those of them that could reach the level.
	Hypotheses int `json:"hypotheses"`
	Tested     int `json:"tested"`
	// Significant counts all that are, Separating tells those that say the
	// same once. Nearest are the best of the others.
	Significant int          `json:"significant"`
	Separating  []Separation `json:"separating"`
	Nearest     []Separation `json:"nearest"`
}

// LevelSupport says how many tasks a pattern of a level needed.
type LevelSupport struct {
	Level    string `json:"level"`
	Support  int    `json:"min_support"`
	Patterns int    `json:"patterns"`
}

// Separation is a pattern or habit as one look sees it.
type Separation struct {
	Name             string   `json:"name"`
	Kind             string   `json:"kind"` // skeleton, program, intent, habit
	Steps            []string `json:"steps"`
	ProjectID        string   `json:"project_id,omitempty"` // "" for several
	Support          int      `json:"support"`              // tasks with it
	Successes        int      `json:"successes"`            // of these
	WithoutSuccesses int      `json:"without_successes"`    // of the other tasks of the same strata
	WithoutTasks     int      `json:"without_tasks"`
	// SuccessRate is that with it, Baseline the one without it in the same
	// strata, weighted as the tasks with it are.
	SuccessRate  float64           `json:"success_rate"`
	Baseline     float64           `json:"baseline_rate"`
	Odds         float64           `json:"odds_ratio"`
	OddsInterval learn.Interval    `json:"odds_interval"`
	P            float64           `json:"p"`
	Q            float64           `json:"q"`
	Tested       bool              `json:"tested"`   // else too few tasks to reach the level, and Q is 1
	Variants     int               `json:"variants"` // others that say the same
	Strata       int               `json:"strata"`
	Conditions   []learn.Condition `json:"conditions"`
}

// strata counts them.
func (r *Report) strata(w *window) {
	projects := map[string]bool{}
	for name, in := range w.strata {
		r.Strata++
		projects[stratumProject(name)] = true
		if good := in.shared(w.good); good > 0 && good < in.count() {
			r.Mixed++
			r.MixedTasks += in.count()
		}
	}
	r.Projects = len(projects)
}

// sameTasks is how alike the tasks of two strategies are when they count as
// one (Jaccard index).
const sameTasks = 0.8

// nearestP is the p-value above which nothing is told at all.
const nearestP = 0.5

// tell fills in what was found, near-duplicates once. Strongest first, one is
// told only when it still separates success from failure among the tasks that
// have, or among those that lack, each stronger one: parts of a strategy,
// strategies with an accidental step, and the same at another level count as
// variants. Of those that are not significant, one is told when its tasks are
// not those of a stronger one.
func (l *Look) tell(win *window, all []*sighting, r *Report) {
	var shown, near []*sighting
	passes := func(s *sighting) bool {
		return s.q <= l.opt.MaxQ && s.sum.withGood >= l.opt.MinTasks && mantelHaenszel(s.tables).Odds >= l.opt.MinOdds
	}
	for _, s := range all {
		if passes(s) {
			r.Significant++
		}
	}
	level := 0.05 / float64(2*max(1, r.Significant))
	for _, s := range all {
		alike := func(k *sighting) bool { return k.in.alike(s.in) >= sameTasks }
		repeats := func(k *sighting) bool { return alike(k) || !win.adds(s.in, k.in, level) }
		if passes(s) {
			shown = merge(shown, s, repeats)
		} else if s.q > l.opt.MaxQ && s.p < nearestP && len(near) < maxNearest && s.sum.withGood >= l.opt.MinTasks && !slices.ContainsFunc(shown, alike) {
			near = merge(near, s, alike)
		}
	}
	r.Separating, r.Nearest = []Separation{}, []Separation{}
	for _, s := range shown {
		r.Separating = append(r.Separating, s.separation(win))
	}
	for _, s := range near {
		r.Nearest = append(r.Nearest, s.separation(win))
	}
}

// merge adds s, or counts it as a variant of the first that says the same.
func merge(kept []*sighting, s *sighting, same func(*sighting) bool) []*sighting {
	if i := slices.IndexFunc(kept, same); i >= 0 {
		kept[i].variants++
		return kept
	}
	return append(kept, s)
}

func (s *sighting) separation(win *window) Separation {
	with, o := s.sum.withGood+s.sum.withBad, mantelHaenszel(s.tables)
	out := Separation{
		Name: s.title(), Kind: string(s.level), Steps: s.steps(), ProjectID: win.project(s.in),
		Support: with, Successes: s.sum.withGood, WithoutSuccesses: s.sum.withoutGood, WithoutTasks: s.sum.withoutGood + s.sum.withoutBad,
		SuccessRate: float64(s.sum.withGood) / float64(with), Baseline: s.baseline,
		Odds: o.Odds, OddsInterval: learn.Interval{Low: o.Low, High: o.High, Level: 0.95},
		P: s.p, Q: s.q, Tested: s.tested, Variants: s.variants, Strata: len(s.tables),
	}
	out.Conditions, _ = win.conditions(s.in)
	if out.Conditions == nil {
		out.Conditions = []learn.Condition{}
	}
	if s.habit != nil {
		out.Steps = []string{s.habit.sentence}
	}
	return out
}
