package main

import (
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// input reads a file descriptor, such as standard input, until a point in time.
type input struct {
	fd    int
	until time.Time
}

func (in *input) Read(p []byte) (int, error) {
	for {
		left := time.Until(in.until)
		if left <= 0 {
			return 0, errGaveUp
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(in.fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if err == syscall.EINTR || err == nil && ready == 0 {
			continue
		}
		if err != nil {
			return 0, os.NewSyscallError("poll", err)
		}
		n, err := unix.Read(in.fd, p)
		switch {
		case err == syscall.EINTR, err == syscall.EAGAIN: // it may be non-blocking
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n <= 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
