package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lathe/server"
)

func (a *app) tokenCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Bearer tokens of the HTTP port: make, list, revoke",
		Long: `A token is what an agent, or a program that imports, shows at the HTTP port. Each
belongs to one project, or is for imports into all of them. None gives a
reviewer's right.

    lathe token agent                   this machine's own token; its project is "http"
    lathe token agent --project shop    a new one, for the project shop
    lathe token import                  a new one, for imports into every project

A new token is shown once. What is kept is a hash of it.`,
	}
	c.AddCommand(a.tokenAgentCmd(), a.tokenImportCmd(), a.tokenListCmd(), a.tokenRevokeCmd())
	return c
}

func (a *app) tokenAgentCmd() *cobra.Command {
	var project, name string
	var days int
	c := &cobra.Command{Use: "agent", Short: "Print this machine's token, or with --project a new one for that project", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if project != "" {
				return a.mint(server.Token{Scope: server.ScopeAgent, Project: project, Name: name}, days)
			}
			if name != "" || days != 0 {
				return usagef("--name and --days are for a new token: name its --project")
			}
			_, cfg, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(filepath.Join(cfg.DataDir, "token"))
			if err != nil {
				return fmt.Errorf("no token: %w (is the HTTP port off?)", err)
			}
			return a.show(server.Token{Scope: server.ScopeAgent, Project: "http", Name: "http"}, strings.TrimSpace(string(raw)))
		}}
	c.Flags().StringVar(&project, "project", "", "the project that the token is for")
	mintFlags(c, &name, &days)
	return c
}

func (a *app) tokenImportCmd() *cobra.Command {
	var name string
	var days int
	c := &cobra.Command{Use: "import", Short: "Make a token for imports into every project", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.mint(server.Token{Scope: server.ScopeImport, Name: name}, days)
		}}
	mintFlags(c, &name, &days)
	return c
}

func mintFlags(c *cobra.Command, name *string, days *int) {
	c.Flags().StringVar(name, "name", "", "the bearer's name in the log (default: its scope)")
	c.Flags().IntVar(days, "days", 0, "valid for this many days; 0 is until it is revoked")
}

func (a *app) mint(t server.Token, days int) error {
	if days < 0 {
		return usagef("--days %d: at least 0", days)
	}
	tokens, err := a.tokens()
	if err != nil {
		return err
	}
	if t.Name == "" {
		t.Name = string(t.Scope)
	}
	t.Created = time.Now().UTC().Truncate(time.Second)
	if days > 0 {
		t.Expires = t.Created.AddDate(0, 0, days)
	}
	t, secret, err := tokens.Mint(t)
	if err != nil {
		return err
	}
	return a.show(t, secret)
}

func (a *app) tokens() (*server.Tokens, error) {
	cfg, _, err := a.config()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w; choose another with --data", err)
	}
	return server.OpenTokens(cfg.DataDir)
}

// show prints a token with its secret.
func (a *app) show(t server.Token, secret string) error {
	if a.json {
		return a.print(map[string]any{"id": t.ID, "scope": t.Scope, "project_id": t.Project, "name": t.Name, "token": secret})
	}
	_, err := fmt.Fprintln(a.out, secret)
	return err
}

func (a *app) tokenListCmd() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the tokens that were made, without their secrets", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			tokens, err := a.tokens()
			if err != nil {
				return err
			}
			list, err := tokens.List()
			if err != nil {
				return err
			}
			if a.json {
				return a.print(map[string]any{"tokens": append([]server.Token{}, list...)})
			}
			var rows [][]string
			for _, t := range list {
				expires := "never"
				if !t.Expires.IsZero() {
					expires = t.Expires.Format(time.DateOnly)
				}
				rows = append(rows, []string{t.ID, string(t.Scope), t.Project, t.Name, t.Created.Format(time.DateOnly), expires})
			}
			a.table("ID SCOPE PROJECT NAME CREATED EXPIRES", rows)
			return nil
		}}
}

func (a *app) tokenRevokeCmd() *cobra.Command {
	return &cobra.Command{Use: "revoke ID", Short: "End a token's validity at once", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			tokens, err := a.tokens()
			if err != nil {
				return err
			}
			return tokens.Revoke(args[0])
		}}
}
