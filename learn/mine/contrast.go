package mine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"lathe/learn"
)

// level is how closely a step is looked at.
type level string

const (
	levelSkeleton level = "skeleton"
	levelProgram  level = "program"
	levelIntent   level = "intent"
	levelHabit    level = "habit" // not a pattern of steps: see habits.go
)

func (l level) item(s *seqStep) string {
	switch l {
	case levelIntent:
		return s.Tool + " " + string(s.Intent)
	case levelProgram:
		return s.Tool + " " + program(s)
	}
	return s.Tool + " " + s.Skeleton
}

// detail is 0 for the level that says most.
func (l level) detail() int {
	return slices.Index([]level{levelSkeleton, levelProgram, levelIntent, levelHabit}, l)
}

// Look is a single look at a set of finished tasks that is complete. It tells
// what separates success from failure within strata of one project and problem
// type, by an exact test and the correction of correct.go. It is valid for one
// look that was planned; whoever looks again and again asks a Miner.
type Look struct {
	opt     Options
	flow    *flow
	tasks   []*taskSeq
	at      map[taskKey]int
	unknown map[taskKey]bool // or without a step
}

// NewLook returns a Look at nothing yet. Of the options, MaxTasks, HalfLife
// and MaxBytes mean nothing to it.
func NewLook(o Options) *Look {
	return &Look{opt: o.withDefaults(), flow: newFlow(), at: map[taskKey]int{}, unknown: map[taskKey]bool{}}
}

// See looks at a call as it comes, before its task is added, for what a
// finished task does not tell of it: parameters and where they come from.
func (l *Look) See(ev *learn.ActionOutcome, a *learn.Action) { l.flow.see(ev, a) }

// Add takes a finished task in. One that was added before is replaced; one of
// unknown outcome is only counted.
func (l *Look) Add(t *learn.Task) {
	key := taskKey{t.ProjectID, t.TaskID}
	known := t.Outcome != learn.OutcomeUnknown && len(t.Steps) > 0
	i, old := l.at[key]
	switch {
	case !known && !old:
		l.unknown[key] = true
		return
	case !known:
		return
	case old: // judged again
		l.tasks[i].Good = t.Outcome == learn.OutcomeSuccess
		return
	}
	seq, _ := keep(t, l.opt.MaxSteps)
	for i := range seq.Steps {
		seq.Steps[i].Params, seq.Steps[i].From = l.flow.take(seq.Steps[i].EventID)
	}
	delete(l.unknown, key)
	l.at[key], l.tasks = len(l.tasks), append(l.tasks, &seq)
}

// sighting is a hypothesis of a Look: a pattern or habit, with its tasks.
type sighting struct {
	saying
	in       bits
	tables   []table // by stratum
	sum      table
	baseline float64
	floor    float64 // the smallest p-value that the margins allow
	p, q     float64
	tested   bool
	variants int // others that say the same
}

// Report takes the look.
func (l *Look) Report() (Report, error) {
	win := newWindow(max(1, len(l.tasks)))
	for _, t := range l.tasks {
		win.add(t)
	}
	out := Report{Tasks: len(l.tasks), Successes: win.good.count(), LeftOut: len(l.unknown), Level: l.opt.MaxQ}
	out.strata(win)
	families := []*family{{share: 1, all: l.candidates(win, l.habits())}}
	for _, lv := range []level{levelSkeleton, levelProgram, levelIntent} {
		found, support, err := l.patterns(lv)
		if err != nil {
			return out, err
		}
		out.Support = append(out.Support, LevelSupport{string(lv), support, len(found)})
		families = append(families, &family{share: 1, all: l.candidates(win, found)})
	}
	for _, s := range correct(families, l.opt.MaxQ) {
		s.tested = true
		out.Tested++
	}
	var all []*sighting // q is 1 of what could not reach the level
	for _, f := range families {
		all = append(all, f.all...)
	}
	slices.SortStableFunc(all, byStrength)
	out.Hypotheses = len(all)
	l.tell(win, all, &out)
	return out, nil
}

// habits looks each habit of the list up.
func (l *Look) habits() []*sighting {
	all := allHabits()
	var out []*sighting
	for i := range all {
		s := &sighting{saying: saying{levelHabit, []string{all[i].title}, &all[i]}, in: newBits(len(l.tasks))}
		for j, t := range l.tasks {
			if _, ok := all[i].find(t); ok {
				s.in.set(j)
			}
		}
		out = append(out, s)
	}
	return out
}

// patterns mines all tasks at one level, blind to how they ended: a choice
// among patterns that knew it would spoil their p-values. It says how many
// tasks a pattern needed.
func (l *Look) patterns(lv level) ([]*sighting, int, error) {
	seen, db := lv.views(l.tasks), &Database{}
	for _, v := range seen.tasks {
		if err := db.Add(v.items); err != nil {
			return nil, 0, err
		}
	}
	limits := Limits{MinSupport: l.opt.MinTasks, MaxGap: l.opt.MaxGap, MaxLength: l.opt.MaxLength, MaxPatterns: l.opt.MaxPatterns, sets: true}
	// No caller can cancel this; MaxSteps and MaxPatterns bound it.
	found, err := db.Mine(context.Background(), limits)
	for errors.Is(err, ErrTooMany) && limits.MinSupport < len(l.tasks) {
		limits.MinSupport = min(len(l.tasks), limits.MinSupport*5/4+1)
		found, err = db.Mine(context.Background(), limits)
	}
	if errors.Is(err, ErrTooMany) {
		return nil, limits.MinSupport, nil // every task does the same
	}
	if err != nil {
		return nil, 0, fmt.Errorf("mine: patterns at the %s level: %w", lv, err)
	}
	slices.SortStableFunc(found, func(a, b Pattern) int { return len(b.Items) - len(a.Items) })
	var out []*sighting
	for _, p := range found {
		if len(p.Items) > 1 {
			s := &sighting{saying: saying{level: lv}, in: p.in}
			for _, it := range p.Items {
				s.names = append(s.names, seen.names[it])
			}
			out = append(out, s)
		}
	}
	return out, limits.MinSupport, nil
}

// candidates keeps the first of those with the same tasks, and those that
// enough sessions have, and sets their statistics.
func (l *Look) candidates(win *window, all []*sighting) []*sighting {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(s *sighting) bool {
		key := s.in.key()
		if seen[key] || s.in.count() < l.opt.MinTasks || win.sessions(s.in, l.opt.MinSessions) < l.opt.MinSessions {
			return true
		}
		seen[key] = true
		s.tables = win.tables(s.in)
		s.sum, s.baseline = sumUp(s.tables)
		s.p, s.floor = exact(s.tables)
		s.q = 1
		return false
	})
}

// byStrength orders by q, then by p, then what says more before what says less.
func byStrength(a, b *sighting) int {
	return cmp.Or(cmp.Compare(a.q, b.q), cmp.Compare(a.p, b.p), cmp.Compare(len(b.names), len(a.names)),
		cmp.Compare(a.level.detail(), b.level.detail()), slices.Compare(a.names, b.names))
}
