package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server"
	"lathe/toolforge"
)

func (a *app) toolCmd() *cobra.Command {
	c := &cobra.Command{Use: "tool", Short: "Generated tools: what could be one, making, running"}
	list := &cobra.Command{Use: "list", Short: "Deployed tools", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all := []learn.ToolManifest{}
			if err := client.Call(cmd.Context(), http.MethodGet, "/v1/tools", nil, &all); err != nil || a.json {
				return errors.Join(err, printIf(a, err == nil, all))
			}
			var rows [][]string
			for _, m := range all {
				rows = append(rows, []string{m.Name, m.Version, m.Digest[:min(19, len(m.Digest))], cut(m.Description, 80)})
			}
			a.table("NAME VERSION DIGEST DESCRIPTION", rows)
			return nil
		}}
	c.AddCommand(a.toolOpportunitiesCmd(), a.toolRequestCmd(), a.toolMeasuresCmd(), a.toolEditCmd(), list, a.toolForgeCmd(), a.toolProposeCmd(true), a.toolProposeCmd(false), a.toolRunCmd(),
		a.toolKeysCmd(), a.toolPushCmd(), a.toolPullCmd())
	c.AddCommand(a.toolStates()...)
	return c
}

func (a *app) printOpportunities(all []learn.ToolOpportunity, n int) {
	var rows [][]string
	for _, o := range all[:min(n, len(all))] {
		state := "yes"
		switch {
		case o.DuplicateOf != "":
			state = "is there: " + o.DuplicateOf
		case !o.Forgeable: // an error's text begins with what it is about, which the row says
			state = "no: " + strings.TrimPrefix(strings.TrimPrefix(o.NotForgeable, "opportunity "+o.OpportunityID+": "), "cannot be made into a tool: ")
		}
		rows = append(rows, []string{o.Name, // whole: it is what forge and --why take
			fmt.Sprint(o.Calls), fmt.Sprint(o.Sessions), fmt.Sprint(o.Parameters), fmt.Sprintf("%.0f calls", o.Score),
			cut(strings.Join(o.Skeletons, " ; "), 80), cut(state, 90)})
	}
	a.some("NAME CALLS SESSIONS PARAMS SAVES WHAT FORGEABLE", rows, len(all), "lathe tool opportunities --json has all")
}

func (a *app) toolForgeCmd() *cobra.Command {
	var language string
	c := &cobra.Command{Use: "forge OPPORTUNITY", Short: "Write, test and validate a tool, and put it into the review queue", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.forge(cmd, server.ForgeCall{OpportunityID: args[0], Language: language})
		}}
	languageFlag(c, &language)
	return c
}

// languageFlag adds --language.
func languageFlag(c *cobra.Command, language *string) {
	c.Flags().StringVar(language, "language", "python", "python or shell (a pipeline as a bash script; its result is what it prints)")
	c.PreRunE = func(*cobra.Command, []string) error {
		if *language != "python" && *language != "shell" {
			return usagef("--language is python or shell, not %q", *language)
		}
		return nil
	}
}

func (a *app) toolProposeCmd(only bool) *cobra.Command {
	use, short := "propose DIR", "Validate a tool folder and put it into the review queue"
	if only {
		use, short = "validate DIR", "Validate a tool folder (tool.json, tool.py or tool.sh, test_tool.py, README.md) in the sandbox"
	}
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), Long: short + `.

The folder holds
  tool.json     {name, version, description, parameters (JSON Schema), returns
                (JSON Schema), examples [{arguments, result}], permissions
                {filesystem: none|read|write, paths, network: none|[hosts],
                seconds, memory_mb}, dependencies, language}
  tool.py       a function named like the tool; parameters as keyword
                arguments, the result returned, errors raised
  tool.sh       in place of tool.py, when language is shell: a bash script that
                gets each argument as $ARG_NAME, and all of them as one JSON
                object on standard input. What it prints is the result (a text
                where returns has the type string, else JSON); a status above 0
                is an error, and standard error its message
  test_tool.py  tests for pytest (from tool import NAME; of a script, too)
  README.md     what it is for

Nothing of it is executed before all static gates have passed, and then only in
the sandbox. With --json, validate prints {verdict: pass|refuse, reasons:
[{stage, rule, severity, file, line, message}], stages, risk, score}; the exit
code is 1 for a tool that is refused.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			tool, err := toolforge.LoadFolder(args[0])
			if err != nil {
				if v, ok := toolforge.Refusal(err); ok && a.json && only {
					return errors.Join(a.print(v), err)
				}
				return err
			}
			return a.forge(cmd, server.ForgeCall{Tool: &tool, ValidateOnly: only})
		}}
}

func (a *app) forge(cmd *cobra.Command, call server.ForgeCall) error {
	client, _, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	forged, err := client.Forge(cmd.Context(), call, a.checkLine)
	if err != nil {
		return err
	}
	if a.json && call.ValidateOnly {
		if err := a.print(toolforge.VerdictOf(forged.Tool, forged.Validation)); err != nil {
			return err
		}
	} else if a.json {
		if err := a.print(forged); err != nil {
			return err
		}
	} else {
		a.printVerdict(forged.Validation)
	}
	if !forged.Validation.Passed {
		return fmt.Errorf("%s did not pass its validation", forged.Tool.Manifest.Name)
	}
	if forged.ReviewID == "" {
		return nil
	}
	// The same content is the same proposal, and it may be decided already.
	if it, err := a.reviewItem(cmd.Context(), forged.ReviewID); err == nil && it.State != learn.StateInReview {
		fmt.Fprintf(a.errs, "exactly this was proposed before, and is %s: lathe review show %s\n", it.State, it.ID[:8])
	} else {
		fmt.Fprintf(a.errs, "in review as %s: lathe review show %s\n", forged.ReviewID, forged.ReviewID[:8])
	}
	return nil
}

// checkLine tells progress of a validation.
func (a *app) checkLine(ch learn.Check) {
	mark := "passed"
	if !ch.Passed {
		mark = "FAILED"
	}
	if ch.Reused {
		fmt.Fprintf(a.errs, "  %-13s %s before on the same parts  %s\n", ch.Name, mark, cut(ch.Summary, 90))
		return
	}
	if ch.Passed || len(ch.Details) == 0 {
		fmt.Fprintf(a.errs, "  %-13s %s in %4.1f s  %s\n", ch.Name, mark, ch.Seconds, cut(ch.Summary, 120))
		return
	}
	// Who has to mend it needs all of it, to the end.
	summary, _, _ := strings.Cut(ch.Summary, ", first: ")
	fmt.Fprintf(a.errs, "  %-13s %s in %4.1f s  %s\n", ch.Name, mark, ch.Seconds, cut(summary, 90))
	for _, line := range refusing(ch)[:min(len(refusing(ch)), 20)] {
		fmt.Fprintf(a.errs, "    %s\n", clean(line))
	}
}

// refusing are a check's findings for which a tool is refused, before the
// remarks; or its details where it has no findings.
func refusing(ch learn.Check) []string {
	var wrong, remarks []string
	for _, f := range ch.Findings {
		line := fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Message)
		if f.Line == 0 {
			line = fmt.Sprintf("%s: %s: %s", f.File, f.Rule, f.Message)
		}
		if f.Severity == learn.SeverityError {
			wrong = append(wrong, line)
		} else {
			remarks = append(remarks, "(remark) "+line)
		}
	}
	if len(wrong) == 0 {
		return ch.Details
	}
	return append(wrong, remarks...)
}

func (a *app) toolRunCmd() *cobra.Command {
	return &cobra.Command{Use: "run NAME [ARGUMENTS-JSON]", Short: "Run a deployed tool in its sandbox on the working directory's project", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			wd, err := os.Getwd()
			if err != nil {
				return err
			}
			call := server.RunCall{Name: args[0], Workspace: server.ProjectRoot(wd), Arguments: json.RawMessage("{}")}
			if len(args) == 2 {
				if !json.Valid([]byte(args[1])) {
					return usagef("the arguments are not JSON: %.80q", args[1])
				}
				call.Arguments = json.RawMessage(args[1])
			}
			client, cfg, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			call.Project = projectOf(cfg, call.Workspace)
			var out mcp.ToolRun
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/run", call, &out); err != nil {
				return err
			}
			if err := a.print(out); err != nil {
				return err
			}
			if out.Error != "" {
				return errors.New(out.Error)
			}
			return nil
		}}
}

func workingProject() string {
	wd, err := os.Getwd()
	if err != nil {
		return ""
	}
	return server.WorkspaceProject(server.ProjectRoot(wd))
}
