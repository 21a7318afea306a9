// Command lathe is the self-improvement server for coding agents: daemon,
// stdio faces for agents and editors, and the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/server/review"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

// Exit codes.
const (
	exitBad     = 1 // the thing asked about is bad
	exitUsage   = 2 // wrong use
	exitMissing = 3 // the daemon or a dependency is not there
)

func main() {
	sandbox.Init() // a sandbox is this program started again; see package sandbox
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, errs: errs, flags: map[string]string{}}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	fmt.Fprintln(errs, "lathe:", err)
	if a.json && !a.printed { // a script reads stdout
		_ = a.print(map[string]string{"error": err.Error()}) // the error was told
	}
	var u usageError
	switch {
	case errors.Is(err, server.ErrNoDaemon), errors.Is(err, image.ErrNoBase), errors.Is(err, sandbox.ErrUnsupported),
		errors.Is(err, review.ErrNoReviewer), errors.Is(err, server.ErrRunning), errors.Is(err, errMissing):
		return exitMissing
	case errors.As(err, &u), server.WrongUse(err):
		return exitUsage
	}
	return exitBad
}

// usageError marks wrong use.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errMissing marks that something on the machine is not there.
var errMissing = errors.New("something is missing on this machine")

// app carries what every command needs.
type app struct {
	in        io.Reader
	out, errs io.Writer
	flags     map[string]string // settings given as flags
	json      bool
	noStart   bool
	printed   bool // a JSON document
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lathe",
		Short: "Learns from what coding agents do, and makes tools of it",
		Long: `Lathe records what agents' tool calls did, learns what fixes which failure and
which habits succeed, and turns repeated pipelines into tested, approved tools
that appear in the running session.

Begin with   lathe demo                  the whole loop, in a throwaway folder
then         lathe import --discover     your own agent's histories
and          lathe mcp                   the command for your agent's settings`,
		SilenceUsage: true, SilenceErrors: true, Version: server.Version,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	pf := root.PersistentFlags()
	pf.Func("data", "data directory (default: "+"$XDG_DATA_HOME/lathe)", a.setting("data_dir"))
	pf.Func("http", "loopback address of the daemon's HTTP port, or off", a.setting("http"))
	pf.BoolVar(&a.json, "json", false, "print one JSON document on stdout and nothing else there")
	pf.BoolVar(&a.noStart, "no-start", false, "do not start a daemon when none runs (exit 3)")
	root.AddCommand(a.serveCmd(), a.mcpCmd(), a.gatewayCmd(), a.lspCmd(), a.stopCmd(), a.versionCmd(), a.tokenCmd(), a.doctorCmd(), a.setupCmd(),
		a.importCmd(), a.kpiCmd(), a.logCmd(), a.diagnoseCmd(), a.strategyCmd(), a.reviewerCmd(), a.reviewCmd(), a.toolCmd(),
		a.graphCmd(), a.imageCmd(), a.sandboxCmd(), a.signatureCmd(), a.mineCmd(), a.planCmd(), a.undoCmd(), a.taskCmd(), a.digestCmd(), a.muteCmd(), a.pauseCmd(), a.trialCmd(), a.evalCmd(), a.hookCmd(), a.connectCmd(), a.verifyCmd(), a.backupCmd(), a.restoreCmd(), a.rebuildCmd(), a.forgetCmd(), a.demoCmd(), a.modelCmd())
	root.Args = cobra.ArbitraryArgs // or cobra answers an unknown command itself, not as wrong use
	wrapArgs(root)
	return root
}

// wrapArgs makes a wrong number of arguments wrong use, in every command.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if errors.As(err, &notUsage{}) {
				return err
			}
			switch {
			case err != nil && cmd.HasSubCommands():
				return usagef("there is no %q; see %s --help", args[0], cmd.CommandPath())
			case err != nil:
				return usagef("%w\nusage: %s", err, cmd.UseLine())
			}
			return nil
		}
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no %q; see %s --help", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

func (a *app) setting(name string) func(string) error {
	return func(v string) error { a.flags[name] = v; return nil }
}

// config is the effective configuration for the working directory.
func (a *app) config() (server.Config, []server.Setting, error) {
	wd, err := os.Getwd()
	if err != nil {
		return server.Config{}, nil, fmt.Errorf("working directory: %w", err)
	}
	cfg, values, err := server.LoadConfig(server.ProjectRoot(wd), a.flags)
	if err != nil {
		err = usageError{err}
	}
	return cfg, values, err
}

// client is connected to a running daemon, starting one unless told not to.
func (a *app) client(ctx context.Context) (*server.Client, server.Config, error) {
	cfg, _, err := a.config()
	if err != nil {
		return nil, cfg, err
	}
	c := server.NewClient(cfg)
	if a.noStart {
		if !c.Alive(ctx) {
			return nil, cfg, fmt.Errorf("%w on %s, and --no-start says not to start one", server.ErrNoDaemon, cfg.DataDir)
		}
		return c, cfg, nil
	}
	if err := c.Ensure(ctx); err != nil {
		return c, cfg, err
	}
	takeSpool(ctx, c, cfg)
	var s server.Status
	if err := c.Call(ctx, http.MethodGet, "/v1/status", nil, &s); err == nil && s.Applied < s.Events {
		fmt.Fprintf(a.errs, "still learning: %d of %d messages of the log; what is shown is not all yet\n", s.Applied, s.Events)
	}
	return c, cfg, nil
}
