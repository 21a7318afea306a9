package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// shownEvidence is how many recorded calls of a proposal are shown, and
// evidenceLines how many lines of the output of each.
const (
	shownEvidence = 12
	evidenceLines = 12
)

// eventID is how an event is named: by its id, or at least eight characters of
// its beginning.
var eventID = regexp.MustCompile(`^[0-9a-fA-F]{8}[0-9a-fA-F-]{0,28}$`)

// showRecord prints one recorded event, and reports whether there is one.
func (a *app) showRecord(ctx context.Context, id string) (bool, error) {
	recs, err := a.records(ctx, []string{id})
	if err != nil || len(recs) == 0 {
		return false, err
	}
	if a.json {
		return true, a.print(recs[0])
	}
	var b strings.Builder
	writeRecord(&b, recs[0])
	_, err = io.WriteString(a.out, b.String())
	return true, err
}

func (a *app) evidenceCmd() *cobra.Command {
	return &cobra.Command{Use: "evidence ID", Short: "The recorded calls that a proposal rests on, with what they printed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			it, err := a.reviewItem(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				recs, err := a.records(cmd.Context(), it.Evidence)
				if err != nil {
					return err
				}
				return a.print(recs)
			}
			text, err := a.evidenceText(cmd.Context(), it)
			if err == nil {
				fmt.Fprint(a.out, text)
			}
			return err
		}}
}

// records reads recorded calls, the first hundred of these.
func (a *app) records(ctx context.Context, ids []string) ([]learn.Record, error) {
	client, _, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	recs := []learn.Record{}
	err = client.Call(ctx, http.MethodPost, "/v1/evidence", server.RecordsOf{IDs: ids[:min(len(ids), 100)]}, &recs)
	return recs, err
}

// evidenceText is what a proposal rests on, safe to show on a terminal.
func (a *app) evidenceText(ctx context.Context, it review.Item) (string, error) {
	recs, err := a.records(ctx, it.Evidence[:min(len(it.Evidence), shownEvidence)])
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "It rests on %s.\n", counted(len(it.Evidence), "recorded event"))
	for _, rec := range recs {
		b.WriteByte('\n')
		writeRecord(&b, rec)
	}
	if left := len(it.Evidence) - len(recs); left > 0 {
		fmt.Fprintf(&b, "\nand %d more, or forgotten since: lathe review evidence %s --json\n", left, shortID(it.ID))
	}
	return b.String(), nil
}

func writeRecord(b *strings.Builder, rec learn.Record) {
	if c := rec.Action; c != nil {
		writeCall(b, c)
	} else if t := rec.Task; t != nil {
		fmt.Fprintf(b, "%s  %s  task %s %s\n%s\n", shortID(t.ID), t.Timestamp.Format("2006-01-02 15:04"), clean(string(t.Phase)), clean(string(t.Outcome)), cut(t.Prompt, 200))
	}
}

func writeCall(b *strings.Builder, c *learn.ActionOutcome) {
	exit := ""
	if c.ToolOutput.ExitCode != nil {
		exit = fmt.Sprintf(", exit code %d", *c.ToolOutput.ExitCode)
	}
	fmt.Fprintf(b, "%s  %s  %s  %s%s\n", shortID(c.ID), c.Timestamp.Format("2006-01-02 15:04"), clean(c.ToolName), c.Status, exit)
	if command := c.Command(); command != "" {
		fmt.Fprintf(b, "  $ %s\n", cut(command, 400))
	}
	message := ""
	if c.ErrorDetails != nil {
		message = c.ErrorDetails.Message
	}
	said := map[string]bool{"": true}
	for _, text := range []string{message, c.ToolOutput.Stderr, c.ToolOutput.Stdout, c.ToolOutput.Content} {
		if text = strings.TrimSpace(text); !said[text] {
			said[text] = true
			writeOutput(b, text)
		}
	}
}

// writeOutput writes the last lines of what a call printed, where errors are.
func writeOutput(b *strings.Builder, text string) {
	lines := strings.Split(text, "\n")
	if left := len(lines) - evidenceLines; left > 0 {
		fmt.Fprintf(b, "  | (%s before)\n", counted(left, "line"))
		lines = lines[left:]
	}
	for _, l := range lines {
		fmt.Fprintf(b, "  | %s\n", cut(l, 400))
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
