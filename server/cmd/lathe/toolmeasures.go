package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
	"lathe/toolforge"
)

// Measured is what is known of a tool by numbers.
type Measured struct {
	Name       string      `json:"name"`
	State      learn.State `json:"state"`
	Lines      int         `json:"source_lines"`
	Bytes      int         `json:"source_bytes"`
	Tests      int         `json:"tests"`
	Coverage   float64     `json:"coverage"`
	Mutants    int         `json:"mutants"`
	Noticed    int         `json:"mutants_noticed"`
	Agreements int         `json:"agreements"` // tests that compared it with the original command, all of which agreed
	Seconds    float64     `json:"validation_seconds"`
	ColdMS     float64     `json:"cold_ms"`
	// Savings is the replay on the recorded calls: see learn.ToolSavings.
	Savings learn.ToolSavings `json:"savings"`
}

func (a *app) toolMeasuresCmd() *cobra.Command {
	return &cobra.Command{Use: "measures [NAME...]", Short: "What proposed and deployed tools are, in numbers, and what they would have saved",
		Long: `What proposed and deployed tools are, in numbers: size, tests, coverage, how many
broken tools the tests noticed, how many tests compared it with the original
command, how long its validation took; and, replayed on the recorded calls, the
calls and tokens that it would have saved against what its place in the tool list
costs. CONTEXT counts a token once, when it enters a context; PROMPTS as often as
it was read, by the provider's count.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := a.measure(cmd, args)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(rows)
			}
			var table [][]string
			for _, m := range rows {
				s := m.Savings
				table = append(table, []string{m.Name, string(m.State), fmt.Sprint(m.Lines), fmt.Sprint(m.Tests), fmt.Sprintf("%.0f %%", 100*m.Coverage),
					fmt.Sprintf("%d/%d", m.Noticed, m.Mutants), fmt.Sprint(m.Agreements), fmt.Sprintf("%.0f s", m.Seconds), fmt.Sprintf("%.0f", s.Calls),
					fmt.Sprintf("%d - %d = %+d", s.Context, s.ListTokens*int64(s.Sessions), s.Net),
					fmt.Sprintf("%d - %d = %+d", s.Read+s.Absent, s.ListTokens*s.Turns, s.ReadNet)})
			}
			a.table("NAME STATE LINES TESTS COVERAGE MUTANTS AGREE VALIDATED CALLS CONTEXT PROMPTS", table)
			return nil
		}}
}

func (a *app) measure(cmd *cobra.Command, names []string) ([]Measured, error) {
	items, err := a.reviews(cmd.Context())
	if err != nil {
		return nil, err
	}
	client, _, err := a.client(cmd.Context())
	if err != nil {
		return nil, err
	}
	all := []learn.ToolOpportunity{}
	if err := client.Call(cmd.Context(), http.MethodPost, "/v1/opportunities", server.WantedCall{All: true}, &all); err != nil {
		return nil, err
	}
	out := []Measured{}
	for _, it := range items {
		if it.Tool == nil || len(names) > 0 && !slices.Contains(names, it.Tool.Tool.Manifest.Name) {
			continue
		}
		v, tool := it.Tool.Validation, it.Tool.Tool
		source := toolforge.SourceName(tool.Manifest.Language)
		m := Measured{Name: tool.Manifest.Name, State: it.State, Bytes: len(tool.Files[source]), Lines: strings.Count(tool.Files[source], "\n"),
			Tests: v.TestsPassed, Coverage: v.Coverage, Mutants: v.Mutants, Noticed: v.Noticed, Agreements: v.Agreements, Seconds: v.Seconds, ColdMS: v.ColdMS}
		for _, o := range all {
			if o.OpportunityID == tool.Manifest.Provenance.OpportunityID {
				m.Savings = o.Savings
			}
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(x, y Measured) int { return -cmp.Compare(x.Savings.Calls, y.Savings.Calls) })
	return out, nil
}
