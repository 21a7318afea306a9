package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/server/intake"
)

// importFlags are what `lathe import` is told.
type importFlags struct {
	discover, follow, yes, afresh bool
	project                       string
}

// maxShownProblems is how many rejected records are named on a terminal: a file
// of another format has thousands, for one reason.
const maxShownProblems = 3

func (a *app) importCmd() *cobra.Command {
	f := &importFlags{}
	c := &cobra.Command{
		Use:   "import FORMAT PATH... | --discover",
		Short: "Take recorded sessions into the log",
		Long: `Reads files, folders, .tar.gz and .zip. Importing again adds nothing. Malformed
lines are counted and named, the rest is imported. Secrets are removed before
anything is stored.

Formats: ` + strings.Join(intake.Formats(), ", ") + `

--discover lists the histories of agents on this machine, asks, imports them,
and shows what failed and cost most.

--follow takes in what lies there and then each line as it is written, until
Ctrl-C: for agents without hooks, or beside them (a call that both tell is one
event). With --discover it follows what was found, and takes in once, and names,
what cannot be followed. Started again, it goes on where it was; --afresh reads
everything again. Formats that can be followed:
` + strings.Join(intake.FollowFormats(), ", "),
		Example: `  lathe import --discover
  lathe import --discover --yes --follow
  lathe import codex ~/.codex/sessions
  lathe import --follow gemini ~/.gemini/tmp`,
		Args: func(_ *cobra.Command, args []string) error {
			if f.discover && len(args) == 0 || !f.discover && len(args) >= 2 {
				return nil
			}
			return errors.New("give a format and paths, or --discover")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !f.discover && !slices.Contains(intake.Formats(), args[0]) {
				return usagef("there is no format %q; there are %s", args[0], strings.Join(intake.Formats(), ", "))
			}
			if f.follow && !f.discover && !slices.Contains(intake.FollowFormats(), args[0]) {
				return usagef("%s cannot be followed, there are %s; import it when the session has ended", args[0], strings.Join(intake.FollowFormats(), ", "))
			}
			if f.discover {
				return a.importDiscovered(cmd.Context(), f)
			}
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			if f.follow {
				var sources []intake.Source
				for _, path := range args[1:] {
					sources = append(sources, intake.Source{Format: args[0], Path: path})
				}
				s, err := a.follow(cmd.Context(), client, f, sources)
				if a.json {
					err = errors.Join(err, a.print(s))
				}
				return err
			}
			return a.importNamed(cmd.Context(), client, intake.ImportOptions{Format: args[0], Paths: args[1:], ProjectID: f.project})
		},
	}
	c.Flags().BoolVar(&f.discover, "discover", false, "find and import this machine's agents' histories")
	c.Flags().BoolVar(&f.follow, "follow", false, "go on with what is written there, until Ctrl-C")
	c.Flags().BoolVar(&f.afresh, "afresh", false, "with --follow: read everything again, what was taken in before too")
	c.Flags().BoolVar(&f.yes, "yes", false, "with --discover: do not ask")
	c.Flags().StringVar(&f.project, "project", "", "project of all records (default: as recorded)")
	return c
}

func (a *app) importNamed(ctx context.Context, client *server.Client, o intake.ImportOptions) error {
	s, err := a.importPaths(ctx, client, o)
	a.reportImport(s)
	if err == nil {
		err = client.Settle(ctx) // so that the next command sees what was learned
	}
	if a.json {
		err = errors.Join(err, a.print(s))
	}
	if err == nil && s.Accepted+s.Duplicates == 0 {
		err = fmt.Errorf("nothing of format %s was found in %s", o.Format, strings.Join(o.Paths, ", "))
	}
	return err
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
	s, err := intake.Import(ctx, o, &server.LocalProjects{Sink: client})
	if err == nil && s.Accepted > 0 {
		secs := time.Since(began).Seconds()
		fmt.Fprintf(a.errs, "%d records in %.1f s: %.0f a second, durable\n", s.Accepted, secs, float64(s.Accepted)/secs)
	}
	return s, err
}

func (a *app) reportImport(s intake.Summary) {
	fmt.Fprintf(a.errs, "%d sessions, %d calls: %d records new, %d known already, %d rejected\n",
		s.Sessions, s.Calls, s.Accepted, s.Duplicates, s.Rejected)
	for _, p := range s.Problems[:min(len(s.Problems), maxShownProblems)] {
		fmt.Fprintln(a.errs, " ", clean(fmt.Sprint(p)))
	}
	if more := s.Rejected - min(len(s.Problems), maxShownProblems); more > 0 {
		fmt.Fprintf(a.errs, "  and %d more (--json names the first %d)\n", more, intake.MaxProblems)
	}
}
