package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"lathe/learn/monitor"
	"lathe/server"
	"lathe/server/intake"
)

func (a *app) importCmd() *cobra.Command {
	var discover bool
	var project string
	c := &cobra.Command{
		Use:   "import FORMAT PATH... | --discover",
		Short: "Take recorded sessions into the log",
		Long: "Reads files, folders, .tar.gz and .zip. Importing again adds nothing. Malformed lines are counted and\nnamed, the rest is imported. Secrets are removed before anything is stored.\n\nFormats: " +
			strings.Join(intake.Formats(), ", ") + "\n\n--discover finds the histories of agents on this machine, imports them, and shows what failed and cost most.",
		Args: func(_ *cobra.Command, args []string) error {
			if discover && len(args) == 0 || !discover && len(args) >= 2 {
				return nil
			}
			return errors.New("give a format and paths, or --discover")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !discover && !slices.Contains(intake.Formats(), args[0]) {
				return usagef("there is no format %q; there are %s", args[0], strings.Join(intake.Formats(), ", "))
			}
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			if discover {
				return a.importDiscovered(cmd.Context(), client)
			}
			s, err := a.importPaths(cmd.Context(), client, intake.ImportOptions{Format: args[0], Paths: args[1:], ProjectID: project})
			a.reportImport(s)
			if err == nil {
				err = client.Settle(cmd.Context()) // so that the next command sees what was learned
			}
			if a.json {
				err = errors.Join(err, a.print(s))
			}
			if err == nil && s.Accepted+s.Duplicates == 0 {
				err = fmt.Errorf("nothing of format %s was found in %s", args[0], strings.Join(args[1:], ", "))
			}
			return err
		},
	}
	c.Flags().BoolVar(&discover, "discover", false, "find and import this machine's agents' histories")
	c.Flags().StringVar(&project, "project", "", "project of all records (default: as recorded)")
	return c
}

// importPaths imports with a progress bar on a terminal.
func (a *app) importPaths(ctx context.Context, client *server.Client, o intake.ImportOptions) (intake.Summary, error) {
	began := time.Now()
	if isTerminal(a.errs) {
		bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(a.errs), progressbar.OptionShowBytes(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30))
		o.Progress = func(p intake.Progress) {
			bar.ChangeMax64(max(p.TotalBytes, 1))
			bar.Describe(fmt.Sprintf("%d sessions, %d records", p.Sessions, p.Records))
			_ = bar.Set64(p.Bytes) // drawing only
		}
		defer func() { _ = bar.Finish() }()
	}
	s, err := intake.Import(ctx, o, client)
	if err == nil && s.Accepted > 0 {
		secs := time.Since(began).Seconds()
		fmt.Fprintf(a.errs, "%d records in %.1f s: %.0f a second, durable\n", s.Accepted, secs, float64(s.Accepted)/secs)
	}
	return s, err
}

func (a *app) reportImport(s intake.Summary) {
	fmt.Fprintf(a.errs, "%d sessions, %d calls: %d records new, %d known already, %d rejected\n",
		s.Sessions, s.Calls, s.Accepted, s.Duplicates, s.Rejected)
	for _, p := range s.Problems {
		fmt.Fprintln(a.errs, " ", clean(fmt.Sprint(p)))
	}
}

func (a *app) importDiscovered(ctx context.Context, client *server.Client) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("no home directory: %w", err)
	}
	found, err := intake.Discover(home)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no agent's history was found below %s; give a format and a path", home)
	}
	var total intake.Summary
	for _, f := range found {
		fmt.Fprintf(a.errs, "%s: %s, %d sessions, %.1f MB\n", f.Format, clean(f.Path), f.Sessions, float64(f.Bytes)/1e6)
		s, err := a.importPaths(ctx, client, intake.ImportOptions{Format: f.Format, Paths: []string{f.Path}})
		if err != nil {
			return err
		}
		total.Files, total.Sessions, total.Calls = total.Files+s.Files, total.Sessions+s.Sessions, total.Calls+s.Calls
		total.Records, total.Accepted = total.Records+s.Records, total.Accepted+s.Accepted
		total.Duplicates, total.Rejected = total.Duplicates+s.Duplicates, total.Rejected+s.Rejected
		total.Problems = append(total.Problems, s.Problems...)
	}
	a.reportImport(total)
	if a.json {
		return a.print(total)
	}
	if err := client.Settle(ctx); err != nil {
		return err
	}
	var k monitor.KPIs
	if err := client.Call(ctx, http.MethodPost, "/v1/kpi", monitor.Filter{}, &k); err != nil {
		return err
	}
	return a.printCostly(ctx, client, k, 10)
}
