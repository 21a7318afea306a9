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

// sighting is a hypothesis: a pattern or habit, with the tasks that have it.
type sighting struct {
	level level
	group *group
	names []string // the items' texts; for a habit what it is called
	habit *habit
	in    bits
	table table
	floor float64 // the smallest p-value that its support allows
	p, q  float64
}

// survey is what one look at all tasks found.
type survey struct {
	proven []*sighting
	tested []*sighting // by q
	raised int64       // times that the support had to be raised
}

// look is a single look at a set of tasks.
type look struct {
	opt   Options
	tasks []taskSeq
}

// Contrast takes a single look at finished tasks and tells what separates
// success from failure, by Fisher's exact test and the correction of
// correct.go: first what is proven, then the nearest of what is not. It is
// valid for one look that was planned; whoever looks again and again asks a
// Miner.
func Contrast(tasks []*learn.Task, o Options) (proven, nearest []Candidate, err error) {
	m := &look{opt: o.withDefaults()}
	for _, t := range tasks {
		if seq, _ := keep(t, m.opt.MaxSteps); t.Outcome != learn.OutcomeUnknown && len(t.Steps) > 0 {
			m.tasks = append(m.tasks, seq)
		}
	}
	v, err := m.contrast()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range v.proven {
		proven = append(proven, s.candidate(m.opt.MaxQ))
	}
	return proven, v.nearest(m.opt), nil
}

// contrast contrasts successes and failures in each group.
func (m *look) contrast() (survey, error) {
	var out survey
	var families []*family
	all := groups(m.tasks)
	levels := []level{levelSkeleton, levelIntent}
	for _, l := range levels {
		l.views(m.tasks, all)
	}
	for _, g := range all {
		for _, l := range levels {
			found, raised, err := m.patterns(l, g)
			if err != nil {
				return out, err
			}
			out.raised += raised
			families = append(families, &family{share: g.share / 3, all: found})
		}
		families = append(families, &family{share: g.share / 3, all: m.habits(g)})
	}
	out.tested = correct(families, m.opt.MaxQ)
	byGroup := map[*group][]*sighting{}
	for _, s := range out.tested {
		if s.q <= m.opt.MaxQ && s.table.oddsRatio() >= m.opt.MinOdds && s.table.withGood >= m.opt.MinTasks {
			byGroup[s.group] = append(byGroup[s.group], s)
		}
	}
	for _, found := range byGroup {
		out.proven = append(out.proven, distinct(found)...)
	}
	slices.SortStableFunc(out.proven, byStrength)
	out.proven = specific(out.proven)
	return out, nil
}

// patterns mines all tasks of a group at one level, blind to how they ended:
// a choice among patterns that knew it would spoil their p-values. Patterns
// with the same tasks are one hypothesis, told by the longest.
func (m *look) patterns(l level, g *group) ([]*sighting, int64, error) {
	seen, db := g.views[l], &Database{}
	for _, v := range seen.tasks {
		if err := db.Add(v.items); err != nil {
			return nil, 0, err
		}
	}
	limits := Limits{MinSupport: g.leastSupport(m.opt.MinTasks, m.opt.MaxQ), MaxGap: m.opt.MaxGap,
		MaxLength: m.opt.MaxLength, MaxPatterns: m.opt.MaxPatterns, sets: true}
	if limits.MinSupport > len(g.tasks) {
		return nil, 0, nil // no pattern could ever be significant here
	}
	raised := int64(0)
	// No caller can cancel this; MaxTasks, MaxSteps and MaxPatterns bound it.
	found, err := db.Mine(context.Background(), limits)
	for errors.Is(err, ErrTooMany) && limits.MinSupport < len(g.tasks) {
		limits.MinSupport, raised = min(len(g.tasks), limits.MinSupport*3/2), raised+1
		found, err = db.Mine(context.Background(), limits)
	}
	if errors.Is(err, ErrTooMany) {
		return nil, raised, nil // every task does the same
	}
	if err != nil {
		return nil, raised, fmt.Errorf("mine: patterns at the %s level: %w", l, err)
	}
	slices.SortStableFunc(found, func(a, b Pattern) int { return len(b.Items) - len(a.Items) })
	var out []*sighting
	for _, p := range found {
		if len(p.Items) > 1 {
			s := &sighting{level: l, group: g, in: p.in}
			for _, it := range p.Items {
				s.names = append(s.names, seen.names[it])
			}
			out = append(out, s)
		}
	}
	return m.candidates(out), raised, nil
}

// candidates keeps the first of those with the same tasks, and those that
// enough sessions have, and sets their statistics.
func (m *look) candidates(all []*sighting) []*sighting {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(s *sighting) bool {
		key := s.in.key()
		if seen[key] || s.in.count() < m.opt.MinTasks || s.group.sessions(s.in, m.opt.MinSessions) < m.opt.MinSessions {
			return true
		}
		seen[key] = true
		s.table = s.group.table(s.in)
		with := s.table.withGood + s.table.withBad
		s.floor, s.p = s.group.margins.floor(with), s.group.margins.tail(with, s.table.withGood)
		s.q = 1
		return false
	})
}

// byStrength orders by q, then as bySaying.
func byStrength(a, b *sighting) int { return cmp.Or(cmp.Compare(a.q, b.q), bySaying(a, b)) }

// bySaying orders by p, then what says more before what says less.
func bySaying(a, b *sighting) int {
	return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(len(b.names), len(a.names)),
		cmp.Compare(a.level.detail(), b.level.detail()), cmp.Compare(a.group.project, b.group.project),
		slices.Compare(a.names, b.names))
}

// detail is 0 for the level that says most.
func (l level) detail() int {
	return slices.Index([]level{levelSkeleton, levelProgram, levelIntent, levelHabit}, l)
}

// distinct keeps one of those of a group that say the same. Strongest first, a
// pattern stays only when it still separates success from failure among the
// tasks that have, or among those that lack, each stronger one: parts of a
// strategy, strategies with an accidental step, and the same at another level
// go.
func distinct(found []*sighting) []*sighting {
	slices.SortStableFunc(found, bySaying)
	var kept []*sighting
	level := 0.05 / float64(2*max(1, len(found)))
	for _, s := range found {
		if !slices.ContainsFunc(kept, func(k *sighting) bool { return !adds(s, k, level) }) {
			kept = append(kept, s)
		}
	}
	return kept
}

// adds reports whether s says something that k does not.
func adds(s, k *sighting, level float64) bool {
	g := s.group
	both := s.in.and(k.in)
	with := table{withGood: both.shared(g.good)}
	with.withBad = both.count() - with.withGood
	with.withoutGood = k.table.withGood - with.withGood
	with.withoutBad = k.table.withBad - with.withBad
	without := table{withGood: s.table.withGood - with.withGood, withBad: s.table.withBad - with.withBad}
	without.withoutGood = k.table.withoutGood - without.withGood
	without.withoutBad = k.table.withoutBad - without.withBad
	return with.fisher() <= level || without.fisher() <= level
}

// sameTasks is how alike the tasks of two strategies are when they count as
// one (Jaccard index).
const sameTasks = 0.8

// specific tells once what both a project by itself and all projects together
// show: for the projects when most of its tasks are theirs, else for all.
func specific(found []*sighting) []*sighting {
	drop := map[*sighting]bool{}
	for _, s := range found {
		if s.group.project != "" {
			continue
		}
		var own []*sighting
		inside := 0
		for _, k := range found {
			if k.group.project != "" && s.resembles(k) {
				own, inside = append(own, k), inside+k.in.count()
			}
		}
		if 2*inside >= s.in.count() {
			drop[s] = true
			continue
		}
		for _, k := range own {
			drop[k] = true
		}
	}
	return slices.DeleteFunc(found, func(s *sighting) bool { return drop[s] })
}

// resembles compares with a sighting of the same or another group.
func (s *sighting) resembles(k *sighting) bool {
	if s.level == k.level && slices.Equal(s.names, k.names) {
		return true
	}
	if s.group == k.group {
		return s.in.alike(k.in) >= sameTasks
	}
	n := 1 + max(slices.Max(s.group.place), slices.Max(k.group.place))
	return s.everywhere(n).alike(k.everywhere(n)) >= sameTasks
}

// everywhere is the set of tasks by their place among n tasks of all groups.
func (s *sighting) everywhere(n int) bits {
	out := newBits(n)
	for i, at := range s.group.place {
		if s.in.has(i) {
			out.set(at)
		}
	}
	return out
}
