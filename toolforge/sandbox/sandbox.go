package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"lathe/toolforge/egress"
)

// Errors that callers decide on.
var (
	// ErrUnsupported says that this machine cannot run the backend; the text
	// says what to change.
	ErrUnsupported = errors.New("sandbox: not possible on this machine")
	// ErrNoProgram says that the image has no such program.
	ErrNoProgram = errors.New("no such program in the image")
	// ErrSpec says that the description of the run is wrong.
	ErrSpec = errors.New("sandbox: bad run description")
)

// The backends. podman and docker can stand behind the same interface later.
const (
	BuiltIn = "launcher" // needs nothing installed
	Runc    = "runc"     // the same file system, users and limits, entered by runc
)

// Backend runs commands in isolation.
type Backend interface {
	// Name is the backend's name for results and settings.
	Name() string
	// Run runs the command to its end. What the command does, a crash or an
	// exceeded limit included, is a Result; an error means that it could not be
	// run, or that ctx ended it (then with the Result so far).
	Run(ctx context.Context, spec *Spec) (*Result, error)
}

// Spec describes one run.
type Spec struct {
	RootFS string   // directory of the unpacked image, on the host
	Args   []string // the command; a bare name is looked up in PATH of Env
	Env    []string // NAME=value; PATH, HOME, LANG, TMPDIR get defaults
	Dir    string   // working directory in the guest; "/tmp" if empty
	Stdin  io.Reader
	// Files appear read-only below FilesDir ("/in" if empty), by relative name.
	Files    map[string][]byte
	FilesDir string
	Binds    []Bind
	// OutDir is a guest directory, made for this run, whose regular files come
	// back in Result.Files; none if empty.
	OutDir string
	// Network are the places that may be reached through an HTTP proxy (see
	// egress.ParseRule), which the variables http_proxy and https_proxy name.
	// Without any there is no network.
	Network []string
	Limits  Limits
}

// Bind shows a host file or directory in the guest.
//
// A bind may lie in the guest folder of one before it, where its own folder or
// file must exist, and be reached without links.
type Bind struct {
	Host, Guest string
	Writable    bool
	// Staged shows a folder as writable, keeps what is written in memory
	// (TmpBytes at most) and brings it back in Result.Changes: the host's folder
	// stays as it is, until Apply.
	Staged bool
}

// Limits bound a run. Zero fields take the value of DefaultLimits.
type Limits struct {
	MemoryBytes int64         // of all processes, /tmp and output folder included
	PIDs        int           // processes and threads; less than 16 is taken as 16
	CPUTime     time.Duration // of each process, rounded up to seconds
	WallTime    time.Duration
	OutputBytes int64 // of stdout, and of stderr; more ends the run
	TmpBytes    int64 // of /tmp, and of the output folder
}

// DefaultLimits suit a small tool.
var DefaultLimits = Limits{
	MemoryBytes: 512 << 20, PIDs: 128, CPUTime: 60 * time.Second, WallTime: 60 * time.Second,
	OutputBytes: 1 << 20, TmpBytes: 64 << 20,
}

// What ended a run, in Result.Limit.
const (
	LimitWall   = "wall"
	LimitCPU    = "cpu"
	LimitMemory = "memory"
	LimitPIDs   = "pids"
	LimitOutput = "output"
)

// Result is what a run did.
type Result struct {
	ExitCode       int    // 128 plus the signal when one ended it
	Signal         string // name of that signal, or empty
	Stdout, Stderr []byte
	Truncated      bool          // output went beyond OutputBytes
	Limit          string        // the limit that ended it, or empty
	Wall, CPU      time.Duration // CPU of the command and the children it waited for
	MaxRSS         int64         // bytes; of the whole cgroup where there is one
	Degradations   []string      // limits that this machine could not enforce
	Files          map[string][]byte
	Skipped        []string         // entries of the output folder that were not taken, with why
	Changes        []Change         // to the staged binds, parents before what is in them
	Unstaged       []string         // what was done there and cannot be taken over, with why
	Network        []egress.Request // what was asked of the network's proxy, the first ones
	Unlisted       int              // how many more there were
}

const (
	minPIDs     = 16 // the launcher's own threads need some until it executes
	maxFiles    = 10_000
	maxBinds    = 32
	maxStaged   = 24
	maxArgBytes = 128 << 10
)

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	if l.MemoryBytes <= 0 {
		l.MemoryBytes = d.MemoryBytes
	}
	if l.PIDs <= 0 {
		l.PIDs = d.PIDs
	}
	l.PIDs = max(l.PIDs, minPIDs)
	if l.CPUTime <= 0 {
		l.CPUTime = d.CPUTime
	}
	if l.WallTime <= 0 {
		l.WallTime = d.WallTime
	}
	if l.OutputBytes <= 0 {
		l.OutputBytes = d.OutputBytes
	}
	if l.TmpBytes <= 0 {
		l.TmpBytes = d.TmpBytes
	}
	return l
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSpec, fmt.Sprintf(format, args...))
}

// normal checks a Spec and fills in its defaults.
func (s *Spec) normal() (*Spec, error) {
	n := *s
	n.Limits = s.Limits.withDefaults()
	if len(n.Args) == 0 || n.Args[0] == "" {
		return nil, bad("no command")
	}
	if n.RootFS == "" {
		return nil, bad("no root file system")
	}
	for _, a := range append(append([]string{}, n.Args...), n.Env...) {
		if strings.ContainsRune(a, 0) || len(a) > maxArgBytes {
			return nil, bad("an argument or variable has a NUL byte or more than %d bytes", maxArgBytes)
		}
	}
	if n.Dir == "" {
		n.Dir = "/tmp"
	}
	if len(n.Files) > 0 && n.FilesDir == "" {
		n.FilesDir = "/in"
	}
	if len(n.Files) > maxFiles || len(n.Binds) > maxBinds {
		return nil, bad("%d files and %d binds; at most %d and %d", len(n.Files), len(n.Binds), maxFiles, maxBinds)
	}
	if !absClean(n.Dir) {
		return nil, bad("working directory %q is not a clean absolute path", n.Dir)
	}
	for name := range n.Files {
		if name == "" || !absClean("/"+name) || name == "." || strings.ContainsRune(name, 0) {
			return nil, bad("file name %q is not a clean relative path", name)
		}
	}
	n.Env = withDefaultEnv(n.Env)
	if err := n.network(); err != nil {
		return nil, err
	}
	return &n, n.checkGuests()
}

// checkGuests sees to it that nothing is mounted over what the sandbox needs.
func (s *Spec) checkGuests() error {
	guests := []string{}
	staged := 0
	for _, b := range s.Binds {
		if b.Host == "" {
			return bad("bind to %q names no host path", b.Guest)
		}
		if b.Staged {
			staged++
		}
		if staged > maxStaged || b.Staged && b.Writable {
			return bad("bind to %q: at most %d are staged, and none of them is written directly", b.Guest, maxStaged)
		}
		guests = append(guests, b.Guest)
	}
	if len(s.Files) > 0 {
		guests = append(guests, s.FilesDir)
	}
	if s.OutDir != "" {
		guests = append(guests, s.OutDir)
	}
	seen := map[string]bool{"/tmp": true}
	for _, g := range guests {
		if !absClean(g) || g == "/" || seen[g] || strings.ContainsRune(g, 0) {
			return bad("guest path %q is not clean and absolute, or is taken twice", g)
		}
		for _, own := range []string{"/proc", "/dev", "/sys"} {
			if g == own || strings.HasPrefix(g, own+"/") {
				return bad("guest path %q lies in %s", g, own)
			}
		}
		seen[g] = true
	}
	return nil
}

func absClean(p string) bool { return strings.HasPrefix(p, "/") && path.Clean(p) == p }

func withDefaultEnv(env []string) []string {
	out := append([]string{}, env...)
	for _, d := range []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "TMPDIR=/tmp"} {
		name, _, _ := strings.Cut(d, "=")
		have := false
		for _, e := range env {
			have = have || strings.HasPrefix(e, name+"=")
		}
		if !have {
			out = append(out, d)
		}
	}
	return out
}
