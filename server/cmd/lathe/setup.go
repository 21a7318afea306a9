package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/server/review"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

// devPackages are Debian's names of what the tests drive beside Go and git.
var devPackages = []string{"python3", "mypy", "pylint", "bandit", "python3-pytest", "python3-pytest-cov", "python3-hypothesis", "python3-coverage",
	"neovim", "emacs-nox", "elpa-eglot", "elpa-lsp-mode", "chromium", "gawk", "jq", "sqlite3", "curl", "make", "gcc", "iproute2", "util-linux", "mmdebstrap", "runc"}

// step is one thing that setup does.
type step struct {
	what string
	need func() bool
	do   func(context.Context) error
}

func (a *app) setupCmd() *cobra.Command {
	var yes, dev bool
	c := &cobra.Command{
		Use:   "setup",
		Short: "Bring what this machine lacks: the sandbox's base images (and, with --dev, what the tests drive)",
		Long: `Shows each step before it runs, and asks, unless --yes. The base images are
built from this machine's own apt sources with mmdebstrap, which is installed
when it is missing (as root). Nothing is downloaded from anywhere else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			store, err := server.OpenImages(cfg)
			if err != nil {
				return err
			}
			for _, s := range a.steps(store, dev) {
				if !s.need() {
					fmt.Fprintln(a.errs, "there already:", s.what)
					continue
				}
				fmt.Fprintln(a.errs, "next:", s.what)
				if !yes && !a.confirm() {
					return errors.New("stopped; nothing more was changed")
				}
				if err := s.do(cmd.Context()); err != nil {
					return fmt.Errorf("%s: %w", s.what, err)
				}
			}
			said, err := a.selfTest(cmd.Context(), store)
			if err == nil {
				fmt.Fprintln(a.errs, "sandbox:", said)
			}
			return err
		}}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dev, "dev", false, "also install what the tests drive: editors, a browser, analysers, MCP clients")
	return c
}

func (a *app) steps(store *image.Store, dev bool) []step {
	var out []step
	if dev {
		out = append(out, step{"apt-get install " + strings.Join(devPackages, " "), func() bool { return len(missingPackages()) > 0 }, a.aptInstall})
		if clients, ok := clientsStep(); ok {
			out = append(out, clients)
		}
	}
	for _, kind := range []image.Kind{image.Runtime, image.Validation} {
		size := "about 40 MB, half a minute"
		if kind == image.Validation {
			size = "about 105 MB, one to two minutes"
		}
		out = append(out, step{fmt.Sprintf("build the %s image with mmdebstrap in %s (%s)", kind, store.Dir(), size),
			func() bool { _, err := store.Base(kind); return err != nil },
			func(ctx context.Context) error {
				digest, err := store.EnsureBase(ctx, kind, quiet{a.errs})
				if err == nil {
					_, err = store.RootFS(ctx, digest)
				}
				return err
			}})
	}
	return out
}

// quiet shows a build's progress without the package manager's chatter.
type quiet struct {
	w interface{ Write([]byte) (int, error) }
}

func (q quiet) Write(p []byte) (int, error) {
	for _, line := range strings.Split(string(p), "\n") {
		if strings.HasPrefix(line, "I: ") || strings.HasPrefix(line, "E: ") {
			fmt.Fprintln(q.w, "  ", line)
		}
	}
	return len(p), nil
}

func missingPackages() []string {
	wanted := devPackages
	if _, err := exec.LookPath("node"); err != nil { // Node.js may come from elsewhere
		wanted = append(slices.Clone(wanted), "nodejs", "npm")
	}
	var missing []string
	for _, p := range wanted {
		out, err := exec.Command("dpkg-query", "-W", "-f", "${Status}", p).Output()
		if err != nil || !strings.Contains(string(out), "install ok installed") {
			missing = append(missing, p)
		}
	}
	return missing
}

func (a *app) aptInstall(ctx context.Context) error {
	missing := missingPackages()
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: run `sudo apt-get install %s`", errMissing, strings.Join(missing, " "))
	}
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-y", "-q", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, tail(string(out), 10))
		}
	}
	return nil
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (a *app) confirm() bool {
	fmt.Fprint(a.errs, "go on? [y/N] ")
	line, err := bufio.NewReader(a.in).ReadString('\n')
	return err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
}

// selfTest tries the small abuse battery and says what it found.
func (a *app) selfTest(ctx context.Context, store *image.Store) (string, error) {
	cfg, _, err := a.config()
	if err != nil {
		return "", err
	}
	l, err := sandbox.Open(cfg.Sandbox)
	if err != nil {
		return "", err
	}
	digest, err := store.Base(image.Runtime)
	if err != nil {
		return "", err
	}
	root, err := store.RootFS(ctx, digest)
	if err != nil {
		return "", err
	}
	r, err := sandbox.SelfTest(ctx, l, root)
	if err != nil {
		return "", err
	}
	if !r.OK {
		return "", fmt.Errorf("the sandbox does not hold on this machine: %s", server.Failed(r))
	}
	return fmt.Sprintf("%d abuses tried, all held, in %.1f s; not enforced here: %s", len(r.Checks), r.Seconds, orNone(r.Degradations)), nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, "; ")
}

// finding is one line of the doctor.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "What works here, what does not, and what to do; and the effective configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, values, err := a.config()
			if err != nil {
				return err
			}
			found := a.examine(cmd.Context(), cfg)
			bad := 0
			for _, f := range found {
				if !f.OK {
					bad++
				}
			}
			if a.json {
				if err := a.print(map[string]any{"findings": found, "settings": values}); err != nil {
					return err
				}
			} else {
				for _, f := range found {
					mark := "ok "
					if !f.OK {
						mark = "BAD"
					}
					fmt.Fprintf(a.out, "%s  %-18s %s\n", mark, f.What, clean(f.Detail))
				}
				fmt.Fprintln(a.out)
				var rows [][]string
				for _, s := range values {
					rows = append(rows, []string{s.Name, s.Value, s.Source})
				}
				a.table("SETTING VALUE SOURCE", rows)
			}
			if bad > 0 {
				return fmt.Errorf("%d of %d things do not work", bad, len(found))
			}
			return nil
		}}
}

func (a *app) examine(ctx context.Context, cfg server.Config) []finding {
	var out []finding
	add := func(what string, err error, detail string) {
		if err != nil {
			detail = err.Error()
		}
		out = append(out, finding{what, err == nil, detail})
	}
	add("data directory", writable(cfg.DataDir), cfg.DataDir)
	c := server.NewClient(cfg)
	var s server.Status
	if err := c.Call(ctx, "GET", "/v1/status", nil, &s); err != nil {
		add("daemon", nil, "does not run; commands start it when they need it")
	} else {
		add("daemon", nil, fmt.Sprintf("version %s, pid %d, HTTP %s, %d event messages, %d applied", s.Version, s.PID, s.HTTP, s.Events, s.Applied))
		if s.HTTPTaken != "" {
			add("HTTP port", portTaken(s.HTTPTaken), "")
		}
	}
	out = append(out, a.examineHere(ctx, cfg, c, s.PID > 0)...)
	detail, err := examineModel(ctx, cfg.Model)
	add("model", err, detail)
	add("code graph", nil, codeReader())
	store, err := server.OpenImages(cfg)
	if err != nil {
		add("images", err, "")
		return out
	}
	for _, kind := range []image.Kind{image.Runtime, image.Validation} {
		digest, err := store.Base(kind)
		add(string(kind)+" image", err, digest)
	}
	said := "not tried without a runtime image"
	_, err = sandbox.Open(cfg.Sandbox)
	if err == nil {
		if _, berr := store.Base(image.Runtime); berr == nil {
			said, err = a.selfTest(ctx, store)
		}
	}
	add("sandbox", err, cfg.Sandbox+" on "+runtime.GOOS+"/"+runtime.GOARCH+"; there are "+strings.Join(sandbox.Names(), ", ")+"; "+said)
	if _, err = review.Public(cfg.DataDir); errors.Is(err, review.ErrNoReviewer) {
		add("reviewer", nil, "not set up; needed to approve tools: `lathe reviewer init` on a terminal")
	} else {
		add("reviewer", err, "set up")
	}
	return out
}

// writable reports whether the data directory can be used.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w; choose another with --data", err)
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("not writable: %w; choose another with --data", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
