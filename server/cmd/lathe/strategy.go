package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/learn/mine"
)

func (a *app) strategyCmd() *cobra.Command {
	c := &cobra.Command{Use: "strategy", Short: "What successful tasks do and failed ones do not"}
	var all bool
	list := &cobra.Command{Use: "list", Short: "Proven strategies, and what is nearest to being proven", Args: cobra.NoArgs,
		Long: `Lists proven strategies:

  TASKS     tasks with it
  SUCCESS   how many of them succeeded
  WITHOUT   of tasks without it, in the same projects and kinds of problem
  ODDS      of success with it, against without
  Q         the level at which it is proven, however often one looks

and below them what is nearest to being proven:

  WITH, WITHOUT   successes with it; the rate without it
  EVIDENCE        against chance; 1 is none
  LEVEL           must fall to 0.05
  TASKS-NEEDED    further tasks that this would take if it goes on so; - if it would not`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := a.strategies(cmd.Context(), all)
			if err != nil || a.json {
				return errors.Join(err, printIf(a, err == nil, found))
			}
			var rows [][]string
			for _, s := range found {
				rows = append(rows, []string{s.StrategyID[:8], orAll(cut(s.ProjectID, 24)), cut(s.Name, 70), string(s.State), fmt.Sprint(s.Support),
					percent(s.SuccessRate), percent(s.BaselineRate), fmt.Sprintf("%.1f", s.Contrast), fmt.Sprintf("%.2g", s.PValue)})
			}
			a.table("ID PROJECT STRATEGY STATE TASKS SUCCESS WITHOUT ODDS Q", rows)
			return a.printNearest(cmd.Context())
		}}
	list.Flags().BoolVar(&all, "all", false, "also those that are contradicted, decayed, superseded or retired")
	show := &cobra.Command{Use: "show ID", Short: "One strategy with its steps, conditions, evidence and history", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := a.strategies(cmd.Context(), true)
			if err != nil {
				return err
			}
			for _, s := range found {
				if !strings.HasPrefix(s.StrategyID, args[0]) {
					continue
				}
				if a.json {
					return a.print(s)
				}
				a.showStrategy(&s)
				return nil
			}
			return fmt.Errorf("there is no strategy %q: see `lathe strategy list --all`", args[0])
		}}
	c.AddCommand(list, show)
	return c
}

func (a *app) showStrategy(s *learn.ProvenStrategy) {
	fmt.Fprintf(a.out, "%s\n%s\n\n", clean(s.Name), cleanLines(s.Description))
	fmt.Fprintf(a.out, "state    %s: %s\n", s.State, clean(s.StateReason))
	fmt.Fprintf(a.out, "success  %s of %d tasks (%.0f to %.0f %%); without it, in the same %d projects and kinds of problem, %s\n",
		percent(s.SuccessRate), s.Support, 100*s.SuccessInterval.Low, 100*s.SuccessInterval.High, s.Strata, percent(s.BaselineRate))
	fmt.Fprintf(a.out, "odds     %.1f (%.1f to %.1f); evidence %.3g, proven at level %.2g however often one looks\n",
		s.Contrast, s.ContrastInterval.Low, s.ContrastInterval.High, s.EValue, s.PValue)
	cost := s.AveragePerformanceMetrics
	fmt.Fprintf(a.out, "cost     %.0f calls, %.1f s, %.0f tokens on average (0: not recorded)\n", cost.Calls, cost.DurationMS/1000, cost.Tokens)
	for _, c := range s.ApplicabilityConditions {
		fmt.Fprintf(a.out, "when     %s\n", clean(c))
	}
	fmt.Fprintln(a.out)
	for i, t := range s.TemplatePlanFragment.Tasks {
		fmt.Fprintf(a.out, "%d. %s %s\n", i+1, clean(t.ToolName), clean(string(t.Arguments)))
	}
	fmt.Fprintln(a.out)
	for _, h := range s.History {
		fmt.Fprintf(a.out, "%s  %s: %s\n", h.Timestamp.UTC().Format(time.DateOnly), h.To, clean(h.Reason))
	}
	fmt.Fprintf(a.out, "\nevidence %s\n", strings.Join(s.Evidence, " "))
}

// printNearest tells what may become a strategy with more tasks.
func (a *app) printNearest(ctx context.Context) error {
	client, _, err := a.client(ctx)
	if err != nil {
		return err
	}
	var near []mine.Candidate
	if err := client.Call(ctx, http.MethodGet, "/v1/nearest", nil, &near); err != nil || len(near) == 0 {
		return err
	}
	var rows [][]string
	for _, c := range near {
		needed := "-"
		if c.Needed > 0 {
			needed = fmt.Sprint(c.Needed)
		}
		rows = append(rows, []string{orAll(cut(c.ProjectID, 24)), cut(c.Name, 60), fmt.Sprintf("%d of %d", c.Successes, c.Successes+c.Failures),
			percent(c.Baseline), fmt.Sprintf("%.3g", c.EValue), fmt.Sprintf("%.3g", c.Q), needed})
	}
	fmt.Fprintln(a.out, "\nNot proven, but nearest to it (lathe strategy list --help explains the columns):")
	a.table("PROJECT WHAT WITH WITHOUT EVIDENCE LEVEL TASKS-NEEDED", rows)
	return nil
}

// strategies are those that are served, or all that were ever confirmed.
func (a *app) strategies(ctx context.Context, all bool) ([]learn.ProvenStrategy, error) {
	client, _, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	path := "/v1/strategies"
	if all {
		path += "/all"
	}
	found := []learn.ProvenStrategy{}
	err = client.Call(ctx, http.MethodGet, path, nil, &found)
	return found, err
}
