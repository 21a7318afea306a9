package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portTaken says that the daemon runs without its HTTP port, which another
// program had, and what to do.
func portTaken(address string) error {
	who := "another program, which cannot be named from here (it may be another user's, or gone since)"
	if pid, name := portOwner(address); pid > 0 {
		who = fmt.Sprintf("another program (%s, pid %d)", name, pid)
	}
	return fmt.Errorf("%s was taken by %s when the daemon started, so the review page and /mcp over HTTP are not reachable, and what answers there is not Lathe. "+
		"End that program, or put another address into your configuration (http = \"127.0.0.1:PORT\") or LATHE_HTTP; then `lathe stop`: the next command starts the daemon anew", address, who)
}

// portOwner finds the process that listens on a TCP address, by Linux's /proc:
// its own user's, or any as root. 0 when it cannot be found.
func portOwner(address string) (pid int, name string) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, ""
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, ""
	}
	sockets := listeningSockets(n)
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is sound
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		comm, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue // it ended
		}
		pid, _ := strconv.Atoi(filepath.Base(process)) // the pattern has digits only
		return pid, strings.TrimSpace(string(comm))
	}
	return 0, ""
}

// listeningSockets are the sockets that listen on a TCP port, as the links in
// /proc/PID/fd name them.
func listeningSockets(port uint64) map[string]bool {
	const listening = "0A" // TCP_LISTEN, see proc(5)
	out := map[string]bool{}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // number, local address, remote, state, ..., inode
			if len(f) < 10 || f[3] != listening || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				continue
			}
			out["socket:["+f[9]+"]"] = true
		}
	}
	return out
}
