package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Launcher is the built-in backend, or, with a runtime, what prepares a run for
// that. Safe for concurrent use.
type Launcher struct {
	name    string
	runtime string // program of an OCI runtime, or empty
	cgroups *cgroups
	ids     idRange
	next    atomic.Uint32
}

// NewLauncher looks at what this machine can do. It fails only where nothing
// can run at all; SelfTest says whether what it does holds.
func NewLauncher() (*Launcher, error) {
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		return nil, fmt.Errorf("%w: this kernel has no user namespaces, or /proc is not mounted", ErrUnsupported)
	}
	l := &Launcher{name: BuiltIn, cgroups: findCgroups(), ids: hostIDs()}
	l.next.Store(uint32(os.Getpid()))
	return l, nil
}

// Name is the backend's name: "launcher", "runc".
func (l *Launcher) Name() string { return l.name }

// Run runs the command. See Backend.
func (l *Launcher) Run(ctx context.Context, spec *Spec) (*Result, error) {
	s, err := spec.normal()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// The parent-death signal belongs to the thread that starts the child: it
	// must not end before the child does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &run{l: l, spec: s, host: l.ids.pick(l.next.Add(1)), out: -1}
	defer r.close()
	return r.do(ctx)
}

// run is one run under way.
type run struct {
	l       *Launcher
	spec    *Spec
	host    int // user and group on the host
	group   *group
	control *net.UnixConn
	cmd     *exec.Cmd
	stdout  *capture
	stderr  *capture
	stdin   *os.File // our end
	channel *os.File // what the command gets as stdin instead of a pipe
	out     int
	proxy   *proxyListener // nil without network
	uppers  []int          // what staged binds hold, in their order
	closers []io.Closer
	config  *os.File // the child's configuration, and a runtime's last word
	missing []string
	limit   atomic.Pointer[string]
	proc    atomic.Pointer[os.Process]
}

func (r *run) close() {
	for _, c := range r.closers {
		c.Close()
	}
	if r.out >= 0 {
		unix.Close(r.out)
	}
	if r.proxy != nil {
		_ = r.proxy.l.Close()
	}
	for _, fd := range r.uppers {
		unix.Close(fd)
	}
	if r.group != nil {
		_ = r.group.remove()
	}
}

func (r *run) do(ctx context.Context) (*Result, error) {
	start := time.Now()
	if err := r.start(); err != nil {
		return nil, err
	}
	stop := r.watch(ctx, start)
	err := r.release()
	reached := r.reach(err)
	if err == nil && r.stdin != nil {
		go feed(r.stdin, r.spec.Stdin)
	}
	werr := r.end(err)
	wall := time.Since(start)
	stop()
	requests, unlisted := reached()
	if werr != nil {
		return nil, werr
	}
	if err != nil && r.limit.Load() == nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if err := r.lastWord(); err != nil && r.limit.Load() == nil && ctx.Err() == nil {
		return nil, err
	}
	res := r.result(wall)
	res.Network, res.Unlisted = requests, unlisted
	return res, ctx.Err()
}

// start makes the cgroup and starts the child, which waits for release.
func (r *run) start() error {
	name := groupPrefix() + strconv.FormatUint(uint64(r.l.next.Add(1)), 10)
	r.group, r.missing = r.l.cgroups.make(name, r.spec.Limits)
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.cmd.Start(); err != nil {
		r.closeChildEnds()
		return startError(err)
	}
	r.proc.Store(r.cmd.Process)
	return nil
}

// end returns when every process of the run is gone; failed is what release
// said.
func (r *run) end(failed error) error {
	if failed != nil {
		_ = r.cmd.Process.Kill()
	}
	r.closeChildEnds()
	r.stdout.wait()
	r.stderr.wait()
	err := r.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("sandbox: wait: %w", err)
	}
	return nil
}

// prepare makes pipes, configuration and the command to start.
func (r *run) prepare() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sandbox: control socket: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		theirs.Close()
		return fmt.Errorf("sandbox: control socket: %w", err)
	}
	r.control = conn.(*net.UnixConn)
	r.closers = append(r.closers, conn)
	cfg, err := r.configFile()
	if err != nil {
		theirs.Close()
		return err
	}
	r.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{initName}, Dir: "/",
		// One small, single-threaded life until exec.
		Env:         []string{"GOMAXPROCS=1", "GOGC=off"},
		ExtraFiles:  []*os.File{theirs, cfg},
		SysProcAttr: r.attributes(),
	}
	return r.stdio()
}

func (r *run) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
			unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: r.host, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: r.l.ids.group(r.host), Size: 1}},
		Credential:  r.l.ids.credential(),
		Setsid:      true,
		Pdeathsig:   syscall.SIGKILL,
	}
}

func (r *run) configFile() (*os.File, error) {
	s := r.spec
	c := config{
		RootFS: s.RootFS, Args: s.Args, Env: s.Env, Dir: s.Dir, Files: s.Files, FilesDir: s.FilesDir,
		Binds: s.Binds, OutDir: s.OutDir, TmpBytes: s.Limits.TmpBytes, PIDs: s.Limits.PIDs,
		CPUSeconds: uint64((s.Limits.CPUTime + time.Second - 1) / time.Second),
		GivenTrees: r.l.ids.privileged, Runtime: r.l.runtime, Channel: r.channel != nil,
		Network: len(s.Network) > 0,
	}
	if r.group.memory == "" {
		c.AddressSize = uint64(s.Limits.MemoryBytes)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("sandbox: configuration: %w", err)
	}
	fd, err := unix.MemfdCreate("lathe-config", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("sandbox: configuration: %w", err)
	}
	f := os.NewFile(uintptr(fd), "config")
	r.closers = append(r.closers, f)
	r.config = f
	if _, err := f.Write(raw); err != nil {
		return nil, fmt.Errorf("sandbox: configuration: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("sandbox: configuration: %w", err)
	}
	return f, nil
}

func (r *run) stdio() error {
	var err error
	if r.channel != nil {
		r.cmd.Stdin = r.channel
	} else if r.spec.Stdin == nil {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
		r.cmd.Stdin = null
	} else {
		in, ours, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("sandbox: stdin: %w", err)
		}
		r.cmd.Stdin, r.stdin = in, ours
		r.closers = append(r.closers, ours)
	}
	over := func() { r.kill(LimitOutput) }
	if r.stdout, err = newCapture(r.spec.Limits.OutputBytes, over); err != nil {
		return err
	}
	r.closers = append(r.closers, r.stdout)
	if r.stderr, err = newCapture(r.spec.Limits.OutputBytes, over); err != nil {
		return err
	}
	r.closers = append(r.closers, r.stderr)
	r.cmd.Stdout, r.cmd.Stderr = r.stdout.child, r.stderr.child
	return nil
}

func (r *run) closeChildEnds() {
	for _, f := range append([]*os.File{r.cmd.Stdin.(*os.File), r.stdout.child, r.stderr.child}, r.cmd.ExtraFiles...) {
		f.Close()
	}
}

// feed writes stdin. It ends when the pipe breaks; a reader that never returns
// holds only this goroutine, as with os/exec.
func feed(w *os.File, from io.Reader) {
	_, _ = io.Copy(w, from)
	w.Close()
}

// kill ends the run for a reason; the first reason counts.
func (r *run) kill(limit string) {
	r.limit.CompareAndSwap(nil, &limit)
	if p := r.proc.Load(); p != nil {
		_ = p.Kill()
	}
}

// watch ends the run at its wall-clock limit or with ctx.
func (r *run) watch(ctx context.Context, start time.Time) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	timer := time.NewTimer(r.spec.Limits.WallTime - time.Since(start))
	go func() {
		defer close(gone)
		defer timer.Stop()
		select {
		case <-timer.C:
			r.kill(LimitWall)
		case <-ctx.Done():
			_ = r.cmd.Process.Kill()
		case <-done:
		}
	}()
	return func() { close(done); <-gone }
}

// release takes the child through its set-up until it executes the command.
func (r *run) release() error {
	r.cmd.ExtraFiles[0].Close() // so that the child's death ends the reads below
	if err := r.group.join(r.cmd.Process.Pid); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	trees, err := r.trees()
	if err != nil {
		return err
	}
	err = r.say(trees...)
	for _, fd := range trees {
		unix.Close(fd)
	}
	if err != nil {
		return err
	}
	rep, err := r.hear()
	if err != nil {
		return err
	}
	if rep == nil || !rep.Ready {
		return errors.New("sandbox: the child ended during its set-up (killed, or out of memory)")
	}
	r.missing = append(r.missing, rep.Degradations...)
	if err := r.say(); err != nil {
		return err
	}
	_, err = r.hear() // silence means that it executed
	return err
}

func (r *run) say(fds ...int) error {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := r.control.WriteMsgUnix([]byte("go"), oob, nil); err != nil {
		return fmt.Errorf("sandbox: the child ended during its set-up: %w", err)
	}
	return nil
}

// hear reads one report; nil when the child closed the socket.
func (r *run) hear() (*report, error) {
	buf, oob := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(4*(2+maxStaged)))
	n, oobn, _, _, err := r.control.ReadMsgUnix(buf, oob)
	if errors.Is(err, io.EOF) || (err == nil && n == 0) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: read from the child: %w", err)
	}
	fds, err := parseRights(oob[:oobn])
	if err != nil {
		return nil, fmt.Errorf("sandbox: read from the child: %w", err)
	}
	if len(fds) > 0 && r.spec.OutDir != "" {
		r.out, fds = fds[0], fds[1:]
	}
	if len(fds) > 0 && len(r.spec.Network) > 0 {
		if r.proxy, err = newProxyListener(fds[0]); err != nil {
			return nil, err
		}
		fds = fds[1:]
	}
	r.uppers = append(r.uppers, fds...)
	rep := &report{}
	if err := json.NewDecoder(bytes.NewReader(buf[:n])).Decode(rep); err != nil {
		return nil, fmt.Errorf("sandbox: read from the child: %w", err)
	}
	if rep.NoProgram {
		return nil, fmt.Errorf("sandbox: %w: %.200q", ErrNoProgram, r.spec.Args[0])
	}
	if rep.Error != "" {
		return nil, fmt.Errorf("sandbox: set up: %s", strings.ToValidUTF8(rep.Error, "?"))
	}
	return rep, nil
}

func startError(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w: no new user namespace (%v); allow them: sysctl user.max_user_namespaces above 0, "+
			"kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0 where these exist, "+
			"and in a container a seccomp profile that allows clone", ErrUnsupported, err)
	}
	return fmt.Errorf("sandbox: start: %w", err)
}
