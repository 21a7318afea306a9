package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"lathe/index/eventlog"
	"lathe/mcp"
	"lathe/server"
)

func (a *app) serveCmd() *cobra.Command {
	var accept, optional, suite bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "The daemon: it alone owns the data directory",
		Long: `Serves a Unix socket in the data directory (mode 0600) and a loopback HTTP port:
/mcp and /metrics with a bearer token (lathe token agent), /healthz. An address
that other machines reach needs a certificate (tls_cert and tls_key name its PEM
files in your configuration) and tokens of its own (lathe token agent --project
NAME); the review page stays on this machine.
Other commands start it when it does not run; it then leaves after 30 idle minutes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			cfg.AcceptDamage, cfg.HTTPOptional, cfg.Conformance = accept, optional, suite
			logger := slog.New(slog.NewTextHandler(a.errs, nil))
			giveWay()
			d, err := server.Open(cmd.Context(), cfg, logger)
			if err != nil {
				return err
			}
			err = d.Run(cmd.Context(), func() {
				logger.Info("serving", "data", cfg.DataDir, "socket", server.SocketPath(cfg.DataDir), "http", d.HTTP())
			})
			return errors.Join(err, d.Close())
		},
	}
	c.Flags().Func("idle-exit", "leave after this long without work, like 30m", a.setting("idle_exit"))
	c.Flags().BoolVar(&optional, "http-optional", false, "go on without the HTTP port when it is in use")
	c.Flags().BoolVar(&suite, "conformance", false, "for tests only: add the MCP conformance suite's tools, and serve /mcp without a token; needs an empty data directory")
	c.Flags().BoolVar(&accept, "accept-damage", false, "start although the event log lost records; the loss stays in the log of accepted damage")
	return c
}

func (a *app) stopCmd() *cobra.Command {
	return &cobra.Command{Use: "stop", Short: "End the daemon after what it accepted is finished", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			c := server.NewClient(cfg)
			if !c.Alive(cmd.Context()) {
				fmt.Fprintln(a.errs, "no daemon runs on", cfg.DataDir)
				return nil
			}
			if err := c.Call(cmd.Context(), http.MethodPost, "/v1/stop", struct{}{}, &struct{}{}); err != nil {
				return err
			}
			return waitGone(cmd.Context(), cfg)
		}}
}

// waitGone returns when the daemon has given its data directory back.
func waitGone(ctx context.Context, cfg server.Config) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if free, err := server.Free(cfg.DataDir); err != nil || free {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("the daemon does not end; see daemon.log in the data directory")
		}
	}
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.print(map[string]string{"version": server.Version})
			}
			_, err := fmt.Fprintln(a.out, "lathe", server.Version)
			return err
		}}
}

func (a *app) mcpCmd() *cobra.Command {
	var agent string
	c := &cobra.Command{
		Use:   "mcp",
		Short: "MCP server on stdio, for an agent's settings",
		Long: `Speaks MCP on stdin and stdout (both protocol eras) and relays to the daemon,
which it starts if none runs and whose restarts it survives. In an agent's
settings:

    {"mcpServers": {"lathe": {"command": "lathe", "args": ["mcp"]}}}

The project is that of the working directory. When the input ends, the calls
under way are still answered, for at most ten minutes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			wd, err := os.Getwd()
			if err != nil {
				return fmt.Errorf("working directory: %w", err)
			}
			root := server.ProjectRoot(wd)
			project := projectOf(cfg, root)
			client := server.NewClient(cfg)
			ensure := client.Ensure
			if a.noStart {
				ensure = func(ctx context.Context) error {
					if !client.Alive(ctx) {
						return server.ErrNoDaemon
					}
					return nil
				}
			}
			ctx, leave, err := whileRead(cmd.Context(), a.out, goneTime)
			if err != nil {
				return err
			}
			defer leave()
			return mcp.Bridge(ctx, mcp.BridgeOptions{In: a.in, Out: a.out, Client: client.HTTP(), URL: "http://lathe/mcp",
				Scope:  mcp.Scope{ProjectID: project, Root: root, AgentID: agent, SessionID: uuid.NewString()},
				Ensure: ensure, Logger: slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		},
	}
	c.Flags().StringVar(&agent, "agent", "mcp", "the agent's name in the log")
	c.Flags().Func("project", "the project's name (default: of the working directory)", a.setting("project"))
	return c
}

func (a *app) verifyCmd() *cobra.Command {
	return &cobra.Command{Use: "verify", Short: "Read the whole log and check every checksum and chain", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var r eventlog.VerifyReport
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/verify", struct{}{}, &r); err != nil {
				return err
			}
			if a.json {
				if err := a.print(r); err != nil {
					return err
				}
			} else {
				for _, s := range r.Streams {
					fmt.Fprintf(a.out, "%-7s %d messages, %d records, %d damaged places\n", s.Stream, s.Messages, s.Records, len(s.Damage))
				}
				for _, d := range r.Damage() {
					fmt.Fprintf(a.out, "damage: %+v\n", d)
				}
			}
			if !r.OK {
				return errors.New("the log is damaged; `lathe serve --accept-damage` goes on without what is lost")
			}
			return nil
		}}
}

func (a *app) rebuildCmd() *cobra.Command {
	return &cobra.Command{Use: "rebuild", Short: "Make indexes, KPIs and everything learned anew from the log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			c := server.NewClient(cfg)
			if c.Alive(cmd.Context()) {
				fmt.Fprintln(a.errs, "stopping the daemon")
				if err := c.Call(cmd.Context(), http.MethodPost, "/v1/stop", struct{}{}, &struct{}{}); err != nil {
					return err
				}
				if err := waitGone(cmd.Context(), cfg); err != nil {
					return err
				}
			}
			began := time.Now()
			if err := server.Rebuild(cmd.Context(), cfg, slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
				return err
			}
			fmt.Fprintf(a.errs, "rebuilt in %.1f s\n", time.Since(began).Seconds())
			return nil
		}}
}

// projectOf names the project of a workspace, as the configuration has it.
func projectOf(cfg server.Config, root string) string {
	if cfg.Project != "" {
		return cfg.Project
	}
	return server.WorkspaceProject(root)
}
