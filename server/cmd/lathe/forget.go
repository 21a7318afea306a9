package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
)

func (a *app) forgetCmd() *cobra.Command {
	var f server.Forget
	var yes, dry bool
	cmd := &cobra.Command{Use: "forget [EVENT...]", Short: "Remove calls, a session or a project for good, with all that was concluded from them",
		Long: `Removes records from the log, and every conclusion, proposal, tool and decision
in the ledger that names them or is made of what does. Index, graph, KPIs and
everything learned are then made anew from what is left; conclusions that still
follow from it come back, decisions on what went do not.

What is removed is shown as counts and asked first. The log is copied without
the records, the copy is verified, and takes the log's place: an interruption
leaves all as it was, or is finished at the next start. The ledger then says
that something was removed, and how much, not what. The daemon is stopped
meanwhile. A removed call stays removed when its session is imported again.

The id of a tool that was asked for (lathe tool opportunities --all --json) does
as one of a call does: the request goes, with the tools that were made of it.

Not reached: backups and exports that were made before, the agent's own history,
images of deployed tools, tools pushed to a registry, and what a disk keeps of
deleted files.`,
		Example: "  lathe forget 84c1a767 --dry-run\n  lathe forget --session 5c1e0f7a-1111-4222-8333-444455556666\n  lathe forget --project shop-3fa2c1d0 --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Events = args
			if (f.Session != "") && len(args) > 0 || f.Session == "" && f.Project == "" && len(args) == 0 {
				return usagef("name events, or --session ID, or --project NAME; lathe log --json shows them")
			}
			client, cfg, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var plan server.ForgetPlan
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/forget/plan", f, &plan); err != nil {
				return err
			}
			if dry {
				return a.reportForget("would be removed", plan)
			}
			if !yes {
				a.printForget(a.errs, "will be removed for good", plan)
				if !a.confirm() {
					return errors.New("nothing was removed")
				}
			}
			plan, err = a.forget(cmd, cfg, f)
			if err != nil {
				return err
			}
			return a.reportForget("removed", plan)
		}}
	cmd.Flags().StringVar(&f.Session, "session", "", "forget this session")
	cmd.Flags().StringVar(&f.Project, "project", "", "forget this project; beside --session or events: only what is of it")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// stopTries is how often an agent may start the daemon again between its end
// and the removal.
const stopTries = 10

// forget stops the daemon and removes.
func (a *app) forget(cmd *cobra.Command, cfg server.Config, f server.Forget) (plan server.ForgetPlan, err error) {
	logger := slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for range stopTries {
		client := server.NewClient(cfg)
		if client.Alive(cmd.Context()) {
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/stop", struct{}{}, &struct{}{}); err != nil {
				return plan, err
			}
		}
		if err := waitGone(cmd.Context(), cfg); err != nil {
			return plan, err
		}
		plan, err = server.Removing(cmd.Context(), cfg, f, logger, nil)
		if !errors.Is(err, server.ErrRunning) {
			return plan, err
		}
	}
	return plan, err
}

func (a *app) reportForget(what string, p server.ForgetPlan) error {
	if a.json {
		return a.print(p)
	}
	a.printForget(a.out, what, p)
	return nil
}

func (a *app) printForget(to interface{ Write([]byte) (int, error) }, what string, p server.ForgetPlan) {
	fmt.Fprintf(to, "%s: %s of %s, %s on tasks, and %s concluded from them", what,
		plural(p.Events, "call"), plural(p.Sessions, "session"), plural(p.Tasks, "note"), plural(p.Ledger, "thing"))
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(p.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, p.Kinds[k]))
	}
	if len(kinds) > 0 {
		fmt.Fprintf(to, " (%s)", strings.Join(kinds, ", "))
	}
	fmt.Fprintln(to)
	for _, project := range p.Projects {
		fmt.Fprintf(to, "  of project %s\n", clean(project))
	}
	if p.Kinds[learn.EntryTool] > 0 {
		fmt.Fprintln(to, "  tools among them are not offered any more; delete their images if they may hold what is to be forgotten")
	}
}
