package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lathe/toolforge/egress"
)

// settleTime bounds how long an interpreter may need to become ready, and to
// empty its scratch folders after a call.
const settleTime = 30 * time.Second

// Warm is a Python interpreter that waits in a sandbox of its own and forks for
// each call. The limits of its Spec hold for each call: wall-clock time and
// output by ending the sandbox, the others as for a run (memory includes the
// waiting interpreter). It executes nothing of the program itself. Safe for
// concurrent use; calls are made one after the other.
type Warm struct {
	r      *run
	conn   *net.UnixConn // packets to and from guest/warm.py
	limits *events       // counts of its cgroup
	ended  chan struct{} // closed when every process is gone
	last   struck        // in all; set before ended is closed

	mu       sync.Mutex
	struck   struck // by the end of the last call
	pending  bool   // the last call's second answer was not read yet
	spent    string // why it must not be used again
	resident int64  // bytes, when it was last asked
}

// struck is how often these limits struck.
type struck struct{ oom, pids int64 }

// Warm starts an interpreter. Its Spec's Args are replaced by the program.
func (l *Launcher) Warm(ctx context.Context, spec *Spec, p Program) (*Warm, error) {
	channelFD := 0
	if l.runtime != "" {
		channelFD = 3 // runtimes put pipes of their own before 0, 1 and 2
	}
	s, err := warmSpec(spec, p, channelFD)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("sandbox: channel: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "channel"), os.NewFile(uintptr(pair[1]), "channel")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		theirs.Close()
		return nil, fmt.Errorf("sandbox: channel: %w", err)
	}
	w := &Warm{conn: conn.(*net.UnixConn), ended: make(chan struct{}),
		r: &run{l: l, spec: s, host: l.ids.pick(l.next.Add(1)), out: -1, channel: theirs}}
	started := make(chan error, 1)
	go w.live(started)
	if err := <-started; err != nil {
		return nil, errors.Join(err, w.Close())
	}
	stop := context.AfterFunc(ctx, func() { w.r.kill("") })
	defer stop()
	if err := w.ready(); err != nil {
		_ = w.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w: %s", ErrNotWarm, err, clipped(w.r.stderr.data))
	}
	return w, nil
}

func clipped(b []byte) string { return strings.ToValidUTF8(string(b[:min(len(b), 1000)]), "?") }

// live holds the thread that the sandbox's life is bound to.
func (w *Warm) live(started chan<- error) {
	// See Launcher.Run.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.ended)
	defer w.r.close()
	err := w.r.start()
	if err != nil {
		w.r.channel.Close()
		started <- err
		return
	}
	err = w.r.release()
	w.limits = w.r.group.events()
	defer w.limits.close()
	started <- err
	_ = w.r.end(err)
	w.last.oom, w.last.pids = w.limits.struck()
}

// ready waits for the interpreter's first word.
func (w *Warm) ready() error {
	var s settledCall
	if err := w.hear(&s, settleTime); err != nil {
		return err
	}
	if !s.Ready {
		return errors.New("it did not become ready")
	}
	w.resident = s.Resident
	return nil
}

// hear reads one packet. Any error ends the interpreter's use.
func (w *Warm) hear(into any, within time.Duration) error {
	deadline := time.Time{}
	if within > 0 {
		deadline = time.Now().Add(within)
	}
	if err := w.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	n, err := w.conn.Read(buf)
	if err != nil {
		return err
	}
	return json.Unmarshal(buf[:n], into)
}

// settle reads what the last call left behind; the answer says whether another
// call may be made.
func (w *Warm) settle() error {
	if w.spent == "" && w.pending {
		var s settledCall
		if err := w.hear(&s, settleTime); err != nil {
			s.Spent = "it ended: " + err.Error()
		} else if !s.Ready && s.Spent == "" {
			s.Spent = "its next child ended before a call came"
		}
		w.pending, w.spent, w.resident = false, s.Spent, s.Resident
	}
	select {
	case <-w.ended:
		w.spent = "it ended"
	default:
	}
	if w.spent != "" {
		return fmt.Errorf("%w: %s", ErrNotWarm, w.spent)
	}
	return nil
}

// Settle waits until what the last call left behind is gone, and says whether
// another call may be made: ErrNotWarm if not.
func (w *Warm) Settle() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settle()
}

// usable says whether the last call left it alive; Settle says more.
func (w *Warm) usable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.ended:
		return false
	default:
		return w.spent == ""
	}
}

// kill ends the interpreter without waiting for that.
func (w *Warm) kill() { w.r.kill("") }

// Resident is the waiting interpreter's memory in bytes.
func (w *Warm) Resident() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resident
}

// Close ends the interpreter and returns when every process is gone.
func (w *Warm) Close() error {
	w.kill()
	<-w.ended
	return w.conn.Close()
}

// Call runs the program once, with stdin as its input. ErrNotWarm says that
// nothing was begun; other errors and results are those of Backend.Run.
func (w *Warm) Call(ctx context.Context, stdin []byte) (*Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(); err != nil {
		return nil, err
	}
	c := &warmCall{w: w}
	if err := c.open(stdin); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotWarm, err)
	}
	return c.do(ctx)
}

// warmCall is one call under way.
type warmCall struct {
	w              *Warm
	input          *os.File
	stdout, stderr *tap
	oom, pids      int64 // how often these limits had struck before
	requests       []egress.Request
	unlisted       int
}

func (c *warmCall) open(stdin []byte) (err error) {
	if c.input, err = sealed(stdin); err != nil {
		return err
	}
	over := func() { c.w.r.kill(LimitOutput) }
	limit := c.w.r.spec.Limits.OutputBytes
	if c.stdout, err = newTap(limit, over); err != nil {
		c.input.Close()
		return err
	}
	if c.stderr, err = newTap(limit, over); err != nil {
		c.input.Close()
		c.stdout.close()
	}
	return err
}

// sealed is a file in memory that nobody can change any more.
func sealed(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("sandbox: stdin: %w", err)
	}
	f := os.NewFile(uintptr(fd), "stdin")
	if len(data) > 0 {
		// At a place: where reading begins does not move.
		_, err = f.WriteAt(data, 0)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("sandbox: stdin: %w", err)
	}
	return f, nil
}

func (c *warmCall) do(ctx context.Context) (*Result, error) {
	w, start := c.w, time.Now()
	c.oom, c.pids = w.struck.oom, w.struck.pids
	rights := unix.UnixRights(int(c.input.Fd()), c.stdout.child, c.stderr.child)
	_, _, err := w.conn.WriteMsgUnix([]byte("call"), rights, nil)
	c.input.Close()
	c.stdout.sent()
	c.stderr.sent()
	defer c.stdout.close()
	defer c.stderr.close()
	if err != nil {
		w.spent = "it ended: " + err.Error()
		return nil, fmt.Errorf("%w: %s", ErrNotWarm, w.spent)
	}
	timer := time.AfterFunc(w.r.spec.Limits.WallTime, func() { w.r.kill(LimitWall) })
	stop := context.AfterFunc(ctx, func() { w.r.kill("") })
	reached := w.r.reach(nil)
	var e endedCall
	err = c.ended(&e)
	timer.Stop()
	stop()
	if err != nil {
		// The sandbox was ended, by a limit or by the caller.
		w.spent = "a call ended it"
		w.r.kill("")
		<-w.ended
	}
	w.pending = err == nil
	// Every process that could write is gone.
	c.stdout.rest()
	c.stderr.rest()
	c.requests, c.unlisted = reached()
	return c.result(e, err == nil, time.Since(start)), ctx.Err()
}

// quick is how long a call may take until its output is read while it runs.
// A shorter one leaves it in the pipes, so that nothing wakes this process, in
// the way of the call, before its end.
const quick = 2 * time.Millisecond

// ended waits for the guest's word that the call is over.
func (c *warmCall) ended(e *endedCall) error {
	err := c.w.hear(e, quick)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.stdout.flow()
	c.stderr.flow()
	return c.w.hear(e, 0)
}

func (c *warmCall) result(e endedCall, alive bool, wall time.Duration) *Result {
	r := c.w.r
	res := &Result{Stdout: c.stdout.data, Stderr: c.stderr.data, Truncated: c.stdout.cut || c.stderr.cut, Wall: wall,
		CPU: time.Duration(e.CPU * float64(time.Second)), MaxRSS: e.RSS, Degradations: r.missing,
		Network: c.requests, Unlisted: c.unlisted}
	status := syscall.WaitStatus(e.Status)
	if !alive {
		status = syscall.WaitStatus(syscall.SIGKILL)
	}
	res.ExitCode = status.ExitStatus()
	if status.Signaled() {
		res.ExitCode, res.Signal = 128+int(status.Signal()), unix.SignalName(status.Signal())
	}
	if alive {
		c.w.struck.oom, c.w.struck.pids = c.w.limits.struck()
	} else {
		c.w.struck = c.w.last
	}
	oom, pids := c.w.struck.oom, c.w.struck.pids
	limit := r.limit.Load()
	switch {
	case limit != nil && *limit != "":
		res.Limit = *limit
	case oom > c.oom:
		res.Limit = LimitMemory
	case status.Signaled() && status.Signal() == syscall.SIGKILL && res.CPU >= r.spec.Limits.CPUTime/2:
		res.Limit = LimitCPU
	case pids > c.pids && res.ExitCode != 0:
		res.Limit = LimitPIDs
	}
	if alive && (res.Limit == LimitMemory || res.Limit == LimitOutput) && c.w.spent == "" {
		c.w.spent = "a call reached its limit of " + res.Limit
	}
	return res
}
