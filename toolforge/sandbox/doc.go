// Package sandbox runs one command in the root file system of an image, with
// limits, and brings back what it printed, wrote and used. Its shape is that of
// os/exec: a Spec, Run, a Result.
//
// The built-in launcher needs nothing installed. It starts this same program
// again (so main, and TestMain of every test that runs sandboxes, must call
// Init first) in new user, mount, pid, network, ipc, uts and cgroup namespaces:
//
//	parent                                   child (pid 1 of its namespace)
//	start, put into the cgroup
//	send configuration and mounts ---------> build the root, pivot into it
//	        <--- ready, the output folder --
//	go -----------------------------------> drop everything, seccomp, exec
//	read output with a cap, wait, kill
//	copy the output folder
//
// Promises: the command sees the image read-only, its own /proc, a minimal /dev,
// size-limited /tmp and output folder, the named binds, and nothing else of the
// host: no descriptors, no environment, no network, no capabilities, and only
// the system calls of the allow-list. Started by root, it runs as a host user
// that does not exist, never as 0. When Run returns, none of its processes
// lives; when the launcher dies, they die. A limit that this machine cannot
// enforce is named in Result.Degradations.
//
// The command is pid 1 of its namespace: signals that it sends itself without a
// handler are ignored, as the kernel does for every pid 1, and CPU time is
// limited per process (wall-clock time limits them all).
package sandbox
