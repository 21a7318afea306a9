package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// contender is one way to run the program.
type contender struct {
	name   string
	cold   func(context.Context) (int64, error) // gives bytes of memory
	warm   *Warm
	failed error
	colds  []time.Duration
	warms  []time.Duration
	memory int64
}

// measured is the program: it starts an interpreter and does next to nothing.
const measured = "print(1)"

// Measure times the backends of this machine beside a bare process, plain
// Python, runc by itself and podman, in turn, so that all meet the same load.
func Measure(ctx context.Context, rootFS string, rounds int) ([]Timing, error) {
	tmp, err := os.MkdirTemp("", "lathe-measure-")
	if err != nil {
		return nil, fmt.Errorf("sandbox: measure: %w", err)
	}
	defer os.RemoveAll(tmp)
	ways := []*contender{{name: "/bin/true", cold: outside(exec.Command("/bin/true"))}, plainPython(rootFS)}
	for _, name := range Names() {
		c, err := backendWay(ctx, name, rootFS)
		if err != nil {
			return nil, err
		}
		ways = append(ways, c)
		if c.warm != nil {
			defer c.warm.Close()
		}
	}
	ways = append(ways, runcItself(rootFS, tmp), podman(rootFS, tmp))
	for i := range rounds + 1 { // the first round fills caches
		for _, c := range ways {
			if err := c.lap(ctx, i > 0); err != nil {
				return nil, err
			}
		}
	}
	var out []Timing
	yardstick := middle(ways[0].colds, 0.5)
	for _, c := range ways {
		out = append(out, c.timing(yardstick))
	}
	return out, nil
}

// lap runs the program once each way; what fails is not tried again.
func (c *contender) lap(ctx context.Context, counts bool) error {
	if err := ctx.Err(); err != nil || c.failed != nil {
		return err
	}
	start := time.Now()
	memory, err := c.cold(ctx)
	if err != nil {
		c.failed = err
		return ctx.Err()
	}
	took := time.Since(start)
	c.memory = max(c.memory, memory)
	if counts {
		c.colds = append(c.colds, took)
	}
	if c.warm == nil {
		return nil
	}
	if err := c.warm.Settle(); err != nil {
		return err
	}
	start = time.Now()
	if _, err := c.warm.Call(ctx, nil); err != nil {
		return err
	}
	if counts {
		c.warms = append(c.warms, time.Since(start))
	}
	return nil
}

func (c *contender) timing(yardstick time.Duration) Timing {
	t := Timing{Way: c.name, MemoryMB: float64(c.memory) / (1 << 20)}
	if c.failed != nil {
		t.NotRun = c.failed.Error()
		return t
	}
	lap := func(times []time.Duration) *Lap {
		if len(times) == 0 {
			return nil
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		return &Lap{ms(middle(times, 0.5)), ms(middle(times, 0.95)), float64(middle(times, 0.5)) / float64(max(yardstick, 1))}
	}
	t.Cold, t.Warm = lap(c.colds), lap(c.warms)
	if c.warm != nil {
		t.WaitingMB = float64(c.warm.Resident()) / (1 << 20)
	}
	return t
}

func middle(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(times))[int(share*float64(len(times)-1)+0.5)]
}

// outside runs a program of the host. What memory it needs is not known: the
// kernel counts in what the process was before it became that program.
func outside(pattern *exec.Cmd) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, pattern.Path, pattern.Args[1:]...)
		cmd.SysProcAttr, cmd.Dir = pattern.SysProcAttr, pattern.Dir
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil {
			lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
			return 0, fmt.Errorf("%w: %.200s", err, lines[len(lines)-1])
		}
		return 0, nil
	}
}

// plainPython is the image's own interpreter without a sandbox, or, for who may
// not change the root, this machine's.
func plainPython(rootFS string) *contender {
	if os.Geteuid() == 0 {
		cmd := exec.Command("/usr/bin/python3", "-B", "-c", measured)
		cmd.Path, cmd.Err = "/usr/bin/python3", nil
		cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Chroot: rootFS}, "/"
		return &contender{name: "plain Python, the image's", cold: outside(cmd)}
	}
	cmd := exec.Command("python3", "-B", "-c", measured)
	return &contender{name: "plain Python, the host's", cold: outside(cmd), failed: cmd.Err}
}

func backendWay(ctx context.Context, name, rootFS string) (*contender, error) {
	l, err := Open(name)
	if err != nil {
		return nil, err
	}
	c := &contender{name: "sandbox: " + name, cold: func(ctx context.Context) (int64, error) {
		r, err := l.Run(ctx, &Spec{RootFS: rootFS, Args: []string{"python3", "-c", measured}})
		if err == nil && r.ExitCode != 0 {
			err = fmt.Errorf("exit code %d: %.200s", r.ExitCode, r.Stderr)
		}
		if err != nil {
			return 0, err
		}
		return r.MaxRSS, nil
	}}
	c.warm, err = l.Warm(ctx, &Spec{RootFS: rootFS, Files: map[string][]byte{"p.py": []byte(measured)}}, Program{Path: "/in/p.py"})
	return c, err
}

// runcItself is `runc run` on a bundle with what the sandbox also does:
// namespaces, limits, no privileges, the same filter.
func runcItself(rootFS, tmp string) *contender {
	c := &contender{name: "runc itself"}
	l, err := Open(Runc)
	if err != nil {
		c.failed = err
		return c
	}
	if os.Geteuid() != 0 {
		c.failed = errors.New("it needs root (as a backend it does not)")
		return c
	}
	memory, pids := DefaultLimits.MemoryBytes, int64(DefaultLimits.PIDs)
	cfg := &config{Args: []string{"python3", "-c", measured}, Env: withDefaultEnv(nil), Dir: "/tmp", TmpBytes: DefaultLimits.TmpBytes,
		PIDs: DefaultLimits.PIDs, CPUSeconds: 60}
	s := bundleOf(cfg, rootFS, "/usr/bin/python3")
	s.Mounts = []specs.Mount{
		s.Mounts[0],
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755", "size=65536k"}},
		{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "size=64m"}},
	}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory}, Pids: &specs.LinuxPids{Limit: &pids}}
	raw, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, "config.json"), raw, 0o600)
	}
	if err != nil {
		c.failed = err
		return c
	}
	c.cold = outside(exec.Command(l.runtime, "--root", filepath.Join(tmp, "runc"), "run", "--no-new-keyring", "--bundle", tmp, fmt.Sprintf("lathe-measure-%d", os.Getpid())))
	return c
}

// podman runs the same with what it has for it.
func podman(rootFS, tmp string) *contender {
	c := &contender{name: "podman"}
	args := []string{"--root", filepath.Join(tmp, "podman"), "--runroot", filepath.Join(tmp, "podman-run"), "--storage-driver", "vfs"}
	if os.Geteuid() == 0 {
		args = append(args, "--cgroup-manager", "cgroupfs")
	}
	if l, err := Open(Runc); err == nil {
		args = append(args, "--runtime", l.runtime)
	}
	cmd := exec.Command("podman", append(args, "run", "--rm", "--network", "none", "--log-driver", "none", "--read-only", "--cap-drop", "all",
		"--security-opt", "no-new-privileges", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--memory", "512m", "--pids-limit", "128",
		"--rootfs", rootFS+":O", "python3", "-c", measured)...)
	if cmd.Err != nil {
		c.failed = fmt.Errorf("podman is not installed (apt-get install podman)")
		return c
	}
	c.cold = outside(cmd)
	return c
}
