package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// idRange are the host users that commands run as. Started by root these are
// ids that nobody has: each run gets another, so that runs cannot meet. Any
// other user can map only itself.
type idRange struct {
	privileged bool
	first      int
}

const idCount = 1 << 16

// hostIDs picks the range. Far above what distributions, subordinate ids and
// service managers hand out; a taken range is stepped over.
func hostIDs() idRange {
	if os.Geteuid() != 0 || !mapsWholeRange() {
		return idRange{}
	}
	for first := 2_000_000_000; first < 2_100_000_000; first += idCount {
		if !taken("/etc/subuid", first) && !taken("/etc/subgid", first) && !known(first) {
			return idRange{privileged: true, first: first}
		}
	}
	return idRange{privileged: true, first: 2_100_000_000}
}

// mapsWholeRange says whether this is the host's own user namespace, not a
// container's, where root is nobody special and other ids do not exist.
func mapsWholeRange() bool {
	raw, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(raw))
	return err == nil && len(f) >= 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295"
}

func known(id int) bool {
	_, err := user.LookupId(strconv.Itoa(id))
	return err == nil
}

func taken(file string, first int) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		p := strings.Split(sc.Text(), ":")
		if len(p) != 3 {
			continue
		}
		start, err1 := strconv.Atoi(p[1])
		count, err2 := strconv.Atoi(p[2])
		if err1 == nil && err2 == nil && start < first+idCount && first < start+count {
			return true
		}
	}
	return false
}

func (r idRange) pick(n uint32) int {
	if !r.privileged {
		return os.Geteuid()
	}
	return r.first + int(n%idCount)
}

func (r idRange) group(host int) int {
	if !r.privileged {
		return os.Getegid()
	}
	return host
}

// credential makes the child take its new ids (0 in its namespace); an
// unprivileged one has them already.
func (r idRange) credential() *syscall.Credential {
	if !r.privileged {
		return nil
	}
	return &syscall.Credential{NoSetGroups: true}
}

// trees opens the root and the binds for the child, which as another user could
// not. Folders of root are shown as the command's own (an id-mapped mount, Linux
// 5.12), since it could neither read private nor write any of them otherwise.
func (r *run) trees() ([]int, error) {
	if !r.l.ids.privileged {
		return nil, nil
	}
	root, err := openTree(r.spec.RootFS)
	if err != nil {
		return nil, fmt.Errorf("sandbox: root file system: %w", err)
	}
	fds := []int{root}
	for _, b := range r.spec.Binds {
		fd, err := r.bindTree(b)
		if err != nil {
			for _, open := range fds {
				unix.Close(open)
			}
			return nil, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

func (r *run) bindTree(b Bind) (int, error) {
	fd, err := openTree(b.Host)
	if err != nil {
		return -1, fmt.Errorf("sandbox: bind: %w", err)
	}
	ns, err := unix.Open(fmt.Sprintf("/proc/%d/ns/user", r.cmd.Process.Pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("sandbox: bind %s: %w", b.Host, err)
	}
	defer unix.Close(ns)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns)}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
	var st unix.Stat_t
	serr := unix.Fstatat(fd, "", &st, unix.AT_EMPTY_PATH)
	if (b.Writable || b.Staged) && (err != nil || serr != nil || (st.Uid != 0 && int(st.Uid) != r.host)) {
		unix.Close(fd)
		return -1, fmt.Errorf("sandbox: bind %s: it can be made writable only for its owner; run the daemon as the user who owns it (%v)", b.Host, err)
	}
	return fd, nil
}

// result puts together what is known when every process is gone.
func (r *run) result(wall time.Duration) *Result {
	state := r.cmd.ProcessState
	status := state.Sys().(syscall.WaitStatus)
	usage := state.SysUsage().(*syscall.Rusage)
	res := &Result{
		ExitCode: status.ExitStatus(), Stdout: r.stdout.data, Stderr: r.stderr.data,
		Truncated: r.stdout.cut || r.stderr.cut, Wall: wall, CPU: state.UserTime() + state.SystemTime(),
		MaxRSS: usage.Maxrss * 1024, Degradations: r.missing,
	}
	signal := status.Signal()
	if code := res.ExitCode; r.l.runtime != "" && code > 128 && code <= 128+64 {
		signal = syscall.Signal(code - 128) // as the runtime tells it
	}
	if signal > 0 {
		res.ExitCode = 128 + int(signal)
		res.Signal = unix.SignalName(signal)
	}
	oom, pids := r.group.struck()
	if peak := r.group.peak(); peak > 0 {
		res.MaxRSS = peak
	}
	switch l := r.limit.Load(); {
	case l != nil:
		res.Limit = *l
	case oom > 0:
		res.Limit = LimitMemory
	// Pid 1 cannot be killed from inside, so this was the kernel. It counts the
	// limit in ticks, which on a loaded machine run well ahead of measured time.
	case signal == syscall.SIGKILL && res.CPU >= r.spec.Limits.CPUTime/2:
		res.Limit = LimitCPU
	case pids > 0 && res.ExitCode != 0:
		res.Limit = LimitPIDs
	}
	if r.out >= 0 {
		res.Files, res.Skipped = collect(r.out, r.spec.Limits.TmpBytes)
		r.out = -1
	}
	res.Changes, res.Unstaged = r.changes()
	return res
}
