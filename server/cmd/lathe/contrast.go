package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/mine"
	"lathe/server"
	"lathe/server/intake"
)

// contrast takes one look at recorded sessions.
func (m *miner) contrast(ctx context.Context, paths []string) error {
	if !(m.level > 0 && m.level < 1) {
		return usagef("--level %v: between 0 and 1, such as 0.05", m.level)
	}
	c, err := server.NewContrast(mine.Options{MaxQ: m.level})
	if err != nil {
		return err
	}
	if err := m.readSessions(ctx, paths, c); err != nil {
		return err
	}
	r, err := c.Report()
	if err != nil {
		return err
	}
	if m.json {
		return m.print(r)
	}
	m.printContrast(&r)
	return nil
}

// readSessions reads each path into the sink, in the format that was named or
// in the one that finds most calls in it.
func (m *miner) readSessions(ctx context.Context, paths []string, to intake.Sink) error {
	for _, p := range paths {
		as := m.format
		if as == "" {
			var err error
			if as, err = formatOf(ctx, p); err != nil {
				return err
			}
		}
		s, err := intake.Import(ctx, intake.ImportOptions{Format: as, Paths: []string{p}}, to)
		if err != nil {
			return err
		}
		m.reportImport(s)
	}
	return nil
}

func (m *miner) printContrast(r *server.ContrastReport) {
	fmt.Fprintf(m.out, "%d tasks of known outcome in %d projects: %d succeeded, %d failed; %d of unknown outcome, or without a call, are left out.\n",
		r.Tasks, r.Projects, r.Successes, r.Tasks-r.Successes, r.LeftOut)
	var bases []string
	for _, b := range slices.Sorted(maps.Keys(r.Bases)) {
		bases = append(bases, fmt.Sprintf("%s %d", clean(b), r.Bases[b]))
	}
	fmt.Fprintf(m.out, "Outcomes rest on: %s.\n", strings.Join(bases, ", "))
	fmt.Fprintf(m.out, "Compared within %d strata (project and kind of problem); %d of them have successes and failures, with %d tasks: only these tell anything.\n",
		r.Strata, r.Mixed, r.MixedTasks)
	fmt.Fprintf(m.out, "%d patterns and habits are in enough tasks; %d of them could reach the level %.2g and were tested.\n\n", r.Hypotheses, r.Tested, r.Level)
	fmt.Fprintf(m.out, `This is one planned look. At the level %.2g, of what it calls significant an
expected %.0f %% is chance, if these files were chosen before anybody saw what they
show. Looking again with more files, another level or other files until something
shows voids that. The daemon looks after every task: what `+"`lathe strategy list`"+`
calls proven holds however often one looks, and needs more tasks. Neither says
that the strategy is why: only a trial does (`+"`lathe trial --help`"+`).
`, r.Level, 100*r.Level)
	switch len(r.Separating) {
	case 0:
		fmt.Fprintf(m.out, "\nNothing separates success from failure at this level.\n")
	default:
		fmt.Fprintf(m.out, "\nSEPARATES SUCCESS FROM FAILURE: %d (%d before near-duplicates were merged)\n", len(r.Separating), r.Significant)
		m.printSeparations(r.Separating)
	}
	if len(r.Nearest) > 0 {
		fmt.Fprintf(m.out, "\nNOT SIGNIFICANT, the nearest first: %d shown; what to watch for, not what is known\n", len(r.Nearest))
		m.printSeparations(r.Nearest)
	}
}

func (m *miner) printSeparations(all []mine.Separation) {
	for i, s := range all {
		fmt.Fprintf(m.out, "\n%2d. %s\n", i+1, clean(s.Name))
		where := fmt.Sprintf("%d strata", s.Strata)
		if s.ProjectID != "" {
			where = "project " + cut(s.ProjectID, 40)
		}
		fmt.Fprintf(m.out, "    with it %d of %d tasks succeeded (%s), without it in the same strata %d of %d (%s at the same mix); %s\n",
			s.Successes, s.Support, percent(s.SuccessRate), s.WithoutSuccesses, s.WithoutTasks, percent(s.Baseline), where)
		q := fmt.Sprintf("q %.2g", s.Q)
		if !s.Tested {
			q = "not tested: too few tasks to reach the level"
		}
		fmt.Fprintf(m.out, "    odds %.1f (%.1f to %.1f)  p %.2g  %s  (%s)", s.Odds, s.OddsInterval.Low, s.OddsInterval.High, s.P, q, s.Kind)
		if s.Variants > 0 {
			fmt.Fprintf(m.out, "  and %d variants that say the same", s.Variants)
		}
		fmt.Fprintln(m.out)
		for _, c := range s.Conditions[:min(3, len(s.Conditions))] {
			fmt.Fprintf(m.out, "    when %s\n", clean(conditionText(c)))
		}
	}
}

func conditionText(c learn.Condition) string {
	return fmt.Sprintf("%s is %s: %d of the %d tasks with it, %d of all %d (lift %.1f)", c.Feature, c.Value, c.With, c.Support, c.All, c.Tasks, c.Lift)
}
