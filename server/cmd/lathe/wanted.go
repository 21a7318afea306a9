package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server"
)

func (a *app) toolOpportunitiesCmd() *cobra.Command {
	var why string
	var everything bool
	c := &cobra.Command{Use: "opportunities", Short: "What should be a tool, by what it would save", Args: cobra.NoArgs,
		Long: `What should be a tool, by what it would save.

Agents' calls are looked at for known operations (showing lines, searching,
listing, replacing a text, running tests), for pipelines and sequences that
repeat, for remedies of several steps, for costly calls that give the same
again, for failures that nothing fixes, and for what was asked for. SAVES is in
calls, less what the tool's place in every session's tool list costs. --why
shows the arithmetic of one with the calls behind it; --all lists what is not
worth a tool, too, and what an installed tool does already.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all := []learn.ToolOpportunity{}
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/opportunities", server.WantedCall{All: everything || why != ""}, &all); err != nil {
				return err
			}
			if why != "" {
				return a.why(all, why)
			}
			if a.json {
				return a.print(all)
			}
			a.printOpportunities(all, 20)
			return nil
		}}
	c.Flags().StringVar(&why, "why", "", "show the arithmetic, evidence and near misses of one, by name or id")
	c.Flags().BoolVar(&everything, "all", false, "what is not worth a tool, too")
	return c
}

func (a *app) why(all []learn.ToolOpportunity, id string) error {
	o, err := server.NamedOpportunity(all, id)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(o)
	}
	a.printWhy(o)
	return nil
}

func (a *app) printWhy(o learn.ToolOpportunity) {
	s := o.Savings
	fmt.Fprintf(a.out, "%s  %s, %s\n", clean(o.Name), o.Kind, o.OpportunityID)
	if o.Description != "" {
		fmt.Fprintln(a.out, clean(o.Description))
	}
	fmt.Fprintf(a.out, "seen in %d calls of %d sessions", o.Calls, o.Sessions)
	if len(o.Programs) > 0 {
		fmt.Fprintf(a.out, ", with %s", clean(strings.Join(o.Programs, ", ")))
	}
	fmt.Fprint(a.out, "\n\nwhat one tool would have saved\n")
	var rows [][]string
	for _, l := range s.Lines {
		rows = append(rows, []string{clean(l.What), fmt.Sprint(l.Times), fmt.Sprintf("%.0f", l.Calls), fmt.Sprint(l.Tokens), seconds(l.TimeMS), ids(l.Evidence)})
	}
	rows = append(rows, []string{"together", "", fmt.Sprintf("%.0f", s.Calls), fmt.Sprint(s.Context), seconds(s.TimeMS), ""})
	a.table("REASON TIMES CALLS TOKENS TIME EVIDENCE", rows)
	fmt.Fprintf(a.out, "\nits place in the list  %d tokens in each of %d sessions: %d\n", s.ListTokens, s.Sessions, s.ListTokens*int64(s.Sessions))
	fmt.Fprintf(a.out, "context saved, net     %d - %d = %d tokens\n", s.Context, s.ListTokens*int64(s.Sessions), s.Net)
	if s.Turns > 0 && s.Read > 0 {
		fmt.Fprintf(a.out, "prompts, net           %d of calls that fall away + %d not read again later - %d tokens in each of %d prompts = %d tokens\n",
			s.Read, s.Absent, s.ListTokens, s.Turns, s.ReadNet)
	}
	fmt.Fprintf(a.out, "score                  %.1f calls", o.Score)
	if s.Why != "" {
		fmt.Fprintf(a.out, ", of which a share of %g is left: %s", s.Factor, clean(s.Why))
	}
	fmt.Fprintln(a.out)
	if len(o.NearMisses) > 0 {
		fmt.Fprint(a.out, "\nnot counted\n")
		rows = nil
		for _, l := range o.NearMisses {
			rows = append(rows, []string{clean(l.What), fmt.Sprint(l.Times), ids(l.Evidence)})
		}
		a.table("REASON TIMES EVIDENCE", rows)
	}
	fmt.Fprintln(a.out)
	switch {
	case o.DuplicateOf != "":
		fmt.Fprintf(a.out, "no tool is made: %s does it already\n", clean(o.DuplicateOf))
	case !o.Forgeable:
		fmt.Fprintf(a.out, "cannot be made: %s\n", clean(o.NotForgeable))
	default:
		fmt.Fprintf(a.out, "make it: lathe tool forge %s\n", clean(o.Name))
	}
	for _, e := range o.Examples[:min(len(o.Examples), 3)] {
		fmt.Fprintf(a.out, "  %s  %s\n", shortID(e.EventID), cut(e.Command, 100))
	}
}

func seconds(ms float64) string {
	if ms == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

func ids(all []string) string {
	var out []string
	for _, id := range all[:min(len(all), 4)] {
		out = append(out, shortID(id))
	}
	return strings.Join(out, " ")
}

func (a *app) toolRequestCmd() *cobra.Command {
	var r mcp.ToolRequest
	var language string
	c := &cobra.Command{Use: "request DESCRIPTION", Short: "Ask for a tool: it is written, validated and put into the review queue", Args: cobra.ExactArgs(1),
		Example: `  lathe tool request "the commonest words of a file" --name common_words \
    --command "sort a.txt | uniq -c | sort -rn | head -n 5" --command "sort b.txt | uniq -c | sort -rn | head -n 9"`,
		Long: `Ask for a tool. Each --command is a command line that does it once; what
differs between them becomes parameters. With a language model configured, the
description is enough.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(args[0]) == "" {
				return usagef("say what the tool is for")
			}
			r.Description = args[0]
			commands, err := cmd.Flags().GetStringArray("command")
			if err != nil {
				return err
			}
			if len(commands) > 0 {
				r.Command, r.Examples = commands[0], commands[1:]
			}
			return a.forge(cmd, server.ForgeCall{Language: language, Request: &server.RequestCall{ToolRequest: r, ProjectID: workingProject()}})
		}}
	c.Flags().StringVar(&r.Name, "name", "", "the tool's name")
	languageFlag(c, &language)
	c.Flags().StringArray("command", nil, "a command line that does it once; several make parameters of what differs")
	return c
}
