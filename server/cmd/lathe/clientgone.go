package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errClientGone ends what serves a client on stdio that is not there any more.
var errClientGone = errors.New("the client is gone: nobody reads what it asked for")

// goneTime is how long calls of a client that is gone may go on: the last that
// an agent said is often what came of its task.
const goneTime = 10 * time.Second

// whileRead is ctx, ended with errClientGone some time after nobody holds the
// other end of out any more. A client that only ended its own output still wants
// what it asked for, however long that takes; one that died does not. What is no
// pipe or socket, like a file, is read later.
func whileRead(ctx context.Context, out io.Writer, after time.Duration) (context.Context, func(), error) {
	f, ok := out.(*os.File)
	if !ok {
		return ctx, func() {}, nil
	}
	stopped, stop, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("watch the client: %w", err)
	}
	ctx, gone := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer stopped.Close()
		client, ended := unix.PollFd{Fd: int32(f.Fd())}, unix.PollFd{Fd: int32(stopped.Fd())}
		fds := []unix.PollFd{client, ended}
		if pollFor(fds, -1) && fds[1].Revents == 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			if fds = fds[1:]; pollFor(fds, int(after.Milliseconds())) && fds[0].Revents == 0 {
				gone(errClientGone)
			}
		}
	}()
	return ctx, func() {
		_ = stop.Close() // frees the watcher
		<-done
		gone(nil)
	}, nil
}

// pollFor waits for what happens to the descriptors, or for the time in
// milliseconds; without end when that is negative. It reports whether it could.
func pollFor(fds []unix.PollFd, ms int) bool {
	for {
		_, err := unix.Poll(fds, ms)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}
