package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/mcp"
	"lathe/mcp/gateway"
	"lathe/server"
)

// gatewayFlags are what `lathe gateway` and its subcommands are told.
type gatewayFlags struct {
	config, agent string
	http          string
	strict        bool
}

func (a *app) gatewayCmd() *cobra.Command {
	f := &gatewayFlags{}
	c := &cobra.Command{
		Use:   "gateway",
		Short: "Other MCP servers behind Lathe: each call recorded, advice added to failures",
		Long: `Speaks MCP on stdin and stdout and starts the servers of its configuration, in
the form that agents' own settings have:

    {"mcpServers": {"files": {"command": "some-server", "args": ["."], "env": {}}}}

Their tools appear as files__NAME. The configuration is your own file
(default: $XDG_CONFIG_HOME/lathe/gateway.json), never the checkout's: it says
which programs start; lathe gateway adopt FILE makes it of an agent's settings.
How a tool is described when it is seen first is pinned: a description that
changes is not told before a person approved it (lathe gateway pins). Calls are
recorded beside their replies; what waits when the program is killed is lost,
unless --strict holds each reply until its record is durable. When the input
ends, the calls under way are still answered, for at most ten minutes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := a.openGateway(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer g.Close()
			if f.http != "" {
				return a.serveGatewayHTTP(cmd.Context(), g, f.http)
			}
			ctx, leave, err := whileRead(cmd.Context(), a.out, goneTime)
			if err != nil {
				return err
			}
			defer leave()
			err = g.Serve(ctx, a.in, a.out)
			if errors.Is(err, context.Canceled) { // told to end
				return nil
			}
			return err
		},
	}
	c.PersistentFlags().StringVar(&f.config, "config", "", "the configuration (default: gateway.json in $XDG_CONFIG_HOME/lathe)")
	c.Flags().StringVar(&f.agent, "agent", "mcp", "the agent's name in the log")
	c.Flags().StringVar(&f.http, "http", "", "serve agents over Streamable HTTP on this loopback address, not on stdio;\nthe token is that of $"+gatewayTokenVar+", or a new one that is printed")
	c.Flags().BoolVar(&f.strict, "strict", false, "hold each reply until its record is durable")
	c.Flags().Func("project", "the project's name (default: of the working directory)", a.setting("project"))
	c.AddCommand(a.gatewayListCmd(f), a.gatewayPinsCmd(f), a.gatewayAdoptCmd(f))
	return c
}

// gatewayListed is what `lathe gateway list` prints.
type gatewayListed struct {
	Config  string                 `json:"config"`
	Servers []gateway.ServerStatus `json:"servers"`
	Skipped []gateway.Skipped      `json:"skipped"`
}

func (a *app) gatewayListCmd(f *gatewayFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"test"},
		Short:   "Start the servers and print them with their tools; exit 1 when one does not run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, cfg, err := f.load()
			if err != nil {
				return err
			}
			wd, err := os.Getwd()
			if err != nil {
				return fmt.Errorf("working directory: %w", err)
			}
			g, err := gateway.New(gateway.Options{Config: cfg, Pins: gateway.OpenPins(pinsPath(path), nil), Dir: wd, Env: os.Environ(), Recorder: nowhere{}, Version: server.Version,
				ProjectID: "list", SessionID: uuid.NewString()})
			if err != nil {
				return err
			}
			defer g.Close()
			g.Ready(cmd.Context())
			out := gatewayListed{Config: path, Servers: g.Status(), Skipped: cfg.Skipped}
			return errors.Join(a.printGateway(out), allRun(out.Servers))
		},
	}
}

func (a *app) printGateway(l gatewayListed) error {
	if a.json {
		if l.Skipped == nil {
			l.Skipped = []gateway.Skipped{}
		}
		return a.print(l)
	}
	for _, s := range l.Servers {
		fmt.Fprintf(a.out, "%s: %s (%s %s), %d tools, %d prompts, %d resources\n", s.Name, clean(s.State), s.Transport, s.Revision, len(s.Tools), s.Prompts, s.Resources)
		for _, t := range s.Tools {
			fmt.Fprintln(a.out, "  "+t)
		}
		for _, why := range s.LeftOut {
			fmt.Fprintln(a.out, "  left out: "+clean(why))
		}
	}
	if len(l.Servers)+len(l.Skipped) == 0 {
		fmt.Fprintf(a.errs, "no server is behind the gateway: %s names none that is switched on.\n"+
			"lathe gateway adopt FILE takes over those of an agent's settings (FILE is like ~/.cursor/mcp.json), or write\n"+
			`{"mcpServers": {NAME: {"command": ..., "args": [...]}}}`+" there.\n", l.Config)
	}
	for _, s := range l.Skipped {
		fmt.Fprintf(a.out, "%s: not started: %s\n", clean(s.Name), clean(s.Reason))
	}
	return nil
}

// allRun is the verdict on a list: exit code 1 when a server is down.
func allRun(servers []gateway.ServerStatus) error {
	var down []string
	for _, s := range servers {
		if s.State != "running" {
			down = append(down, s.Name)
		}
	}
	if len(down) > 0 {
		return fmt.Errorf("not running: %s", strings.Join(down, ", "))
	}
	return nil
}

// nowhere records nothing: listing makes no calls.
type nowhere struct{}

func (nowhere) Accept(context.Context, []learn.Record) error { return nil }

func (f *gatewayFlags) load() (string, gateway.Config, error) {
	path := f.config
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", gateway.Config{}, fmt.Errorf("gateway configuration: %w; name it with --config", err)
		}
		path = filepath.Join(dir, "lathe", "gateway.json")
	}
	cfg, err := gateway.LoadConfig(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = usagef(`%w: write {"mcpServers": {NAME: {"command": ..., "args": [...]}}} there, or name another file with --config`, err)
	}
	return path, cfg, err
}

func (a *app) openGateway(ctx context.Context, f *gatewayFlags) (*gateway.Gateway, error) {
	path, gw, err := f.load()
	if err != nil {
		return nil, err
	}
	cfg, _, err := a.config()
	if err != nil {
		return nil, err
	}
	wd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	}
	project := cfg.Project
	if project == "" {
		project = server.WorkspaceProject(server.ProjectRoot(wd))
	}
	logger := slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, s := range gw.Skipped {
		logger.Warn("server not started", "server", s.Name, "why", s.Reason)
	}
	client := server.NewClient(cfg)
	if !a.noStart {
		go func() { // advice wants the daemon at the first failure, and the agent's handshake does not wait for it
			if err := client.Ensure(ctx); err != nil && ctx.Err() == nil {
				logger.Warn("no daemon: calls go on, without advice", "err", err)
			}
		}()
	}
	d := daemonGateway{client: client, start: !a.noStart, project: project}
	pins := gateway.OpenPins(pinsPath(path), d)
	return gateway.New(gateway.Options{Config: gw, Pins: pins, Strict: gw.Strict || f.strict, Dir: wd, Env: os.Environ(), Stderr: a.errs, Recorder: d, Adviser: d, Offerer: d,
		Logger: logger, Version: server.Version, ProjectID: project, SessionID: uuid.NewString(), AgentID: f.agent})
}

// daemonGateway is the daemon as the gateway sees it.
type daemonGateway struct {
	client *server.Client
	start  bool // one that is not there
	// project is whose agent the gateway serves.
	project string
}

// Offer tells what the list of tools costs, when a daemon runs: it is started
// for calls, not for this.
func (d daemonGateway) Offer(ctx context.Context, tools []gateway.Offered) error {
	call := server.OfferCall{Project: d.project}
	for _, t := range tools {
		call.Tools = append(call.Tools, server.OfferTool{Name: t.Name, Server: t.Server, Recorded: t.Name, Bytes: t.Bytes})
	}
	return d.client.Call(ctx, http.MethodPost, "/v1/offer", call, &struct{}{})
}

// Accept stores a batch. Refused records are an error for all to see, since
// the gateway made them.
func (d daemonGateway) Accept(ctx context.Context, recs []learn.Record) error {
	if !d.start && !d.client.Alive(ctx) {
		return fmt.Errorf("%w, and --no-start says not to start one", server.ErrNoDaemon)
	}
	receipt, err := d.client.Accept(ctx, recs)
	if err != nil {
		return err
	}
	if n := len(receipt.Rejected); n > 0 {
		return fmt.Errorf("%w: %d of %d: %s", gateway.ErrRefused, n, len(recs), receipt.Rejected[0].Reason)
	}
	return nil
}

// Advise diagnoses a failed call from what the daemon has in memory.
func (d daemonGateway) Advise(ctx context.Context, ev learn.ActionOutcome) (learn.FailureAnalysisReport, error) {
	f := mcp.Failure{ProjectID: ev.ProjectID, SessionID: ev.SessionID, ToolName: ev.ToolName, ToolOutput: ev.ToolOutput, ErrorDetails: ev.ErrorDetails}
	if len(ev.ToolParameters) > 0 {
		if err := json.Unmarshal(ev.ToolParameters, &f.ToolParameters); err != nil {
			return learn.FailureAnalysisReport{}, fmt.Errorf("parameters: %w", err)
		}
	}
	name := ev.ID
	if ev.CallID != "" {
		name = learn.EventID(ev.SessionID, ev.CallID)
	}
	var report learn.FailureAnalysisReport
	err := d.client.Call(ctx, http.MethodPost, "/v1/diagnose", server.DiagnoseCall{Failure: f, CWD: ev.ContextSnapshot.CWD, RecordedAs: name, Plain: true}, &report)
	return report, err
}
