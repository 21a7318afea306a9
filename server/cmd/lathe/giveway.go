package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// daemonNice is the daemon's niceness: what it learns can wait for what the
// person and the agent run, but not for long.
const daemonNice = 5

// giveWay lowers this process's priority to daemonNice, unless whoever started
// it has chosen one. On Linux each thread has its own, and a new one has that of
// the thread that makes it.
func giveWay() {
	done := map[string]bool{}
	for more := true; more; {
		more = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil { // not on Linux
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, daemonNice)
			return
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[t.Name()] {
				continue
			}
			done[t.Name()], more = true, true
			if now, err := unix.Getpriority(unix.PRIO_PROCESS, id); err == nil && now == 20 { // Linux counts from 20 down
				_ = unix.Setpriority(unix.PRIO_PROCESS, id, daemonNice) // lower is always allowed
			}
		}
	}
}
