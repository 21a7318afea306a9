package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/server/intake"
)

// maxHookEvent is the size of a hook event, in bytes.
const maxHookEvent = 16 << 20

// hookPatience bounds the whole command: an agent waits for it.
const hookPatience = 5 * time.Second

func (a *app) hookCmd() *cobra.Command {
	var spool bool
	c := &cobra.Command{
		Use:   "hook FORMAT",
		Short: "Take one hook event of an agent from stdin; print advice in that agent's form when there is some",
		Long: `Reads one hook event (JSON) of an agent from stdin. A call that ended is
recorded; when it failed and what fixed such failures is known, advice is
printed in the form that the agent reads. An event about a call to come is
answered when that very command is known to fail here and another is known to
work (setting hooks.before: off, context or deny).

Formats: ` + strings.Join(intake.HookFormats(), ", ") + `

This is for people who want to see what an event comes to. Agents call the small
program lathe-hook, which ` + "`lathe connect AGENT`" + ` puts into their settings and which
starts faster. Neither starts a daemon: without one the event is written to the
spool, without its secrets, and the next daemon takes it in.

The exit code is 0, or 1 when the event is not understood, and never 2, which
agents take for an order to refuse the call.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(intake.HookFormats(), args[0]) {
				return notUsage{fmt.Errorf("give one format: %s", strings.Join(intake.HookFormats(), ", "))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), hookPatience)
			defer cancel()
			return a.hook(ctx, args[0], spool)
		},
	}
	c.Flags().BoolVar(&spool, "spool", false, "do not ask the daemon: only write the event to the spool")
	return c
}

// notUsage is an error of the arguments that does not end with code 2.
type notUsage struct{ error }

func (a *app) hook(ctx context.Context, format string, spoolOnly bool) error {
	event, err := io.ReadAll(io.LimitReader(a.in, maxHookEvent+1))
	if err != nil {
		return fmt.Errorf("read the event from stdin: %w", err)
	}
	if len(event) > maxHookEvent {
		return fmt.Errorf("the event is larger than %d MiB: it is not recorded", maxHookEvent>>20)
	}
	if _, err := intake.ParseHook(format, event); err != nil {
		return err
	}
	cfg, _, err := a.config()
	if err != nil {
		return notUsage{err}
	}
	if !spoolOnly {
		err := server.NewClient(cfg).Hook(ctx, cfg.Project, format, event, a.out)
		if err == nil || !errors.Is(err, server.ErrNoDaemon) {
			return err
		}
	}
	n, err := server.Spool(ctx, cfg.DataDir, cfg.Project, format, event)
	if err != nil {
		return err
	}
	if n > 0 && !spoolOnly {
		fmt.Fprintf(a.errs, "no daemon runs: %s written to the spool; the next daemon takes it in\n", plural(n, "record"))
	}
	return nil
}
