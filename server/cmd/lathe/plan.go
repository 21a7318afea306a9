package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"

	"lathe/learn/refine"
	"lathe/server"
)

func (a *app) planCmd() *cobra.Command {
	c := &cobra.Command{Use: "plan", Short: "Plan templates: what experience adds to them, and whether they are valid"}
	c.AddCommand(a.planRefineCmd(), a.planCheckCmd(), &cobra.Command{Use: "schema", Short: "Print the JSON Schema of plan templates", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(refine.Schema())
			return err
		}})
	return c
}

func (a *app) planRefineCmd() *cobra.Command {
	var target string
	var write bool
	c := &cobra.Command{Use: "refine FILE", Short: "Print a plan with the approved changes; says why, and what else is proposed, on stderr", Args: cobra.ExactArgs(1),
		Long: `Prints FILE with the changes that were approved for it, in the form that it has.
What experience proposes and nobody has approved yet is listed apart. Of a plan
template (.ocode/plans/NAME.json in a workspace) the proposals wait for the
reviewer then: lathe review show ID, lathe review approve ID. An approved change
is written into its file at once; --write tries again those that could not be.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err := a.refineCall(args[0])
			if err != nil {
				return err
			}
			if target != "" && target != "plain" {
				return usagef("there is no target %q: leave it out, or say plain", target)
			}
			client, cfg, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			if cfg.Project != "" {
				call.ProjectID = cfg.Project
			}
			call.Target, call.Write = target, write
			var out server.Refined
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/refine", call, &out); err != nil {
				return err
			}
			if a.json {
				return a.print(out)
			}
			a.printRefined(out, call.ProjectID)
			_, err = io.WriteString(a.out, out.Text)
			return err
		}}
	c.Flags().StringVar(&target, "target", "", "plain: lower to tasks and dependencies only")
	c.Flags().BoolVar(&write, "write", false, "write approved changes that are not in the file yet")
	c.Flags().Func("project", "the project's name (default: of the file's workspace)", a.setting("project"))
	return c
}

// refineCall reads a plan and finds out whether it is a workspace's template.
func (a *app) refineCall(file string) (server.RefineCall, error) {
	text, err := readBounded(file)
	if err != nil {
		return server.RefineCall{}, err
	}
	if _, err := refine.Parse(file, text); err != nil {
		return server.RefineCall{}, err
	}
	full, err := filepath.Abs(file)
	if err != nil {
		return server.RefineCall{}, err
	}
	root, template := server.TemplatePlace(full)
	call := server.RefineCall{Name: file, Text: string(text), Workspace: root, Template: template, ProjectID: workingProject()}
	if root != "" {
		call.ProjectID = server.WorkspaceProject(server.ProjectRoot(root))
	}
	return call, nil
}

func (a *app) printRefined(out server.Refined, project string) {
	for _, w := range out.Writes {
		fmt.Fprintf(a.errs, "written to %s: %s (lathe undo %s takes it back)\n", clean(w.Template), w.ProposalID[:8], w.ProposalID[:8])
	}
	for _, ch := range out.Changes {
		fmt.Fprintf(a.errs, "%s (approved: %s)\n", clean(ch.Line), ch.ProposalID[:8])
	}
	for _, n := range out.Notes {
		fmt.Fprintf(a.errs, "note: %s\n", clean(n))
	}
	switch {
	case len(out.Proposals) == 0 && len(out.Changes) == 0:
		fmt.Fprintf(a.errs, "nothing to change in what project %s has seen (--project names another): nothing is approved that is not in the plan, and nothing is proposed\n", clean(project))
		return
	case len(out.Proposals) == 0:
		return
	case out.Queued:
		fmt.Fprintln(a.errs, "proposed, not approved (lathe review show ID):")
	default:
		fmt.Fprintln(a.errs, "proposed, not approved; this file is no template of a workspace, so it is for you to decide:")
	}
	var rows [][]string
	for _, p := range out.Proposals {
		rows = append(rows, []string{p.ProposalID[:8], string(p.Type), cut(p.TargetStep, 24), p.Risk, fmt.Sprintf("%.2f", p.ConfidenceScore), cut(p.Rationale, 160)})
	}
	(&app{out: a.errs}).table("ID TYPE STEP RISK CONFIDENCE WHY", rows)
}

func (a *app) planCheckCmd() *cobra.Command {
	return &cobra.Command{Use: "check FILE", Short: "Say what is wrong with a plan, with line and column", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := readBounded(args[0])
			if err != nil {
				return err
			}
			f, err := refine.Parse(args[0], text)
			var problems refine.Problems
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			if a.json {
				if err := a.print(checked{Valid: len(problems) == 0, Problems: append([]refine.Problem{}, problems...)}); err != nil {
					return err
				}
			} else if len(problems) > 0 {
				for _, p := range problems {
					fmt.Fprintf(a.out, "%s:%d:%d: %s\n", clean(p.File), p.Line, p.Column, clean(p.What))
				}
			} else {
				fmt.Fprintf(a.out, "%s: a valid plan, %d tasks\n", clean(args[0]), len(f.Plan.Tasks))
			}
			if len(problems) > 0 {
				return exitCode(exitBad)
			}
			return nil
		}}
}

// checked is what plan check prints with --json.
type checked struct {
	Valid    bool             `json:"valid"`
	Problems []refine.Problem `json:"problems"`
}

func (a *app) undoCmd() *cobra.Command {
	return &cobra.Command{Use: "undo ID", Short: "Take back what Lathe did or decided by itself, or wrote into a plan template", Args: cobra.ExactArgs(1),
		Long: `ID is that of a proposal or of its write (lathe review list --all): the file must
be as the change left it, and the change is not proposed again without new
evidence. Or it is that of a verdict (lathe trial): what was retired is served
again, and measuring it begins anew.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var out server.Undone
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/undo", server.UndoneCall{ID: args[0]}, &out); err != nil {
				return err
			}
			if a.json {
				return a.print(out)
			}
			fmt.Fprintln(a.out, clean(out.Line))
			return nil
		}}
}
