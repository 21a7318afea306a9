package toolforge

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// localRunner runs programs on this machine without a sandbox. It is for
// tools that these tests write, and for nothing else.
type localRunner struct {
	root  string
	specs *[]RunSpec
}

func newLocalRunner(t testing.TB) localRunner {
	return localRunner{root: t.TempDir(), specs: new([]RunSpec)}
}

func (l localRunner) Run(ctx context.Context, spec RunSpec) (RunResult, error) {
	dir, err := os.MkdirTemp(l.root, "run-")
	if err != nil {
		return RunResult{}, err
	}
	for name, content := range spec.Files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return RunResult{}, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return RunResult{}, err
		}
	}
	if spec.Limits.Wall > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, spec.Limits.Wall)
		defer cancel()
	}
	args := slices.Clone(spec.Args)
	if args[0] == "python3" {
		args[0] = "/usr/bin/python3"
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	for k, v := range maps.All(spec.Env) {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(spec.Stdin), &stdout, &stderr
	start := time.Now()
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
		return RunResult{}, err
	}
	r := RunResult{ExitCode: cmd.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Duration: time.Since(start),
		Backend: "local", Degradations: []string{"no sandbox"}}
	if ctx.Err() != nil {
		r.Limit = "wall clock"
	}
	return r, nil
}
