package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
)

// toolStates are the commands on the life of tools.
func (a *app) toolStates() []*cobra.Command {
	return []*cobra.Command{a.toolShowCmd(), a.toolVersionsCmd(), a.toolRollbackCmd(), a.toolDeprecateCmd(), a.toolQuarantineCmd()}
}

func (a *app) toolVersions(cmd *cobra.Command, name string) ([]server.ToolVersionInfo, error) {
	client, _, err := a.client(cmd.Context())
	if err != nil {
		return nil, err
	}
	out := []server.ToolVersionInfo{}
	err = client.Call(cmd.Context(), http.MethodPost, "/v1/tools/versions", server.ToolStateCall{Name: name}, &out)
	return out, err
}

func (a *app) toolVersionsCmd() *cobra.Command {
	return &cobra.Command{Use: "versions NAME", Short: "A tool's versions, with what their calls came to", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.toolVersions(cmd, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.print(all)
			}
			var rows [][]string
			for _, v := range all {
				state := string(v.State)
				switch {
				case v.Current:
					state += ", serves"
				case v.Share > 0 && v.Share < 1:
					state += fmt.Sprintf(", tried on %.0f %%", 100*v.Share)
				}
				calls, success, p50 := "-", "-", "-"
				if u := v.Use; u != nil {
					calls, p50 = fmt.Sprint(u.Calls), learn.Duration(u.P50MS)
					success = fmt.Sprintf("%s (%.0f to %.0f %%)", percent(u.Rate), 100*u.Interval.Low, 100*u.Interval.High)
				}
				rows = append(rows, []string{v.Version, state, calls, success, p50, learn.Duration(v.WarmMS), v.Changed.Format(time.DateOnly), cut(v.Reason, 60)})
			}
			a.table("VERSION STATE CALLS SUCCESS P50 VALIDATED-AT SINCE WHY", rows)
			return nil
		}}
}

func (a *app) toolShowCmd() *cobra.Command {
	return &cobra.Command{Use: "show NAME", Short: "What serves under a name: version, permissions, live figures beside the validation's", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.toolVersions(cmd, args[0])
			if err != nil {
				return err
			}
			shown := all[0]
			for _, v := range all {
				if v.Current {
					shown = v
				}
			}
			if a.json {
				return a.print(shown)
			}
			fmt.Fprintf(a.out, "%s %s, %s since %s\n", clean(shown.Name), shown.Version, shown.State, shown.Changed.Format(time.DateOnly))
			if shown.Reason != "" {
				fmt.Fprintf(a.out, "why      %s\n", clean(shown.Reason))
			}
			if u := shown.Use; u != nil {
				fmt.Fprintf(a.out, "calls    %d, %s succeeded (%.0f to %.0f %%), %d ran too long\n", u.Calls, percent(u.Rate), 100*u.Interval.Low, 100*u.Interval.High, u.Timeouts)
				fmt.Fprintf(a.out, "time     p50 %s, p95 %s, p99 %s; %.0f MB at most\n", learn.Duration(u.P50MS), learn.Duration(u.P95MS), learn.Duration(u.P99MS), u.MemoryMB)
			} else {
				fmt.Fprintln(a.out, "calls    none yet")
			}
			fmt.Fprintf(a.out, "tested   %s cold, %s warm, %.0f MB in its validation\n", learn.Duration(shown.ColdMS), learn.Duration(shown.WarmMS), shown.MemoryMB)
			fmt.Fprintf(a.out, "image    %s\nreview   %s (lathe review show %s)\n", shown.Digest, shown.ReviewID, shown.ReviewID[:min(8, len(shown.ReviewID))])
			return nil
		}}
}

// toolState makes a command that changes what is served.
func (a *app) toolState(c *cobra.Command, path string, call *server.ToolStateCall, done func(server.ToolVersionInfo) string) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		call.Name = args[0]
		if len(args) > 1 {
			call.Version = args[1]
		}
		client, _, err := a.client(cmd.Context())
		if err != nil {
			return err
		}
		var out server.ToolVersionInfo
		if err := client.Call(cmd.Context(), http.MethodPost, path, call, &out); err != nil {
			return err
		}
		if a.json {
			return a.print(out)
		}
		fmt.Fprintln(a.out, clean(done(out)))
		return nil
	}
	return c
}

func (a *app) toolRollbackCmd() *cobra.Command {
	call := &server.ToolStateCall{}
	c := &cobra.Command{Use: "rollback NAME [VERSION]", Short: "Bring back the version before the current one, or the one that is named", Args: cobra.RangeArgs(1, 2)}
	c.Flags().StringVar(&call.Reason, "reason", "", "why, for the ledger")
	return a.toolState(c, "/v1/tools/rollback", call, func(v server.ToolVersionInfo) string { return v.Name + " " + v.Version + " serves again" })
}

func (a *app) toolDeprecateCmd() *cobra.Command {
	call := &server.ToolStateCall{}
	c := &cobra.Command{Use: "deprecate NAME [VERSION]", Short: "Go on serving a tool, and tell who calls it not to rely on it", Args: cobra.RangeArgs(1, 2)}
	c.Flags().StringVar(&call.Reason, "message", "", "what callers are told (needed)")
	c.Flags().StringVar(&call.ReplacedBy, "replaced-by", "", "the tool to use instead")
	return a.toolState(c, "/v1/tools/deprecate", call, func(v server.ToolVersionInfo) string {
		return v.Name + " " + v.Version + " is deprecated: its description and each of its results say so"
	})
}

func (a *app) toolQuarantineCmd() *cobra.Command {
	call := &server.ToolStateCall{}
	c := &cobra.Command{Use: "quarantine NAME [VERSION]", Short: "Take a version out of service at once; the one before it comes back, if there is one", Args: cobra.RangeArgs(1, 2)}
	c.Flags().StringVar(&call.Reason, "reason", "", "why, for the ledger")
	return a.toolState(c, "/v1/tools/quarantine", call, func(v server.ToolVersionInfo) string { return v.Name + " " + v.Version + " is out of service" })
}
