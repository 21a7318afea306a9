package mine

import (
	"math"
	"slices"
)

// group is the tasks of one project, or all of them.
type group struct {
	project string // "" for all
	share   float64
	tasks   []*taskSeq
	place   []int // by task, its place among all tasks
	good    bits
	session []int // by task, a number for its session
	margins *margins
	views   map[level]*viewing
}

// groups are the projects with successes and failures and, when there are
// several, all tasks together. The whole gets half of the level of error and
// the projects the other half in equal parts: a choice made before any outcome
// is looked at.
func groups(tasks []taskSeq) []*group {
	byProject := map[string]*group{"": {}}
	for i := range tasks {
		for _, project := range slices.Compact([]string{"", tasks[i].ProjectID}) {
			g := byProject[project]
			if g == nil {
				g = &group{project: project}
				byProject[project] = g
			}
			g.tasks, g.place = append(g.tasks, &tasks[i]), append(g.place, i)
		}
	}
	if len(byProject) == 2 {
		delete(byProject, "") // one project: all together say the same
	}
	var out []*group
	for _, project := range sortedKeys(byProject) {
		g := byProject[project]
		g.prepare()
		if n := g.margins.good; n > 0 && n < len(g.tasks) {
			out = append(out, g)
		}
	}
	for _, g := range out {
		g.share = 1 / float64(len(out))
		if len(out) > 1 && out[0].project == "" {
			g.share = 0.5
			if g.project != "" {
				g.share = 0.5 / float64(len(out)-1)
			}
		}
	}
	return out
}

func (g *group) prepare() {
	g.good, g.views = newBits(len(g.tasks)), map[level]*viewing{}
	sessions := map[[2]string]int{}
	for i, t := range g.tasks {
		if t.Good {
			g.good.set(i)
		}
		key := [2]string{t.ProjectID, t.SessionID}
		if _, ok := sessions[key]; !ok {
			sessions[key] = len(sessions)
		}
		g.session = append(g.session, sessions[key])
	}
	g.margins = newMargins(len(g.tasks), g.good.count())
}

// sessions counts the distinct sessions of the tasks in a set, up to enough.
func (g *group) sessions(in bits, enough int) int {
	var seen []int
	for i, s := range g.session {
		if in.has(i) && !slices.Contains(seen, s) {
			if seen = append(seen, s); len(seen) >= enough {
				break
			}
		}
	}
	return len(seen)
}

func (g *group) table(in bits) table {
	t := table{withGood: in.shared(g.good)}
	t.withBad = in.count() - t.withGood
	t.withoutGood = g.margins.good - t.withGood
	t.withoutBad = len(g.tasks) - g.margins.good - t.withBad
	return t
}

// leastSupport is the smallest number of tasks, from at least on, with which a
// pattern can reach the level at all.
func (g *group) leastSupport(atLeast int, level float64) int {
	x := atLeast
	for x <= len(g.tasks) && g.margins.floor(x) > level {
		x++
	}
	return x
}

// margins are what a group fixes before any pattern is looked at: how many
// tasks there are and how many succeeded. With them and a pattern's support,
// the p-value has a distribution that can be written down.
type margins struct {
	n, good      int
	logFactorial []float64
}

func newMargins(n, good int) *margins {
	m := &margins{n: n, good: good, logFactorial: make([]float64, n+1)}
	for i := 1; i <= n; i++ {
		m.logFactorial[i] = m.logFactorial[i-1] + math.Log(float64(i))
	}
	return m
}

func (m *margins) choose(n, k int) float64 {
	if k < 0 || k > n {
		return math.Inf(-1)
	}
	return m.logFactorial[n] - m.logFactorial[k] - m.logFactorial[n-k]
}

// tail is the one-sided p-value of Fisher's exact test (1922): how likely at
// least so many successes are among those with the pattern, if it changed
// nothing.
func (m *margins) tail(with, withGood int) float64 {
	p, all := 0.0, m.choose(m.n, with)
	for k := withGood; k <= min(m.good, with); k++ {
		p += math.Exp(m.choose(m.good, k) + m.choose(m.n-m.good, with-k) - all)
	}
	return min(1, p)
}

// floor is the smallest p-value that a pattern with this support can have
// (Tarone 1990).
func (m *margins) floor(with int) float64 { return m.tail(with, min(with, m.good)) }
