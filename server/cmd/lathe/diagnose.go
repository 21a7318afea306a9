package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server"
)

func (a *app) diagnoseCmd() *cobra.Command {
	var f mcp.Failure
	var command, conversation string
	var reliability bool
	c := &cobra.Command{
		Use:   "diagnose [EVENT]",
		Short: "Why a call failed and what fixed it before",
		Long: `Give the id of a recorded event (see lathe log --status failure), or the failing
output on stdin, with --command for the command line that printed it.

With --conversation FILE (- for stdin) it tells which agent's which step spoilt a
failed run of several agents. The file is JSON, {"question": "...", "history":
[{"role": "...", "name": "...", "content": "..."}]}; steps count from 0. Neither
a model nor the right answer is asked for, and no daemon is started.

With --reliability it tells what the confidence of past reports was worth: of
those that claimed 0.8, how many were right.`,
		Example: `  lathe diagnose 84c1a767-f485-89de-8f23-effa52779bed
  python3 -m pytest 2>&1 | lathe diagnose --command "python3 -m pytest"
  lathe diagnose --conversation run.json --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if conversation != "" {
				if len(args) > 0 {
					return usagef("give an event id or --conversation, not both")
				}
				return a.attribute(conversation)
			}
			if reliability {
				return a.reliability(cmd.Context())
			}
			if len(args) == 1 {
				return a.diagnose(cmd.Context(), mcp.Failure{EventID: args[0], ProjectID: f.ProjectID})
			}
			output, err := a.failingOutput()
			if err != nil {
				return err
			}
			f.ToolName, f.ToolParameters = "bash", map[string]any{"command": command}
			f.ToolOutput = learn.ToolOutput{Stdout: output} // with what it ended is not known
			return a.diagnose(cmd.Context(), f)
		}}
	c.Flags().StringVar(&command, "command", "", "the command line that failed")
	c.Flags().StringVar(&conversation, "conversation", "", "a failed run of several agents, as JSON")
	c.Flags().BoolVar(&reliability, "reliability", false, "what the confidence of past reports was worth")
	c.Flags().StringVar(&f.ProjectID, "project", "", "the project that it happened in (default: of the working directory)")
	return c
}

// failingOutput is what stdin holds; none is wrong use.
func (a *app) failingOutput() (string, error) {
	if isTerminal(a.in) {
		return "", usagef("give an event id, or the failing output on stdin")
	}
	raw, err := io.ReadAll(io.LimitReader(a.in, maxInput))
	if err != nil {
		return "", fmt.Errorf("read stdin: %w", err)
	}
	output := strings.ToValidUTF8(string(raw), "\uFFFD")
	if strings.TrimSpace(output) == "" {
		return "", usagef("stdin is empty: give the failing output there (2>&1 takes in what went to stderr), or an event id")
	}
	return output, nil
}

// diagnose asks about a failure. One that is not recorded happened in the
// working directory, unless another project's is meant.
func (a *app) diagnose(ctx context.Context, f mcp.Failure) error {
	client, cfg, err := a.client(ctx)
	if err != nil {
		return err
	}
	call := server.DiagnoseCall{Failure: f}
	if f.EventID == "" {
		wd, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("working directory: %w", err)
		}
		here := projectOf(cfg, server.ProjectRoot(wd))
		if call.ProjectID == "" {
			call.ProjectID = here
		}
		if call.ProjectID == here {
			call.CWD = wd
		}
	}
	var r learn.FailureAnalysisReport
	if err := client.Call(ctx, http.MethodPost, "/v1/diagnose", call, &r); err != nil {
		return err
	}
	if a.json {
		return a.print(r)
	}
	a.printReport(r)
	return nil
}

func (a *app) reliability(ctx context.Context) error {
	client, _, err := a.client(ctx)
	if err != nil {
		return err
	}
	var all map[learn.Method]learn.Reliability
	if err := client.Call(ctx, http.MethodGet, "/v1/reliability", nil, &all); err != nil {
		return err
	}
	if a.json {
		return a.print(all)
	}
	a.printReliability(all)
	return nil
}
