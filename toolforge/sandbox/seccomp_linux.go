package sandbox

import (
	"fmt"
	"slices"
	"strings"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowedCalls is what Python, a shell and its tools, git and the analysers need.
// Not in it, among others: mount and its new forms, ptrace, process_vm_*, unshare,
// setns, bpf, keyctl, io_uring, userfaultfd, perf_event_open, module and kexec
// calls, open_by_handle_at, new user namespaces, and every socket but AF_UNIX.
const allowedCalls = `
accept accept4 access alarm arch_prctl bind brk capget chdir chmod chown clock_getres clock_gettime
clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat
faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr
flock fork fstat fstatfs fsync ftruncate futex futex_waitv getcpu getcwd getdents getdents64 getegid geteuid
getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt gettid gettimeofday getuid
getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl ioprio_get kill lchown lgetxattr
link linkat listen listxattr llistxattr lseek lstat madvise membarrier memfd_create mincore mkdir mkdirat
mlock mlock2 mmap mprotect mremap msync munlock munmap nanosleep newfstatat open openat openat2 pause
pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6 pwrite64
pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg rename renameat renameat2
restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity
sched_yield select sendfile sendmmsg sendmsg sendto setgid setgroups setitimer setpgid setpriority setregid
setresgid setresuid setreuid setrlimit set_robust_list setsid setsockopt set_tid_address setuid shutdown
sigaltstack splice stat statfs statx symlink symlinkat sync_file_range sysinfo tee tgkill time timer_create
timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid write writev`

// refusedCalls get EPERM, so that a program sees a refusal; what is in neither
// list gets ENOSYS, so that libraries fall back as on an older kernel. (Calls
// newer than the library's tables get its default, EPERM.)
const refusedCalls = `
acct add_key bpf chroot delete_module fanotify_init finit_module fsconfig fsmount fsopen fspick init_module
io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl
lookup_dcookie mknod mount mount_setattr move_mount name_to_handle_at open_by_handle_at open_tree
perf_event_open personality pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace
quotactl reboot request_key setdomainname sethostname setns swapoff swapon syslog umount2 unshare
userfaultfd vhangup`

// newNamespaces are the clone flags that make namespaces.
const newNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// conditionalCalls are allowed with some arguments only; with a network TCP is
// one of them, to reach the proxy in the sandbox's own network namespace.
func conditionalCalls(network bool) []seccomp.NameWithConditions {
	when := func(name string, argument uint32, op seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{
			{Argument: argument, Operation: op, Value: value}}}
	}
	calls := []seccomp.NameWithConditions{
		when("clone", 0, seccomp.BitsNotSet, newNamespaces),
		when("socket", 0, seccomp.Equal, unix.AF_UNIX),
		when("socketpair", 0, seccomp.Equal, unix.AF_UNIX),
		// FIFOs, not devices: S_IFCHR and S_IFBLK share this bit.
		when("mknodat", 2, seccomp.BitsNotSet, unix.S_IFCHR),
	}
	if network {
		calls = append(calls, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.Equal, Value: unix.AF_INET},
			// Streams, with flags or not; of the protocols 0 and TCP (2 and 4 are no streams).
			{Argument: 1, Operation: seccomp.BitsNotSet, Value: 0xf &^ unix.SOCK_STREAM},
			{Argument: 2, Operation: seccomp.BitsNotSet, Value: 0xffffffff &^ unix.IPPROTO_TCP},
		}})
	}
	return calls
}

// policy is the filter for this machine's architecture. A call of another
// architecture falls to the default.
func policy(network bool) (seccomp.Policy, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, fmt.Errorf("seccomp: %w", err)
	}
	known := func(list string) []string {
		var names []string
		for _, n := range strings.Fields(list) {
			if _, ok := info.SyscallNames[n]; ok {
				names = append(names, n)
			}
		}
		return names
	}
	rest := []string{"clone3"}
	named := strings.Fields(allowedCalls + " " + refusedCalls + " clone clone3 mknodat socket socketpair")
	for name := range info.SyscallNames {
		if !slices.Contains(named, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	eperm := seccomp.ActionErrno&^0xffff | seccomp.Action(unix.EPERM)
	enosys := seccomp.ActionErrno&^0xffff | seccomp.Action(unix.ENOSYS)
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Names: known(allowedCalls), Action: seccomp.ActionAllow},
			{NamesWithCondtions: conditionalCalls(network), Action: seccomp.ActionAllow},
			{Names: append(known(refusedCalls), "clone", "mknodat", "socket", "socketpair"), Action: eperm},
			{Names: rest, Action: enosys},
		},
	}, nil
}

// loadFilter installs the filter on this thread; no_new_privs is set already.
func loadFilter(network bool) error {
	p, err := policy(network)
	if err != nil {
		return err
	}
	if err := seccomp.LoadFilter(seccomp.Filter{Policy: p}); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}
