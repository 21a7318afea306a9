package toolforge

import (
	"context"
	"time"
)

// The images that a RunSpec may name.
const (
	ImageValidation = "validation" // Python with mypy, pylint, bandit, pytest, hypothesis, coverage
	ImageRuntime    = "runtime"    // Python's standard library and the usual programs
)

// Runner runs one program in a sandbox. It returns an error only when the
// program could not be run at all; how it ended is in the result.
type Runner interface {
	Run(ctx context.Context, spec RunSpec) (RunResult, error)
}

// RunSpec is one run. Files are put below Dir, by slash-separated relative
// names, before the program starts; nothing comes back but stdout and stderr.
// There is no network.
type RunSpec struct {
	Image    string
	Args     []string
	Files    map[string][]byte
	Dir      string // working directory in the sandbox, made for the run
	Stdin    []byte
	Env      map[string]string // beside the sandbox's own
	Limits   RunLimits
	Writable bool // whether Dir may be written; /tmp always may
}

// RunLimits bound a run. Zero leaves it to the sandbox.
type RunLimits struct {
	Wall     time.Duration
	MemoryMB int
	PIDs     int
	Output   int // bytes of stdout and of stderr
}

// RunResult is how a run ended.
type RunResult struct {
	ExitCode     int
	Stdout       []byte
	Stderr       []byte
	Truncated    bool   // whether stdout or stderr was cut
	Limit        string // which limit ended it, or ""
	Duration     time.Duration
	MaxRSSMB     float64
	Backend      string
	Degradations []string // limits that could not be had
}
