package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Init takes over when this process was started as the inside of a sandbox, and
// then never returns. Call it first in main, and in TestMain of tests that run
// sandboxes.
func Init() {
	if len(os.Args) == 0 || os.Args[0] != initName {
		return
	}
	// Credentials, seccomp and Landlock belong to a thread; exec keeps those of
	// the thread that calls it, so everything happens on this one.
	runtime.LockOSThread()
	err := inside()
	_ = sendReport(report{Error: err.Error(), NoProgram: errors.Is(err, ErrNoProgram)})
	os.Exit(127)
}

// inside builds the sandbox around this process and becomes the command.
func inside() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to die with the launcher: %w", err)
	}
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	trees, err := recvGo() // from here on this process is in its cgroup
	if err != nil {
		return err
	}
	b := &builder{cfg: cfg, trees: trees}
	if err := b.build(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("lathe")); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if cfg.Runtime != "" {
		return b.hand(cfg)
	}
	if err := b.pivot(); err != nil {
		return err
	}
	if err := unix.Chdir(cfg.Dir); err != nil {
		return fmt.Errorf("working directory %s: %w", cfg.Dir, err)
	}
	command, err := lookPath("/", cfg.Dir, cfg.Args[0], cfg.Env)
	if err != nil {
		return err
	}
	if err := sendReport(report{Ready: true, Degradations: b.degradations}, b.kept()...); err != nil {
		return err
	}
	if _, err := recvGo(); err != nil {
		return err
	}
	return become(cfg, command)
}

func readConfig() (*config, error) {
	// Left open, for a runtime's last word; executing closes it.
	f := os.NewFile(configFD, "config")
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	cfg := &config{file: f}
	if err := json.Unmarshal(raw, cfg); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return cfg, nil
}

// lookPath finds a command inside the root, as the command will see it: links
// in it stay in it.
func lookPath(root, dir, name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		at := name
		if !path.IsAbs(at) {
			at = path.Join(dir, at)
		}
		if _, err := statIn(root, at); errors.Is(err, unix.ENOENT) {
			return "", fmt.Errorf("%s: %w", name, ErrNoProgram)
		}
		return name, nil
	}
	for _, e := range env {
		dirs, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range strings.Split(dirs, ":") {
			file := path.Join("/", dir, name)
			if st, err := statIn(root, file); err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0 {
				return file, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", name, ErrNoProgram)
}

// statIn looks at a file as who has root as its root sees it.
func statIn(root, file string) (*unix.Stat_t, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, file, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return &st, unix.Fstat(fd, &st)
}

// lockDown gives up, for good, everything that setting up needed.
func lockDown(cfg *config) error {
	if err := limitResources(cfg); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := restrictPaths(cfg); err != nil {
		return err
	}
	if err := closeInherited(); err != nil {
		return err
	}
	return loadFilter(cfg.Network)
}

func limitResources(cfg *config) error {
	files := uint64(cfg.TmpBytes)
	limits := []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_CPU, cfg.CPUSeconds}, {unix.RLIMIT_FSIZE, files},
		{unix.RLIMIT_NOFILE, 1024}, {unix.RLIMIT_MEMLOCK, 1 << 20}, {unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_SIGPENDING, 1024},
	}
	for _, l := range limits {
		v, err := lowered(l.resource, l.value)
		if err != nil {
			return err
		}
		if err := unix.Setrlimit(l.resource, v); err != nil {
			return fmt.Errorf("set resource limit %d: %w", l.resource, err)
		}
	}
	return nil
}

// become executes the command. The last two limits would starve this runtime
// itself (its threads, its address space), so they are set when everything is
// prepared, by calls that allocate nothing.
func become(cfg *config, command string) error {
	path, err := syscall.BytePtrFromString(command)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(cfg.Args)
	if err != nil {
		return err
	}
	envp, err := syscall.SlicePtrFromStrings(cfg.Env)
	if err != nil {
		return err
	}
	processes, err := lowered(unix.RLIMIT_NPROC, uint64(cfg.PIDs))
	if err != nil {
		return err
	}
	space, err := lowered(unix.RLIMIT_AS, cfg.AddressSize)
	if err != nil {
		return err
	}
	limitSpace := cfg.AddressSize > 0
	if err := lockDown(cfg); err != nil {
		return err
	}
	e := setLimit(unix.RLIMIT_NPROC, processes)
	if e == 0 && limitSpace {
		e = setLimit(unix.RLIMIT_AS, space)
	}
	if e == 0 {
		_, _, e = unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
			uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])))
	}
	return fmt.Errorf("execute %s: %w", cfg.Args[0], e)
}

// lowered is a limit of value, or of what the parent left if that is less.
func lowered(resource int, value uint64) (*unix.Rlimit, error) {
	var old unix.Rlimit
	if err := unix.Getrlimit(resource, &old); err != nil {
		return nil, fmt.Errorf("read resource limit %d: %w", resource, err)
	}
	v := min(value, old.Max)
	return &unix.Rlimit{Cur: v, Max: v}, nil
}

func setLimit(resource uintptr, l *unix.Rlimit) syscall.Errno {
	_, _, e := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, resource, uintptr(unsafe.Pointer(l)), 0, 0, 0)
	return e
}

// Securebits, capabilities(7): uid 0 means nothing, now and after any exec, and
// none of this can be taken back.
const lockedSecureBits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

func dropCapabilities() error {
	for c := uintptr(0); c < 64; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // beyond the last that this kernel knows
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, lockedSecureBits, 0, 0, 0); err != nil {
		return fmt.Errorf("lock securebits: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if _, _, e := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&none[0])), 0); e != 0 {
		return fmt.Errorf("drop capabilities: %w", e)
	}
	return nil
}

// closeInherited marks every descriptor from 3 on to be closed by exec.
func closeInherited() error {
	err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	for fd := 3; fd < 1<<16; fd++ { // Linux before 5.11
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
	}
	return nil
}
