package sandbox

// callAbuses are the system calls that must be refused. Numbers are those of
// the architectures that the tests run on; the first calls have one number each.
func callAbuses() []abuse {
	return []abuse{
		{"mount, ptrace, unshare and the like", sysc + `
m = os.uname().machine
n = dict(x86_64=dict(mount=165, umount2=166, ptrace=101, unshare=272, setns=308, pivot_root=155, chroot=161, keyctl=250, add_key=248,
           request_key=249, bpf=321, perf=298, userfaultfd=323, pvr=310, pvw=311, kexec=246, init_module=175, reboot=169,
           sethostname=170, syslog=103, swapon=167, open_by_handle=304, name_to_handle=303, personality=135, acct=163, iopl=172, quotactl=179),
         aarch64=dict(mount=40, umount2=39, ptrace=117, unshare=97, setns=268, pivot_root=41, chroot=51, keyctl=219, add_key=217,
           request_key=218, bpf=280, perf=241, userfaultfd=282, pvr=270, pvw=271, kexec=104, init_module=105, reboot=142,
           sethostname=161, syslog=116, swapon=224, open_by_handle=265, name_to_handle=264, personality=92, acct=89, quotactl=60))[m]
refused(**{k: (v, 0, 0, 0, 0, 0) for k, v in n.items()})
`, Spec{}, prints("end")},
		{"new mount interface, io_uring, pidfd_getfd", sysc + `
refused(open_tree=(428, -100, 0, 1), move_mount=(429, 0, 0, 0, 0), fsopen=(430, 0, 0), fsconfig=(431, 0, 0), fsmount=(432, 0, 0), fspick=(433, 0, 0),
        io_uring_setup=(425, 8, 0), io_uring_enter=(426, 0, 0), io_uring_register=(427, 0, 0), pidfd_getfd=(438, 0, 0), mount_setattr=(442, 0, 0))
`, Spec{}, prints("end")},
		{"clone into new namespaces", sysc + `
import signal
nr = dict(x86_64=56, aarch64=220)[os.uname().machine]
flags = dict(user=0x10000000, ns=0x20000, pid=0x20000000, net=0x40000000, ipc=0x8000000, uts=0x4000000, cgroup=0x2000000)
refused(absent=("clone3",), clone3=(435, 0, 0), **{"clone_" + k: (nr, f | signal.SIGCHLD, 0, 0, 0, 0) for k, f in flags.items()},
        clone_user_and_vm=(nr, 0x10000000 | 0x100 | signal.SIGCHLD, 0, 0, 0, 0))
`, Spec{}, prints("end")},
		{"capabilities and identity back", sysc + `
print(open("/proc/self/uid_map").read().split()[0], flush=True)
for f in (lambda: os.setuid(1000), lambda: os.setgroups([1]), lambda: os.chown("/tmp", 5, 5)):
    try: f(); print("did")
    except OSError: pass
os.execv("/bin/sh", ["sh", "-c", "grep CapEff /proc/self/status | cut -f2"])
`, Spec{}, prints("0\n0000000000000000")},
	}
}
