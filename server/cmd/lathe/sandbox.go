package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lathe/server"
	"lathe/toolforge/egress"
	"lathe/toolforge/sandbox"
)

func (a *app) sandboxCmd() *cobra.Command {
	c := &cobra.Command{Use: "sandbox", Short: "The sandbox that tools run in", Long: `The sandbox that tools run in.

A command in it sees an image read-only, its own /proc and /tmp, the folders that
were named, and nothing else of the host: no network but the hosts that were
named, no other files, no environment, no privileges, and only harmless system
calls. Memory, processes, time and output are limited.`}
	c.AddCommand(a.sandboxRunCmd(), a.sandboxTestCmd())
	return c
}

// What a run needs at least: with less memory the launcher's own child, which
// sets up the sandbox, is often ended before it begins the command. 8 MiB was
// enough where 6 was not; the double leaves room for other machines.
const (
	minBoxMemory = 16 << 20
	minBoxPIDs   = 16
)

// boxed are the flags of lathe sandbox run.
type boxed struct {
	backend, image, memory, output, tmp, dir string
	wall, cpu                                time.Duration
	pids                                     int
	write, read, net, env, secrets           []string
}

func (a *app) sandboxRunCmd() *cobra.Command {
	var b boxed
	run := &cobra.Command{Use: "run [flags] -- CMD...", Short: "Run a command in the sandbox; its exit code is passed through", Args: cobra.MinimumNArgs(1),
		Long: `Run a command in the sandbox, with this terminal's or pipe's input and output.

The exit code is the command's own, 128 and the signal's number when one ended
it. What limit ended it, and which limits this machine cannot enforce, is said on
stderr. 2 is wrong use and 3 that the sandbox cannot be had, as everywhere; with
--json the result is one document, so that these cannot be mistaken.

With --net the command reaches that host through an HTTP proxy, which http_proxy
and https_proxy name, and nothing else: HOST or HOST:PORT, once for each. A name
that leads to this machine or a private network is refused; name the address
itself for that (127.0.0.1:8080). Each refused request is said on stderr.`,
		Example: `  lathe sandbox run -- python3 -c 'print(1)'
  lathe sandbox run --net example.org --secret API_TOKEN --read . -- python3 fetch.py
  lathe sandbox run --read . --memory 256M --time 10s -- grep -rn TODO .
  lathe sandbox run --backend runc --image validation -- mypy --version`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, spec, err := a.sandboxSpec(cmd.Context(), b, args)
			if err != nil {
				return err
			}
			r, err := l.Run(cmd.Context(), spec)
			if errors.Is(err, sandbox.ErrNoProgram) { // as a shell ends it
				return a.boxResult(l.Name(), &sandbox.Result{ExitCode: 127, Stderr: fmt.Appendln(nil, "lathe:", err)})
			}
			if err != nil {
				return err
			}
			server.HideSecrets(b.secrets, r)
			return a.boxResult(l.Name(), r)
		}}
	fl := run.Flags()
	fl.StringVar(&b.backend, "backend", sandbox.BuiltIn, "launcher (built in) or runc")
	fl.StringVar(&b.image, "image", "runtime", "runtime, validation, or a digest")
	fl.StringVar(&b.memory, "memory", "512M", "memory of all processes, at least 16M")
	fl.StringVar(&b.output, "output", "1M", "bytes of stdout, and of stderr")
	fl.StringVar(&b.tmp, "tmp", "64M", "size of /tmp")
	fl.DurationVar(&b.wall, "time", 30*time.Second, "wall-clock time")
	fl.DurationVar(&b.cpu, "cpu", 60*time.Second, "CPU time of each process")
	fl.IntVar(&b.pids, "pids", 64, "processes and threads, at least 16")
	fl.StringArrayVar(&b.write, "write", nil, "a folder to show under its own name, writable (also --rw)")
	fl.StringArrayVar(&b.read, "read", nil, "a folder or file to show under its own name, read-only (also --ro)")
	fl.StringArrayVar(&b.env, "env", nil, "NAME of a variable to give on, or NAME=value; nothing else of this environment is given")
	fl.StringArrayVar(&b.secrets, "secret", nil, "NAME of a variable to give on, whose value is taken out of the output")
	fl.StringVar(&b.dir, "dir", "", "working directory (default: the first folder shown, or /tmp)")
	fl.StringArrayVar(&b.net, "net", nil, "a host that may be reached: HOST, HOST:PORT, an address (default none)")
	fl.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(cmp.Or(map[string]string{"rw": "write", "ro": "read"}[name], name))
	})
	return run
}

// sandboxSpec makes a run of the flags.
func (a *app) sandboxSpec(ctx context.Context, b boxed, args []string) (*sandbox.Launcher, *sandbox.Spec, error) {
	if slices.Equal(b.net, []string{"none"}) {
		b.net = nil
	}
	for _, h := range b.net {
		if _, err := egress.ParseRule(h); err != nil || h == "host" || h == "none" { // what other programs call all of the network
			return nil, nil, usagef("--net %q: it is HOST, HOST:PORT or an address, or none; there is no network of the host", h)
		}
	}
	for _, given := range []struct {
		flag string
		time time.Duration
	}{{"time", b.wall}, {"cpu", b.cpu}} {
		if given.time <= 0 {
			return nil, nil, usagef("--%s %s: it is a time above 0, like 30s or 500ms", given.flag, given.time)
		}
	}
	if b.pids < minBoxPIDs {
		return nil, nil, usagef("--pids %d: a run needs at least %d", b.pids, minBoxPIDs)
	}
	if b.backend != sandbox.BuiltIn && b.backend != sandbox.Runc {
		return nil, nil, usagef("--backend %q: it is %s or %s", b.backend, sandbox.BuiltIn, sandbox.Runc)
	}
	spec := &sandbox.Spec{Args: args, Dir: b.dir, Network: b.net, Limits: sandbox.Limits{WallTime: b.wall, CPUTime: b.cpu, PIDs: b.pids}}
	for _, size := range []struct {
		flag, given string
		to          *int64
	}{{"memory", b.memory, &spec.Limits.MemoryBytes}, {"output", b.output, &spec.Limits.OutputBytes}, {"tmp", b.tmp, &spec.Limits.TmpBytes}} {
		n, err := parseBytes(size.given)
		if err != nil {
			return nil, nil, usagef("--%s: %v", size.flag, err)
		}
		*size.to = n
	}
	if n := spec.Limits.MemoryBytes; n < minBoxMemory {
		return nil, nil, usagef("--memory %s is %d bytes, and a run needs at least %dM: write it with its unit, like 50M", b.memory, n, minBoxMemory>>20)
	}
	if err := giveVariables(spec, b); err != nil {
		return nil, nil, err
	}
	if err := showFolders(spec, b); err != nil {
		return nil, nil, err
	}
	root, err := a.rootOf(ctx, b.image)
	if err != nil {
		return nil, nil, err
	}
	spec.RootFS = root
	if !isTerminal(a.in) {
		spec.Stdin = a.in
	}
	l, err := sandbox.Open(b.backend)
	return l, spec, err
}

// giveVariables gives the command what --env and --secret name.
func giveVariables(spec *sandbox.Spec, b boxed) error {
	for _, e := range append(slices.Clone(b.env), b.secrets...) {
		name, _, given := strings.Cut(e, "=")
		if name == "" || given && slices.Contains(b.secrets, e) {
			return usagef("--env takes NAME or NAME=value and --secret NAME alone, not %.40q", e)
		}
		if !given {
			value, there := os.LookupEnv(name)
			if !there {
				return usagef("the variable %s is not set: set it, or give --env %s=VALUE", name, name)
			}
			e = name + "=" + value
		}
		spec.Env = append(spec.Env, e)
	}
	return nil
}

// showFolders binds what --write and --read name, under their own absolute names.
func showFolders(spec *sandbox.Spec, b boxed) error {
	for _, list := range []struct {
		paths    []string
		writable bool
	}{{b.read, false}, {b.write, true}} {
		for _, path := range list.paths {
			abs, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			if _, err := os.Stat(abs); err != nil {
				return usagef("a folder that is not there cannot be bound: %w", err)
			}
			spec.Binds = append(spec.Binds, sandbox.Bind{Host: abs, Guest: abs, Writable: list.writable})
			if fi, err := os.Stat(abs); spec.Dir == "" && err == nil && fi.IsDir() {
				spec.Dir = abs
			}
		}
	}
	return nil
}

// rootOf unpacks the image of that kind or digest.
func (a *app) rootOf(ctx context.Context, kind string) (string, error) {
	s, err := a.images()
	if err != nil {
		return "", err
	}
	digest, err := imageNamed(s, kind)
	if err != nil {
		return "", err
	}
	return s.RootFS(ctx, digest)
}

// boxResult passes on what a run printed, and its exit code.
func (a *app) boxResult(backend string, r *sandbox.Result) error {
	if a.json {
		err := a.print(struct {
			Backend      string           `json:"backend"`
			ExitCode     int              `json:"exit_code"`
			Signal       string           `json:"signal,omitempty"`
			Limit        string           `json:"limit,omitempty"`
			Truncated    bool             `json:"truncated,omitempty"`
			Stdout       string           `json:"stdout"`
			Stderr       string           `json:"stderr"`
			Seconds      float64          `json:"seconds"`
			CPUSeconds   float64          `json:"cpu_seconds"`
			MaxRSSMB     float64          `json:"max_rss_mb"`
			Network      []egress.Request `json:"network,omitempty"`
			Degradations []string         `json:"degradations,omitempty"`
		}{backend, r.ExitCode, r.Signal, r.Limit, r.Truncated, string(r.Stdout), string(r.Stderr),
			r.Wall.Seconds(), r.CPU.Seconds(), float64(r.MaxRSS) / (1 << 20), r.Network, r.Degradations})
		if err != nil {
			return err
		}
	} else {
		_, _ = a.out.Write(r.Stdout)
		_, _ = a.errs.Write(r.Stderr)
		for _, d := range r.Degradations {
			fmt.Fprintln(a.errs, "lathe: not enforced here:", d)
		}
		for _, n := range r.Network {
			if n.Reason != "" {
				fmt.Fprintf(a.errs, "lathe: network: %s: %s\n", n.Host, n.Reason)
			}
		}
		if r.Limit != "" {
			fmt.Fprintln(a.errs, "lathe: ended by its limit:", r.Limit)
		}
	}
	if r.ExitCode != 0 {
		return exitCode(r.ExitCode)
	}
	return nil
}
