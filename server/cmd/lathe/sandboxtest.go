package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

func (a *app) sandboxTestCmd() *cobra.Command {
	var backend string
	var table bool
	var rounds int
	c := &cobra.Command{Use: "test", Short: "Try a small battery of abuses on the sandbox's backends", Args: cobra.NoArgs,
		Long: `Try a small battery of abuses on the sandbox's backends.

The daemon does the same before it runs the first generated code, and runs none
on a backend that does not hold. With --table no abuse is tried: it prints how
long a small Python program takes cold and warm on each backend, beside a bare
process, plain Python, runc by itself and podman in the same run.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if table {
				return a.timingTable(cmd.Context(), rounds)
			}
			names := sandbox.Names()
			if backend != "" {
				names = []string{backend}
			}
			if len(names) == 0 {
				_, err := sandbox.Open(sandbox.BuiltIn)
				return err
			}
			root, err := a.rootOf(cmd.Context(), string(image.Runtime))
			if err != nil {
				return err
			}
			var reports []*sandbox.SelfTestReport
			for _, name := range names {
				l, err := sandbox.Open(name)
				if err != nil {
					return err
				}
				r, err := sandbox.SelfTest(cmd.Context(), l, root)
				if err != nil {
					return err
				}
				reports = append(reports, r)
			}
			return a.testReports(reports)
		}}
	c.Flags().BoolVar(&table, "table", false, "measure the backends instead")
	c.Flags().IntVar(&rounds, "rounds", 20, "with --table: how often each is run")
	c.Flags().StringVar(&backend, "backend", "", "only this one: launcher or runc (default: all that are installed)")
	return c
}

func (a *app) testReports(reports []*sandbox.SelfTestReport) error {
	if a.json {
		if err := a.print(reports); err != nil {
			return err
		}
	}
	var rows, abuses [][]string
	var failed []string
	for _, r := range reports {
		verdict := "holds"
		if !r.OK {
			verdict = "does not hold: " + server.Failed(r)
			failed = append(failed, r.Backend)
		}
		rows = append(rows, []string{r.Backend, r.User, r.Cgroups, fmt.Sprint(len(r.Checks)), fmt.Sprintf("%.1f s", r.Seconds), verdict, orNone(r.Degradations)})
		for i, c := range r.Checks {
			if len(abuses) == i {
				abuses = append(abuses, []string{c.Name})
			}
			abuses[i] = append(abuses[i], map[bool]string{true: "held", false: "NOT HELD"}[c.OK])
		}
	}
	if !a.json {
		heads := "ABUSE"
		for _, r := range reports {
			heads += " " + strings.ToUpper(r.Backend)
		}
		a.table(heads, abuses)
		fmt.Fprintln(a.out)
		a.table("BACKEND USER CGROUPS ABUSES TIME VERDICT NOT-ENFORCED", rows)
		others := slices.DeleteFunc(sandbox.CgroupLayouts(), func(l string) bool { return l == reports[0].Cgroups })
		fmt.Fprintf(a.out, "\nCgroup layouts that are not here, and so were not tested: %s.\n", strings.Join(others, ", "))
	}
	if len(failed) > 0 {
		return fmt.Errorf("the sandbox does not hold with %s: no generated code runs there", strings.Join(failed, ", "))
	}
	return nil
}

// timingTable prints what the backends cost.
func (a *app) timingTable(ctx context.Context, rounds int) error {
	if rounds < 1 || rounds > 10_000 {
		return usagef("--rounds %d: between 1 and 10000", rounds)
	}
	root, err := a.rootOf(ctx, string(image.Runtime))
	if err != nil {
		return err
	}
	timings, err := sandbox.Measure(ctx, root, rounds)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(timings)
	}
	lap := func(l *sandbox.Lap) string {
		if l == nil {
			return "-"
		}
		return fmt.Sprintf("%.1f / %.1f ms, %.1fx", l.P50, l.P95, l.True)
	}
	var rows [][]string
	for _, t := range timings {
		if t.NotRun != "" {
			rows = append(rows, []string{t.Way, "not run: " + t.NotRun, "", "", ""})
			continue
		}
		rows = append(rows, []string{t.Way, lap(t.Cold), lap(t.Warm), needs(t.MemoryMB), needs(t.WaitingMB)})
	}
	a.table("WAY COLD WARM MEMORY WAITING", rows)
	fmt.Fprintf(a.out, "\nMedian / 95th percentile of %d rounds, and the median as a multiple of starting /bin/true.\n"+
		"A warm call begins when the one before was cleaned up. Memory is that of the run's cgroup where there is one.\n", rounds)
	return nil
}

func needs(mb float64) string {
	if mb == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f MB", mb)
}
