package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/index/codegraph"
	"lathe/learn"
	"lathe/server"
)

// codeReader says how this build reads code.
func codeReader() string {
	if codegraph.Lost == "" {
		return codegraph.Parser
	}
	return codegraph.Parser + ": " + codegraph.Lost
}

// codeCmd is `lathe graph code`: the code graph of the workspace.
func (a *app) codeCmd() *cobra.Command {
	c := &cobra.Command{Use: "code", Short: "The code of the workspace: definitions, calls, imports, dependencies, history"}
	var call server.CodeCall
	c.PersistentFlags().StringVar(&call.Workspace, "workspace", "", "folder in the workspace (default: the working directory)")
	one := func(use, ask, short string, show func(cmd *cobra.Command) error) *cobra.Command {
		args := cobra.NoArgs
		if strings.Contains(use, " ") {
			args = cobra.ExactArgs(1)
		}
		return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			call.Ask = ask
			if len(args) == 1 {
				call.Symbol = args[0]
			}
			return show(cmd)
		}}
	}
	names := func(cmd *cobra.Command) error {
		return askCode(a, cmd.Context(), call, func(list []string) {
			for _, n := range list {
				fmt.Fprintln(a.out, clean(n))
			}
		})
	}
	calls := func(cmd *cobra.Command) error { return askCode(a, cmd.Context(), call, a.showCalls) }
	around := one("around SYMBOL", "neighbourhood", "What lies within some hops of an entity", func(cmd *cobra.Command) error {
		return askCode(a, cmd.Context(), call, a.showAround)
	})
	around.Flags().IntVar(&call.Hops, "hops", 2, "how far, at most 4")
	around.Flags().IntVar(&call.Limit, "limit", 50, "entities at most")
	c.AddCommand(
		one("stats", "stats", "How much there is, and what share of the calls resolves", func(cmd *cobra.Command) error {
			return askCode(a, cmd.Context(), call, a.showCodeStats)
		}),
		one("def SYMBOL", "definition", "Where a symbol is defined, and what git knows of it", func(cmd *cobra.Command) error {
			return askCode(a, cmd.Context(), call, a.showDefinitions)
		}),
		one("callers SYMBOL", "callers", "Who calls it", calls), one("callees SYMBOL", "callees", "What it calls", calls),
		one("imports FILE", "imports", "The modules that a file imports", names),
		one("importers MODULE", "importers", "The files that import a module", names),
		around, a.touchesCmd(&call), a.dependenciesCmd(&call),
		one("update", "update", "Look at the workspace now, and say what changed", func(cmd *cobra.Command) error {
			return askCode(a, cmd.Context(), call, func(c codegraph.Changes) {
				fmt.Fprintf(a.out, "%d files read, %d unchanged, %d gone, %d generated, %d beyond the bounds, %d not readable\n",
					c.Parsed, c.Unchanged, c.Removed, c.Generated, c.Skipped, c.Failed)
			})
		}))
	return c
}

// askCode makes a call and prints its answer, as JSON or by show.
func askCode[T any](a *app, ctx context.Context, call server.CodeCall, show func(T)) error {
	folder := call.Workspace
	if folder == "" {
		folder = "."
	}
	abs, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("workspace %s: %w", folder, err)
	}
	if _, err := os.Stat(abs); err != nil {
		return usagef("--workspace: %w", err)
	}
	call.Workspace = abs
	client, _, err := a.client(ctx)
	if err != nil {
		return err
	}
	var out T
	if err := client.Call(ctx, http.MethodPost, "/v1/code", call, &out); err != nil {
		return err
	}
	if a.json {
		return a.print(out)
	}
	show(out)
	return nil
}

func (a *app) touchesCmd(call *server.CodeCall) *cobra.Command {
	return &cobra.Command{Use: "touches [FILE:LINE | NAME]...", Short: "What an error that names these touches", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			call.Ask = "touches"
			for _, arg := range args {
				file, line, ok := strings.Cut(arg, ":")
				if n, err := strconv.Atoi(line); ok && err == nil {
					call.Query.Places = append(call.Query.Places, learn.CodePlace{File: file, Line: n})
					continue
				}
				kinds := []string{"symbol", "module"}
				if strings.ContainsAny(arg, "/") {
					kinds = []string{"file", "module"}
				}
				for _, k := range kinds {
					call.Query.Entities = append(call.Query.Entities, learn.Entity{Kind: k, Name: arg})
				}
			}
			return askCode(a, cmd.Context(), *call, func(c learn.CodeContext) { a.printCode(&c) })
		}}
}

func (a *app) dependenciesCmd(call *server.CodeCall) *cobra.Command {
	c := &cobra.Command{Use: "deps", Short: "Declared dependencies, and whether they are installed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call.Ask = "dependencies"
			return askCode(a, cmd.Context(), *call, func(list []learn.CodeDependency) {
				var rows [][]string
				for _, d := range list {
					rows = append(rows, []string{d.Ecosystem, d.Name, orDash(d.Constraint), d.Manifest, string(d.Installed), orDash(d.Version), orDash(d.Where)})
				}
				a.table("ECOSYSTEM NAME DECLARED MANIFEST INSTALLED VERSION WHERE", rows)
			})
		}}
	c.Flags().IntVar(&call.Limit, "limit", 200, "dependencies at most")
	return c
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return cut(s, 60)
}

func (a *app) showCalls(calls []learn.CodeCall) {
	var rows [][]string
	for _, c := range calls {
		rows = append(rows, []string{cut(entityName(c.Caller), 50), fmt.Sprintf("%s:%d", c.File, c.Line), cut(entityName(c.Callee), 50),
			fmt.Sprintf("%s:%d", c.Callee.File, c.Callee.Line), c.How})
	}
	a.table("CALLER AT CALLEE DEFINED BY", rows)
}

func entityName(e learn.CodeEntity) string {
	if e.Qualified == "" {
		return e.Name
	}
	return e.Qualified
}

func (a *app) showDefinitions(list []learn.CodeEntity) {
	var rows [][]string
	for _, e := range list {
		changed, author, changes := "-", "-", "-"
		if h := e.History; h != nil {
			changed, author, changes = h.Changed.Format(time.DateOnly), cut(h.Author, 24), fmt.Sprint(h.Changes)
			if h.Changed.IsZero() {
				changed = "-"
			}
			if h.Uncommitted {
				changed += " +uncommitted"
			}
		}
		rows = append(rows, []string{string(e.Kind), cut(entityName(e), 50), fmt.Sprintf("%s:%d", e.File, e.Line), changed, author, changes})
	}
	a.table("KIND NAME AT CHANGED BY COMMITS", rows)
}

func (a *app) showAround(n learn.CodeNeighbourhood) {
	names := map[string]string{}
	for _, e := range n.Entities {
		names[e.ID] = string(e.Kind) + " " + entityName(e)
	}
	var rows [][]string
	for _, e := range n.Edges {
		rows = append(rows, []string{cut(names[e.From], 50), e.Kind, cut(names[e.To], 50), fmt.Sprintf("%.4g", e.Weight)})
	}
	a.table("FROM EDGE TO WEIGHT", rows)
	if n.Truncated {
		fmt.Fprintf(a.errs, "%d entities; there are more: --limit\n", len(n.Entities))
	}
}

func (a *app) showCodeStats(s server.CodeStats) {
	rows := [][]string{{"workspace", s.Workspace}, {"reader", s.Parser}, {"kept by", strings.TrimSpace(s.Watching + " " + s.Why)}}
	for _, lang := range slices.Sorted(maps.Keys(s.Files)) {
		rows = append(rows, []string{"files, " + lang, fmt.Sprint(s.Files[lang])})
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Entities)) {
		rows = append(rows, []string{"entities, " + string(kind), fmt.Sprint(s.Entities[kind])})
	}
	share := func(n int) string {
		if s.Calls == 0 {
			return "-"
		}
		return fmt.Sprintf("%d (%s)", n, percent(float64(n)/float64(s.Calls)))
	}
	rows = append(rows, []string{"imports", fmt.Sprint(s.Imports)}, []string{"call sites", fmt.Sprint(s.Calls)},
		[]string{"calls resolved", share(s.Resolved)}, []string{"calls leaving the project", share(s.External)},
		[]string{"calls unknown", share(s.Calls - s.Resolved - s.External)}, []string{"generated files", fmt.Sprint(s.Last.Generated)},
		[]string{"beyond the bounds", fmt.Sprint(s.Last.Skipped)}, []string{"declared dependencies", fmt.Sprint(s.Declared)})
	if s.Lost != "" {
		rows = append(rows, []string{"lost", s.Lost})
	}
	a.table("WHAT VALUE", rows)
}
