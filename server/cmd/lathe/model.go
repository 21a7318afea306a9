package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
)

func (a *app) modelCmd() *cobra.Command {
	c := &cobra.Command{Use: "model", Short: "The language models that may be asked: which, what the last hour cost, how often they were right", Args: cobra.NoArgs,
		Long: `Nothing here is needed: without a model every answer comes from rules and
experience. A provider is configured in your config.toml:

  [model]
  provider = "openai"                      # also Ollama, vLLM, LM Studio
  base_url = "http://localhost:11434/v1"   # https beyond this machine
  name = "a-model"
  api_key_env = "MY_KEY"                   # the NAME of a variable, never the key
  calls_per_hour = 30
  tokens_per_hour = 150000
  client = true                            # ask the connected agent's own model first
  background = false                       # ask the provider for names and duplicates`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var s server.ModelStatus
			if err := client.Call(cmd.Context(), http.MethodGet, "/v1/model", nil, &s); err != nil {
				return err
			}
			if a.json {
				return a.print(s)
			}
			a.printModel(s)
			return nil
		}}
	c.AddCommand(a.modelThinkCmd(), a.modelAliasesCmd(), a.modelUndoCmd())
	return c
}

func (a *app) modelThinkCmd() *cobra.Command {
	return &cobra.Command{Use: "think", Short: "Ask the provider now for names of mined error patterns, and which of them are the same", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var t server.Thought
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/model/think", struct{}{}, &t); err != nil {
				return err
			}
			if a.json {
				return a.print(t)
			}
			fmt.Fprintf(a.out, "%d names; %d pairs judged, %d are the same error\n", t.Names, t.Aliases, t.Same)
			return nil
		}}
}

func (a *app) modelAliasesCmd() *cobra.Command {
	return &cobra.Command{Use: "aliases", Short: "The mined error patterns that are taken for another", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var list []learn.PatternAlias
			if err := client.Call(cmd.Context(), http.MethodGet, "/v1/model/aliases", nil, &list); err != nil {
				return err
			}
			if a.json {
				return a.print(list)
			}
			var rows [][]string
			for _, p := range list {
				rows = append(rows, []string{p.From, p.Into, fmt.Sprintf("%.2f", p.Similarity), p.By, p.Timestamp.Format(time.DateOnly)})
			}
			a.table("PATTERN IS-TAKEN-FOR ALIKE BY SINCE", rows)
			return nil
		}}
}

func (a *app) modelUndoCmd() *cobra.Command {
	return &cobra.Command{Use: "undo PATTERN", Short: "Take a mined error pattern for itself again", Args: cobra.ExactArgs(1),
		Long: "What was counted for the other pattern meanwhile moves back with `lathe rebuild`.",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var p learn.PatternAlias
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/model/undo", server.UndoCall{From: args[0]}, &p); err != nil {
				return err
			}
			if a.json {
				return a.print(p)
			}
			fmt.Fprintf(a.out, "%s is itself again, and no longer %s\n", clean(p.From), clean(p.Into))
			return nil
		}}
}

func (a *app) printModel(s server.ModelStatus) {
	fmt.Fprintf(a.out, "provider    %s\n", clean(s.Provider))
	if s.Problem != "" {
		fmt.Fprintf(a.out, "problem     %s\n", clean(s.Problem))
	}
	fmt.Fprintf(a.out, "client      %s\n", map[bool]string{true: "a connected agent's own model is asked first, within its calls", false: "is not asked"}[s.Client])
	fmt.Fprintf(a.out, "last hour   %d of %d requests, %d of %d tokens\n", s.Calls, s.CallsPerHour, s.Tokens, s.TokensPerHour)
	methods := make([]string, 0, len(s.Judged))
	for m := range s.Judged {
		methods = append(methods, m)
	}
	slices.Sort(methods)
	for _, m := range methods {
		fmt.Fprintf(a.out, "judged      %s: right %.0f, wrong %.0f\n", clean(m), s.Judged[m].Right, s.Judged[m].Wrong)
	}
}

// examineModel says whether the configured model can be reached. It asks which
// models there are, which costs nothing.
func examineModel(ctx context.Context, m server.ModelConfig) (string, error) {
	p, err := server.OpenModel(m, nil)
	if err != nil {
		return "", err
	}
	if p == nil {
		return "no provider is configured; everything works without one (`lathe model --help`)", nil
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.Probe(ctx); err != nil {
		return "", fmt.Errorf("%w; answers come from rules and experience alone until this works", err)
	}
	return fmt.Sprintf("%s at %s answers; at most %d requests and %d tokens an hour", p.Name(), m.URL(), m.CallsPerHour, m.TokensPerHour), nil
}
