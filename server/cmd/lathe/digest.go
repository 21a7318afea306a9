package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
)

func joined(words []string) string { return strings.Join(words, " ") }

func (a *app) digestCmd() *cobra.Command {
	var call server.DigestCall
	c := &cobra.Command{Use: "digest", Short: "The last week in ten lines: what failed most, what helped, calls saved", Args: cobra.NoArgs,
		Long: `The last week in at most ten lines: calls and tasks, what failed most and what
fixes it, what advice did, proposals, tools, and what is muted or was refused.
The page Figures shows the same. --json adds what people accept, by kind.

    lathe digest --days 30 --project shop-api`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var out server.Digest
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/digest", call, &out); err != nil {
				return err
			}
			if !a.json {
				for _, l := range out.Lines {
					fmt.Fprintln(a.out, clean(l))
				}
				return nil
			}
			groups := []server.GroupAcceptance{}
			if err := client.Call(cmd.Context(), http.MethodGet, "/v1/acceptance", nil, &groups); err != nil {
				return err
			}
			return a.print(struct {
				server.Digest
				Acceptance []server.GroupAcceptance `json:"acceptance"`
			}{out, groups})
		}}
	c.Flags().StringVar(&call.ProjectID, "project", "", "only this project")
	c.Flags().IntVar(&call.Days, "days", 7, "of the last N days")
	return c
}

func (a *app) muteCmd() *cobra.Command {
	var call server.MuteCall
	c := &cobra.Command{Use: "mute [SIGNATURE]", Short: "Less unasked advice: on a kind of failure, in a project, for a while", Args: cobra.MaximumNArgs(1),
		Long: `SIGNATURE is the id of a kind of failure (lathe kpi --json, lathe diagnose) or of a
pattern, like python/module-not-found. With --project alone, all advice in that
project is muted. Who asks (diagnose_failure, recall) is answered all the same.

    lathe mute python/module-not-found --for 24h
    lathe mute --project shop-api
    lathe mute list
    lathe mute off ID`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				call.SignatureID = args[0]
			}
			if call.SignatureID == "" && call.ProjectID == "" {
				return usagef("name a signature or a --project; `lathe pause` mutes everything for a while")
			}
			return a.sayMute(cmd, call)
		}}
	c.Flags().StringVar(&call.ProjectID, "project", "", "only in this project")
	c.Flags().DurationVar(&call.For, "for", 0, "how long, like 90m or 24h (default: until it is lifted)")
	c.AddCommand(&cobra.Command{Use: "list", Short: "What is muted now", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		client, _, err := a.client(cmd.Context())
		if err != nil {
			return err
		}
		var out []learn.Mute
		if err := client.Call(cmd.Context(), http.MethodGet, "/v1/mutes", nil, &out); err != nil {
			return err
		}
		return a.printMutes(out)
	}}, &cobra.Command{Use: "off ID", Short: "Lift a mute; all lifts every one", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return a.sayMute(cmd, server.MuteCall{Lift: args[0]})
	}})
	return c
}

func (a *app) pauseCmd() *cobra.Command {
	var call server.MuteCall
	var off bool
	c := &cobra.Command{Use: "pause", Short: "No unasked advice at all for a while (an hour, unless --for says otherwise)", Args: cobra.NoArgs,
		Long: "Learning goes on, and who asks is answered. --project pauses one project; --off ends all pauses and mutes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if off {
				return a.sayMute(cmd, server.MuteCall{Lift: "all"})
			}
			if call.For <= 0 {
				return usagef("--for %s: a pause has an end; `lathe mute --project NAME` has none", call.For)
			}
			return a.sayMute(cmd, call)
		}}
	c.Flags().StringVar(&call.ProjectID, "project", "", "only this project (default: all)")
	c.Flags().DurationVar(&call.For, "for", time.Hour, "how long, like 30m or 8h")
	c.Flags().BoolVar(&off, "off", false, "go on: lift all pauses and mutes")
	return c
}

func (a *app) sayMute(cmd *cobra.Command, call server.MuteCall) error {
	client, _, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	var out []learn.Mute
	if err := client.Call(cmd.Context(), http.MethodPost, "/v1/mutes", call, &out); err != nil {
		return err
	}
	return a.printMutes(out)
}

func (a *app) printMutes(list []learn.Mute) error {
	if a.json {
		return a.print(list)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.out, "nothing is muted")
		return nil
	}
	var rows [][]string
	for _, m := range list {
		what, until := m.SignatureID, "it is lifted"
		if what == "" {
			what = "everything"
		}
		if !m.Until.IsZero() {
			until = m.Until.Local().Format("2006-01-02 15:04")
		}
		rows = append(rows, []string{shortID(m.MuteID), cut(what, 50), cut(orAll(m.ProjectID), 30), until})
	}
	a.table("MUTE WHAT PROJECT UNTIL", rows)
	return nil
}
