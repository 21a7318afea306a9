package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	seccomp "github.com/elastic/go-seccomp-bpf"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Open finds a backend by name: BuiltIn, or Runc where it is installed.
func Open(name string) (*Launcher, error) {
	l, err := NewLauncher()
	if err != nil || name == BuiltIn || name == "" {
		return l, err
	}
	if name != Runc {
		return nil, fmt.Errorf("%w: there is no backend %q (%s, %s)", ErrSpec, name, BuiltIn, Runc)
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"} {
		if program := filepath.Join(dir, name); unix.Access(program, unix.X_OK) == nil {
			l.name, l.runtime = name, program
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w: %s is not installed; the built-in launcher needs nothing (apt-get install %s)", ErrUnsupported, name, name)
}

// Names are the backends of this machine, the built-in first.
func Names() []string {
	var names []string
	for _, name := range []string{BuiltIn, Runc} {
		if _, err := Open(name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// hand lets an OCI runtime run the command in the file system that was built.
// This process stays as the first of its process namespace, in which the
// runtime and all that it starts live: they die with it, which a runtime's own
// containers would not. It does not return when the runtime was started.
func (b *builder) hand(cfg *config) error {
	// The runtime looks itself up in /proc.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc for the runtime: %w", err)
	}
	bundle := filepath.Join(stage, "bundle")
	if err := os.Mkdir(bundle, 0o700); err != nil {
		return err
	}
	// A runtime makes a working directory that is not there.
	if st, err := statIn(b.root, cfg.Dir); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("working directory %s: no such directory", cfg.Dir)
	}
	if _, err := statIn(b.root, "/bin/sh"); err != nil && cfg.AddressSize > 0 {
		return fmt.Errorf("without a memory cgroup %s limits memory through /bin/sh, which the image lacks; use the built-in launcher", filepath.Base(cfg.Runtime))
	}
	command, err := lookPath(b.root, cfg.Dir, cfg.Args[0], cfg.Env)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(bundleOf(cfg, b.root, command))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), raw, 0o600); err != nil {
		return err
	}
	log := filepath.Join(bundle, "log")
	args := []string{"--root", filepath.Join(stage, "state"), "--rootless", "true", "--log", log, "--log-format", "json",
		"run", "--no-new-keyring", "--bundle", bundle}
	if cfg.Channel {
		args = append(args, "--preserve-fds", "1")
	}
	run := exec.Command(cfg.Runtime, append(args, "lathe")...)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	if cfg.Channel {
		run.Stdin, run.ExtraFiles = nil, []*os.File{os.Stdin}
	}
	run.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GOMAXPROCS=1"}
	if err := sendReport(report{Ready: true, Degradations: b.degradations}, b.kept()...); err != nil {
		return err
	}
	if _, err := recvGo(); err != nil {
		return err
	}
	for _, fd := range b.kept() {
		unix.Close(fd) // the launcher has them
	}
	if err := closeInherited(); err != nil {
		return err
	}
	if err := run.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cfg.Runtime, err)
	}
	unix.Close(controlFD) // the parent takes it for the start
	err = run.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		leaveWord(cfg, err.Error())
		os.Exit(127)
	}
	if code := run.ProcessState.ExitCode(); code != 0 {
		leaveWord(cfg, runtimeError(log))
		os.Exit(code)
	}
	os.Exit(0)
	return nil
}

// runtimeError is what the runtime logged as its own failure.
func runtimeError(log string) string {
	f, err := os.Open(log)
	if err != nil {
		return ""
	}
	defer f.Close()
	sc := bufio.NewScanner(io.LimitReader(f, 1<<20))
	for sc.Scan() {
		var line struct{ Level, Msg string }
		if json.Unmarshal(sc.Bytes(), &line) == nil && (line.Level == "error" || line.Level == "fatal") {
			return line.Msg
		}
	}
	return ""
}

// leaveWord writes why the command could not be run where the parent finds it:
// over the configuration.
func leaveWord(cfg *config, why string) {
	if err := cfg.file.Truncate(0); err == nil {
		_, _ = cfg.file.WriteAt([]byte(why), 0)
	}
}

// lastWord reads it; nil where the command ran.
func (r *run) lastWord() error {
	if r.l.runtime == "" {
		return nil
	}
	word := make([]byte, 2000)
	n, err := r.config.ReadAt(word, 0)
	if n == 0 || bytes.HasPrefix(word[:n], []byte("{")) {
		return nil // nothing, or still the configuration
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("sandbox: %s: %w", r.l.name, err)
	}
	return fmt.Errorf("sandbox: %s: %s", r.l.name, strings.ToValidUTF8(string(word[:n]), "?"))
}

// bundleOf describes a run as the OCI runtime specification (1.0.2, 2020) does.
// Everything that is mounted lies below root already, but for /proc.
func bundleOf(cfg *config, root, command string) *specs.Spec {
	limit := func(name string, n uint64) specs.POSIXRlimit {
		return specs.POSIXRlimit{Type: "RLIMIT_" + name, Soft: n, Hard: n}
	}
	limits := []specs.POSIXRlimit{
		limit("CORE", 0), limit("CPU", cfg.CPUSeconds), limit("FSIZE", uint64(cfg.TmpBytes)), limit("NOFILE", 1024),
		limit("MEMLOCK", 1<<16), limit("MSGQUEUE", 0), limit("SIGPENDING", 1024), limit("NPROC", uint64(cfg.PIDs)),
	}
	args := append([]string{command}, cfg.Args[1:]...)
	if cfg.AddressSize > 0 { // would hold for the runtime's own start too, which needs more
		args = append([]string{"/bin/sh", "-c", unsetPWD(cfg.Env) + `ulimit -v "$0" && exec "$@"`, strconv.FormatUint(cfg.AddressSize>>10, 10)}, args...)
	}
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: root, Readonly: true},
		Process: &specs.Process{
			Args: args, Env: cfg.Env, Cwd: cfg.Dir, NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{}, Rlimits: limits,
		},
		Hostname: "lathe",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "nodev", "noexec", "ro", "subset=pid"}},
			{Destination: "/dev", Type: "bind", Source: filepath.Join(root, "dev"), Options: []string{"rbind", "nosuid", "noexec", "ro"}},
		},
		Linux: &specs.Linux{
			// The network namespace is the one around the runtime: an empty one.
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.CgroupNamespace},
			},
			Seccomp: ociFilter(cfg.Network),
		},
	}
}

// unsetPWD keeps the variable that a shell sets by itself from the command.
func unsetPWD(env []string) string {
	for _, e := range env {
		if strings.HasPrefix(e, "PWD=") {
			return ""
		}
	}
	return "unset PWD; "
}

// ociFilter is the launcher's filter in the runtime specification's words. It
// answers EPERM where the launcher's says ENOSYS, but for clone3: libseccomp
// knows one answer for a call whose arguments do not fit, the default one.
func ociFilter(network bool) *specs.LinuxSeccomp {
	errno := func(e unix.Errno) *uint { n := uint(e); return &n }
	f := &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno, DefaultErrnoRet: errno(unix.EPERM),
		Syscalls: []specs.LinuxSyscall{
			{Names: strings.Fields(allowedCalls), Action: specs.ActAllow},
			{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: errno(unix.ENOSYS)},
		},
	}
	for _, c := range conditionalCalls(network) {
		call := specs.LinuxSyscall{Names: []string{c.Name}, Action: specs.ActAllow}
		for _, when := range c.Conditions {
			arg := specs.LinuxSeccompArg{Index: uint(when.Argument), Value: when.Value, Op: specs.OpEqualTo}
			if when.Operation == seccomp.BitsNotSet { // all bits of the mask are 0
				arg.Op, arg.ValueTwo = specs.OpMaskedEqual, 0
			}
			call.Args = append(call.Args, arg)
		}
		f.Syscalls = append(f.Syscalls, call)
	}
	return f
}
