package main

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/learn/trial"
	"lathe/server"
)

func (a *app) trialCmd() *cobra.Command {
	c := &cobra.Command{Use: "trial", Short: "What advice changes, measured against tasks that went without it", Args: cobra.NoArgs,
		Long: `A share of the tasks (control_share, one in ten) goes without advice of a kind,
drawn by hash; the difference is what the advice does. Intervals hold at any time
one looks. What proves to harm is served no more (lathe undo takes that back).`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var k server.KPIs
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/kpi", monitor.Filter{}, &k); err != nil {
				return err
			}
			if a.json {
				return a.print(k.Effects)
			}
			a.printEffects(k.Effects)
			a.printObjects(k.Effects)
			return nil
		}}
	c.AddCommand(a.whatIfCmd())
	return c
}

func (a *app) whatIfCmd() *cobra.Command {
	var q server.WhatIfCall
	c := &cobra.Command{Use: "whatif", Short: "What other ways to serve advice would have reached, from the ledger", Args: cobra.NoArgs,
		Long: `Estimates by inverse propensities (IPS) and self-normalised (SNIPS), each with an
interval for one look, for no advice, all advice, and each object put first
wherever it could have been. They mean little where EFFECTIVE is small.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			if q.Objects < 0 {
				return usagef("--objects %d: at least 0", q.Objects)
			}
			if q.Kind != "" && !slices.Contains([]string{"remedy", "strategy", "pitfall", "plan", "tool"}, q.Kind) {
				return usagef("--kind %q: remedy, strategy, pitfall, plan or tool", q.Kind)
			}
			var out server.WhatIfAnswer
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/whatif", q, &out); err != nil {
				return err
			}
			if a.json {
				return a.print(out)
			}
			if len(out.Policies) == 0 {
				fmt.Fprintln(a.errs, "nothing to estimate: no advice was served to a task that has ended yet")
			}
			var rows [][]string
			for _, p := range out.Policies {
				rows = append(rows, []string{p.AdviceKind, p.Policy, shortID(p.ObjectID), estimate(p.SNIPS), estimate(p.IPS), fmt.Sprint(p.SNIPS.N),
					fmt.Sprintf("%.0f", p.SNIPS.Effective), percent(p.Instead.Value)})
			}
			a.table("ADVICE POLICY OBJECT SNIPS IPS TASKS EFFECTIVE INSTEAD", rows)
			if out.Left > 0 {
				fmt.Fprintf(a.errs, "%d later results are not in these figures\n", out.Left)
			}
			return nil
		}}
	c.Flags().StringVar(&q.Kind, "kind", "", "only this kind of advice: remedy, strategy, pitfall, plan, tool")
	c.Flags().IntVar(&q.Objects, "objects", 5, "single objects to answer for, of each kind")
	return c
}

func estimate(e trial.Estimate) string {
	if e.Effective == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%.0f to %.0f %%)", percent(e.Value), 100*e.Interval.Low, 100*e.Interval.High)
}

func shortID(id string) string { return id[:min(8, len(id))] }

// printEffects prints what is measured of each kind of advice.
func (a *app) printEffects(r trial.Report) {
	if r.Note != "" {
		fmt.Fprintln(a.out, r.Note)
	}
	var rows [][]string
	for _, e := range r.Kinds {
		rows = append(rows, append([]string{e.AdviceKind}, effectRow(e)...))
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "advice  none was served to a task that has ended yet")
		return
	}
	a.table("ADVICE SUCCESS-WITH WITHOUT DIFFERENCE CALLS TAKEN VERDICT", rows)
}

// printObjects prints the objects of which there is something to say.
func (a *app) printObjects(r trial.Report) {
	var rows [][]string
	for _, e := range r.Objects {
		rows = append(rows, append([]string{e.AdviceKind, shortID(e.ObjectID)}, effectRow(e)...))
	}
	if len(rows) > 0 {
		fmt.Fprintln(a.out)
		a.some("ADVICE OBJECT SUCCESS-WITH WITHOUT DIFFERENCE CALLS TAKEN VERDICT", rows, len(rows)+r.MoreObjects, "of which less is known")
	}
}

func effectRow(e trial.Effect) []string {
	difference, calls, verdict := e.Note, "-", e.Verdict
	if e.Difference != nil {
		difference = fmt.Sprintf("%+.0f to %+.0f points", 100*e.Difference.Low, 100*e.Difference.High)
	}
	for _, c := range e.Costs {
		if c.Name == "calls" {
			calls = fmt.Sprintf("%+.0f %% (%+.0f to %+.0f)", 100*c.Change, 100*c.Low, 100*c.High)
		}
	}
	taken := "-"
	if n := e.Treatment.Observable; n > 0 {
		taken = fmt.Sprintf("%s of %d", percent(e.Treatment.TakenShare), n)
	}
	if e.VerdictID != "" && verdict != learn.TrialPromote {
		verdict += " (lathe undo " + shortID(e.VerdictID) + ")"
	}
	return []string{counts(e.Treatment.Counts), counts(e.Control.Counts), difference, calls, taken, verdict}
}

func counts(c trial.Counts) string {
	if c.N() == 0 {
		return "-"
	}
	return fmt.Sprintf("%s of %d", percent(c.Rate()), c.N())
}
