package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/index"
	"lathe/learn"
	"lathe/learn/monitor"
	"lathe/server"
)

// maxInput bounds what is read from stdin.
const maxInput = 16 << 20

func (a *app) kpiCmd() *cobra.Command {
	var f monitor.Filter
	var days int
	c := &cobra.Command{Use: "kpi", Short: "Success rates, costs, what advice changes, the costliest failures", Args: cobra.NoArgs,
		Long: `Success rate, latency and cost by tool and project, what the list of tools costs
each session and which of them nobody calls, what advice changes, and the
failures that cost most. TOKENS are those that agents reported, with what they
cost where that was reported; CONTEXT is what
the calls' parameters and outputs put into the agents' contexts.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 0 {
				return usagef("--days %d: at least 0, which is all", days)
			}
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			if days > 0 {
				f.Since = time.Now().UTC().AddDate(0, 0, -days)
			}
			var k server.KPIs
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/kpi", f, &k); err != nil {
				return err
			}
			if a.json {
				return a.print(k)
			}
			if k.Calls.Calls == 0 {
				fmt.Fprintln(a.errs, "no recorded call fits these filters; `lathe kpi` without them names the projects and tools")
			}
			a.printKPIs(k.KPIs)
			a.printToolList(k.ToolList)
			fmt.Fprintln(a.out)
			a.printEffects(k.Effects)
			return a.printCostly(cmd.Context(), client, k.KPIs, 10)
		}}
	c.Flags().StringVar(&f.ProjectID, "project", "", "only this project")
	c.Flags().StringVar(&f.Tool, "tool", "", "only this tool")
	c.Flags().IntVar(&days, "days", 0, "only the last N days")
	return c
}

func rate(r monitor.Rate) string {
	if r.Total == 0 {
		return "-"
	}
	return fmt.Sprintf("%s of %d (%.0f to %.0f %%)", percent(r.Rate), r.Total, 100*r.Interval.Low, 100*r.Interval.High)
}

func (a *app) printKPIs(k monitor.KPIs) {
	fmt.Fprintf(a.out, "tasks   %s succeeded; %d unknown\n", rate(k.Tasks.SuccessRate), k.Tasks.Unknown)
	fmt.Fprintf(a.out, "calls   %s succeeded\n", rate(k.Calls.SuccessRate))
	if k.Calls.Measured > 0 {
		fmt.Fprintf(a.out, "time    of %d calls was recorded: p50 %s, p99 %s, %s in all\n", k.Calls.Measured, learn.Duration(k.Calls.P50MS),
			learn.Duration(k.Calls.P99MS), learn.Duration(k.Calls.TotalMS))
	}
	for _, part := range []struct {
		name   string
		groups []monitor.Group
	}{{"TOOL", k.ByTool}, {"PROJECT", k.ByProject}} {
		var rows [][]string
		for _, g := range part.groups[:min(8, len(part.groups))] {
			p50, p99, total, tokens := "-", "-", "-", "-"
			if 2*g.Measured >= g.Calls { // the median of a few would mislead
				p50, p99, total = learn.Duration(g.P50MS), learn.Duration(g.P99MS), learn.Duration(g.TotalMS)
			}
			if n := g.TokensIn + g.TokensOut; n > 0 {
				tokens = fmt.Sprint(n)
			}
			if g.CostUSD > 0 {
				tokens += fmt.Sprintf(" $%.2f", g.CostUSD)
			}
			rows = append(rows, []string{cut(g.Name, 40), fmt.Sprint(g.Calls), percent(g.SuccessRate.Rate),
				fmt.Sprint(g.Failures + g.Timeouts), p50, p99, total, tokens, kilo(g.ContextBytes)})
		}
		fmt.Fprintln(a.out)
		a.some(part.name+" CALLS SUCCESS FAILED P50 P99 TIME TOKENS CONTEXT", rows, len(part.groups), "lathe kpi --json has all")
	}
	if 2*k.Calls.Measured < k.Calls.Calls {
		fmt.Fprintln(a.out, "P50, P99 and TIME are \"-\" where fewer than half of the calls were recorded with how long they took.")
	}
}

// printCostly prints the failures that cost most with what fixes them.
func (a *app) printCostly(ctx context.Context, client *server.Client, k monitor.KPIs, n int) error {
	rows, all, err := costly(ctx, client, k, n)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	var out [][]string
	for _, r := range rows {
		out = append(out, []string{cut(r.Name, 56), fmt.Sprint(r.Count), r.Lost, cut(r.Fix, 90)})
	}
	a.some("FAILURE TIMES LOST WHAT-FIXED-IT", out, all, "lathe kpi --json has all")
	return nil
}

// costlyFailure is one line of printCostly.
type costlyFailure struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Count int64   `json:"count"`
	Lost  string  `json:"-"`
	MS    float64 `json:"lost_ms"`
	Fix   string  `json:"fix,omitempty"`
}

// noMatch begins the ids of grep's way to say that nothing was found.
const noMatch = "filesystem/no-match"

// elsewhere reports whether a remedy is another project's than the one asked
// about.
func elsewhere(project string, r learn.Remedy) bool {
	return project != "" && r.ProjectID != "" && r.ProjectID != project
}

// costly joins the signatures with the remedies that were seen to work: the
// first n of all. Where no time was recorded, the commonest failures come first.
func costly(ctx context.Context, client *server.Client, k monitor.KPIs, n int) (rows []costlyFailure, all int, err error) {
	var remedies []learn.Remedy
	if err := client.Call(ctx, http.MethodGet, "/v1/remedies", nil, &remedies); err != nil {
		return nil, 0, err
	}
	sort.SliceStable(remedies, func(i, j int) bool {
		return remedies[i].Posterior*float64(remedies[i].Support) > remedies[j].Posterior*float64(remedies[j].Support)
	})
	lost := map[string]float64{}
	for _, s := range k.SignaturesByTimeLost {
		lost[s.ID] = s.Weight
	}
	list := slices.DeleteFunc(slices.Clone(k.SignaturesByCount), func(s monitor.SignatureKPI) bool {
		return strings.HasPrefix(s.ID, noMatch) // a search that found nothing is an answer
	})
	sort.SliceStable(list, func(i, j int) bool { return lost[list[i].ID] > lost[list[j].ID] })
	for _, s := range list[:min(n, len(list))] {
		row := costlyFailure{ID: s.ID, Name: s.Name, Count: int64(s.Weight), MS: lost[s.ID], Lost: "-"}
		if row.MS > 0 {
			row.Lost = learn.Duration(row.MS)
		}
		for _, r := range remedies {
			if r.SignatureID != s.ID || r.Support < 2 || r.Posterior < 0.6 || r.Description == "" || elsewhere(k.Filter.ProjectID, r) {
				continue
			}
			row.Fix = fmt.Sprintf("%s (%d sessions, %s)", r.Description, r.Support, percent(r.Posterior))
			break
		}
		rows = append(rows, row)
	}
	return rows, len(list), nil
}

func (a *app) logCmd() *cobra.Command {
	var q index.Query
	c := &cobra.Command{Use: "log [WORDS... | EVENT]", Short: "Search recorded calls; without words the newest first", Args: cobra.ArbitraryArgs,
		Long: `Searches the commands and errors of recorded calls for whole words: "test" does
not find "pytest". With words the best match comes first, without any the newest.
The id of one, or its beginning of eight characters or more, shows that call with
what it printed.`,
		Example: "  lathe log --status failure pytest\n  lathe log 84c1a767",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && eventID.MatchString(args[0]) {
				if found, err := a.showRecord(cmd.Context(), args[0]); found || err != nil {
					return err
				}
			}
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			q.Text = strings.Join(args, " ")
			if q.Limit < 1 || q.Limit > index.MaxLimit {
				return usagef("--limit %d: it is from 1 to %d", q.Limit, index.MaxLimit)
			}
			var res index.Result
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/log", q, &res); err != nil {
				return err
			}
			if a.json {
				return a.print(res)
			}
			var rows [][]string
			for _, h := range res.Hits {
				rows = append(rows, []string{h.ID, h.Time.Format("2006-01-02 15:04"), cut(h.Project, 24), h.Tool, h.Status, cut(h.Summary, 70)})
			}
			a.table("EVENT TIME PROJECT TOOL STATUS CALL", rows)
			fmt.Fprintf(a.errs, "%d of %d\n", len(res.Hits), res.Total)
			return nil
		}}
	fl := c.Flags()
	fl.StringVar(&q.Project, "project", "", "only this project")
	fl.StringVar(&q.Session, "session", "", "only this session")
	fl.StringVar(&q.Tool, "tool", "", "only this tool")
	fl.StringVar(&q.Status, "status", "", "success, failure, timeout or interrupted")
	fl.StringVar(&q.Intent, "intent", "", "test, build, edit, search, ...")
	fl.StringVar(&q.Signature, "signature", "", "only calls with this error signature")
	fl.IntVar(&q.Limit, "limit", 20, "at most this many")
	return c
}

func orAll(project string) string {
	if project == "" {
		return "all"
	}
	return project
}

func printIf(a *app, ok bool, v any) error {
	if !ok {
		return nil
	}
	return a.print(v)
}
